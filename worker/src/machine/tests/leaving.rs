//! Ends of a session.

use brisk_core::message::SchedulerToWorker;

use super::*;

#[test]
fn a_retired_worker_gives_back_what_waits_and_finishes_what_runs() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    let retired = bench.says(SchedulerToWorker::Retire);
    assert!(retired.len() == 1 && retired.iter().all(returned(2)), "{retired:?}");
    let refused = bench.run(3, &[]);
    assert!(refused.len() == 1 && refused.iter().all(returned(3)), "{refused:?}");
    let last = bench.done(1, 8);
    assert_eq!(last[..2], finished(1, 8));
    assert_eq!(last.last(), Some(&Action::Leave { reason: LeaveReason::Retired }));
    assert!(bench.worker.has_left());
    assert_eq!(bench.run(4, &[]), []);
}

#[test]
fn a_dismissed_worker_leaves_without_a_word() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    let leave = Action::Leave { reason: LeaveReason::Dismissed("silent".into()) };
    assert_eq!(bench.says(SchedulerToWorker::Dismiss("silent".into())), [leave]);
    assert_eq!(bench.worker.next_deadline(), None);
}
