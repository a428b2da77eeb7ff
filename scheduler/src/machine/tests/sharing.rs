//! Events, variables and queues that clients share by name.

use std::time::Duration;

use brisk_core::{
    error::ErrorKind,
    id::{ClientId, RequestId},
    message::{Answer, ClientToScheduler, Operation, SchedulerToWorker, Shared},
    payload::Payload,
};

use super::{
    bench::*,
    coordinating::{answers, ask, lost, refusal},
};
use crate::machine::{Action, Config};

fn event(number: u64, operation: fn(std::sync::Arc<str>) -> Operation) -> ClientToScheduler {
    ask(number, operation("e".into()))
}

fn wait_for_event(name: std::sync::Arc<str>) -> Operation {
    Operation::WaitForEvent { name }
}

fn set_event(name: std::sync::Arc<str>) -> Operation {
    Operation::SetEvent { name }
}

fn clear_event(name: std::sync::Arc<str>) -> Operation {
    Operation::ClearEvent { name }
}

fn value(bytes: usize) -> Shared {
    Shared::Value(Payload::from_bytes(vec![7; bytes]))
}

fn set(number: u64, value: Shared) -> ClientToScheduler {
    ask(number, Operation::SetVariable { name: "v".into(), shape: "i64".into(), value })
}

fn get(number: u64) -> ClientToScheduler {
    ask(number, Operation::GetVariable { name: "v".into(), shape: "i64".into(), wait: true })
}

fn put(number: u64, limit: u32, item: Shared) -> ClientToScheduler {
    ask(number, Operation::Put { name: "q".into(), shape: "i64".into(), limit, item, wait: true })
}

fn take(number: u64, most: u32) -> ClientToScheduler {
    ask(number, Operation::Get { name: "q".into(), shape: "i64".into(), most, wait: true })
}

fn confirm(number: u64) -> ClientToScheduler {
    ClientToScheduler::Confirm(RequestId(number))
}

fn withdraw(number: u64) -> ClientToScheduler {
    ClientToScheduler::Withdraw(RequestId(number))
}

/// What was handed to whom, by the length of values.
fn handed(actions: &[Action]) -> Vec<(ClientId, u64, Vec<u64>)> {
    let bytes = |shared: &Shared| match shared {
        Shared::Value(value) => value.len(),
        _ => 0,
    };
    let answers = answers(actions).into_iter().filter_map(|(client, request, answer)| match answer {
        Answer::Shared(shared) => Some((client, request, shared.iter().map(bytes).collect())),
        _ => None,
    });
    answers.collect()
}

/// Puts values of these lengths into the queue, under requests from 100.
fn fill(bench: &mut Bench, client: ClientId, lengths: std::ops::RangeInclusive<usize>) {
    for length in lengths {
        let actions = bench.say(client, put(100 + length as u64, 0, value(length)));
        assert_eq!(answers(&actions), [(client, 100 + length as u64, &Answer::Done)]);
    }
}

#[test]
fn an_event_wakes_all_who_wait_and_is_forgotten_when_it_is_clear() {
    let mut bench = Bench::with(Config { max_shared_names: 1, ..Config::default() });
    let (a, b) = (bench.client(), bench.client());
    bench.say(a, event(1, wait_for_event));
    bench.say(b, event(1, wait_for_event));
    bench.say(b, withdraw(1));
    bench.say(b, event(2, wait_for_event));
    let actions = bench.say(a, event(2, set_event));
    let done = &Answer::Done;
    assert_eq!(answers(&actions), [(a, 1, done), (b, 2, done), (a, 2, done)]);
    assert_eq!(answers(&bench.say(b, event(3, wait_for_event))), [(b, 3, done)]);
    // It outlives who has set it, and takes the place of a name.
    bench.say(a, ClientToScheduler::Goodbye);
    let refused = refusal(&bench.say(b, ask(4, Operation::SetEvent { name: "f".into() })));
    assert!(refused.to_string().contains("1 shared names in use"), "{refused}");
    bench.say(b, event(5, clear_event));
    let is_set = ask(6, Operation::IsEventSet { name: "e".into() });
    assert_eq!(answers(&bench.say(b, is_set)), [(b, 6, &Answer::Flag(false))]);
    assert_eq!(answers(&bench.say(b, ask(7, Operation::SetEvent { name: "f".into() }))), [(b, 7, done)]);
}

#[test]
fn a_variable_is_waited_for_and_holds_what_it_is_set_to() {
    let mut bench = Bench::new();
    let (a, b) = (bench.client(), bench.client());
    bench.say(b, get(1));
    let actions = bench.say(a, set(1, value(5)));
    assert_eq!(handed(&actions), [(b, 1, vec![5])]);
    bench.say(a, ClientToScheduler::Goodbye);
    assert_eq!(handed(&bench.say(b, get(2))), [(b, 2, vec![5])]);
    bench.say(b, set(3, value(6)));
    assert_eq!(handed(&bench.say(b, get(4))), [(b, 4, vec![6])]);
    let delete = |number| ask(number, Operation::DeleteVariable { name: "v".into() });
    assert_eq!(answers(&bench.say(b, delete(5))), [(b, 5, &Answer::Flag(true))]);
    assert_eq!(answers(&bench.say(b, delete(6))), [(b, 6, &Answer::Flag(false))]);
    let look = Operation::GetVariable { name: "v".into(), shape: "i64".into(), wait: false };
    assert_eq!(handed(&bench.say(b, ask(7, look))), [(b, 7, vec![])]);
}

