//! Copies: declared, asked for, surplus, and evened out.

use std::time::Duration;

use brisk_core::{
    id::{ClientId, RequestId, WorkerId},
    message::{Answer, ClientToScheduler, SchedulerToClient, SchedulerToWorker, WorkerToScheduler},
};

use super::bench::*;
use crate::machine::{Action, Config};

/// The copies asked for among some actions: worker, number of the value.
pub(super) fn asked(actions: &[Action]) -> Vec<(WorkerId, u128)> {
    let asked = actions.iter().filter_map(|action| match action {
        Action::ToWorker { worker, message: SchedulerToWorker::Acquire(copies) } => {
            Some(copies.iter().map(|copy| (*worker, copy.key.as_u128() >> 96)))
        }
        _ => None,
    });
    asked.flatten().collect()
}

/// The values freed among some actions.
pub(super) fn freed(actions: &[Action]) -> Vec<(WorkerId, u128)> {
    let freed = actions.iter().filter_map(|action| match action {
        Action::ToWorker { worker, message: SchedulerToWorker::Free(keys) } => {
            Some(keys.iter().map(|key| (*worker, key.as_u128() >> 96)))
        }
        _ => None,
    });
    freed.flatten().collect()
}

/// The answers to requests among some actions.
pub(super) fn answers(actions: &[Action]) -> Vec<(ClientId, u64, &Answer)> {
    let answers = actions.iter().filter_map(|action| match action {
        Action::ToClient { client, message: SchedulerToClient::Answered { request, answer } } => {
            Some((*client, request.0, answer))
        }
        _ => None,
    });
    answers.collect()
}

impl Bench {
    /// Has a value made, by whichever worker; says which.
    pub(super) fn make(&mut self, client: ClientId, number: u128, nbytes: u64) -> WorkerId {
        let (worker, run) = run(&self.submit(client, vec![task(number, &[])], &[number]));
        self.finish(worker, run, nbytes);
        worker
    }

    pub(super) fn added(&mut self, worker: WorkerId, number: u128, nbytes: u64) -> Vec<Action> {
        self.report(worker, WorkerToScheduler::Added(vec![(key(number), nbytes)]))
    }

    pub(super) fn lacks(&mut self, worker: WorkerId, number: u128) -> Vec<Action> {
        self.report(worker, WorkerToScheduler::Missing { key: key(number), holders: Default::default() })
    }

    fn replicate(&mut self, client: ClientId, number: u128, count: u32, workers: &[&str]) -> Vec<Action> {
        let workers = workers.iter().map(|&name| name.into()).collect();
        let keys = vec![want(number)];
        self.say(client, ClientToScheduler::Replicate { request: RequestId(7), keys, count, workers })
    }
}

#[test]
fn an_option_asks_for_copies_on_distinct_workers_and_lost_ones_are_made_again() {
    let mut bench = Bench::new();
    let (c, ws) = (bench.client(), [(); 3].map(|()| bench.worker(1)));
    let (first, run) = run(&bench.submit(c, vec![with(task(1, &[]), |options| options.replicas = 2)], &[1]));
    let actions = bench.finish(first, run, 8);
    let [(second, 1)] = asked(&actions)[..] else { panic!("{actions:?}") };
    assert_ne!(second, first);
    assert_eq!(asked(&bench.added(second, 1, 8)), []);
    assert_eq!(freed(&bench.wait(Duration::from_secs(5))), [], "what is declared is no surplus");
    let third = *ws.iter().find(|w| ![first, second].contains(w)).unwrap();
    assert_eq!(asked(&bench.kill(second)), [(third, 1)]);
    // It dies on the way: nobody else is there, until somebody comes.
    assert_eq!(asked(&bench.kill(third)), []);
    let (fourth, actions) = bench.worker_with(1, "", &[]);
    assert_eq!(asked(&actions), [(fourth, 1)]);
    bench.added(fourth, 1, 8);
    // Released, it goes everywhere.
    let mut gone = freed(&bench.release(c, 1));
    gone.sort_unstable();
    assert_eq!(gone, [(first, 1), (fourth, 1)]);
}

