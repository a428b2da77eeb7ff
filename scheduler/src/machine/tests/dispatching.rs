//! Who runs what, when.

use std::time::Duration;

use brisk_core::{
    hello::WorkerInfo,
    id::{Incarnation, WorkerId},
    message::{SchedulerToWorker, WorkerToScheduler},
    options::Quantity,
    state::TaskState,
};

use super::bench::*;
use crate::machine::{Action, Event};

const MICRO: Duration = Duration::from_micros(1);

#[test]
fn unknown_calls_are_sent_as_there_are_threads_and_short_ones_by_the_hundred_after_a_few() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(2), bench.client());
    let actions = bench.submit(c, (0..1_000).map(|i| task(i, &[])).collect(), &(0..1_000).collect::<Vec<_>>());
    let first = runs(&actions);
    assert_eq!(first.len(), 2);
    let mut next = std::collections::VecDeque::from([first[0].1, first[1].1]);
    let (mut ended, mut most) = (0, 0);
    let mut assigned = Vec::new();
    while most < 258 {
        let run = next.pop_front().unwrap();
        next.extend(runs(&bench.finish_in(w, run, 8, MICRO)).iter().map(|(_, run)| *run));
        (ended, most) = (ended + 1, bench.machine.snapshot().workers[0].assigned);
        assigned.push(most);
    }
    assert!(assigned[..5].is_sorted() && assigned[4] >= 16, "twice as many with each that ends: {assigned:?}");
    assert!(ended <= 16, "two threads and 256 ahead after {ended}: {assigned:?}");
}

#[test]
fn short_calls_are_fed_ahead_beside_one_that_is_long_or_unknown() {
    for long_is_known in [true, false] {
        let mut bench = Bench::new();
        let (w, c) = (bench.worker(2), bench.client());
        let mut number = 0..;
        let calls = |function_number: u128, count: u128, number: &mut std::ops::RangeFrom<u128>| -> Vec<_> {
            let numbers = number.take(count as usize);
            numbers
                .map(|i| {
                    let mut call = task(i, &[]);
                    call.function = function(function_number).id;
                    call
                })
                .collect()
        };
        let mut learn = |bench: &mut Bench, function_number, took| {
            for _ in 0..20 {
                let call = calls(function_number, 1, &mut number);
                let wanted = [call[0].key.as_u128() >> 96];
                let run = run(&bench.submit(c, call, &wanted)).1;
                bench.finish_in(w, run, 8, took);
            }
        };
        learn(&mut bench, 1, MICRO * 10);
        if long_is_known {
            learn(&mut bench, 2, Duration::from_secs(10));
        }
        let long = calls(2, 1, &mut number);
        let wanted = [long[0].key.as_u128() >> 96];
        assert_eq!(runs(&bench.submit(c, long, &wanted)).len(), 1);
        let short = calls(1, 1_000, &mut number);
        let wanted: Vec<_> = short.iter().map(|call| call.key.as_u128() >> 96).collect();
        let sent = runs(&bench.submit(c, short, &wanted)).len();
        assert!(sent > 200, "the other thread has {sent} to do");
    }
}

#[test]
fn what_is_long_waits_in_the_queue_once_each_thread_has_one() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(4), bench.client());
    for i in 0..20 {
        let run = run(&bench.submit(c, vec![task(i, &[])], &[i])).1;
        bench.finish_in(w, run, 8, Duration::from_millis(200));
    }
    let actions = bench.submit(c, (100..200).map(|i| task(i, &[])).collect(), &(100..200).collect::<Vec<_>>());
    assert_eq!(runs(&actions).len(), 4);
}

#[test]
fn long_calls_stay_queued_where_they_can_go_elsewhere() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let actions = bench.submit(c, (0..10).map(|i| task(i, &[])).collect(), &[9]);
    let actions = bench.finish_in(w, run(&actions).1, 8, Duration::from_secs(1));
    assert_eq!(runs(&actions), [], "9 alone was wanted");
    let actions = bench.submit(c, (10..20).map(|i| task(i, &[])).collect(), &(10..20).collect::<Vec<_>>());
    assert_eq!(runs(&actions).len(), 1);
    assert_eq!(bench.machine.snapshot().count(TaskState::Queued), 9);
    let (_, actions) = bench.worker_with(4, "", &[]);
    assert_eq!(runs(&actions).len(), 4, "a worker that joins gets queued work at once");
}

#[test]
fn what_follows_goes_before_new_roots_and_higher_priority_before_lower() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let high = with(task(9, &[]), |options| options.priority = 1);
    let tasks = vec![task(1, &[]), task(2, &[1]), task(3, &[]), task(4, &[3]), high];
    let mut next = run(&bench.submit(c, tasks, &[2, 4, 9])).1;
    let mut order = vec![next.0];
    while order.len() < 5 {
        next = run(&bench.finish(w, next, 8)).1;
        order.push(next.0);
    }
    assert_eq!(order, [9, 1, 2, 3, 4]);
}

