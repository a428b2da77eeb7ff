//! How much a worker is given before it has ended what it has, and who is next.

use std::time::Duration;

use brisk_core::{
    id::{ClientId, WorkerId},
    message::SubmittedTask,
};

use super::bench::*;
use crate::machine::{Config, pool::FEW};

const MILLI: Duration = Duration::from_millis(1);

fn call(function_number: u128, number: u128) -> SubmittedTask {
    SubmittedTask { function: function(function_number).id, ..task(number, &[]) }
}

/// A task that may run on this host only.
fn on(host: &str, task: SubmittedTask) -> SubmittedTask {
    with(task, |options| options.workers = vec![host.into()])
}

/// The numbers of the tasks that are assigned at once, of some that are submitted.
fn assigned(bench: &mut Bench, c: ClientId, tasks: Vec<SubmittedTask>) -> Vec<u128> {
    let wanted: Vec<_> = tasks.iter().map(|task| task.key.as_u128() >> 96).collect();
    runs(&bench.submit(c, tasks, &wanted)).into_iter().map(|(_, (number, _))| number).collect()
}

/// Two workers of one thread, of which the first holds a value that takes a second to move, as number 1.
fn holder_and_other(config: Config) -> (Bench, ClientId, WorkerId, WorkerId) {
    let mut bench = Bench::with(Config { send_ahead: false, ..config });
    let (holder, c) = (bench.worker_on("a", 1, 0), bench.client());
    let made = run(&bench.submit(c, vec![call(2, 1)], &[1])).1;
    bench.finish(holder, made, 1_000_000_000);
    let other = bench.worker_on("b", 1, 0);
    (bench, c, holder, other)
}

#[test]
fn who_has_the_larger_part_of_its_threads_free_is_next() {
    let mut bench = Bench::new();
    let (two, eight, c) = (bench.worker_on("two", 2, 0), bench.worker_on("eight", 8, 0), bench.client());
    assert_eq!(assigned(&mut bench, c, vec![on("two", task(1, &[])), on("eight", task(2, &[]))]), [1, 2]);
    assert_eq!(run(&bench.submit(c, vec![task(3, &[])], &[3])).0, eight, "and not {two}");
}

#[test]
fn where_all_threads_are_taken_who_will_be_done_first_is_next() {
    let mut bench = Bench::new();
    let (long, short, c) = (bench.worker_on("long", 1, 0), bench.worker_on("short", 1, 0), bench.client());
    bench.learn(c, MILLI / 2);
    for number in 2_000..2_016 {
        let (worker, lesson) = run(&bench.submit(c, vec![call(1, number)], &[number]));
        bench.finish_in(worker, lesson, 8, 3 * MILLI);
        bench.release(c, number);
    }
    let tasks = vec![on("long", call(1, 1)), on("short", task(2, &[])), on("short", task(3, &[]))];
    assert_eq!(assigned(&mut bench, c, tasks), [1, 2, 3]);
    assert_eq!(run(&bench.submit(c, vec![task(4, &[])], &[4])).0, short, "{long} has one call, of three times as long");
}

#[test]
fn behind_a_call_that_is_not_too_long_one_more_waits_unless_none_is_to() {
    for (prefetch_tasks, expected) in [(256, vec![1, 2]), (0, vec![1])] {
        let mut bench = Bench::with(Config { send_ahead: false, prefetch_tasks, ..Config::default() });
        let (_, c) = (bench.worker(1), bench.client());
        bench.learn(c, 50 * MILLI);
        assert_eq!(assigned(&mut bench, c, (1..5).map(|number| task(number, &[])).collect()), expected);
    }
}

#[test]
fn who_has_all_that_it_may_have_is_given_no_more_though_it_holds_the_inputs() {
    let (mut bench, c, holder, other) = holder_and_other(Config { prefetch_tasks: 0, ..Config::default() });
    assert_eq!(assigned(&mut bench, c, vec![on("a", task(2, &[]))]), [2]);
    assert_eq!(run(&bench.submit(c, vec![task(3, &[1])], &[3])).0, other, "{holder} has as many as threads");
}

#[test]
fn who_is_stalled_is_given_no_more_though_it_holds_the_inputs_but_for_what_takes_no_thread() {
    let (mut bench, c, holder, other) = holder_and_other(Config::default());
    bench.learn(c, MILLI / 10);
    let ahead = (2..5).map(|number| on("a", task(number, &[]))).collect();
    assert_eq!(assigned(&mut bench, c, ahead), [2, 3, 4]);
    bench.wait(Config::default().steal_after);
    assert_eq!(run(&bench.submit(c, vec![task(6, &[1])], &[6])).0, other, "{holder} ends nothing");
    let waits = SubmittedTask { function: function(9).id, ..task(7, &[1]) };
    assert_eq!(run(&bench.submit(c, vec![waits], &[7])).0, holder);
}

#[test]
fn what_awaits_inputs_on_its_worker_takes_no_thread_from_others() {
    let mut bench = Bench::with(Config::default());
    let (_, c) = (bench.worker(2), bench.client());
    assert_eq!(assigned(&mut bench, c, vec![task(1, &[]), task(2, &[1])]), [1, 2]);
    assert_eq!(assigned(&mut bench, c, vec![task(3, &[]), task(4, &[])]), [3], "one thread is free, and no more");
}

#[test]
fn among_many_workers_a_task_goes_only_where_it_may() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.worker_on("b", 4, 0);
    (0..=FEW).for_each(|_| _ = bench.worker_on("a", 1, 0));
    let only_there = assigned(&mut bench, c, (1..=FEW as u128 + 5).map(|number| on("a", task(number, &[]))).collect());
    assert_eq!(only_there.len(), FEW + 1, "{only_there:?}");
}

#[test]
fn long_calls_that_follow_one_another_are_sent_one_ahead_and_those_that_take_no_thread_all() {
    for (number_of_function, expected) in [(1, vec![1, 2]), (9, vec![1, 2, 3, 4])] {
        let mut bench = Bench::with(Config::default());
        let (_, c) = (bench.worker(1), bench.client());
        let chain = (1..5).map(|n| {
            let inputs: Vec<_> = (1..n).rev().take(1).collect();
            SubmittedTask { function: function(number_of_function).id, ..task(n, &inputs) }
        });
        assert_eq!(assigned(&mut bench, c, chain.collect()), expected);
    }
}

#[test]
fn what_follows_is_sent_ahead_as_long_as_threads_have_something_to_do() {
    for threads in [1, 4] {
        let mut bench = Bench::with(Config::default());
        let (_, c) = (bench.worker(threads), bench.client());
        bench.learn(c, MILLI);
        let fan = (1..100).map(|number| task(number, if number == 1 { &[] } else { &[1] })).collect();
        let sent = assigned(&mut bench, c, fan).len() as u32;
        // A thread is fed for five milliseconds.
        assert!((4 * threads..=6 * threads).contains(&sent), "{sent} for {threads} threads");
    }
}