#[test]
fn other_hosts_come_first_and_of_those_who_was_there_first() {
    let mut bench = Bench::new();
    let c = bench.client();
    let first = bench.worker_on("a", 1, 0);
    let (_near, far, _alike) = (bench.worker_on("a", 1, 0), bench.worker_on("b", 1, 0), bench.worker_on("c", 1, 0));
    let runs = runs(&bench.submit(c, vec![with(task(1, &[]), |options| options.replicas = 2)], &[1]));
    assert_eq!(runs[0].0, first);
    let actions = bench.finish(first, runs[0].1, 8);
    assert_eq!(asked(&actions), [(far, 1)]);
}

#[test]
fn a_request_for_copies_is_answered_when_they_are_there_and_counts_workers_at_most() {
    let mut bench = Bench::new();
    let c = bench.client();
    let ws = [(); 6].map(|()| bench.worker(1));
    let first = bench.make(c, 1, 8);
    // Sources spread: two copies of one, four of three.
    let actions = bench.replicate(c, 1, 99, &[]);
    let targets = asked(&actions);
    assert_eq!((targets.len(), answers(&actions).len()), (2, 0), "{actions:?}");
    let more = asked(&bench.added(targets[0].0, 1, 8));
    let last = asked(&bench.added(targets[1].0, 1, 8));
    let mut all: Vec<_> = targets.iter().chain(&more).chain(&last).map(|(w, _)| *w).chain([first]).collect();
    all.sort_unstable();
    assert_eq!(all, ws, "each worker once");
    let mut answered = Vec::new();
    for (w, _) in more.into_iter().chain(last) {
        assert_eq!(answered, [], "not before all are there");
        answered = bench.added(w, 1, 8);
    }
    assert_eq!(answers(&answered), [(c, 7, &Answer::Done)]);
    // Done already.
    assert_eq!(answers(&bench.replicate(c, 1, 3, &[])), [(c, 7, &Answer::Done)]);
    assert_eq!(freed(&bench.wait(Duration::from_secs(5))).len(), 3, "three are enough now");
}

#[test]
fn a_broadcast_reaches_workers_that_come_later_and_ends_with_the_want() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.worker(1);
    bench.make(c, 1, 8);
    assert_eq!(answers(&bench.replicate(c, 1, 0, &[])), [(c, 7, &Answer::Done)]);
    let (second, actions) = bench.worker_with(1, "", &[]);
    assert_eq!(asked(&actions), [(second, 1)]);
    bench.added(second, 1, 8);
    // Another client wants it without copies; the first has gone.
    let other = bench.client();
    bench.submit(other, vec![], &[1]);
    bench.release(c, 1);
    assert_eq!(asked(&bench.worker_with(1, "", &[]).1), []);
    assert_eq!(freed(&bench.wait(Duration::from_secs(5))).len(), 1);
}

#[test]
fn copies_on_named_workers_only_and_refused_where_there_are_none() {
    let mut bench = Bench::new();
    let c = bench.client();
    let first = bench.worker(1);
    let named = bench.worker_with(1, "bob", &[]).0;
    let run = run(&bench.submit(c, vec![with(task(1, &[]), |o| o.workers = vec!["test://w2".into()])], &[1]));
    assert_eq!(run.0, first);
    bench.finish(run.0, run.1, 8);
    let actions = bench.replicate(c, 1, 1, &["bob"]);
    assert_eq!(asked(&actions), [(named, 1)]);
    // It can't get it, and nobody else may: refused, in words.
    let actions = bench.lacks(named, 1);
    let [(_, 7, Answer::Refused(error))] = answers(&actions)[..] else { panic!("{actions:?}") };
    assert!(error.to_string().contains("inc-00000001"), "{error}");
    let actions = bench.replicate(c, 1, 2, &["nobody"]);
    let [(_, 7, Answer::Refused(error))] = answers(&actions)[..] else { panic!("{actions:?}") };
    assert!(error.to_string().contains("nobody"), "{error}");
    assert_eq!(bench.machine.snapshot().workers[0].values, 1, "the holder is still believed");
}

