//! How much is asked back for workers with threads to spare, and what is not.

use std::time::Duration;

use brisk_core::{
    message::{SubmittedTask, WorkerToScheduler},
    options::Quantity,
};

use super::{bench::*, stealing::*};
use crate::machine::Config;

/// How many of a hundred or so of calls that take no thread a worker gives to another, by their threads.
fn calls_given(calls: u128, victim: u32, thief: u32) -> usize {
    let mut bench = Bench::new();
    let (_, c) = (bench.worker(victim), bench.client());
    let call = |number| SubmittedTask { function: function(9).id, ..task(number, &[]) };
    submit(&mut bench, c, (1..=calls).map(call).collect());
    bench.worker(thief);
    assert_eq!(asked(&bench.wait(5 * MILLI)), [], "they may start any moment");
    bench.asked_within_a_second()[0].2.len()
}

#[test]
fn calls_that_take_no_thread_are_shared_as_threads_are() {
    assert_eq!(calls_given(100, 1, 3), 75);
    assert_eq!(calls_given(99, 2, 1), 33);
    assert_eq!(calls_given(101, 1, 1), 50);
}

#[test]
fn what_is_asked_for_would_start_sooner_with_as_many_threads_as_there_are() {
    // Four threads are done with ninety calls of 50 µs in a quarter of the time.
    let (mut bench, _, _, _) = behind(95);
    let (_, actions) = bench.worker_with(4, "", &[]);
    let for_four = one_question(&[actions, bench.wait(5 * MILLI)].concat()).2.len();
    assert!((60..=75).contains(&for_four), "{for_four}");
    // And forty calls wait hardly longer for four threads than a question and its answer take.
    let mut bench = Bench::new();
    let (_, c) = (bench.worker(4), bench.client());
    bench.learn(c, SHORT);
    assert_eq!(submit(&mut bench, c, (1..=40).map(|i| task(i, &[])).collect()).len(), 40);
    let (_, actions) = bench.worker_with(1, "", &[]);
    let of_four: usize = asked(&[actions, bench.wait(5 * MILLI)].concat()).iter().map(|asked| asked.2.len()).sum();
    assert!(of_four <= 2, "{of_four}");
}

#[test]
fn what_a_free_thread_can_take_stays() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(2), bench.client());
    bench.learn(c, SHORT);
    let long = |number| SubmittedTask { function: function(1).id, ..task(number, &[]) };
    let first = submit(&mut bench, c, vec![long(1)])[0].1;
    bench.finish_in(w, first, 8, 50 * MILLI);
    let sent = submit(&mut bench, c, vec![long(2), task(3, &[]), task(4, &[])]);
    assert_eq!(sent.len(), 3);
    bench.start(w, sent[0].1);
    let (_, actions) = bench.worker_with(1, "", &[]);
    let question = one_question(&[actions, bench.wait(5 * MILLI)].concat());
    assert_eq!(question.2, [(key(4), sent[2].1.1)]);
}

#[test]
fn what_has_started_is_not_asked_for_though_it_is_the_least_urgent() {
    let (mut bench, w, _, sent) = behind(95);
    for run in &sent[90..] {
        bench.start(w, *run);
    }
    let (_, actions) = bench.worker_with(1, "", &[]);
    let question = one_question(&[actions, bench.wait(5 * MILLI)].concat());
    assert!(question.2.iter().all(|(_, run)| sent[90..].iter().all(|(_, started)| run != started)), "{question:?}");
}

#[test]
fn what_awaits_inputs_that_are_being_made_is_not_asked_for() {
    let mut bench = Bench::with(Config::default());
    let (_, c) = (bench.worker(1), bench.client());
    bench.learn(c, SHORT);
    let roots = (1..=70).map(|i| task(i, &[]));
    let sent = submit(&mut bench, c, roots.chain((1..=20).map(|i| task(100 + i, &[i]))).collect());
    assert!(sent.iter().any(|(_, (number, _))| *number > 100), "some are sent ahead");
    let (_, actions) = bench.worker_with(1, "", &[]);
    let question = one_question(&[actions, bench.wait(5 * MILLI)].concat());
    assert!(!question.2.iter().any(|(k, _)| (101..=120).any(|number| *k == key(number))), "{question:?}");
}

