//! Values: kept, pinned, freed; and too many of them.

use brisk_core::{
    id::RunId,
    message::{SchedulerToWorker, WorkerToScheduler},
    time::Moment,
};

use super::*;

#[test]
fn a_value_that_a_task_needs_is_freed_when_the_task_ends() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    bench.run(2, &[(1, &[])]);
    assert_eq!(bench.says(SchedulerToWorker::Free(vec![key(1)])), []);
    let mut expected = finished(2, 8).to_vec();
    expected.push(drop_value(1));
    assert_eq!(bench.done(2, 8), expected);
}

#[test]
fn a_freed_value_that_is_needed_anew_stays_and_is_told() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    bench.run(2, &[(1, &[])]);
    bench.says(SchedulerToWorker::Free(vec![key(1)]));
    assert_eq!(bench.run(3, &[(1, &[2])]), [added(1, 8)]);
    bench.done(2, 8);
    assert!(!bench.done(3, 8).contains(&drop_value(1)));
}

#[test]
fn what_a_client_says_it_has_put_here_is_confirmed_by_silence() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    assert_eq!(bench.says(SchedulerToWorker::Confirm(vec![key(1)])), []);
    let dropped = |number| Action::ToScheduler(WorkerToScheduler::Dropped(vec![key(number)]));
    assert_eq!(bench.says(SchedulerToWorker::Confirm(vec![key(1), key(7)])), [dropped(7)]);
    // Freed, and here only for as long as a run needs it.
    bench.run(2, &[(1, &[])]);
    bench.says(SchedulerToWorker::Free(vec![key(1)]));
    assert_eq!(bench.says(SchedulerToWorker::Confirm(vec![key(1)])), [dropped(1)]);
}

#[test]
fn above_its_memory_a_worker_starts_and_fetches_one_at_a_time() {
    let mut bench = Bench::new(4, 100);
    bench.run(1, &[]);
    assert_eq!(bench.done(1, 80)[2], Action::ToScheduler(WorkerToScheduler::Paused(true)));
    assert_eq!(bench.run(2, &[]), started(2), "nothing else could ever make room");
    assert_eq!(bench.run(3, &[]), []);
    assert_eq!(bench.run(4, &[(10, &[1])]), []);
    assert_eq!(bench.done(2, 0)[2..], started(3));
    assert_eq!(bench.done(3, 0)[2..], [fetch(1, 1, &[10])]);
    let freed = bench.says(SchedulerToWorker::Free(vec![key(1)]));
    assert_eq!(freed, [drop_value(1), Action::ToScheduler(WorkerToScheduler::Paused(false))]);
}

#[test]
fn pausing_has_a_gap_to_going_on() {
    let mut bench = Bench::new(1, 100);
    bench.with_value(1, 5);
    bench.with_value(2, 5);
    bench.with_value(3, 70);
    assert!(bench.worker.is_paused());
    bench.says(SchedulerToWorker::Free(vec![key(1)]));
    bench.says(SchedulerToWorker::Free(vec![key(2)]));
    assert!(bench.worker.is_paused(), "70 of 100");
    bench.says(SchedulerToWorker::Free(vec![key(3)]));
    assert!(!bench.worker.is_paused());
}

#[test]
fn what_is_held_is_reported_when_it_changes_and_not_too_often() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    let due = bench.worker.next_deadline().unwrap();
    assert_eq!(due, Moment::from_nanos(500 * MS));
    bench.now = 500 * MS;
    let health = Action::ToScheduler(WorkerToScheduler::Health { bytes: 8, values: 1 });
    assert_eq!(bench.event(Event::Tick), [health]);
    assert_eq!(bench.worker.next_deadline(), None);
}

