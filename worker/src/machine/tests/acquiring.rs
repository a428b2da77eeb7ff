//! Copies for their own sake: asked for by the scheduler, needed by no task.

use brisk_core::{
    error::{ErrorKind, Failure},
    message::{DependencyInfo, SchedulerToWorker},
};

use super::*;

fn acquire(n: u128, holders: &[u64]) -> SchedulerToWorker {
    let holders = holders.iter().map(|n| peer(*n)).collect();
    SchedulerToWorker::Acquire(vec![DependencyInfo { key: key(n), nbytes: 10, holders }])
}

#[test]
fn a_copy_is_fetched_and_reported_and_so_is_what_was_made_here() {
    let mut bench = Bench::new(1, 0);
    assert_eq!(bench.says(acquire(10, &[1])), [fetch(1, 1, &[10])]);
    assert_eq!(bench.says(acquire(10, &[1])), [], "it is on its way");
    assert_eq!(bench.answer(1, &[(10, stored(10))]), [Action::Keep { key: key(10) }, added(10, 10)]);
    bench.with_value(1, 5);
    assert_eq!(bench.says(acquire(1, &[])), [added(1, 5)], "what was made here counts");
}

/// The scheduler gave the first request up, asked again, heard of the copy, and had it freed: a second report would cross
/// that, and it would believe in a copy that is not here.
#[test]
fn a_copy_that_was_reported_is_not_reported_again_until_it_was_freed() {
    let mut bench = Bench::new(1, 0);
    bench.says(acquire(10, &[1]));
    assert_eq!(bench.answer(1, &[(10, stored(10))]), [Action::Keep { key: key(10) }, added(10, 10)]);
    assert_eq!(bench.says(acquire(10, &[2])), [], "asked before the report came");
    // Freed while a run needs it, it is no copy any more, and asked for once more it is one again.
    bench.run(1, &[(10, &[])]);
    assert_eq!(bench.free(10), []);
    assert_eq!(bench.says(acquire(10, &[2])), [added(10, 10)]);
    assert_eq!(bench.says(acquire(10, &[2])), []);
}

#[test]
fn what_a_task_needs_is_fetched_first() {
    let mut bench = Bench::new(1, 0);
    bench.worker.config.fetch_keys = 1;
    assert_eq!(bench.says(acquire(10, &[1])), [fetch(1, 1, &[10])]);
    assert_eq!(bench.says(acquire(11, &[1])), []);
    assert_eq!(bench.run(1, &[(12, &[1])]), []);
    let asked: Vec<_> = [(1, 10), (2, 12)].map(|(n, key)| bench.answer(n, &[(key, stored(10))])).concat();
    let asked: Vec<_> = asked.into_iter().filter(|action| matches!(action, Action::Fetch { .. })).collect();
    assert_eq!(asked, [fetch(2, 1, &[12]), fetch(3, 1, &[11])]);
    // A copy that a task comes to need moves up, and falls back when the task goes.
    assert_eq!(bench.says(acquire(13, &[1])), []);
    assert_eq!(bench.run(2, &[(13, &[1])]), []);
    bench.says(SchedulerToWorker::Cancel { key: key(2), run: RunId(2) });
    let actions = bench.answer(3, &[(11, stored(10))]);
    assert!(actions.contains(&fetch(4, 1, &[13])), "the scheduler still wants it: {actions:?}");
}

#[test]
fn a_copy_that_nobody_has_is_answered_once_and_forgotten() {
    let mut bench = Bench::new(1, 0);
    bench.says(acquire(10, &[1, 2]));
    assert_eq!(bench.answer(1, &[(10, FetchResult::Missing)]), [fetch(2, 2, &[10])]);
    assert_eq!(bench.answer(2, &[(10, FetchResult::Missing)]), [missing(10, &[1, 2])]);
    assert_eq!((bench.worker.is_idle(), bench.worker.next_deadline()), (true, None));
    assert_eq!(bench.says(acquire(11, &[])), [missing(11, &[])]);
    assert_eq!(bench.says(acquire(11, &[9])), [missing(11, &[9])], "a worker that was never introduced");
    // One that can't leave its holder's process is missing too; a task that needs it fails.
    bench.says(acquire(12, &[1]));
    bench.run(1, &[(12, &[1])]);
    let failure = Box::new(Failure::new(ErrorKind::Encode, "no"));
    let actions = bench.answer(3, &[(12, FetchResult::Failed(failure))]);
    assert!(matches!(&actions[0], Action::ToScheduler(WorkerToScheduler::Failed { .. })), "{actions:?}");
    assert_eq!(actions[1..], [missing(12, &[1])]);
    assert_eq!(bench.worker.next_deadline(), None);
}

#[test]
fn a_copy_that_is_not_wanted_any_more_is_dropped_on_arrival() {
    let mut bench = Bench::new(1, 0);
    bench.says(acquire(10, &[1]));
    assert_eq!(bench.says(SchedulerToWorker::Free(vec![key(10)])), []);
    assert_eq!(bench.answer(1, &[(10, stored(10))]), []);
    assert_eq!((bench.worker.values(), bench.worker.counters().stale_fetches), (0, 1));
    // Wanted again while it is on its way, it is kept.
    bench.says(acquire(11, &[1]));
    bench.says(SchedulerToWorker::Free(vec![key(11)]));
    assert_eq!(bench.says(acquire(11, &[1])), []);
    assert_eq!(bench.answer(2, &[(11, stored(10))]), [Action::Keep { key: key(11) }, added(11, 10)]);
    // A task that needs it keeps it coming.
    bench.says(acquire(12, &[1]));
    bench.run(1, &[(12, &[1])]);
    bench.says(SchedulerToWorker::Free(vec![key(12)]));
    assert!(bench.answer(3, &[(12, stored(10))]).contains(&added(12, 10)));
}

#[test]
fn a_full_worker_fetches_no_copies_until_it_has_room() {
    let mut bench = Bench::new(1, 100);
    bench.with_value(1, 90);
    assert!(bench.worker.is_paused());
    assert_eq!(bench.says(acquire(10, &[1])), []);
    let actions = bench.says(SchedulerToWorker::Free(vec![key(1)]));
    assert!(actions.contains(&fetch(1, 1, &[10])), "{actions:?}");
}

#[test]
fn the_holder_that_dies_midway_is_replaced_by_another() {
    let mut bench = Bench::new(1, 0);
    bench.says(acquire(10, &[1, 2]));
    assert_eq!(bench.event(Event::PeerLost { worker: peer(1) }), [fetch(2, 2, &[10])]);
    assert_eq!(bench.event(Event::PeerLost { worker: peer(2) }), [missing(10, &[1, 2])]);
    bench.with_value(1, 5);
    assert!(bench.worker.is_idle());
}
