//! Locks and semaphores that clients share by name.

use std::time::Duration;

use brisk_core::{
    error::{ErrorKind, TaskError},
    id::{ClientId, Epoch, Fence, RequestId},
    message::{Answer, ClientToScheduler, Operation, SchedulerToClient, Shared},
    payload::Payload,
};

use super::bench::*;
use crate::machine::{Action, Config, Event};

pub(super) fn ask(number: u64, operation: Operation) -> ClientToScheduler {
    ClientToScheduler::Coordinate { request: RequestId(number), operation: Box::new(operation) }
}

fn acquire(number: u64, limit: u32, count: u32) -> ClientToScheduler {
    ask(number, Operation::Acquire { name: "x".into(), limit, count, wait: true })
}

fn try_acquire(number: u64, limit: u32, count: u32) -> ClientToScheduler {
    ask(number, Operation::Acquire { name: "x".into(), limit, count, wait: false })
}

fn release(number: u64, fence: Fence) -> ClientToScheduler {
    ask(number, Operation::Release { name: "x".into(), fence })
}

fn keep(number: u64, fence: Fence) -> ClientToScheduler {
    ask(number, Operation::Keep { name: "x".into(), fence })
}

fn fence(number: u64) -> Fence {
    Fence { epoch: EPOCH, number }
}

/// The answers among some actions.
pub(super) fn answers(actions: &[Action]) -> Vec<(ClientId, u64, &Answer)> {
    let answers = actions.iter().filter_map(|action| match action {
        Action::ToClient { client, message: SchedulerToClient::Answered { request, answer } } => {
            Some((*client, request.0, answer))
        }
        _ => None,
    });
    answers.collect()
}

fn granted(actions: &[Action]) -> Vec<(ClientId, u64, u64)> {
    let answers = answers(actions).into_iter().filter_map(|(client, request, answer)| match answer {
        Answer::Granted(fence) => Some((client, request, fence.number)),
        _ => None,
    });
    answers.collect()
}

pub(super) fn refusal(actions: &[Action]) -> TaskError {
    match answers(actions)[..] {
        [(_, _, Answer::Refused(error))] => error.clone(),
        _ => panic!("{actions:?}"),
    }
}

pub(super) fn lost(bench: &mut Bench, client: ClientId) -> Vec<Action> {
    bench.event(Event::ClientLeft { client, reason: "cut".into() })
}

#[test]
fn permits_go_round_in_the_order_of_asking() {
    let mut bench = Bench::new();
    let (a, b) = (bench.client(), bench.client());
    assert_eq!(granted(&bench.say(a, acquire(1, 3, 2))), [(a, 1, 1)]);
    assert_eq!(bench.say(b, acquire(1, 3, 2)), []);
    // One is free, and the first in the line needs two.
    assert_eq!(bench.say(a, acquire(2, 3, 1)), []);
    assert_eq!(answers(&bench.say(a, try_acquire(3, 3, 1))), [(a, 3, &Answer::Flag(false))]);
    let actions = bench.say(a, release(4, fence(1)));
    assert_eq!(granted(&actions), [(b, 1, 2), (a, 2, 3)], "{actions:?}");
    assert_eq!(answers(&actions).last(), Some(&(a, 4, &Answer::Done)));
}

#[test]
fn who_withdraws_lets_the_next_go_on_and_gives_back_what_is_on_its_way() {
    let mut bench = Bench::new();
    let (a, b) = (bench.client(), bench.client());
    bench.say(a, acquire(1, 3, 2));
    bench.say(b, acquire(1, 3, 3));
    bench.say(b, acquire(2, 3, 1));
    assert_eq!(granted(&bench.say(b, ClientToScheduler::Withdraw(RequestId(1)))), [(b, 2, 2)]);
    bench.say(b, acquire(3, 3, 2));
    // The grant may have met the withdrawal on its way.
    assert_eq!(granted(&bench.say(a, ClientToScheduler::Withdraw(RequestId(1)))), [(b, 3, 3)]);
    assert_eq!(bench.say(a, ClientToScheduler::Withdraw(RequestId(1))), []);
}