#[test]
fn a_large_input_is_not_moved_and_a_small_one_is() {
    for (nbytes, stays) in [(10_000_000_000, true), (1_000, false)] {
        let mut bench = Bench::new();
        let (holder, c) = (bench.worker(1), bench.client());
        let first = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
        bench.finish(holder, first, nbytes);
        // Two workers, the holder busy for a second.
        assert_eq!(run(&bench.submit(c, vec![task(2, &[])], &[2])).0, holder);
        let other = bench.worker(1);
        let actions = bench.submit(c, vec![task(3, &[1])], &[3]);
        let address = format!("test://{holder}").parse().unwrap();
        let introduction = SchedulerToWorker::Worker { worker: holder, address, host: "host".into() };
        assert_eq!(run(&actions).0, if stays { holder } else { other });
        assert_eq!(actions.contains(&to_worker(other, introduction)), !stays);
    }
}

#[test]
fn a_task_that_lacks_a_resource_stops_no_other() {
    let mut bench = Bench::new();
    let (w, _) = bench.worker_with(4, "", &[("gpu", 1.0)]);
    let c = bench.client();
    let gpu = |number| with(task(number, &[]), |options| options.resources = vec![("gpu".into(), Quantity(1_000_000))]);
    let actions = bench.submit(c, vec![gpu(1), gpu(2), task(3, &[])], &[1, 2, 3]);
    let sent = runs(&actions);
    assert_eq!(sent.iter().map(|(_, (number, _))| *number).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(assignments(&actions).next().unwrap().1.resources, [("gpu".into(), Quantity(1_000_000))]);
    assert_eq!(run(&bench.finish(w, sent[0].1, 8)).1.0, 2);
}

#[test]
fn restricted_tasks_go_where_they_may_and_loose_ones_elsewhere_if_they_must() {
    let mut bench = Bench::new();
    let c = bench.client();
    let (_, _) = bench.worker_with(1, "plain", &[]);
    let only = |number, loose| {
        with(task(number, &[]), |options| {
            options.workers = vec!["special".into()];
            options.allow_other_workers = loose;
        })
    };
    let actions = bench.submit(c, vec![only(1, false), only(2, true)], &[1, 2]);
    assert_eq!(run(&actions).1.0, 2);
    let (special, actions) = bench.worker_with(1, "special", &[]);
    assert_eq!(run(&actions), (special, run(&actions).1));
    assert_eq!(run(&actions).1.0, 1);
}

#[test]
fn loose_tasks_go_elsewhere_when_the_last_worker_that_they_name_goes() {
    let mut bench = Bench::new();
    let c = bench.client();
    let (special, _) = bench.worker_with(1, "special", &[]);
    let other = bench.worker(1);
    bench.report(special, WorkerToScheduler::Paused(true));
    let loose = with(task(1, &[]), |options| {
        options.workers = vec!["special".into()];
        options.allow_other_workers = true;
    });
    assert_eq!(bench.submit(c, vec![loose], &[1]), []);
    assert_eq!(run(&bench.kill(special)).0, other);
}

#[test]
fn many_workers_share_evenly() {
    let mut bench = Bench::new();
    let c = bench.client();
    let workers: Vec<_> = (0..100).map(|_| bench.worker(2)).collect();
    let actions = bench.submit(c, (0..200).map(|i| task(i, &[])).collect(), &(0..200).collect::<Vec<_>>());
    let sent = runs(&actions);
    for w in &workers {
        assert_eq!(sent.iter().filter(|(worker, _)| worker == w).count(), 2);
    }
    // The pool shrinks below the size for which an order is kept, and grows again.
    for w in &workers[..80] {
        // On purpose: what runs there is not suspected, and may go anywhere.
        bench.event(Event::WorkerLeft { worker: *w, cause: "enough".into(), intended: true });
    }
    for _ in 0..50 {
        bench.worker(2);
    }
    assert_eq!(bench.machine.snapshot().count(TaskState::Processing), 140);
}

#[test]
fn a_paused_worker_hands_over_what_it_has_not_started() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(2), bench.client());
    let actions = bench.submit(c, vec![task(1, &[]), task(2, &[])], &[1, 2]);
    let sent = runs(&actions);
    bench.start(w, sent[0].1);
    let other = bench.worker(1);
    let actions = bench.report(w, WorkerToScheduler::Paused(true));
    assert_eq!(actions[0], to_worker(w, SchedulerToWorker::Cancel { key: key(2), run: sent[1].1.1 }));
    assert_eq!(run(&actions).0, other);
    bench.submit(c, vec![task(3, &[])], &[3]);
    assert_eq!(run(&bench.report(w, WorkerToScheduler::Paused(false))).0, w);
}

