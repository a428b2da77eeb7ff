//! Values: asked of peers, and had from them or not.

use std::time::Duration;

use brisk_core::{
    error::{ErrorKind, Failure},
    id::RunId,
    message::{SchedulerToWorker, WorkerToScheduler},
};
use smallvec::SmallVec;

use super::*;

#[test]
fn inputs_are_fetched_in_one_batch_a_peer_and_reported() {
    let mut bench = Bench::new(2, 0);
    assert_eq!(bench.run(1, &[(10, &[1])]), [fetch(1, 1, &[10])]);
    // The peer is being asked: what else it has waits, and goes together.
    assert_eq!(bench.run(2, &[(11, &[1])]), []);
    assert_eq!(bench.run(3, &[(12, &[1]), (11, &[1])]), []);
    let mut expected = vec![Action::Keep { key: key(10) }];
    expected.extend(started(1));
    // The newer of two equals comes first: its inputs are asked for first.
    expected.extend([fetch(2, 1, &[11, 12]), added(10, 10)]);
    assert_eq!(bench.answer(1, &[(10, stored(10))]), expected);
}

#[test]
fn a_key_is_asked_of_the_next_holder_and_then_of_the_scheduler_once() {
    let mut bench = Bench::new(1, 0);
    assert_eq!(bench.run(1, &[(10, &[1, 2])]), [fetch(1, 1, &[10])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Missing)]), [fetch(2, 2, &[10])]);
    assert_eq!(bench.event(Event::PeerLost { worker: peer(2) }), [missing(10, &[1, 2])]);
    assert_eq!(bench.tick_at(999), []);
    assert_eq!(bench.tick_at(1_000), [missing(10, &[1, 2])]);
    assert_eq!(bench.tick_at(2_999), []);
    let holders = SmallVec::from_slice(&[peer(3)]);
    // It was told of holders in vain before: it takes a breath.
    assert_eq!(bench.says(SchedulerToWorker::Holders { key: key(10), holders }), []);
    assert_eq!(bench.tick_at(3_150), [fetch(3, 3, &[10])]);
}

#[test]
fn holders_named_in_answer_are_asked_at_once_the_first_time() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Missing)]), [missing(10, &[1])]);
    let holders = SmallVec::from_slice(&[peer(2)]);
    assert_eq!(bench.says(SchedulerToWorker::Holders { key: key(10), holders }), [fetch(2, 2, &[10])]);
}

#[test]
fn a_busy_peer_is_asked_again_later_or_another_at_once() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Busy)]), []);
    assert_eq!(bench.tick_at(149), []);
    assert_eq!(bench.tick_at(150), [fetch(2, 1, &[10])]);

    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1, 2])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Busy)]), [fetch(2, 2, &[10])]);
}

#[test]
fn a_peer_that_makes_no_progress_is_given_up() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1]), (11, &[1])]);
    bench.now = 20_000 * MS;
    assert_eq!(bench.answer(1, &[(10, stored(10))]), [Action::Keep { key: key(10) }, added(10, 10)]);
    // An answer is progress: the time begins again.
    assert_eq!(bench.tick_at(49_999), []);
    assert_eq!(bench.tick_at(50_000), [Action::Disconnect { worker: peer(1) }, missing(11, &[1])]);
    assert_eq!(bench.worker.counters().fetch_timeouts, 1);
    assert_eq!(bench.answer(1, &[(11, stored(10))]), []);
}

#[test]
fn what_arrives_for_a_cancelled_task_is_dropped_untold() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), []);
    assert_eq!(bench.answer(1, &[(10, stored(10))]), []);
    assert!(bench.worker.is_idle());
    assert_eq!(bench.worker.values(), 0);
}

#[test]
fn what_is_on_its_way_for_a_cancelled_task_serves_the_next() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) });
    assert_eq!(bench.run(2, &[(10, &[2])]), [], "it is not asked for twice");
    let mut expected = vec![Action::Keep { key: key(10) }];
    expected.extend(started(2));
    expected.push(added(10, 10));
    assert_eq!(bench.answer(1, &[(10, stored(10))]), expected);
}

#[test]
fn an_input_that_cannot_leave_its_process_fails_those_who_need_it() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1, 2])]);
    bench.run(2, &[(1, &[])]);
    let failure = Box::new(Failure::new(ErrorKind::Encode, "no"));
    let (key, run, took) = (key(1), RunId(1), Duration::ZERO);
    let told = Action::ToScheduler(WorkerToScheduler::Failed { key, run, failure: failure.clone(), took });
    assert_eq!(bench.answer(1, &[(10, FetchResult::Failed(failure))]), [told]);
}

#[test]
fn a_worker_that_is_gone_is_not_asked() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1, 2])]);
    let gone = bench.says(SchedulerToWorker::WorkerGone(peer(1)));
    assert_eq!(gone, [Action::Disconnect { worker: peer(1) }, fetch(2, 2, &[10])]);
    bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) });
    assert_eq!(bench.run(2, &[(11, &[1])]), [missing(11, &[1])]);
}

#[test]
fn a_task_with_a_hundred_thousand_inputs_is_taken_and_cancelled_in_one_go() {
    let mut bench = Bench::new(1, 0);
    let needs: Vec<(u128, &[u64])> = (0..100_000).map(|n| (1_000 + n, &[1u64][..])).collect();
    let actions = bench.run(1, &needs);
    assert_eq!(actions.len(), 1);
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), []);
    assert_eq!(bench.event(Event::PeerLost { worker: peer(1) }), []);
    assert!(bench.worker.is_idle());
}