#[test]
fn a_copy_where_it_was_asked_for_is_no_surplus_and_one_elsewhere_is() {
    let mut bench = Bench::new();
    let (c, first) = (bench.client(), bench.worker(1));
    bench.make(c, 1, 8);
    let named = bench.worker_with(1, "bob", &[]).0;
    assert_eq!(asked(&bench.replicate(c, 1, 1, &["bob"])), [(named, 1)]);
    assert_eq!(answers(&bench.added(named, 1, 8)), [(c, 7, &Answer::Done)]);
    assert_eq!(freed(&bench.wait(Duration::from_secs(5))), [(first, 1)]);
}

#[test]
fn who_asked_for_copies_and_went_is_not_answered_and_another_is() {
    let mut bench = Bench::new();
    let (c, other) = (bench.client(), bench.client());
    bench.worker(1);
    bench.make(c, 1, 8);
    bench.submit(other, vec![], &[1]);
    let target = bench.worker(1);
    bench.replicate(c, 1, 2, &[]);
    assert_eq!(answers(&bench.replicate(other, 1, 2, &[])), []);
    assert_eq!(answers(&bench.say(c, ClientToScheduler::Goodbye)), []);
    assert_eq!(answers(&bench.added(target, 1, 8)), [(other, 7, &Answer::Done)]);
}

#[test]
fn copies_that_waited_for_one_worker_are_not_waited_for_when_that_is_gone() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.worker(1);
    for number in 1..=200 {
        bench.make(c, number, 8);
    }
    let target = bench.worker(1);
    let (request, keys) = (RequestId(7), (1..=200).map(want).collect());
    let actions = bench.say(c, ClientToScheduler::Replicate { request, keys, count: 2, workers: vec![] });
    assert!(asked(&actions).len() < 100 && answers(&actions).is_empty(), "they go in turns");
    // No other worker is there: as many copies as there are workers are all that can be had.
    let actions = bench.kill(target);
    assert_eq!(answers(&actions), [(c, 7, &Answer::Done)]);
}

#[test]
fn who_could_not_get_a_copy_is_asked_again_when_somebody_comes() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.worker(1);
    bench.make(c, 1, 8);
    let other = bench.worker(1);
    assert_eq!(asked(&bench.replicate(c, 1, 0, &[])), [(other, 1)]);
    bench.lacks(other, 1);
    let (new, actions) = bench.worker_with(1, "", &[]);
    let mut asked = asked(&actions);
    asked.sort_unstable();
    assert_eq!(asked, [(other, 1), (new, 1)]);
}

#[test]
fn who_could_not_get_a_copy_is_not_asked_again_because_another_is_gone() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.worker(1);
    bench.make(c, 1, 8);
    let others = [bench.worker(1), bench.worker(1)];
    bench.replicate(c, 1, 0, &[]);
    others.iter().for_each(|&other| drop(bench.lacks(other, 1)));
    bench.kill(others[0]);
    assert_eq!(asked(&bench.replicate(c, 1, 0, &[])), []);
}

#[test]
fn values_that_are_said_to_be_longer_than_anything_are_copied_like_others() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.worker(1);
    for number in 1..=3 {
        bench.make(c, number, u64::MAX);
    }
    let other = bench.worker(1);
    for number in 1..=3 {
        assert_eq!(asked(&bench.replicate(c, number, 2, &[])), [(other, number)]);
    }
}