fn one_thread() -> WorkerInfo {
    WorkerInfo {
        address: "test://x".parse().unwrap(),
        host: "h".into(),
        threads: 1,
        memory_limit: 0,
        speed_percent: 100,
        resources: vec![],
    }
}

/// Workers are numbered as they are welcomed, and two that are welcomed at once may join in either order.
#[test]
fn workers_join_and_leave_in_any_order() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.submit(c, vec![task(1, &[])], &[1]);
    // More than are looked at one by one, and fewer again.
    let numbers: Vec<u64> = (0..40).map(|number| 100 + number * 7 % 40).collect();
    let workers: Vec<_> = numbers.iter().map(|&number| WorkerId(Incarnation(number))).collect();
    for &worker in &workers {
        bench.event(Event::WorkerJoined { worker, name: "".into(), environment: HERE, info: one_thread() });
        bench.machine.check_invariants().unwrap();
    }
    for &worker in &workers {
        bench.event(Event::WorkerLeft { worker, cause: "it is over".into(), intended: true });
        bench.machine.check_invariants().unwrap();
    }
    assert_eq!(bench.machine.snapshot().count(TaskState::NoWorker), 1);
}

#[test]
fn another_builds_workers_get_nothing() {
    let mut bench = Bench::new();
    let c = bench.client();
    let (worker, environment) = (WorkerId(Incarnation(900)), brisk_core::id::EnvironmentId(6));
    bench.event(Event::WorkerJoined { worker, name: "".into(), environment, info: one_thread() });
    assert_eq!(bench.submit(c, vec![task(1, &[])], &[1]), []);
    assert_eq!(bench.machine.snapshot().count(TaskState::NoWorker), 1);
}

#[test]
fn async_calls_take_no_thread() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let asynchronous = |number| {
        let mut task = task(number, &[]);
        task.function = function(9).id;
        task
    };
    let mut tasks: Vec<_> = (0..1_000).map(asynchronous).collect();
    tasks.push(task(1_000, &[]));
    let actions = bench.submit(c, tasks, &(0..1_001).collect::<Vec<_>>());
    assert_eq!(runs(&actions).len(), 1_001, "all of them, and one for the thread");
    bench.submit(c, (1_001..1_100).map(asynchronous).collect(), &(1_001..1_100).collect::<Vec<_>>());
    assert_eq!(bench.machine.snapshot().workers[0].assigned, 1_025);
    assert_eq!(runs(&bench.finish(w, runs(&actions)[0].1, 8)).len(), 1);
}

#[test]
fn what_is_stuck_behind_a_call_that_does_not_end_goes_to_idle_workers() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    bench.learn(c, MICRO);
    let actions = bench.submit(c, (1..=100).map(|i| task(i, &[])).collect(), &(1..=100).collect::<Vec<_>>());
    let sent = runs(&actions);
    assert_eq!(sent.len(), 100);
    bench.start(w, sent[0].1);
    // Nobody else is there: it is given no more, and left alone.
    assert_eq!(bench.wait(Duration::from_millis(20)), []);
    assert_eq!(bench.submit(c, vec![task(101, &[])], &[101]), []);
    let other = bench.worker_with(2, "", &[]);
    assert_eq!(run(&other.1).0, other.0);
    // One thread is free there.
    let actions = bench.wait(Duration::from_millis(20));
    let [Action::ToWorker { worker, message: SchedulerToWorker::Steal { request, runs: asked } }] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert_eq!((*worker, asked.len()), (w, 99));
    assert_eq!(bench.wait(Duration::from_millis(20)), [], "asked once");
    let stolen = |request, runs: &[_]| WorkerToScheduler::Stolen { request, runs: runs.to_vec() };
    let unasked = brisk_core::id::RequestId(request.0 + 1);
    assert_eq!(bench.report(w, stolen(unasked, asked)), []);
    // It had started one more.
    let actions = bench.report(w, stolen(*request, &asked[1..]));
    assert!(runs(&actions).iter().all(|(worker, _)| *worker == other.0) && runs(&actions).len() > 1, "{actions:?}");
    assert_eq!(bench.machine.snapshot().workers[0].assigned, 2);
    assert_eq!(bench.report(w, stolen(*request, &asked[1..])), []);
    assert_eq!(bench.machine.counters().unasked_answers, 2);
    // Nothing says that it may not have them back once it goes on: they were not taken to even things out.
    let was_taken = bench.machine.tasks.slab.iter().filter(|(_, task)| task.was_taken_from(w)).count();
    assert_eq!(was_taken, 0);
}