#[test]
fn a_variables_task_is_kept_for_who_was_told_of_it_until_it_is_wanted() {
    let mut bench = Bench::new();
    let (w, a, b) = (bench.worker(1), bench.client(), bench.client());
    let running = run(&bench.submit(a, vec![task(1, &[])], &[1])).1;
    bench.say(a, set(11, Shared::Key(key(1))));
    bench.release(a, 1);
    bench.finish(w, running, 8);
    let told = bench.say(b, get(11));
    assert_eq!(answers(&told), [(b, 11, &Answer::Shared(vec![Shared::Key(key(1))]))]);
    bench.say(a, ask(12, Operation::DeleteVariable { name: "v".into() }));
    assert_eq!(bench.machine.task_count(), 1, "it is on its way to one who was told of it");
    bench.submit(b, vec![], &[1]);
    bench.say(b, confirm(11));
    bench.say(b, confirm(11));
    assert_eq!(bench.machine.task_count(), 1, "it is wanted");
    assert!(bench.release(b, 1).contains(&to_worker(w, SchedulerToWorker::Free(vec![key(1)]))));
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn a_queue_serves_getters_and_items_in_order() {
    let mut bench = Bench::new();
    let (a, b) = (bench.client(), bench.client());
    bench.say(a, take(1, 2));
    bench.say(b, take(1, 1));
    assert_eq!(handed(&bench.say(a, put(2, 0, value(1)))), [(a, 1, vec![1])]);
    assert_eq!(handed(&bench.say(a, put(3, 0, value(2)))), [(b, 1, vec![2])]);
    fill(&mut bench, a, 3..=5);
    assert_eq!(handed(&bench.say(b, take(2, 2))), [(b, 2, vec![3, 4])]);
    let length = |number| ask(number, Operation::Length { name: "q".into() });
    assert_eq!(answers(&bench.say(b, length(3))), [(b, 3, &Answer::Count(1))]);
    let clear = ask(4, Operation::Clear { name: "q".into() });
    assert_eq!(answers(&bench.say(b, clear)), [(b, 4, &Answer::Count(1))]);
    let look = Operation::Get { name: "q".into(), shape: "i64".into(), most: 1, wait: false };
    assert_eq!(handed(&bench.say(b, ask(5, look))), [(b, 5, vec![])]);
}

#[test]
fn what_was_handed_to_one_who_goes_is_handed_to_the_next_in_its_place() {
    let mut bench = Bench::new();
    let (a, b, c) = (bench.client(), bench.client(), bench.client());
    fill(&mut bench, a, 1..=4);
    assert_eq!(handed(&bench.say(b, take(1, 2))), [(b, 1, vec![1, 2])]);
    assert_eq!(handed(&bench.say(c, take(1, 1))), [(c, 1, vec![3])]);
    // It stopped to wait when the item was on its way.
    bench.say(c, withdraw(1));
    lost(&mut bench, b);
    assert_eq!(handed(&bench.say(c, take(2, 9))), [(c, 2, vec![1, 2, 3, 4])]);
    bench.say(c, confirm(2));
    bench.say(c, withdraw(2));
    let length = ask(3, Operation::Length { name: "q".into() });
    assert_eq!(answers(&bench.say(c, length)), [(c, 3, &Answer::Count(0))]);
    // One who waits gets at once what another leaves.
    fill(&mut bench, a, 5..=5);
    bench.say(c, take(4, 1));
    bench.say(a, take(5, 1));
    assert_eq!(handed(&bench.say(c, ClientToScheduler::Goodbye)), [(a, 5, vec![5])]);
}

#[test]
fn a_full_queue_lets_who_puts_in_wait_in_order() {
    let mut bench = Bench::new();
    let (a, b) = (bench.client(), bench.client());
    assert_eq!(answers(&bench.say(a, put(1, 1, value(1)))).len(), 1);
    assert_eq!(bench.say(a, put(2, 1, value(2))), []);
    assert_eq!(bench.say(b, put(1, 1, value(3))), []);
    assert_eq!(bench.say(b, put(2, 1, value(4))), []);
    let at_once = Operation::Put { name: "q".into(), shape: "i64".into(), limit: 1, item: value(9), wait: false };
    assert_eq!(answers(&bench.say(b, ask(3, at_once))), [(b, 3, &Answer::Flag(false))]);
    bench.say(b, withdraw(1));
    let actions = bench.say(b, take(4, 1));
    assert_eq!(handed(&actions), [(b, 4, vec![1])]);
    assert!(answers(&actions).contains(&(a, 2, &Answer::Done)), "{actions:?}");
    // An item that comes back may find the queue full: then it is one more.
    bench.say(b, withdraw(4));
    assert_eq!(handed(&bench.say(a, take(5, 9))), [(a, 5, vec![1, 2])]);
    assert_eq!(handed(&bench.say(a, take(6, 9))), [(a, 6, vec![4])]);
}

#[test]
fn a_queued_task_is_made_and_kept_until_its_getter_wants_it() {
    let mut bench = Bench::new();
    let (w, a, b) = (bench.worker(1), bench.client(), bench.client());
    let running = run(&bench.submit(a, vec![task(1, &[]), task(2, &[])], &[1, 2])).1;
    bench.say(a, put(11, 1, Shared::Key(key(1))));
    // Waiting for room it is kept too.
    assert_eq!(bench.say(a, put(12, 1, Shared::Key(key(2)))), []);
    bench.release(a, 1);
    bench.release(a, 2);
    let second = run(&bench.finish(w, running, 8)).1;
    bench.finish(w, second, 8);
    for number in [1, 2] {
        let request = 20 + number as u64;
        let told = bench.say(b, take(request, 1));
        assert!(answers(&told).contains(&(b, request, &Answer::Shared(vec![Shared::Key(key(number))]))), "{told:?}");
        assert!(matches!(news(&bench.submit(b, vec![], &[number]))[..], [(_, n, _)] if n == number));
        bench.say(b, confirm(request));
        bench.release(b, number);
    }
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn what_can_not_be_shared_is_refused_with_a_sentence() {
    let config = Config { max_queue_items: 2, max_shared_value_bytes: 10, max_shared_bytes: 15, ..Config::default() };
    let mut bench = Bench::with(config);
    let a = bench.client();
    let other = |number, limit: u32, shape: &str| {
        let (name, shape, item) = ("q".into(), shape.into(), value(1));
        ask(number, Operation::Put { name, shape, limit, item, wait: true })
    };
    bench.say(a, put(1, 0, value(10)));
    bench.say(a, ask(2, Operation::GetVariable { name: "v".into(), shape: "f64".into(), wait: true }));
    for (message, kind, told) in [
        (put(11, 0, value(11)), ErrorKind::Refused, "a value of 11 bytes is longer than the 10 allowed"),
        (put(12, 0, value(6)), ErrorKind::Refused, "more than the 15 bytes allowed"),
        (put(13, 0, Shared::Key(key(9))), ErrorKind::Refused, "there is no task"),
        (take(14, 0), ErrorKind::Refused, "0 items"),
        (other(15, 3, "i64"), ErrorKind::Inconsistent, "with no limit, and can't have a limit of 3 items"),
        (other(16, 0, "text"), ErrorKind::Inconsistent, "for items of type i64, and was asked for as one of text"),
        (set(17, value(1)), ErrorKind::Inconsistent, "holds f64, and was asked to hold i64"),
        (other(18, 0, &"s".repeat(70_000)), ErrorKind::Refused, "the name of its type is longer"),
    ] {
        let error = refusal(&bench.say(a, message));
        assert!(error.kind() == kind && error.to_string().contains(told), "{error}");
    }
    bench.say(a, put(21, 0, value(1)));
    assert!(refusal(&bench.say(a, put(22, 0, value(1)))).to_string().contains("2 items together"));
    // What was taken makes room; and what is empty may be used otherwise.
    bench.say(a, take(23, 9));
    bench.say(a, confirm(23));
    assert_eq!(answers(&bench.say(a, other(24, 3, "text"))), [(a, 24, &Answer::Done)]);
    bench.wait(Duration::from_secs(60));
}

#[test]
fn waiting_for_room_is_a_claim_and_putting_in_is_none() {
    let mut bench = Bench::with(Config { max_claims: 1, ..Config::default() });
    let a = bench.client();
    assert_eq!(answers(&bench.say(a, put(1, 1, value(1)))), [(a, 1, &Answer::Done)]);
    assert_eq!(bench.say(a, put(2, 1, value(1))), []);
    assert!(refusal(&bench.say(a, put(3, 1, value(1)))).to_string().contains("1 locks and the like already"));
    let other = |number| {
        let (name, shape, item) = ("other".into(), "i64".into(), value(1));
        ask(number, Operation::Put { name, shape, limit: 0, item, wait: true })
    };
    assert_eq!(answers(&bench.say(a, other(4))), [(a, 4, &Answer::Done)]);
}

#[test]
fn an_answer_is_of_a_mebibyte_or_so() {
    let mut bench = Bench::new();
    let a = bench.client();
    for number in 0..40 {
        bench.say(a, put(number, 0, value(60_000)));
    }
    let actions = bench.say(a, take(50, 40));
    let [(_, _, Answer::Shared(items))] = answers(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!(items.len(), 18);
}
