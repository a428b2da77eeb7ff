//! Tasks that ask to be placed again.

use std::time::Duration;

use brisk_core::{
    error::{Cause, ErrorKind, Failure, Reschedule},
    id::{RunId, WorkerId},
    message::WorkerToScheduler,
};

use super::bench::*;

fn ask(bench: &mut Bench, worker: WorkerId, (number, run): (u128, RunId)) -> Actions {
    let failure = Box::new(Failure::from_error(&Reschedule::new("the device is taken")));
    let took = Duration::from_secs(100);
    bench.report(worker, WorkerToScheduler::Failed { key: key(number), run, failure, took })
}

#[test]
fn who_asks_is_placed_again_after_pauses_that_grow_and_not_for_ever() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let mut given = run(&bench.submit(c, vec![task(0, &[])], &[0])).1;
    let mut pauses = Vec::new();
    for attempt in 1..=100 {
        bench.start(w, given);
        assert_eq!(ask(&mut bench, w, given), [], "nothing is said, and nothing starts at once");
        let before = bench.now;
        let next = bench.machine.next_deadline().expect("the pause ends");
        let actions = bench.wait(next - before);
        let (_, next) = run(&actions);
        assert_eq!(assignments(&actions).next().unwrap().1.attempt, attempt + 1);
        pauses.push(bench.now - before);
        given = next;
    }
    assert!(pauses[0] >= Duration::from_millis(10) && pauses[0] < Duration::from_millis(13), "{pauses:?}");
    assert!(pauses[99] >= Duration::from_secs(10) && pauses[99] < Duration::from_secs(13), "{pauses:?}");
    let failed = error(&ask(&mut bench, w, given), 0);
    assert_eq!(failed.kind(), ErrorKind::Rescheduled);
    let text = failed.to_string();
    assert!(text.contains("the device is taken; it has asked 101 times, and 100 are allowed"), "{text}");
}

#[test]
fn it_uses_up_no_retries() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let retried = with(task(0, &[]), |options| options.retries = 1);
    let first = run(&bench.submit(c, vec![retried], &[0])).1;
    ask(&mut bench, w, first);
    let second = run(&bench.wait(Duration::from_secs(1))).1;
    let third = run(&bench.fail(w, second)).1;
    error(&bench.fail(w, third), 0);
}

#[test]
fn what_may_be_started_once_only_is_not_placed_again() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let once = with(task(0, &[]), |options| options.once = true);
    let first = run(&bench.submit(c, vec![once], &[0])).1;
    let failed = error(&ask(&mut bench, w, first), 0);
    assert!(failed.to_string().contains("once only"), "{failed}");
}

#[test]
fn what_stood_behind_the_last_request_is_told() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let once = with(task(0, &[]), |options| options.once = true);
    let (number, run) = run(&bench.submit(c, vec![once], &[0])).1;
    let cause = Cause::chain(vec!["the driver said no".to_owned()]);
    let failure = Box::new(Failure { cause, ..Failure::from_error(&Reschedule::new("taken")) });
    let message = WorkerToScheduler::Failed { key: key(number), run, failure, took: Duration::ZERO };
    let failed = error(&bench.report(w, message), 0);
    let cause = failed.report().failure.cause.as_ref().map(ToString::to_string);
    assert_eq!(cause.as_deref(), Some("the driver said no"));
}