#[test]
fn who_waits_for_a_worker_that_gets_many_copies_is_not_refused_because_another_asks_for_what_can_not_be() {
    let mut bench = Bench::new();
    let (c, other) = (bench.client(), bench.client());
    bench.worker(1);
    for number in 1..=65 {
        bench.make(c, number, 8);
    }
    bench.submit(other, vec![], &[65]);
    let bob = bench.worker_with(1, "bob", &[]).0;
    bench.worker_on("small", 1, 4);
    for number in 1..=64 {
        assert_eq!(asked(&bench.replicate(c, number, 1, &["bob"])), [(bob, number)]);
    }
    assert_eq!(answers(&bench.replicate(c, 65, 1, &["bob"])), []);
    assert_eq!(
        answers(&bench.replicate(other, 65, 1, &["small"])),
        [],
        "it is looked at when there is room for the first"
    );
}

#[test]
fn paused_and_full_workers_are_given_no_copies_until_they_have_room() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.worker(1);
    bench.make(c, 1, 80);
    let (paused, small) = (bench.worker(1), bench.worker_on("b", 1, 100));
    bench.report(paused, WorkerToScheduler::Paused(true));
    let actions = bench.replicate(c, 1, 2, &[]);
    let [(_, 7, Answer::Refused(_))] = answers(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!(asked(&bench.report(paused, WorkerToScheduler::Paused(false))), [(paused, 1)]);
    // Paused before it came: the copy is not waited for, and asked for again after.
    bench.report(paused, WorkerToScheduler::Paused(true));
    assert_eq!(asked(&bench.report(paused, WorkerToScheduler::Paused(false))), [(paused, 1)]);
    let _ = small;
}

#[test]
fn a_copy_that_does_not_come_in_time_is_made_elsewhere() {
    let mut bench = Bench::new();
    let c = bench.client();
    let ws = [(); 3].map(|()| bench.worker(1));
    let first = bench.make(c, 1, 8);
    let [(second, _)] = asked(&bench.replicate(c, 1, 2, &[]))[..] else { panic!() };
    let third = *ws.iter().find(|w| ![first, second].contains(w)).unwrap();
    assert_eq!(asked(&bench.wait(Config::default().copy_timeout)), [(third, 1)]);
    // Both come: the one that came late is one too many, and goes.
    bench.added(third, 1, 8);
    bench.added(second, 1, 8);
    assert_eq!(freed(&bench.wait(Duration::from_secs(5))).len(), 1);
}

#[test]
fn a_copy_that_comes_too_late_is_freed_and_one_of_a_lost_value_saves_it() {
    let mut bench = Bench::new();
    let c = bench.client();
    let (first, second) = (bench.worker(1), bench.worker(1));
    bench.make(c, 1, 8);
    bench.replicate(c, 1, 2, &[]);
    assert_eq!(freed(&bench.release(c, 1)), [(first, 1)]);
    assert_eq!(freed(&bench.added(second, 1, 8)), [(second, 1)]);
    let (w, run) = run(&bench.submit(c, vec![task(2, &[])], &[2]));
    bench.finish(w, run, 8);
    let other = if w == first { second } else { first };
    bench
        .say(c, ClientToScheduler::Replicate { request: RequestId(8), keys: vec![want(2)], count: 2, workers: vec![] });
    // The holder dies while the copy is under way; it was complete.
    let again = runs(&bench.kill(w));
    assert_eq!(again.len(), 1);
    let actions = bench.added(other, 2, 8);
    assert_eq!(news(&actions).len(), 1, "{actions:?}");
}

