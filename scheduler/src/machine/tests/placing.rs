//! Which worker gets a task that has inputs.

use std::time::Duration;

use brisk_core::{
    id::{ClientId, WorkerId},
    message::{SubmittedTask, Transfer, WorkerToScheduler},
};

use super::bench::*;

const GIGABYTE: u64 = 1_000_000_000;

fn on(function_number: u128, task: SubmittedTask) -> SubmittedTask {
    SubmittedTask { function: function(function_number).id, ..task }
}

impl Bench {
    /// A value of so many bytes under this number, made by a worker, which is the only one that is not busy.
    fn value(&mut self, c: ClientId, number: u128, nbytes: u64) -> WorkerId {
        let (worker, made) = run(&self.submit(c, vec![task(number, &[])], &[number]));
        self.finish(worker, made, nbytes);
        worker
    }

    fn measured(&mut self, to: WorkerId, from: WorkerId, nbytes: u64, took: Duration) {
        let transfers = vec![Transfer { from, nbytes, took }; 100];
        self.report(to, WorkerToScheduler::Transfers(transfers));
    }
}

#[test]
fn measured_bandwidth_decides_whether_an_input_is_moved() {
    for (slow, moved) in [(false, true), (true, false)] {
        let mut bench = Bench::new();
        let (holder, c) = (bench.worker_on("a", 1, 0), bench.client());
        bench.value(c, 1, 1_000_000);
        bench.submit(c, vec![task(2, &[])], &[2]);
        let other = bench.worker_on("b", 1, 0);
        if slow {
            bench.measured(other, holder, 1_000_000, Duration::from_secs(20));
        }
        // The holder is busy for a second; a megabyte takes a millisecond, or twenty seconds.
        let (worker, _) = run(&bench.submit(c, vec![task(3, &[1])], &[3]));
        assert_eq!(worker == other, moved);
    }
}

#[test]
fn a_worker_that_sends_slowly_is_known_for_it_and_its_neighbours_are_not() {
    let mut bench = Bench::new();
    let (slow, c) = (bench.worker_on("a", 1, 0), bench.client());
    let quick = bench.worker_on("a", 1, 0);
    let other = bench.worker_on("b", 1, 0);
    let sent = runs(&bench.submit(c, vec![task(1, &[]), task(2, &[])], &[1, 2]));
    sent.iter().for_each(|(worker, made)| drop(bench.finish(*worker, *made, 10_000_000)));
    let of_slow = sent.iter().find(|(worker, _)| *worker == slow).unwrap().1.0;
    // Ten seconds for ten megabytes, and of the other a hundredth.
    bench.measured(other, slow, 10_000_000, Duration::from_secs(10));
    bench.measured(other, quick, 10_000_000, Duration::from_millis(100));
    for _ in 0..3 {
        let number = u128::from(bench.machine.task_count() as u64 + 10);
        bench.submit(c, vec![task(number, &[])], &[number]);
    }
    assert_eq!(
        bench.machine.snapshot().workers.iter().map(|w| w.assigned).sum::<u32>(),
        3,
        "all are busy for a second"
    );
    let third = bench.worker_on("c", 1, 0);
    let (worker, _) = run(&bench.submit(c, vec![task(30, &[of_slow])], &[30]));
    assert_eq!(worker, slow, "waiting for it is shorter than fetching from it");
    let (worker, _) = run(&bench.submit(c, vec![task(31, &[3 - of_slow])], &[31]));
    assert_eq!(worker, third);
}

#[test]
fn what_many_need_is_soon_in_many_places() {
    let mut bench = Bench::new();
    let (holder, c) = (bench.worker_on("a", 1, 0), bench.client());
    bench.value(c, 1, GIGABYTE);
    // Calls of function 1 take ten milliseconds.
    let known = run(&bench.submit(c, vec![on(1, task(2, &[]))], &[2]));
    bench.finish_in(known.0, known.1, 8, Duration::from_millis(10));
    let others: Vec<_> = (0..3).map(|_| bench.worker_on("b", 1, 0)).collect();
    let numbers: Vec<_> = (10..1_010).collect();
    let sent = runs(&bench.submit(c, numbers.iter().map(|&n| on(1, task(n, &[1]))).collect(), &numbers));
    for other in others {
        assert!(sent.iter().any(|(worker, _)| *worker == other), "{sent:?}");
    }
    let on_holder = sent.iter().filter(|(worker, _)| *worker == holder).count();
    assert!(on_holder <= 10, "{on_holder} of them wait for the only holder");
}

