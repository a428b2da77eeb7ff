//! Tasks whose inputs are made on this same worker.

use brisk_core::{id::RunId, message::SchedulerToWorker};

use super::*;

#[test]
fn a_task_sent_ahead_starts_without_a_message_when_its_input_is_made_here() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    assert_eq!(bench.run(2, &[(1, &[])]), []);
    let mut expected = finished(1, 8).to_vec();
    expected.extend(started(2));
    assert_eq!(bench.done(1, 8), expected);
}

#[test]
fn what_is_made_here_is_waited_for_though_nobody_else_has_it() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[(1, &[])]);
    assert_eq!(bench.says(SchedulerToWorker::Holders { key: key(1), holders: Default::default() }), []);
    assert_eq!(bench.tick_at(60_000), []);
    assert_eq!(bench.done(1, 8)[2..], started(2));
}

#[test]
fn a_task_sent_ahead_asks_when_nobody_makes_its_input_any_more() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[(1, &[])]);
    let abort = Action::Abort { run: RunId(1) };
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), [abort]);
    assert_eq!(bench.tick_at(1_000), [missing(1, &[])]);
    // It is assigned here again after all.
    bench.done(1, 8);
    assert_eq!(bench.says(assignment(1, 3, 0, &[])), started_as(1, 3));
    assert_eq!(bench.tick_at(60_000), []);
}