#[test]
fn copies_left_by_transfers_go_but_never_the_last_nor_one_in_use() {
    let mut bench = Bench::new();
    let c = bench.client();
    let (a, b) = (bench.worker(1), bench.worker(1));
    let first = bench.make(c, 1, 8);
    let other = if first == a { b } else { a };
    // A consumer runs on each.
    let consumers = runs(&bench.submit(c, vec![task(2, &[1]), task(3, &[1])], &[2, 3]));
    assert_eq!(consumers.len(), 2);
    bench.added(other, 1, 8);
    for (w, run) in &consumers {
        bench.start(*w, *run);
    }
    assert_eq!(freed(&bench.wait(Duration::from_secs(5))), [], "both are in use");
    let (w, run) = consumers[0];
    bench.finish(w, run, 100);
    let [(dropped, 1)] = freed(&bench.wait(Duration::from_secs(5)))[..] else { panic!() };
    assert_eq!(dropped, w, "the other is in use still");
    let (w, run) = consumers[1];
    bench.finish(w, run, 100);
    assert_eq!(freed(&bench.wait(Duration::from_secs(5))), [], "it is the last");
    assert_eq!(bench.machine.next_deadline(), None);
}

#[test]
fn copies_stay_while_one_may_be_on_its_way_to_a_task_and_not_where_it_is_there() {
    for at_a_holder in [false, true] {
        let mut bench = Bench::new();
        let c = bench.client();
        let first = bench.worker_on("first", 1, 0);
        bench.make(c, 1, 8);
        let others = ["second", "third"].map(|host| bench.worker_on(host, 1, 0));
        others.iter().for_each(|&other| drop(bench.added(other, 1, 8)));
        let stranger = bench.worker_on("stranger", 1, 0);
        let host = if at_a_holder { "first" } else { "stranger" };
        let user = run(&bench.submit(c, vec![with(task(2, &[1]), |o| o.workers = vec![host.into()])], &[2]));
        assert_eq!(user.0, if at_a_holder { first } else { stranger });
        let gone = freed(&bench.wait(Duration::from_secs(5)));
        assert_eq!(gone.len(), if at_a_holder { 2 } else { 0 }, "{gone:?}");
        assert!(!gone.contains(&(first, 1)) || !at_a_holder);
    }
}

#[test]
fn copies_stay_while_tasks_wait_for_them() {
    let mut bench = Bench::new();
    let c = bench.client();
    let (a, b) = (bench.worker(1), bench.worker(1));
    bench.make(c, 1, 8);
    let third = bench.worker(1);
    bench.added(a, 1, 8);
    bench.added(b, 1, 8);
    bench.added(third, 1, 8);
    // Two that wait for something else as well: as many copies may be needed at once.
    bench.submit(c, vec![task(9, &[]), task(2, &[1, 9]), task(3, &[1, 9])], &[2, 3]);
    assert_eq!(freed(&bench.wait(Duration::from_secs(5))).len(), 1);
    assert_eq!(freed(&bench.wait(Duration::from_secs(5))), []);
}

fn rebalance(bench: &mut Bench, client: ClientId) -> Vec<Action> {
    bench.say(client, ClientToScheduler::Rebalance { request: RequestId(3), keys: vec![] })
}

#[test]
fn bytes_are_evened_out_by_copying_first_and_freeing_then() {
    let mut bench = Bench::new();
    let c = bench.client();
    let full = bench.worker_on("a", 1, 1_000);
    for number in 1..=6 {
        bench.make(c, number, 100);
    }
    let empty = bench.worker_on("b", 1, 1_000);
    // The mean is 300, the band 250 to 350.
    let actions = rebalance(&mut bench, c);
    let moved = asked(&actions);
    assert!((2..=3).contains(&moved.len()) && moved.iter().all(|(to, _)| *to == empty), "{actions:?}");
    assert_eq!((freed(&actions), answers(&actions).len()), (vec![], 0));
    let mut last = Vec::new();
    for (_, number) in moved {
        last = bench.added(empty, number, 100);
        assert_eq!(freed(&last), [(full, number)]);
    }
    assert_eq!(answers(&last), [(c, 3, &Answer::Done)]);
    assert_eq!(answers(&rebalance(&mut bench, c)), [(c, 3, &Answer::Done)], "nothing is left to move");
}

