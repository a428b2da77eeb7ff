//! What grows memory waits while memory is short and others free some.

use std::{collections::VecDeque, time::Duration};

use brisk_core::{
    id::{ClientId, RunId, WorkerId},
    message::SubmittedTask,
    state::TaskState,
};

use super::bench::*;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

/// A call of another function than [`task`] makes.
fn call(function_number: u128, number: u128, dependencies: &[u128]) -> SubmittedTask {
    SubmittedTask { function: function(function_number).id, ..task(number, dependencies) }
}

fn numbers(sent: &[(WorkerId, (u128, RunId))]) -> Vec<u128> {
    sent.iter().map(|(_, (number, _))| *number).collect()
}

/// A worker of one gibibyte with two threads on which a value of so many bytes lies, and a task that makes a few bytes of it
/// runs. Beside it ten more of the long ones are submitted.
fn full(bench: &mut Bench, nbytes: u64) -> (WorkerId, ClientId, (u128, RunId), Vec<u128>) {
    let (w, c) = (bench.worker_on("a", 2, GIB), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[]), call(1, 2, &[1])], &[2])).1;
    let second = run(&bench.finish(w, first, nbytes)).1;
    let roots: Vec<_> = (10..20).collect();
    let sent = runs(&bench.submit(c, roots.iter().map(|&n| task(n, &[])).collect(), &roots));
    (w, c, second, numbers(&sent))
}

#[test]
fn roots_wait_while_memory_is_short_and_something_runs_that_will_free_some() {
    let mut bench = Bench::new();
    let (w, _, second, sent) = full(&mut bench, GIB * 4 / 10);
    assert_eq!(sent, [] as [u128; 0], "four tenths are there, and four more would come");
    // It ends, and with it goes its input: now there is room for one, and nothing runs that would make more.
    assert_eq!(numbers(&runs(&bench.finish(w, second, 8))), [10, 11]);
    let mut bench = Bench::new();
    assert_eq!(full(&mut bench, GIB / 10).3, [10], "two tenths are not much");
}

#[test]
fn what_makes_less_of_its_inputs_goes_on_while_roots_wait() {
    // With little room, and where far too much is there already; not measured, and measured.
    for (tenths, measured) in [(4, false), (7, false), (7, true)] {
        let mut bench = Bench::new();
        let (w, c, second, _) = full(&mut bench, GIB * tenths / 10);
        if measured {
            // Its input stays: another such call runs.
            bench.submit(c, vec![call(2, 3, &[1])], &[3]);
            bench.finish(w, second, 8);
        }
        let actions = bench.submit(c, vec![call(1, 30, &[1])], &[30]);
        let (worker, (number, _)) = run(&actions);
        assert_eq!((worker, number), (w, 30), "with {tenths} tenths");
    }
}

#[test]
fn what_takes_no_input_along_is_no_reduction_before_anybody_knows_how_long_it_is() {
    let mut bench = Bench::new();
    let (_, c, _, _) = full(&mut bench, GIB * 7 / 10);
    assert_eq!(runs(&bench.submit(c, vec![call(5, 30, &[])], &[30])), []);
}

#[test]
fn of_an_input_that_others_need_as_well_a_task_makes_room_for_its_part_only() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker_on("a", 4, GIB), bench.client());
    let lesson = run(&bench.submit(c, vec![call(2, 9, &[])], &[9])).1;
    bench.finish(w, lesson, GIB * 3 / 10);
    bench.release(c, 9);
    let first = run(&bench.submit(c, vec![task(1, &[]), call(1, 2, &[1])], &[2])).1;
    assert_eq!(numbers(&runs(&bench.finish(w, first, GIB / 2))), [2]);
    let users: Vec<_> = (31..35).collect();
    let sent = runs(&bench.submit(c, users.iter().map(|&n| call(2, n, &[1])).collect(), &users));
    assert_eq!(sent, [], "three tenths come with each, and a fifth of five tenths goes");
}

#[test]
fn only_what_takes_more_along_than_it_makes_is_waited_for() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker_on("a", 8, GIB), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[]), call(3, 20, &[])], &[1])).1;
    bench.finish(w, first, GIB * 9 / 10);
    // One of which nothing is known and that takes nothing along, and one that takes eight bytes along and makes many.
    let unknown = runs(&bench.submit(c, vec![call(2, 5, &[])], &[5]));
    assert_eq!(numbers(&unknown), [5]);
    assert_eq!(numbers(&runs(&bench.submit(c, vec![task(6, &[])], &[6]))), [6]);
    let short = run(&bench.submit(c, vec![call(4, 20, &[]), task(21, &[20])], &[21])).1;
    assert_eq!(numbers(&runs(&bench.finish(w, short, 8))), [21]);
    assert_eq!(numbers(&runs(&bench.submit(c, vec![task(7, &[])], &[7]))), [7]);
}

#[test]
fn patience_is_twice_what_the_longest_takes_that_frees_memory() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker_on("a", 3, GIB), bench.client());
    let lesson = run(&bench.submit(c, vec![call(1, 9, &[])], &[9])).1;
    bench.finish_in(w, lesson, 8, Duration::from_secs(10));
    let first = run(&bench.submit(c, vec![task(1, &[]), call(1, 2, &[1])], &[2])).1;
    assert_eq!(numbers(&runs(&bench.finish(w, first, GIB * 4 / 10))), [2]);
    // A short one begins after the long one.
    assert_eq!(run(&bench.submit(c, vec![call(2, 3, &[1])], &[3])).1.0, 3);
    assert_eq!(runs(&bench.submit(c, vec![task(10, &[])], &[10])), []);
    assert_eq!(runs(&bench.wait(Duration::from_secs(19))), []);
    assert_eq!(numbers(&runs(&bench.wait(Duration::from_secs(2)))), [10]);
}