#[test]
fn a_task_is_moved_three_times() {
    // Where a question costs nearly nothing, a few calls are worth one.
    let latency = Duration::from_micros(1);
    let mut bench = Bench::with(Config { send_ahead: false, latency, ..Config::default() });
    let (mut victim, c) = (bench.worker(1), bench.client());
    bench.learn(c, SHORT);
    let sent = submit(&mut bench, c, (1..=95).map(|i| task(i, &[])).collect());
    let mut kept: Vec<_> = sent.into_iter().map(|(_, run)| run).collect();
    let mut requests = Vec::new();
    for moves in 0.. {
        let (thief, actions) = bench.worker_with(1, "", &[]);
        let questions = asked(&[actions, bench.wait(5 * MILLI)].concat());
        let [question] = &questions[..] else {
            assert_eq!((moves, questions), (3, vec![]));
            assert!(kept.len() > 8, "so many would be worth it: {}", kept.len());
            return;
        };
        assert!(question.0 == victim && !requests.contains(&question.1), "{requests:?}");
        requests.push(question.1);
        let given = runs(&bench.give_up(question));
        assert!(given.iter().all(|(worker, _)| *worker == thief));
        kept.retain(|run| given.iter().all(|(_, (number, _))| *number != run.0));
        for run in kept {
            bench.finish_in(victim, run, 8, SHORT);
        }
        (victim, kept) = (thief, given.into_iter().map(|(_, run)| run).collect());
    }
}

#[test]
fn one_look_finds_work_for_sixteen_workers() {
    let (mut bench, _, _, _) = behind(95);
    let mut actions = Vec::new();
    for _ in 0..20 {
        actions.extend(bench.worker_with(1, "", &[]).1);
    }
    let question = one_question(&[actions, bench.wait(5 * MILLI)].concat());
    let mut thieves: Vec<_> = runs(&bench.give_up(&question)).into_iter().map(|(worker, _)| worker).collect();
    thieves.sort_unstable();
    thieves.dedup();
    assert_eq!(thieves.len(), 16);
}

#[test]
fn who_was_promised_enough_by_one_is_promised_nothing_by_others() {
    let (mut bench, a, c, _) = behind(95);
    let thief = bench.worker(1);
    assert_eq!(one_question(&bench.wait(5 * MILLI)).0, a);
    bench.report(thief, WorkerToScheduler::Paused(true));
    let b = bench.worker(1);
    let sent = submit(&mut bench, c, (200..=295).map(|i| task(i, &[])).collect());
    assert!(sent.iter().filter(|(worker, _)| *worker == b).count() > 80);
    assert_eq!(asked(&bench.wait(5 * MILLI)), []);
    let actions = bench.report(thief, WorkerToScheduler::Paused(false));
    assert_eq!(asked(&[actions, bench.wait(5 * MILLI)].concat()), []);
}

#[test]
fn a_worker_that_would_take_much_longer_is_given_nothing_that_waits_for_less() {
    for (percent, given) in [(1, false), (100, true)] {
        let (mut bench, w, c) = measured(SHORT);
        let sent = submit(&mut bench, c, (1..=11).map(|i| task(i, &[])).collect());
        bench.start(w, sent[0].1);
        bench.worker_at(percent, 1);
        assert_eq!(!asked(&bench.wait(5 * MILLI)).is_empty(), given, "{percent} %");
    }
}

#[test]
fn what_was_taken_for_a_worker_that_takes_no_more_goes_elsewhere() {
    let (mut bench, w, _, _) = behind(95);
    let thief = bench.worker(1);
    let question = one_question(&bench.wait(5 * MILLI));
    bench.report(thief, WorkerToScheduler::Paused(true));
    let given = runs(&bench.give_up(&question));
    assert!(given.len() == question.2.len() && given.iter().all(|(worker, _)| *worker == w), "{given:?}");
}

#[test]
fn of_a_scarce_resource_one_run_at_a_time_is_promised() {
    let gpu =
        |number| with(task(number, &[]), |options| options.resources = vec![("gpu".into(), Quantity::from_f64(1.0))]);
    let (mut bench, _, c) = measured(SHORT);
    let (a, _) = bench.worker_with(1, "a", &[("gpu", 100.0)]);
    let sent = submit(&mut bench, c, (1..=60).map(gpu).collect());
    bench.start(a, sent[0].1);
    let (_, actions) = bench.worker_with(4, "b", &[("gpu", 1.0)]);
    assert_eq!(one_question(&[actions, bench.wait(5 * MILLI)].concat()).2.len(), 1);
}

#[test]
fn who_ends_runs_now_and_then_is_given_more() {
    let (mut bench, w, c, sent) = behind(95);
    for run in &sent[..8] {
        bench.wait(5 * MILLI);
        bench.finish_in(w, *run, 8, SHORT);
    }
    assert_eq!(submit(&mut bench, c, vec![task(200, &[])]).len(), 1, "it is not stalled");
    assert_eq!(asked(&bench.wait(19 * MILLI)), []);
    bench.wait(10 * MILLI);
    assert_eq!(submit(&mut bench, c, vec![task(201, &[])]), [], "nothing has ended for a while");
}
