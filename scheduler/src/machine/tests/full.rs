//! Workers that are short of memory.

use std::time::Duration;

use brisk_core::{
    id::{ClientId, RunId, WorkerId},
    message::{ClientToScheduler, SchedulerToClient, SchedulerToWorker, SubmittedTask, WorkerToScheduler},
    options::{Quantity, TaskOptions},
};

use super::{bench::*, copies::freed};
use crate::machine::{Action, Config};

impl Bench {
    fn pause(&mut self, worker: WorkerId, paused: bool) -> Vec<Action> {
        self.report(worker, WorkerToScheduler::Paused(paused))
    }
}

fn notices(actions: &[Action]) -> Vec<(ClientId, &str)> {
    let notices = actions.iter().filter_map(|action| match action {
        Action::ToClient { client, message: SchedulerToClient::Notice { message, .. } } => Some((*client, &**message)),
        _ => None,
    });
    notices.collect()
}

#[test]
fn a_tree_goes_on_where_every_worker_is_full() {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker_on("a", 1, 300));
    // Three leaves fill the worker; only the sum of two makes room.
    let leaves: Vec<_> = (1..=4).map(|number| task(number, &[])).collect();
    let sums = [task(5, &[1, 2]), task(6, &[3, 4]), task(7, &[5, 6])];
    let mut next = run(&bench.submit(c, leaves.into_iter().chain(sums).collect(), &[7])).1;
    let mut bytes = 0;
    let mut order = Vec::new();
    for _ in 0..7 {
        order.push(next.0);
        bytes += 100;
        let will_pause = bytes >= 240;
        let mut actions = bench.pause(w, will_pause);
        actions.extend(bench.finish(w, next, 100));
        bytes -= 100 * freed(&actions).len() as u64;
        actions.extend(bench.pause(w, bytes >= 240));
        if let [(_, following)] = runs(&actions)[..] {
            next = following;
        }
    }
    order.sort_unstable();
    assert_eq!(order, [1, 2, 3, 4, 5, 6, 7], "each once");
}

#[test]
fn what_frees_most_comes_first_one_task_at_a_time() {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker_on("a", 2, 1_000));
    for (number, nbytes) in [(1, 100), (2, 400), (3, 300)] {
        bench.make(c, number, nbytes);
    }
    let running = runs(&bench.submit(c, vec![task(8, &[]), task(9, &[])], &[8, 9]));
    let [(_, eighth), (_, ninth)] = running[..] else { panic!("{running:?}") };
    assert_eq!(runs(&bench.submit(c, vec![task(4, &[1]), task(5, &[2]), task(6, &[3])], &[4, 5, 6])), []);
    bench.pause(w, true);
    (1..=3).for_each(|number| assert_eq!(bench.release(c, number), []));
    assert_eq!(runs(&bench.finish(w, eighth, 1)), [], "9 runs still");
    let mut next = run(&bench.finish(w, ninth, 1)).1;
    let mut order = vec![next.0];
    while let [(_, following)] = runs(&bench.finish(w, next, 1))[..] {
        next = following;
        order.push(next.0);
    }
    assert_eq!(order, [5, 6, 4]);
}

#[test]
fn what_a_consumer_lacks_is_made_but_nothing_that_only_adds() {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker_on("a", 1, 1_000));
    bench.make(c, 1, 850);
    bench.pause(w, true);
    // 2 is for keeps; 4 waits for 3.
    assert_eq!(runs(&bench.submit(c, vec![task(2, &[])], &[2])), []);
    let (_, third) = run(&bench.submit(c, vec![task(3, &[]), task(4, &[1, 3])], &[4]));
    assert_eq!(third.0, 3);
    bench.start(w, third);
    let actions = bench.finish(w, third, 50);
    assert_eq!(run(&actions).1.0, 4);
    // Too full for anything but consumers.
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker_on("a", 1, 1_000));
    bench.make(c, 1, 960);
    bench.pause(w, true);
    assert_eq!(runs(&bench.submit(c, vec![task(3, &[]), task(4, &[1, 3])], &[4])), []);
}

