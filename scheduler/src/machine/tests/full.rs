//! Workers that are short of memory.

use std::time::Duration;

use brisk_core::{
    id::{ClientId, WorkerId},
    message::{ClientToScheduler, SchedulerToClient, SchedulerToWorker, WorkerToScheduler},
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
