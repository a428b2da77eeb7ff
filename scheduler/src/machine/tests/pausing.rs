//! Pauses between a task's runs, and limits of its runs.

use std::time::Duration;

use brisk_core::{
    error::{ErrorKind, Failure},
    message::{KeyNews, SchedulerToWorker, WorkerToScheduler},
};

use super::bench::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_failed_task_comes_back_after_a_pause_that_doubles() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let task = with(task(1, &[]), |options| {
        options.retries = 3;
        options.retry_delay = Some(SECOND);
    });
    let mut next = run(&bench.submit(c, vec![task], &[1])).1;
    for pause in [1, 2, 4] {
        assert_eq!(bench.fail(w, next), []);
        assert_eq!(bench.wait(SECOND * pause - SECOND / 10), [], "it came back before its pause was over");
        next = run(&bench.wait(SECOND * pause / 4 + SECOND / 10)).1;
    }
    assert!(matches!(news(&bench.fail(w, next))[..], [(_, 1, KeyNews::Erred(_))]));
    assert_eq!(bench.machine.next_deadline(), None);
}

#[test]
fn a_pause_keeps_the_inputs_and_one_that_is_lost_meanwhile_is_waited_for_too() {
    let mut bench = Bench::new();
    let (a, c) = (bench.worker(1), bench.client());
    let paused = with(task(2, &[1]), |options| {
        options.retries = 1;
        options.retry_delay = Some(SECOND);
    });
    let first = run(&bench.submit(c, vec![task(1, &[]), paused], &[2])).1;
    let second = run(&bench.finish(a, first, 8)).1;
    assert_eq!(bench.fail(a, second), [], "the input is kept for the next run");
    bench.kill(a);
    let (b, actions) = bench.worker_with(1, "", &[]);
    let again = run(&actions).1;
    assert_eq!(again.0, 1);
    // The pause is over first, then the input is there; the other way round is the test above.
    assert_eq!(bench.wait(SECOND * 2), []);
    let last = run(&bench.finish(b, again, 8)).1;
    assert_eq!(last.0, 2);
    assert!(matches!(news(&bench.finish(b, last, 8))[..], [(_, 2, KeyNews::Memory { .. })]));
}

#[test]
fn a_task_that_is_dropped_or_poisoned_in_its_pause_leaves_no_timer() {
    let paused = |number, dependencies: &[u128]| {
        with(task(number, dependencies), |options| {
            options.retries = 5;
            options.retry_delay = Some(SECOND);
        })
    };
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![paused(1, &[])], &[1])).1;
    bench.fail(w, first);
    assert!(bench.machine.next_deadline().is_some());
    bench.release(c, 1);
    assert_eq!((bench.machine.task_count(), bench.machine.next_deadline()), (0, None));
    // Its input is lost, and fails when it is computed again.
    let first = run(&bench.submit(c, vec![task(2, &[]), paused(3, &[2])], &[3])).1;
    let second = run(&bench.finish(w, first, 8)).1;
    bench.fail(w, second);
    let again = run(&bench.report(w, WorkerToScheduler::Dropped(vec![key(2)]))).1;
    assert!(matches!(news(&bench.fail(w, again))[..], [(_, 3, KeyNews::Erred(_))]));
    assert_eq!(bench.machine.next_deadline(), None);
}

#[test]
fn a_run_beyond_its_limit_fails_even_if_its_worker_does_not_say_so() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let limited = with(task(1, &[]), |options| {
        options.timeout = Some(SECOND * 2);
        options.retries = 1;
    });
    let actions = bench.submit(c, vec![limited], &[1]);
    assert_eq!(assignments(&actions).next().unwrap().1.timeout, Some(SECOND * 2));
    let first = run(&actions).1;
    bench.start(w, first);
    // The worker says so: an error like others.
    let failure = Box::new(Failure::new(ErrorKind::TimedOut, "it took longer than its limit of 2s"));
    let message = WorkerToScheduler::Failed { key: key(1), run: first.1, failure, took: SECOND * 2 };
    let second = run(&bench.report(w, message)).1;
    bench.start(w, second);
    // It does not.
    assert_eq!(bench.wait(SECOND * 11), []);
    let actions = bench.wait(SECOND);
    assert!(actions.contains(&to_worker(w, SchedulerToWorker::Cancel { key: key(1), run: second.1 })), "{actions:?}");
    let [(_, 1, KeyNews::Erred(error))] = news(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!((error.kind(), error.report().attempt), (ErrorKind::TimedOut, 2));
    let text = error.to_string();
    assert!(text.contains("limit of 2s") && text.contains("12s ago") && text.contains("test://w"), "{text}");
    // The late end is nobody's.
    let cancel = SchedulerToWorker::Cancel { key: key(1), run: second.1 };
    assert_eq!(bench.finish(w, second, 8), [to_worker(w, cancel)]);
}

#[test]
fn a_limit_that_was_kept_leaves_no_timer() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let limited = with(task(1, &[]), |options| options.timeout = Some(SECOND));
    let first = run(&bench.submit(c, vec![limited], &[1])).1;
    assert_eq!(bench.machine.next_deadline(), None, "it counts from the start");
    bench.start(w, first);
    assert!(bench.machine.next_deadline().is_some());
    bench.finish(w, first, 8);
    assert_eq!(bench.machine.next_deadline(), None);
}

#[test]
fn a_function_that_no_worker_knows_is_not_tried_again() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![with(task(1, &[]), |options| options.retries = 9)], &[1])).1;
    let failure = Box::new(Failure::new(ErrorKind::UnknownFunction, "there is no `inc` here"));
    let message = WorkerToScheduler::Failed { key: key(1), run: first.1, failure, took: Duration::ZERO };
    assert!(matches!(news(&bench.report(w, message))[..], [(_, 1, KeyNews::Erred(_))]));
}