#[test]
fn what_waits_goes_as_soon_as_somebody_lets_go_of_a_value() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker_on("a", 3, GIB), bench.client());
    let kept = run(&bench.submit(c, vec![call(4, 5, &[])], &[5])).1;
    bench.finish(w, kept, GIB / 2);
    let first = run(&bench.submit(c, vec![task(1, &[]), call(1, 2, &[1])], &[2])).1;
    assert_eq!(numbers(&runs(&bench.finish(w, first, GIB / 10))), [2]);
    assert_eq!(runs(&bench.submit(c, vec![task(10, &[])], &[10])), []);
    assert_eq!(numbers(&runs(&bench.release(c, 5))), [10]);
}

#[test]
fn roots_go_on_if_nothing_that_runs_could_free_memory() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker_on("a", 1, GIB), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.finish(w, first, GIB * 9 / 10);
    assert_eq!(run(&bench.submit(c, vec![task(2, &[])], &[2])).1.0, 2);
}

#[test]
fn roots_wait_no_longer_if_nothing_ends_since_it_may_wait_for_them() {
    let mut bench = Bench::new();
    let (w, _, second, _) = full(&mut bench, GIB * 4 / 10);
    bench.start(w, second);
    assert_eq!(runs(&bench.wait(Duration::from_millis(900))), []);
    assert_eq!(numbers(&runs(&bench.wait(Duration::from_millis(200)))), [10]);
    assert_eq!(bench.machine.snapshot().count(TaskState::Queued), 9);
}

#[test]
fn what_is_withheld_leaves_no_deadline_behind() {
    let mut bench = Bench::new();
    let (w, c, _, _) = full(&mut bench, GIB * 4 / 10);
    for number in 10..20 {
        bench.release(c, number);
    }
    assert_eq!(bench.machine.classes.environments.iter().next().unwrap().1.pool.withheld.until, None);
    bench.submit(c, vec![task(40, &[])], &[40]);
    bench.kill(w);
    assert_eq!(bench.machine.classes.environments.iter().next().unwrap().1.pool.live, Default::default());
}

#[test]
fn what_nobody_could_make_room_for_is_not_slowed_down() {
    // Each makes as much again of an input that is to stay: all grow memory, and none frees any.
    let mut bench = Bench::new();
    let (w, c) = (bench.worker_on("a", 4, GIB), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.finish(w, first, GIB / 2);
    let copies: Vec<_> = (10..20).collect();
    let sent = runs(&bench.submit(c, copies.iter().map(|&n| task(n, &[1])).collect(), &copies));
    assert_eq!(sent.len(), 4);
}

/// Runs everything in rounds, with so many bytes for each number; the most bytes that were held at once.
fn most_held(bench: &mut Bench, mut running: VecDeque<(WorkerId, (u128, RunId))>, nbytes: impl Fn(u128) -> u64) -> u64 {
    let mut most = 0;
    while let Some((worker, run)) = running.pop_front() {
        bench.now = bench.now + Duration::from_millis(100);
        running.extend(runs(&bench.finish(worker, run, nbytes(run.0))));
        most = most.max(bench.machine.snapshot().workers.iter().map(|worker| worker.bytes).sum());
    }
    assert_eq!(bench.machine.snapshot().count(TaskState::Queued), 0);
    most
}

#[test]
fn reducers_run_before_the_leaves_of_an_earlier_submission_that_fills_memory() {
    for limit in [500 * MIB, 0] {
        let mut bench = Bench::new();
        let c = bench.client();
        let (_, _) = (bench.worker_on("a", 2, limit), bench.worker_on("b", 2, limit));
        let (leaves, sums): (Vec<_>, Vec<_>) = ((0..200).collect(), (0..200).map(|i| 1_000 + i).collect());
        // Leaves of ten megabytes, each to be summed up by a call that comes later: in order, all would be held at once.
        let mut first = runs(&bench.submit(c, leaves.iter().map(|&i| task(i, &[])).collect(), &leaves));
        let tasks = sums.iter().map(|&i| call(1, i, &[i - 1_000])).collect();
        first.extend(runs(&bench.submit(c, tasks, &sums)));
        for &leaf in &leaves {
            first.extend(runs(&bench.release(c, leaf)));
        }
        let most = most_held(&mut bench, first.into(), |number| if number < 1_000 { 10 * MIB } else { 8 });
        if limit > 0 {
            assert!(most <= 600 * MIB + 4 * 10 * MIB, "six tenths, and what runs: {most}");
        } else {
            assert!(most > 1_500 * MIB, "without limits the order of submissions is all there is: {most}");
        }
    }
}

#[test]
fn the_workers_that_may_run_a_task_are_those_that_count() {
    let mut bench = Bench::new();
    let c = bench.client();
    let (full, empty) = (bench.worker_on("full", 2, GIB), bench.worker_on("empty", 2, 100 * GIB));
    let on = |host: &str, task| with(task, |options| options.workers = vec![host.into()]);
    let first = run(&bench.submit(c, vec![on("full", task(1, &[])), on("full", call(1, 2, &[1]))], &[2])).1;
    bench.finish(full, first, GIB / 2);
    // One that has no room and another that has.
    assert_eq!(runs(&bench.submit(c, vec![on("full", task(3, &[]))], &[3])), []);
    assert_eq!(run(&bench.submit(c, vec![on("empty", task(4, &[]))], &[4])).0, empty);
}