#[test]
fn what_one_task_brings_along_is_there_for_the_next() {
    let mut bench = Bench::new();
    let (holder, c) = (bench.worker_on("a", 1, 0), bench.client());
    bench.value(c, 1, GIGABYTE / 2);
    bench.submit(c, vec![task(2, &[])], &[2]);
    let first = bench.worker_on("b", 2, 0);
    let known = run(&bench.submit(c, vec![task(3, &[])], &[3]));
    bench.finish_in(known.0, known.1, 8, Duration::from_secs(10));
    bench.worker_on("b", 2, 0);
    let sent = runs(&bench.submit(c, vec![task(4, &[1]), task(5, &[1])], &[4, 5]));
    let places: Vec<_> = sent.iter().map(|(worker, _)| *worker).collect();
    assert_eq!(places, [first, first], "not {holder}, which is busy for ten seconds, and not the third");
}

#[test]
fn a_neighbour_of_the_holder_is_better_than_a_stranger() {
    let mut bench = Bench::new();
    let (holder, c) = (bench.worker_on("a", 1, 0), bench.client());
    bench.value(c, 1, GIGABYTE / 10);
    bench.submit(c, vec![task(2, &[])], &[2]);
    let stranger = bench.worker_on("b", 4, 0);
    let neighbour = bench.worker_on("a", 4, 0);
    bench.measured(neighbour, holder, GIGABYTE, Duration::from_millis(100));
    bench.measured(stranger, holder, GIGABYTE, Duration::from_secs(5));
    let (worker, _) = run(&bench.submit(c, vec![task(3, &[1])], &[3]));
    assert_eq!(worker, neighbour);
}

#[test]
fn what_others_bring_along_counts_for_each_that_follows() {
    let mut bench = Bench::new();
    let (holder, c) = (bench.worker_on("a", 1, 0), bench.client());
    bench.value(c, 1, GIGABYTE / 2);
    bench.submit(c, vec![task(2, &[])], &[2]);
    let first = bench.worker_on("b", 4, 0);
    let known = run(&bench.submit(c, vec![task(3, &[])], &[3]));
    bench.finish_in(known.0, known.1, 8, Duration::from_secs(10));
    bench.worker_on("b", 4, 0);
    let numbers = [4, 5, 6, 7];
    let sent = runs(&bench.submit(c, numbers.map(|number| task(number, &[1])).to_vec(), &numbers));
    assert!(
        sent.len() == 4 && sent.iter().all(|(worker, _)| *worker == first),
        "not {holder}, nor the third: {sent:?}"
    );
}

#[test]
fn of_workers_whose_threads_are_taken_the_one_that_has_less_to_do_by_thread_is_next() {
    let mut bench = Bench::new();
    let (c, one) = (bench.client(), bench.worker(1));
    // Calls take a millisecond: of those that have started there is one on a worker, and there are four on the other.
    bench.learn(c, Duration::from_millis(1));
    let four = bench.worker(4);
    let sent = runs(&bench.submit(c, (10..15).map(|number| task(number, &[])).collect(), &[10, 11, 12, 13, 14]));
    sent.iter().for_each(|(worker, run)| bench.start(*worker, *run));
    let more =
        runs(&bench.submit(c, (20..30).map(|number| task(number, &[])).collect(), &(20..30).collect::<Vec<_>>()));
    let of = |w| more.iter().filter(|(worker, _)| *worker == w).count();
    assert_eq!((of(one), of(four)), (2, 8), "as they have threads");
}
