//! Values that clients put here.

use brisk_core::message::{SchedulerToWorker, WorkerToScheduler};

use super::*;

fn put(bench: &mut Bench, values: &[(u128, u64)]) -> Vec<Action> {
    bench.event(Event::Put { values: values.iter().map(|&(n, nbytes)| (key(n), nbytes)).collect() })
}

fn received(values: &[(u128, u64)]) -> Action {
    let values = values.iter().map(|&(n, nbytes)| (key(n), nbytes)).collect();
    Action::ToScheduler(WorkerToScheduler::Received(values))
}

fn keep(n: u128) -> Action {
    Action::Keep { key: key(n) }
}

#[test]
fn what_is_put_is_kept_and_told() {
    let mut bench = Bench::new(1, 0);
    assert_eq!(put(&mut bench, &[(10, 8), (11, 9)]), [keep(10), keep(11), received(&[(10, 8), (11, 9)])]);
    assert_eq!((bench.worker.bytes(), bench.worker.values()), (17, 2));
    // Another client with the same value: it is here.
    assert_eq!(put(&mut bench, &[(10, 8)]), [received(&[(10, 8)])]);
    assert_eq!(bench.free(10), [drop_value(10)]);
}

#[test]
fn who_waits_for_it_goes_on() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    let actions = put(&mut bench, &[(10, 8)]);
    assert!(actions.ends_with(&started(1)), "{actions:?}");
}

#[test]
fn beyond_its_memory_a_worker_keeps_what_fits_and_a_paused_one_nothing() {
    let mut bench = Bench::new(1, 100);
    assert_eq!(put(&mut bench, &[(10, 60), (11, 41), (12, 10)]), [keep(10), keep(12), received(&[(10, 60), (12, 10)])]);
    put(&mut bench, &[(13, 15)]);
    assert!(bench.worker.is_paused());
    assert_eq!(put(&mut bench, &[(14, 1)]), []);
}

#[test]
fn one_that_was_to_go_stays_after_all() {
    let mut bench = Bench::new(1, 0);
    put(&mut bench, &[(10, 8)]);
    bench.run(1, &[(10, &[])]);
    bench.says(SchedulerToWorker::Free(vec![key(10)]));
    assert_eq!(put(&mut bench, &[(10, 8)]), [received(&[(10, 8)])]);
    assert!(!bench.done(1, 8).contains(&drop_value(10)));
}

#[test]
fn a_worker_that_is_to_leave_keeps_nothing_new() {
    let mut bench = Bench::new(1, 0);
    bench.event(Event::Retire { reason: "test".into() });
    assert_eq!(put(&mut bench, &[(10, 8)]), []);
}
