//! Ends of a session.

use brisk_core::{
    id::{RequestId, RunId},
    message::{SchedulerToWorker, WorkerToScheduler},
};

use super::*;

#[test]
fn a_worker_that_is_to_end_starts_nothing_finishes_what_runs_and_waits_to_be_dismissed() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    let retire = || Event::Retire { reason: "asked to".into() };
    assert_eq!(bench.event(retire()), [Action::ToScheduler(WorkerToScheduler::Retiring("asked to".into()))]);
    assert_eq!(bench.event(retire()), [], "once is enough");
    let refused = bench.run(3, &[]);
    assert!(refused.len() == 1 && refused.iter().all(returned(3)), "{refused:?}");
    assert_eq!(bench.done(1, 8), finished(1, 8), "2 does not start");
    let runs = vec![(key(2), RunId(2))];
    let stolen = WorkerToScheduler::Stolen { request: RequestId(5), runs: runs.clone() };
    assert_eq!(bench.says(SchedulerToWorker::Steal { request: RequestId(5), runs }), [Action::ToScheduler(stolen)]);
    let leave = Action::Leave { reason: LeaveReason::Retired("its process ends".into()) };
    assert_eq!(bench.says(SchedulerToWorker::Retired("its process ends".into())), [leave]);
    assert!(bench.worker.has_left());
    assert_eq!(bench.run(4, &[]), []);
    assert_eq!(bench.worker.counters().stale_messages, 1);
}

#[test]
fn a_worker_that_is_to_end_does_not_wait_for_ever() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    bench.event(Event::Retire { reason: "asked to".into() });
    let patience = bench.worker.config.retire_patience.as_millis() as u64;
    assert_eq!(bench.tick_at(patience - 1), []);
    assert!(!bench.worker.has_left());
    let last = bench.tick_at(patience);
    assert!(matches!(&last[0], Action::ToScheduler(WorkerToScheduler::Goodbye(_))), "{last:?}");
    assert!(matches!(&last[1], Action::Leave { reason: LeaveReason::Shutdown(_) }), "{last:?}");
    assert!(bench.worker.has_left() && bench.worker.next_deadline().is_none());
}

#[test]
fn a_dismissed_worker_leaves_without_a_word() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    let leave = Action::Leave { reason: LeaveReason::Dismissed("silent".into()) };
    assert_eq!(bench.says(SchedulerToWorker::Dismiss("silent".into())), [leave]);
    assert_eq!(bench.worker.next_deadline(), None);
}