#[test]
fn a_result_longer_than_all_the_memory_is_the_tasks_failure() {
    let mut bench = Bench::new(1, 1_000);
    bench.run(1, &[]);
    let ended = bench.done(1, 1_001);
    let (failure, _) = told_failure(&ended, 1).expect("it is told");
    assert_eq!(failure.kind, ErrorKind::TooLarge);
    assert!(failure.message.starts_with("its result of 1.001 kB is larger than the worker's memory limit of 1 kB"));
    assert_eq!((ended.len(), bench.worker.bytes(), bench.worker.running()), (1, 0, 0));
    bench.run(2, &[]);
    assert_eq!(bench.done(2, 1_000)[..2], finished(2, 1_000), "what just fits is kept");
}

#[test]
fn a_full_worker_finishes_what_was_on_its_way_and_keeps_its_task() {
    let mut bench = Bench::new(2, 100);
    bench.run(1, &[]);
    assert_eq!(bench.run(2, &[(10, &[1]), (11, &[2])]).len(), 2);
    assert_eq!(bench.done(1, 85)[2], Action::ToScheduler(WorkerToScheduler::Paused(true)));
    // Both come in all the same, nothing is asked for twice, and the task is the one that may run.
    assert_eq!(bench.answer(1, &[(10, stored(10))]), [Action::Keep { key: key(10) }, added(10, 10)]);
    let last = bench.answer(2, &[(11, stored(10))]);
    assert_eq!(last[1..3], started(2));
    assert_eq!(bench.worker.bytes(), 105);
}

#[test]
fn a_full_worker_that_has_room_again_looks_at_all_its_queues() {
    let mut bench = Bench::new(3, 100);
    bench.with_value(1, 85);
    bench.run(2, &[]);
    assert_eq!((bench.run(3, &[]), bench.run(4, &[]), bench.run(5, &[(10, &[1])])), (vec![], vec![], vec![]));
    let freed = bench.free(1);
    let mut expected = vec![drop_value(1)];
    expected.extend(started(4));
    expected.extend(started(3));
    expected.push(Action::ToScheduler(WorkerToScheduler::Paused(false)));
    expected.push(fetch(1, 1, &[10]));
    assert_eq!(freed, expected);
}

#[test]
fn a_cancelled_body_that_does_not_end_does_not_stop_a_full_worker_for_good() {
    let mut bench = Bench::new(2, 100);
    bench.run(1, &[]);
    bench.with_value(2, 85);
    assert_eq!(bench.run(3, &[]), []);
    assert_eq!(bench.cancel(1)[1..], started(3));
}

#[test]
fn a_value_with_another_length_takes_the_place_of_the_first() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    assert_eq!(bench.says(assignment(1, 5, 0, &[])), started_as(1, 5));
    bench.done(5, 3);
    assert_eq!((bench.worker.bytes(), bench.worker.values()), (3, 1));
}

#[test]
fn a_value_that_is_made_again_is_of_the_last_run() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    bench.says(assignment(1, 5, 0, &[]));
    bench.done(5, 8);
    let cancel = |run| SchedulerToWorker::Cancel { key: key(1), run: RunId(run) };
    assert_eq!(bench.says(cancel(1)), [], "that run's value is not here any more");
    assert_eq!(bench.says(cancel(5)), [drop_value(1)]);
}

#[test]
fn what_is_over_is_forgotten_and_after_a_burst_its_memory_goes_back() {
    let mut bench = Bench::new(1, 0);
    // A task with so many inputs, which nobody is named for, comes and is cancelled.
    let pass = |bench: &mut Bench, run: u64, inputs: u64| {
        let needs: Vec<(u128, &[u64])> = (0..inputs).map(|n| (u128::from(run * 10_000 + n), &[][..])).collect();
        assert_eq!(bench.run(run, &needs), []);
        bench.cancel(run);
        assert!(bench.worker.entries.is_empty());
        bench.worker.entries.capacity()
    };
    assert_ne!(pass(&mut bench, 1, 10), 0, "there is more to come");
    assert_eq!(pass(&mut bench, 2, 5_000), 0);
}
