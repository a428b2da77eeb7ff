//! Runs that wait for other tasks.

use std::time::Duration;

use brisk_core::{id::WorkerId, message::WorkerToScheduler};

use super::bench::*;
use crate::machine::What;

fn secede(bench: &mut Bench, worker: WorkerId, (number, run): (u128, brisk_core::id::RunId)) -> Actions {
    bench.report(worker, WorkerToScheduler::Seceded { key: key(number), run })
}

fn rejoin(bench: &mut Bench, worker: WorkerId, (number, run): (u128, brisk_core::id::RunId)) -> Actions {
    bench.report(worker, WorkerToScheduler::Rejoined { key: key(number), run })
}

#[test]
fn a_thread_that_was_given_up_is_anothers_and_counts_again_when_it_is_taken() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    bench.learn(c, Duration::from_secs(1));
    let leaves = (0..4).map(|number| task(number, &[])).collect();
    let first = run(&bench.submit(c, leaves, &[0, 1, 2, 3])).1;
    // It is said to have started by that.
    let second = run(&secede(&mut bench, w, first)).1;
    assert_eq!(secede(&mut bench, w, first), [], "said twice");
    assert_eq!(rejoin(&mut bench, w, first), []);
    assert_eq!(rejoin(&mut bench, w, first), [], "said twice");
    assert_eq!(runs(&bench.finish(w, second, 8)), [], "the first has the thread");
    // It may go again, and end without having come back.
    let third = run(&secede(&mut bench, w, first)).1;
    assert_eq!(runs(&bench.finish(w, first, 8)), [], "the third has the thread");
    assert_eq!(runs(&bench.finish(w, third, 8)).len(), 1);
}

#[test]
fn who_waits_is_not_blamed() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    bench.learn(c, Duration::from_secs(1));
    let first = run(&bench.submit(c, vec![task(0, &[]), task(1, &[])], &[0, 1])).1;
    let second = run(&secede(&mut bench, w, first)).1;
    bench.start(w, second);
    bench.kill(w);
    let suspected: Vec<_> = bench.whats().into_iter().filter_map(suspected).collect();
    assert_eq!(suspected, [key(second.0)]);
}

fn suspected(what: What) -> Option<brisk_core::key::Key> {
    match what {
        What::Suspected { key, .. } => Some(key),
        _ => None,
    }
}

#[test]
fn a_suspect_that_waits_lets_the_next_in() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(2), bench.client());
    let both = runs(&bench.submit(c, vec![task(0, &[]), task(1, &[])], &[0, 1]));
    both.iter().for_each(|&(_, run)| bench.start(w, run));
    bench.kill(w);
    let (w, joined) = bench.worker_with(2, "", &[]);
    let first = run(&joined).1;
    bench.start(w, first);
    // It may be waiting for that very one.
    let second = run(&secede(&mut bench, w, first)).1;
    rejoin(&mut bench, w, first);
    secede(&mut bench, w, first);
    bench.finish(w, second, 8);
    bench.finish(w, first, 8);
}

#[test]
fn an_async_run_that_waits_for_others_leaves_its_place_among_those_and_takes_it_again() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let call = brisk_core::message::SubmittedTask { function: function(9).id, ..task(1, &[]) };
    let first = run(&bench.submit(c, vec![call], &[1])).1;
    // The invariants count them after each event.
    assert_eq!(secede(&mut bench, w, first), []);
    assert_eq!(rejoin(&mut bench, w, first), []);
    bench.finish(w, first, 8);
}