#[test]
fn clients_hear_who_is_full_and_work_goes_on_once_there_is_room() {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker_on("a", 1, 1_000));
    bench.make(c, 1, 900);
    bench.pause(w, true);
    assert_eq!(runs(&bench.submit(c, vec![task(2, &[])], &[2])), []);
    let actions = bench.wait(Config::default().notice_after);
    let [(told, text)] = notices(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!(told, c);
    assert!(text.contains("a holds 900 of 1000 bytes") && text.contains("Drop the futures"), "{text}");
    // Once is enough, unless somebody else asks.
    assert_eq!(notices(&bench.wait(Duration::from_secs(60))), []);
    let other = bench.client();
    bench.submit(other, vec![task(2, &[])], &[2]);
    bench.wait(Duration::from_millis(100));
    let actions = bench.wait(Config::default().notice_after);
    assert_eq!(notices(&actions).into_iter().map(|(c, _)| c).collect::<Vec<_>>(), [other]);
    assert_eq!(freed(&bench.release(c, 1)), [(w, 1)]);
    assert_eq!(run(&bench.pause(w, false)).1.0, 2);
    assert_eq!(notices(&bench.wait(Duration::from_secs(60))), []);
}

#[test]
fn a_task_leaves_a_full_worker_once_and_does_not_go_round() {
    let mut bench = Bench::new();
    let c = bench.client();
    let (a, b) = (bench.worker_on("a", 1, 1_000), bench.worker_on("b", 1, 1_000));
    let (first, run_here) = run(&bench.submit(c, vec![task(1, &[])], &[1]));
    let other = if first == a { b } else { a };
    let cancelled = |actions: &[Action], w: WorkerId| {
        let cancels = |action: &Action| matches!(action, Action::ToWorker { worker, message: SchedulerToWorker::Cancel { .. } } if *worker == w);
        actions.iter().any(cancels)
    };
    let actions = bench.pause(first, true);
    assert!(cancelled(&actions, first));
    assert_eq!(run(&actions).0, other);
    bench.pause(first, false);
    let actions = bench.pause(other, true);
    assert!(!cancelled(&actions, other) && runs(&actions).is_empty(), "it stays, and runs there: {actions:?}");
    let _ = run_here;
}

#[test]
fn classes_that_only_some_workers_may_run_are_relieved_too() {
    let mut bench = Bench::new();
    let c = bench.client();
    let (full, free) = (bench.worker_on("a", 1, 1_000), bench.worker_on("b", 1, 1_000));
    let here = |task| with(task, |options| options.workers = vec!["a".into()]);
    let (w, first) = run(&bench.submit(c, vec![here(task(1, &[]))], &[1]));
    assert_eq!(w, full);
    bench.finish(full, first, 900);
    bench.pause(full, true);
    let actions = bench.submit(c, vec![here(task(2, &[1]))], &[2]);
    let actions = if runs(&actions).is_empty() { bench.wait(Duration::from_millis(100)) } else { actions };
    assert_eq!(run(&actions).0, full);
    // What others may run goes to them.
    assert_eq!(run(&bench.submit(c, vec![task(3, &[1])], &[3])).0, free);
    bench.say(c, ClientToScheduler::Goodbye);
}

/// A busy worker with values of these lengths under the numbers from 1 on, which is then short of memory, and the run that
/// keeps it busy, of task 90.
fn full_of(lengths: &[u64]) -> (Bench, ClientId, WorkerId, (u128, RunId)) {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker_on("a", 1, 1_000));
    for (number, nbytes) in (1..).zip(lengths) {
        bench.make(c, number, *nbytes);
    }
    let (_, busy) = run(&bench.submit(c, vec![task(90, &[])], &[90]));
    bench.pause(w, true);
    (bench, c, w, busy)
}

#[test]
fn only_the_last_consumer_of_what_nobody_wants_frees_it() {
    // Of 400 bytes there is another consumer; 100 go with theirs.
    let (mut bench, c, w, busy) = full_of(&[400, 100]);
    bench.submit(c, vec![task(11, &[1]), task(12, &[1]), task(13, &[2])], &[11, 12, 13]);
    (1..=2).for_each(|number| drop(bench.release(c, number)));
    assert_eq!(run(&bench.finish(w, busy, 1)).1.0, 13);
    // Or somebody wants them.
    let (mut bench, c, w, busy) = full_of(&[400, 100]);
    bench.submit(c, vec![task(11, &[1]), task(12, &[2])], &[11, 12]);
    bench.release(c, 2);
    assert_eq!(run(&bench.finish(w, busy, 1)).1.0, 12);
    // Of equals the first comes first.
    let (mut bench, c, w, busy) = full_of(&[100, 100]);
    bench.submit(c, vec![task(11, &[1]), task(12, &[2])], &[11, 12]);
    (1..=2).for_each(|number| drop(bench.release(c, number)));
    assert_eq!(run(&bench.finish(w, busy, 1)).1.0, 11);
}

