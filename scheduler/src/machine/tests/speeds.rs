//! Workers of different speed, and what is bound to them early.

use std::time::Duration;

use brisk_core::{
    id::{ClientId, WorkerId},
    message::{Answer, Query, SubmittedTask, Told},
};

use super::bench::*;
use crate::machine::Config;

const SECOND: Duration = Duration::from_secs(1);

fn on(function_number: u128, task: SubmittedTask) -> SubmittedTask {
    SubmittedTask { function: function(function_number).id, ..task }
}

impl Bench {
    /// Two workers that have run calls of function 0, of a second each, of which the second took twice as long.
    fn fast_and_slow(&mut self, threads: u32) -> (WorkerId, WorkerId, ClientId) {
        let (fast, slow, c) = (self.worker(threads), self.worker(threads), self.client());
        for number in 1_000..1_030 {
            let sent = [number, number + 1_000].map(|number| run(&self.submit(c, vec![task(number, &[])], &[number])));
            for (worker, run) in sent {
                self.finish_in(worker, run, 8, if worker == slow { 2 * SECOND } else { SECOND });
            }
        }
        (fast, slow, c)
    }

    fn step(&self, worker: WorkerId) -> usize {
        self.machine.workers[self.machine.workers.find(worker).unwrap()].speed.step().number()
    }
}

#[test]
fn a_slow_worker_is_known_by_what_others_take_for_the_same() {
    let mut bench = Bench::new();
    let (fast, slow, _) = bench.fast_and_slow(1);
    let apart = bench.step(slow) - bench.step(fast);
    assert!((3..=5).contains(&apart), "four steps are twice as slow: {apart}");
    // One that joins later is ordinary, whoever left.
    bench.kill(slow);
    let new = bench.worker(1);
    assert_eq!(bench.step(new), 8);
}

#[test]
fn the_first_calls_go_to_who_is_said_to_be_fast_and_calls_say_more_than_words() {
    let mut bench = Bench::new();
    let (slow, fast, c) = (bench.worker_at(50, 1), bench.worker_at(100, 1), bench.client());
    let told = |bench: &Bench| {
        let Answer::Told(told) = bench.machine.tell(c, &Query::Info) else { panic!("no answer") };
        let Told::Info(info) = *told else { panic!("another answer") };
        info.workers.iter().map(|worker| worker.speed_percent).collect::<Vec<_>>()
    };
    assert_eq!(told(&bench), [50, 100]);
    for number in 1..60 {
        let sent = [number, number + 1_000].map(|number| run(&bench.submit(c, vec![task(number, &[])], &[number])));
        if number == 1 {
            assert_eq!(sent.map(|(worker, _)| worker), [fast, slow]);
        }
        sent.iter().for_each(|(worker, run)| drop(bench.finish_in(*worker, *run, 8, SECOND)));
    }
    let [slow, fast] = told(&bench)[..] else { panic!("two workers") };
    assert!(fast - slow < 20, "they take the same: {slow} and {fast}");
}

#[test]
fn who_runs_only_long_functions_is_not_slow() {
    let mut bench = Bench::new();
    let (w, c) = ([bench.worker(1), bench.worker(1)], bench.client());
    for number in 1..50 {
        let short = run(&bench.submit(c, vec![task(number, &[])], &[number]));
        let long = run(&bench.submit(c, vec![on(1, task(number + 100, &[]))], &[number + 100]));
        assert_eq!((short.0, long.0), (w[0], w[1]));
        bench.finish_in(short.0, short.1, 8, SECOND);
        bench.finish_in(long.0, long.1, 8, 30 * SECOND);
    }
    assert_eq!(w.map(|w| bench.step(w)), [8, 8]);
}

#[test]
fn a_free_thread_of_a_fast_worker_comes_first_and_then_that_of_a_slow_one() {
    let mut bench = Bench::new();
    let (fast, slow, c) = bench.fast_and_slow(2);
    let numbers = [1, 2, 3, 4];
    let sent = numbers.map(|number| run(&bench.submit(c, vec![task(number, &[])], &[number])).0);
    assert_eq!(sent, [fast, fast, slow, slow]);
}

#[test]
fn the_longest_way_goes_to_the_fast_worker_and_the_shortest_to_the_slow_one() {
    let mut bench = Bench::new();
    let (fast, slow, c) = bench.fast_and_slow(1);
    // 1 leads to 2, 3 and 4; 5 to 6; 7 and 8 to nothing.
    let links = [(1, None), (2, Some(1)), (3, Some(2)), (4, Some(3)), (5, None), (6, Some(5)), (7, None), (8, None)];
    let tasks = links.map(|(number, input)| task(number, input.as_slice()));
    let sent = runs(&bench.submit(c, tasks.to_vec(), &[4, 6, 7, 8]));
    let sent: Vec<_> = sent.iter().map(|(worker, run)| (*worker, run.0)).collect();
    assert!(sent.contains(&(fast, 1)), "{sent:?}");
    assert!(sent.contains(&(slow, 8)) || sent.contains(&(slow, 7)), "{sent:?}");
}

#[test]
fn an_input_that_is_short_leaves_a_long_call_free_and_a_long_one_binds_it() {
    for (nbytes, bound) in [(8, false), (1_000_000_000, true)] {
        let mut bench = Bench::with(Config::default());
        let (w, c) = (bench.worker(1), bench.client());
        let known = run(&bench.submit(c, vec![task(1, &[])], &[1]));
        bench.finish(w, known.1, nbytes);
        let sent = runs(&bench.submit(c, vec![task(2, &[]), task(3, &[2])], &[3]));
        assert_eq!(sent.len(), if bound { 2 } else { 1 });
    }
}

#[test]
fn a_slow_worker_keeps_what_follows_only_if_moving_its_input_takes_longer_than_it_loses() {
    for (nbytes, bound) in [(500_000_000, false), (5_000_000_000, true)] {
        let mut bench = Bench::with(Config::default());
        let (fast, slow, c) = bench.fast_and_slow(1);
        let before: Vec<_> = [1, 2].map(|n| run(&bench.submit(c, vec![on(1, task(n, &[]))], &[n]))).into();
        before.iter().for_each(|(worker, run)| drop(bench.finish_in(*worker, *run, nbytes, SECOND)));
        let busy = run(&bench.submit(c, vec![task(3, &[])], &[3]));
        assert_eq!(busy.0, fast);
        let sent = runs(&bench.submit(c, vec![on(1, task(4, &[])), task(5, &[4])], &[5]));
        assert_eq!(sent[0].0, slow);
        assert_eq!(sent.len(), if bound { 2 } else { 1 });
    }
}
