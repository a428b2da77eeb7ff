//! Runs that take longer than they may.

use super::*;

const LIMIT: Duration = Duration::from_secs(2);

#[test]
fn a_run_that_takes_too_long_has_failed_and_its_slot_is_anothers_while_its_body_goes_on() {
    let mut bench = Bench::new(1, 0);
    let [told, mut execute] = started(1);
    if let Action::Execute { limit, .. } = &mut execute {
        *limit = Some(LIMIT);
    }
    assert_eq!(bench.run_within(1, LIMIT, &[]), [told, execute], "its task may know of the limit");
    bench.run(2, &[]);
    assert_eq!(bench.tick_at(1_999), []);
    let overdue = bench.tick_at(2_000);
    assert_eq!(overdue[0], Action::Abort { run: RunId(1) });
    let (failure, took) = told_failure(&overdue, 1).expect("it is told");
    assert_eq!((failure.kind, took), (ErrorKind::TimedOut, LIMIT));
    assert_eq!(failure.message, "the task took longer than its limit of 2 s");
    let [told, execute] = started(2);
    assert_eq!(overdue[2..], [Action::Abandon { run: RunId(1) }, told, execute]);
    assert_eq!(bench.worker.running(), 2, "its body goes on");
    assert_eq!(bench.done(1, 8), [], "its result is dropped");
    assert_eq!(bench.worker.values(), 0);
}

#[test]
fn a_run_within_its_limit_leaves_no_deadline() {
    let mut bench = Bench::new(1, 0);
    bench.run_within(1, LIMIT, &[]);
    bench.now = 1_999 * MS;
    assert_eq!(bench.done(1, 0), finished(1, 0));
    assert_eq!(bench.tick_at(10_000), []);
    bench.run_within(2, LIMIT, &[]);
    assert_eq!(bench.failed(2).len(), 1);
    assert_eq!(bench.worker.next_deadline(), None);
    bench.run_within(3, LIMIT, &[]);
    bench.cancel(3);
    assert_eq!(bench.worker.next_deadline(), None, "nobody waits for a cancelled run");
}

#[test]
fn the_time_begins_when_the_run_does() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run_within(2, LIMIT, &[]);
    bench.run_within(3, LIMIT, &[(10, &[1])]);
    assert_eq!(bench.tick_at(5_000), []);
    bench.done(1, 8);
    assert_eq!(bench.tick_at(6_999), []);
    assert!(told_failure(&bench.tick_at(7_000), 2).is_some());
}

#[test]
fn a_late_end_that_comes_before_the_tick_is_late() {
    let mut bench = Bench::new(1, 0);
    bench.run_within(1, LIMIT, &[]);
    bench.now = 2_500 * MS;
    let took = Duration::from_millis(2_400);
    let ended = bench.event(Event::Done { run: RunId(1), outcome: Ok(8), took });
    let (failure, told) = told_failure(&ended, 1).expect("it is told");
    assert_eq!((failure.kind, told, ended.len()), (ErrorKind::TimedOut, took, 1));
    assert_eq!((bench.worker.values(), bench.worker.next_deadline()), (0, None));
}

#[test]
fn a_run_may_take_as_long_as_its_limit() {
    let mut bench = Bench::new(1, 0);
    bench.run_within(1, LIMIT, &[]);
    bench.now = 2_000 * MS;
    let ended = bench.event(Event::Done { run: RunId(1), outcome: Ok(8), took: LIMIT });
    assert_eq!((ended[0].clone(), told_failure(&ended, 1)), (Action::Keep { key: key(1) }, None));
}

#[test]
fn an_error_of_the_tasks_own_says_more_than_that_it_was_late() {
    let mut bench = Bench::new(1, 0);
    bench.run_within(1, LIMIT, &[]);
    let failure = Box::new(Failure::new(ErrorKind::Panicked, "no"));
    let took = Duration::from_secs(3);
    let ended = bench.event(Event::Done { run: RunId(1), outcome: Err(failure.clone()), took });
    assert_eq!(told_failure(&ended, 1), Some((&*failure, took)));
}

#[test]
fn a_task_that_took_too_long_is_run_again_at_once() {
    let mut bench = Bench::new(2, 0);
    bench.run_within(1, LIMIT, &[]);
    bench.tick_at(2_000);
    assert_eq!(bench.says(assignment(1, 2, 0, &[])), started_as(1, 2));
    assert_eq!(bench.done(1, 8), []);
    assert_eq!(bench.done(2, 8)[0], Action::Keep { key: key(1) });
}

#[test]
fn an_asynchronous_run_has_its_limit_too() {
    let mut bench = Bench::new(1, 0);
    bench.run_within(1, LIMIT, &[]);
    bench.event(Event::Detached { run: RunId(1) });
    assert!(told_failure(&bench.tick_at(2_000), 1).is_some());
    assert_eq!(bench.done(1, 8), []);
    assert_eq!(bench.worker.running(), 0);
}

#[test]
fn the_inputs_of_a_late_run_stay_until_its_body_ends() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    bench.run_within(2, LIMIT, &[(1, &[])]);
    bench.tick_at(2_000);
    assert_eq!(bench.free(1), []);
    assert_eq!(bench.done(2, 8), [drop_value(1)]);
}