#[test]
fn leases_end_with_their_session_and_not_before() {
    let mut bench = Bench::new();
    let (a, b) = (bench.client(), bench.client());
    bench.say(a, acquire(1, 1, 1));
    bench.say(b, acquire(1, 1, 1));
    assert_eq!(granted(&bench.wait(Duration::from_secs(100_000))), []);
    assert_eq!(granted(&bench.say(a, ClientToScheduler::Goodbye)), [(b, 1, 2)]);
    let c = bench.client();
    bench.say(c, acquire(1, 1, 1));
    assert_eq!(granted(&lost(&mut bench, b)), []);
    assert_eq!(granted(&bench.wait(Duration::from_millis(4_999))), []);
    assert_eq!(granted(&bench.wait(Duration::from_millis(1))), [(c, 1, 3)]);
}

#[test]
fn who_waits_and_goes_is_not_given_what_another_of_its_claims_leaves() {
    let mut bench = Bench::new();
    let (a, b) = (bench.client(), bench.client());
    bench.say(a, acquire(1, 1, 1));
    bench.say(a, acquire(2, 1, 1));
    bench.say(b, acquire(1, 1, 1));
    assert_eq!(granted(&bench.say(a, ClientToScheduler::Goodbye)), [(b, 1, 2)]);
}

#[test]
fn who_comes_back_in_time_keeps_its_lease() {
    let mut bench = Bench::new();
    let a = bench.client();
    bench.say(a, acquire(1, 1, 1));
    lost(&mut bench, a);
    let again = bench.client();
    assert_eq!(answers(&bench.say(again, keep(1, fence(1)))), [(again, 1, &Answer::Done)]);
    let b = bench.client();
    bench.say(b, acquire(1, 1, 1));
    assert_eq!(granted(&bench.wait(Duration::from_secs(60))), []);
    // A connection may be lost that the scheduler still believes in.
    let third = bench.client();
    bench.say(third, keep(1, fence(1)));
    assert_eq!(granted(&lost(&mut bench, again)), []);
    assert_eq!(granted(&bench.say(third, release(2, fence(1)))), [(b, 1, 2)]);
}

