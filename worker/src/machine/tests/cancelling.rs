//! Runs that nobody wants any more, before, while and after the executor has them.

use brisk_core::{id::RunId, message::SchedulerToWorker};

use super::*;

#[test]
fn a_cancelled_run_ends_privately_and_keeps_its_slot_until_then() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), [Action::Abort { run: RunId(1) }]);
    assert_eq!(bench.worker.running(), 1);
    assert_eq!(bench.done(1, 8), started(2), "nothing is kept or told");
    assert_eq!(bench.worker.bytes(), 0);
}

#[test]
fn a_run_cancelled_after_its_end_loses_its_value() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), [drop_value(1)]);
}

#[test]
fn cancelling_one_run_does_not_touch_the_next_of_the_same_task() {
    let mut bench = Bench::new(2, 0);
    bench.run(1, &[]);
    bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) });
    assert_eq!(bench.says(assignment(1, 2, 0, &[])), started_as(1, 2));
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), []);
    assert_eq!(bench.done(1, 8), []);
    assert_eq!(bench.done(2, 8)[0], Action::Keep { key: key(1) });
}