#[test]
fn of_named_values_only_those_are_moved() {
    let mut bench = Bench::new();
    let c = bench.client();
    let full = bench.worker_on("a", 1, 1_000);
    for number in 1..=6 {
        bench.make(c, number, 100);
    }
    let empty = bench.worker_on("b", 1, 1_000);
    let message = ClientToScheduler::Rebalance { request: RequestId(3), keys: vec![key(5)] };
    assert_eq!(asked(&bench.say(c, message)), [(empty, 5)]);
    let actions = bench.added(empty, 5, 100);
    assert_eq!((freed(&actions), answers(&actions)), (vec![(full, 5)], vec![(c, 3, &Answer::Done)]));
}

#[test]
fn a_client_that_goes_is_not_answered_and_another_is() {
    let mut bench = Bench::new();
    let (a, b) = (bench.client(), bench.client());
    let full = bench.worker_on("a", 1, 1_000);
    for number in 1..=6 {
        bench.make(a, number, 100);
    }
    let empty = bench.worker_on("b", 1, 1_000);
    let moved = asked(&bench.say(b, ClientToScheduler::Rebalance { request: RequestId(4), keys: vec![] }));
    assert!(!moved.is_empty());
    assert_eq!(asked(&rebalance(&mut bench, a)), [], "one plan at a time");
    bench.say(b, ClientToScheduler::Goodbye);
    let mut last = Vec::new();
    for (_, number) in moved {
        last = bench.added(empty, number, 100);
        assert_eq!(freed(&last), [(full, number)]);
    }
    assert_eq!(answers(&last), [(a, 3, &Answer::Done)]);
}

#[test]
fn what_is_in_use_is_not_moved_and_little_is_not_worth_it() {
    let mut bench = Bench::new();
    let c = bench.client();
    let full = bench.worker_on("a", 3, 1_000);
    bench.make(c, 1, 200);
    let empty = bench.worker_on("b", 1, 1_000);
    assert_eq!(answers(&rebalance(&mut bench, c)).len(), 1, "below 30 % nothing is given away");
    let (w, second) = run(&bench.submit(c, vec![with(task(2, &[]), |o| o.workers = vec!["a".into()])], &[2]));
    assert_eq!(w, full);
    bench.finish(w, second, 200);
    bench.submit(c, vec![with(task(3, &[1]), |o| o.workers = vec!["a".into()])], &[3]);
    let actions = rebalance(&mut bench, c);
    assert_eq!(asked(&actions), [(empty, 2)], "1 is in use");
    // It comes to be used while it moves: it stays in both places.
    bench.submit(c, vec![with(task(4, &[2]), |o| o.workers = vec!["a".into()])], &[4]);
    assert_eq!(freed(&bench.added(empty, 2, 200)), []);
}

#[test]
fn a_move_that_fails_is_not_waited_for() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.worker_on("a", 1, 1_000);
    for number in 1..=4 {
        bench.make(c, number, 150);
    }
    let empty = bench.worker_on("b", 1, 1_000);
    let moved = asked(&rebalance(&mut bench, c));
    assert!(!moved.is_empty());
    let actions = bench.kill(empty);
    assert_eq!(answers(&actions), [(c, 3, &Answer::Done)], "{actions:?}");
}

#[test]
fn whoever_waits_for_copies_of_what_fails_for_its_inputs_hears_so_at_once() {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker_on("a", 1, 150));
    let (_, given) = run(&bench.submit(c, vec![task(1, &[]), task(2, &[1])], &[1, 2]));
    assert_eq!(answers(&bench.replicate(c, 2, 0, &[])), []);
    // No worker could hold the input, and nothing else follows from that.
    let actions = bench.finish(w, given, 151);
    assert!(matches!(answers(&actions)[..], [(_, 7, Answer::Refused(_))]), "{actions:?}");
}
