//! How many workers the present work wants.

use std::time::Duration;

use brisk_core::{
    id::{ClientId, WorkerId},
    options::Quantity,
};

use super::bench::*;
use crate::machine::{Reason, Target};

impl Bench {
    fn target(&self) -> (u32, u64, Reason) {
        let targets = self.machine.targets();
        let [Target { workers, threads, reason, .. }] = targets[..] else { panic!("one build: {targets:?}") };
        (workers, threads, reason)
    }

    /// A client, and function 0 known to take this long.
    fn of_known_pace(took: Duration) -> (Self, ClientId, WorkerId) {
        let mut bench = Bench::new();
        let (c, w) = (bench.client(), bench.worker(2));
        let assigned = bench.submit(c, vec![task(1_000, &[])], &[1_000]);
        bench.finish_in(w, run(&assigned).1, 8, took);
        bench.release(c, 1_000);
        (bench, c, w)
    }
}

#[test]
fn work_is_to_be_done_in_five_seconds() {
    let (mut bench, c, _) = Bench::of_known_pace(Duration::from_secs(1));
    assert_eq!(bench.target(), (0, 0, Reason::Idle));
    bench.submit(c, (0..61).map(|n| task(n, &[])).collect(), &(0..61).collect::<Vec<_>>());
    // 61 seconds of work; workers are of two threads.
    assert_eq!(bench.target(), (7, 13, Reason::Work));
}

#[test]
fn no_more_threads_than_tasks() {
    let (mut bench, c, _) = Bench::of_known_pace(Duration::from_secs(100));
    bench.submit(c, (0..5).map(|n| task(n, &[])).collect(), &[0, 1, 2, 3, 4]);
    assert_eq!(bench.target(), (3, 5, Reason::Tasks));
}

#[test]
fn what_waits_for_its_inputs_does_not_count_yet() {
    let (mut bench, c, _) = Bench::of_known_pace(Duration::from_secs(100));
    let chain = (0..50u128).map(|n| if n == 0 { task(0, &[]) } else { task(n, &[n - 1]) });
    bench.submit(c, chain.collect(), &[49]);
    assert_eq!(bench.target(), (1, 1, Reason::Tasks));
}

#[test]
fn values_that_are_wanted_keep_a_worker() {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker(1));
    let assigned = bench.submit(c, vec![task(1, &[])], &[1]);
    bench.finish(w, run(&assigned).1, 8);
    assert_eq!(bench.target(), (1, 1, Reason::Kept));
    bench.release(c, 1);
    assert_eq!(bench.target(), (0, 0, Reason::Idle));
}

#[test]
fn full_memory_wants_twice_the_workers() {
    let mut bench = Bench::new();
    let c = bench.client();
    let w = bench.worker_on("host", 1, 1_000);
    let assigned = bench.submit(c, vec![task(1, &[])], &[1]);
    bench.finish(w, run(&assigned).1, 600);
    assert_eq!(bench.target(), (1, 1, Reason::Kept), "three fifths are not more than three fifths");
    let assigned = bench.submit(c, vec![task(2, &[])], &[2]);
    bench.finish(w, run(&assigned).1, 1);
    assert_eq!(bench.target(), (2, 2, Reason::Memory));
}

#[test]
fn without_any_worker_the_first_is_wanted_and_a_resource_that_nobody_has_wants_none() {
    let mut bench = Bench::new();
    let c = bench.client();
    let needs = |number| with(task(number, &[]), |options| options.resources = vec![("GPU".into(), Quantity(1))]);
    bench.submit(c, vec![task(1, &[]), needs(2)], &[1, 2]);
    assert_eq!(bench.target(), (1, 1, Reason::Work), "both wait, a tenth of a second each");
    let w = bench.worker(1);
    bench.release(c, 1);
    assert_eq!(bench.target(), (0, 0, Reason::Idle), "{w} can't run the other, and more like it could not");
}

#[test]
fn a_call_that_takes_no_thread_wants_a_worker_to_be_there() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.worker(1);
    let mut call = task(1, &[]);
    call.function = function(9).id;
    bench.submit(c, vec![call], &[1]);
    assert_eq!(bench.target(), (1, 1, Reason::Kept));
}

#[test]
fn one_worker_without_a_limit_has_room_for_all() {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker_on("full", 1, 1_000));
    let assigned = bench.submit(c, vec![task(1, &[])], &[1]);
    bench.finish(w, run(&assigned).1, 900);
    bench.worker_on("unlimited", 1, 0);
    assert_eq!(bench.target(), (1, 1, Reason::Kept));
}

#[test]
fn new_workers_are_taken_to_be_like_those_that_are_there() {
    let mut bench = Bench::new();
    let (c, full) = (bench.client(), bench.worker_on("a", 4, 1_000));
    let assigned = bench.submit(c, vec![task(1, &[])], &[1]);
    bench.finish_in(full, run(&assigned).1, 900, Duration::from_secs(5));
    assert_eq!(bench.target(), (2, 8, Reason::Memory), "twice as many, of four threads each");
    bench.worker_on("b", 4, 200);
    bench.submit(c, (10..24).map(|number| task(number, &[])).collect(), &(10..24).collect::<Vec<_>>());
    // Fourteen calls of five seconds, in five seconds: four workers, which is twice as many as there are.
    assert_eq!(bench.target(), (4, 14, Reason::Work));
}

#[test]
fn what_was_sent_ahead_counts_as_work_and_not_as_ready() {
    let mut bench = Bench::with(crate::machine::Config::default());
    let (c, w) = (bench.client(), bench.worker(1));
    // A hundred seconds, and a value that takes longer to move: what needs it stays there.
    let known = run(&bench.submit(c, vec![task(9, &[])], &[9])).1;
    bench.finish_in(w, known, 1 << 40, Duration::from_secs(100));
    bench.release(c, 9);
    let sent = bench.submit(c, vec![task(1, &[]), task(2, &[1])], &[2]);
    assert_eq!(runs(&sent).len(), 2);
    assert_eq!(bench.target(), (1, 1, Reason::Tasks), "the other can't run beside it, though the work is of two");
    bench.finish_in(w, runs(&sent)[0].1, 1 << 40, Duration::from_secs(100));
    assert_eq!(bench.target(), (1, 1, Reason::Tasks), "now its input is there");
}
