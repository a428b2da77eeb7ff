//! From one session to the next.

use super::*;

const NEXT: Epoch = Epoch(8);

/// The same worker in its next session, with the words that it begins with.
fn back(bench: &Bench, busy: u32) -> (Bench, Vec<Action>) {
    let legacy = bench.worker.legacy();
    let mut worker = Worker::returning(bench.worker.config.clone(), peer(9), NEXT, &legacy, busy);
    worker.check_invariants().unwrap();
    let actions = std::iter::from_fn(|| worker.poll_action()).collect();
    (Bench { worker, now: 0 }, actions)
}

fn offered(values: &[(u128, u64)]) -> Action {
    Action::ToScheduler(WorkerToScheduler::Offered(values.iter().map(|&(n, nbytes)| (key(n), nbytes)).collect()))
}

fn hears(bench: &mut Bench, message: SchedulerToWorker) -> Vec<Action> {
    bench.event(Event::FromScheduler { epoch: NEXT, message })
}

#[test]
fn what_was_made_here_is_offered_but_no_copy_nothing_freed_and_nothing_under_a_chosen_key() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 7);
    bench.with_value(2, 5);
    bench.with_value(3, 9);
    bench.run(4, &[(3, &[]), (20, &[1])]);
    bench.answer(1, &[(20, stored(10))]);
    bench.says(SchedulerToWorker::Free(vec![key(3)]));
    let SchedulerToWorker::Run(mut named) = assignment(5, 5, 0, &[]) else { unreachable!() };
    named.reproducible = false;
    bench.says(SchedulerToWorker::Cancel { key: key(4), run: RunId(4) });
    bench.event(Event::Done { run: RunId(4), outcome: Ok(1), took: Duration::ZERO });
    bench.says(SchedulerToWorker::Run(named));
    bench.done(5, 4);
    assert_eq!(bench.worker.values(), 4, "1, 2, the copy of 20 and the one under a chosen key");
    let (mut bench, actions) = back(&bench, 0);
    assert_eq!(actions, [offered(&[(1, 7), (2, 5)])]);
    assert_eq!((bench.worker.values(), bench.worker.bytes()), (2, 12));
    // They can be used, and are offered again to the scheduler after that, until they are freed.
    assert_eq!(hears(&mut bench, assignment(6, 1, 0, &[(1, &[])])), started_as(6, 1));
    assert_eq!(hears(&mut bench, SchedulerToWorker::Free(vec![key(2)])), [drop_value(2)]);
    assert_eq!(back(&bench, 0).1, [offered(&[(1, 7)])]);
}

#[test]
fn a_thread_that_is_still_busy_is_not_promised_to_others() {
    let (mut bench, actions) = back(&Bench::new(2, 0), 1);
    assert_eq!(actions, [], "nothing to offer");
    assert_eq!(hears(&mut bench, assignment(1, 1, 0, &[])), started(1));
    assert_eq!(hears(&mut bench, assignment(2, 2, 0, &[])), []);
    let run = Worker::busy_run(0);
    let failure = Box::new(Failure::new(ErrorKind::Cancelled, "old"));
    assert_eq!(bench.event(Event::Done { run, outcome: Err(failure), took: Duration::ZERO }), started(2));
}

#[test]
fn a_worker_that_comes_back_full_says_so() {
    let mut bench = Bench::new(1, 100);
    bench.with_value(1, 90);
    let (_, actions) = back(&bench, 0);
    assert_eq!(actions, [offered(&[(1, 90)]), Action::ToScheduler(WorkerToScheduler::Paused(true))]);
}

#[test]
fn each_busy_thread_is_told_of_by_a_number_of_its_own() {
    let (mut bench, _) = back(&Bench::new(2, 0), 2);
    assert_eq!(bench.worker.running(), 2);
    assert_eq!(hears(&mut bench, assignment(1, 1, 0, &[])), []);
    assert_eq!(hears(&mut bench, assignment(2, 2, 0, &[])), []);
    let failure = Box::new(Failure::new(ErrorKind::Cancelled, "old"));
    for (number, next) in [(1, 2), (0, 1)] {
        let (run, outcome) = (Worker::busy_run(number), Err(failure.clone()));
        assert_eq!(bench.event(Event::Done { run, outcome, took: Duration::ZERO }), started(next));
    }
    assert_eq!(back(&bench, 9).0.worker.running(), 2, "there are no more threads than there are");
}