#[test]
fn who_comes_back_late_is_told_and_its_release_does_nothing() {
    let mut bench = Bench::new();
    let (a, b) = (bench.client(), bench.client());
    bench.say(a, acquire(1, 1, 1));
    bench.say(b, acquire(1, 1, 1));
    lost(&mut bench, a);
    bench.wait(Duration::from_secs(5));
    let again = bench.client();
    let actions = bench.say(again, keep(1, fence(1)));
    let told = |action: &Action| {
        matches!(action, Action::ToClient { client, message: SchedulerToClient::LeaseLost { fence: lost, error } }
            if *client == again && *lost == fence(1) && error.kind() == ErrorKind::LeaseLost)
    };
    assert!(actions.iter().any(told), "{actions:?}");
    let stale = refusal(&bench.say(again, release(2, fence(1))));
    assert!(stale.to_string().contains("ended with the session"), "{stale}");
    // Neither can one client give back what another holds.
    assert_eq!(refusal(&bench.say(again, release(3, fence(2)))).kind(), ErrorKind::LeaseLost);
    let before = Fence { epoch: Epoch(EPOCH.0 - 1), number: 2 };
    let older = refusal(&bench.say(b, release(4, before)));
    assert!(older.to_string().contains("an earlier life of the scheduler"), "{older}");
    assert_eq!(answers(&bench.say(b, release(5, fence(2)))), [(b, 5, &Answer::Done)]);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_sentence() {
    let mut bench = Bench::with(Config { max_shared_names: 1, max_claims: 2, ..Config::default() });
    let (a, b) = (bench.client(), bench.client());
    let named = |name: &str| Operation::Acquire { name: name.into(), limit: 1, count: 1, wait: true };
    for (number, message, kind, told) in [
        (1, acquire(1, 0, 0), ErrorKind::Refused, "from 1 to 0 permits"),
        (2, acquire(2, 3, 4), ErrorKind::Refused, "and not 4"),
        (3, ask(3, named("")), ErrorKind::Refused, "from 1 to 512 bytes"),
        (4, ask(4, named(&"n".repeat(600))), ErrorKind::Refused, "this has 600"),
    ] {
        let error = refusal(&bench.say(a, message));
        assert!(error.kind() == kind && error.to_string().contains(told), "{number}: {error}");
    }
    bench.say(a, acquire(5, 2, 1));
    let other = refusal(&bench.say(b, acquire(1, 3, 1)));
    assert_eq!(other.kind(), ErrorKind::Inconsistent);
    assert!(other.to_string().contains("`x` is in use as a semaphore of 2 permits"), "{other}");
    assert!(refusal(&bench.say(b, ask(2, named("y")))).to_string().contains("1 shared names in use"));
    bench.say(a, acquire(6, 2, 2));
    assert!(refusal(&bench.say(a, acquire(7, 2, 1))).to_string().contains("2 locks and the like already"));
    // What nobody uses is forgotten: another number will do.
    bench.say(a, ClientToScheduler::Withdraw(RequestId(5)));
    bench.say(a, ClientToScheduler::Withdraw(RequestId(6)));
    assert_eq!(granted(&bench.say(b, acquire(3, 3, 1))).len(), 1);
}

#[test]
fn a_question_that_comes_twice_is_asked_once() {
    let mut bench = Bench::new();
    let a = bench.client();
    bench.say(a, acquire(1, 2, 1));
    assert_eq!(bench.say(a, acquire(1, 2, 1)), []);
    assert_eq!(granted(&bench.say(a, try_acquire(2, 2, 1))).len(), 1);
    assert_eq!(bench.machine.counters().repeated_requests, 1);
}

#[test]
fn who_is_not_there_any_more_waits_for_nothing_though_it_may_come_back() {
    let mut bench = Bench::new();
    let [a, b, c] = [(); 3].map(|()| bench.client());
    bench.say(a, acquire(1, 1, 1));
    assert_eq!([bench.say(b, acquire(1, 1, 1)), bench.say(c, acquire(1, 1, 1))], [vec![], vec![]]);
    // It keeps what it holds, for a while.
    bench.say(b, ask(2, Operation::Acquire { name: "y".into(), limit: 1, count: 1, wait: true }));
    lost(&mut bench, b);
    assert_eq!(granted(&bench.say(a, release(2, fence(1)))), [(c, 1, 3)]);
}

#[test]
fn names_of_all_kinds_count_together() {
    let mut bench = Bench::with(Config { max_shared_names: 2, ..Config::default() });
    let a = bench.client();
    let value = Shared::Value(Payload::from_bytes(vec![1]));
    let item = value.clone();
    let variable = Operation::SetVariable { name: "v".into(), shape: "i64".into(), value };
    let queue = Operation::Put { name: "q".into(), shape: "i64".into(), limit: 0, item, wait: true };
    assert_eq!(answers(&bench.say(a, ask(1, variable))), [(a, 1, &Answer::Done)]);
    assert_eq!(answers(&bench.say(a, ask(2, queue))), [(a, 2, &Answer::Done)]);
    let third = ask(3, Operation::SetEvent { name: "f".into() });
    assert!(refusal(&bench.say(a, third)).to_string().contains("2 shared names in use"));
}

#[test]
fn who_takes_over_the_lease_of_another_session_needs_room_for_it() {
    let mut bench = Bench::with(Config { max_claims: 1, ..Config::default() });
    let (a, b) = (bench.client(), bench.client());
    bench.say(a, acquire(1, 1, 1));
    bench.say(b, ask(1, Operation::Acquire { name: "y".into(), limit: 1, count: 1, wait: true }));
    assert_eq!(refusal(&bench.say(b, keep(2, fence(1)))).kind(), ErrorKind::LeaseLost);
    assert_eq!(answers(&bench.say(a, keep(2, fence(1)))), [(a, 2, &Answer::Done)], "it has it already");
}