#[test]
fn a_consumer_goes_where_less_has_to_be_brought() {
    let mut bench = Bench::new();
    let (c, a) = (bench.client(), bench.worker_on("a", 1, 1_000));
    bench.make(c, 1, 100);
    bench.pause(a, true);
    let b = bench.worker_on("b", 1, 1_000);
    bench.make(c, 2, 300);
    bench.pause(b, true);
    // Either could take it.
    assert_eq!(run(&bench.submit(c, vec![task(3, &[1, 2])], &[3])).0, b);
}

#[test]
fn what_others_wait_for_is_made_up_to_nineteen_twentieths_of_the_limit() {
    for (nbytes, goes_on) in [(950, true), (952, false)] {
        let mut bench = Bench::new();
        let (c, w) = (bench.client(), bench.worker_on("a", 1, 1_000));
        bench.make(c, 1, nbytes);
        bench.pause(w, true);
        let actions = bench.submit(c, vec![task(3, &[]), task(4, &[1, 3])], &[4]);
        assert_eq!(!runs(&actions).is_empty(), goes_on, "{nbytes} bytes");
    }
}

#[test]
fn a_full_worker_that_is_to_go_or_lacks_a_resource_is_given_nothing() {
    let gpu = |options: &mut TaskOptions| options.resources = vec![("gpu".into(), Quantity::from_f64(1.0))];
    let mut bench = Bench::new();
    let (c, (w, _)) = (bench.client(), bench.worker_with(1, "", &[("gpu", 1.0)]));
    bench.make(c, 1, 100);
    // A call that takes no thread has the resource.
    let call = SubmittedTask { function: function(9).id, ..with(task(2, &[]), gpu) };
    let (_, holder) = run(&bench.submit(c, vec![call], &[2]));
    bench.start(w, holder);
    bench.pause(w, true);
    assert_eq!(runs(&bench.submit(c, vec![with(task(3, &[1]), gpu)], &[3])), []);
    assert_eq!(runs(&bench.wait(Duration::from_secs(1))), []);
    let actions = bench.finish(w, holder, 1);
    let actions = [actions, bench.wait(Duration::from_secs(1))].concat();
    assert_eq!(run(&actions).1.0, 3);
}

#[test]
fn three_full_workers_are_named_and_the_others_counted() {
    let mut bench = Bench::new();
    let c = bench.client();
    for (number, name) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        let w = bench.worker_on(name, 1, 1_000);
        bench.make(c, number as u128, 900);
        bench.pause(w, true);
        if number < 2 {
            continue;
        }
        let number = number as u128 + 10;
        bench.submit(c, vec![task(number, &[])], &[number]);
        let actions = bench.wait(Config::default().notice_after);
        let [(_, text)] = notices(&actions)[..] else { panic!("{actions:?}") };
        let more = ["c holds 900 of 1000 bytes. Drop", "and 1 more are like that", "and 2 more are like that"];
        assert!(text.contains(more[number as usize - 12]), "{text}");
        bench.release(c, number);
    }
}

#[test]
fn who_was_told_that_all_are_full_is_told_again_when_they_are_so_again() {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker_on("a", 1, 1_000));
    bench.make(c, 1, 900);
    for number in [2, 3] {
        bench.pause(w, true);
        bench.submit(c, vec![task(number, &[])], &[number]);
        assert_eq!(notices(&bench.wait(Config::default().notice_after)).len(), 1);
        let (_, given) = run(&bench.pause(w, false));
        bench.finish(w, given, 8);
    }
}

#[test]
fn a_consumer_of_nothing_goes_on_where_it_is() {
    let (mut bench, c, w, busy) = full_of(&[0, 960]);
    bench.submit(c, vec![task(11, &[1])], &[11]);
    assert_eq!(run(&bench.finish(w, busy, 1)).1.0, 11);
}
