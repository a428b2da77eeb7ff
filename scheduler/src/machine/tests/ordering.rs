//! In which order ready tasks go, and where that makes a difference.

use std::{collections::VecDeque, time::Duration};

use brisk_core::{
    id::{RunId, WorkerId},
    message::ClientToScheduler,
};

use super::bench::*;
use crate::machine::{Action, slab::Index};

/// `count` chains of `length` tasks, one after the other.
pub(super) fn chains(count: u128, length: u128) -> Vec<brisk_core::message::SubmittedTask> {
    let all = 0..count * length;
    all.map(|number| if number % length == 0 { task(number, &[]) } else { task(number, &[number - 1]) }).collect()
}

/// What came of running a graph, all tasks of one second.
pub(super) struct Story {
    /// How often all that ran has ended.
    pub(super) rounds: u32,
    /// Runs whose input was elsewhere.
    pub(super) moved: u32,
    pub(super) order: Vec<u128>,
}

/// Runs everything in rounds; each value is so long.
pub(super) fn live(bench: &mut Bench, first: &[Action], nbytes: u64) -> Story {
    let mut story = Story { rounds: 0, moved: 0, order: Vec::new() };
    let mut running: VecDeque<(WorkerId, (u128, RunId))> = VecDeque::new();
    let note = |story: &mut Story, actions: &[Action], running: &mut VecDeque<_>| {
        for (worker, assignment) in assignments(actions) {
            story.moved +=
                assignment.dependencies.iter().filter(|input| !input.holders.contains(&worker)).count() as u32;
        }
        running.extend(runs(actions));
    };
    note(&mut story, first, &mut running);
    while !running.is_empty() {
        story.rounds += 1;
        bench.now = bench.now + Duration::from_secs(1);
        for (worker, run) in std::mem::take(&mut running) {
            story.order.push(run.0);
            let actions = bench.finish(worker, run, nbytes);
            note(&mut story, &actions, &mut running);
        }
    }
    story
}

#[test]
fn no_chain_is_left_for_the_end() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.worker(2);
    let actions = bench.submit(c, chains(3, 4), &[3, 7, 11]);
    let story = live(&mut bench, &actions, 8);
    assert_eq!(story.order.len(), 12);
    assert_eq!(story.rounds, 6, "two threads are busy to the end: {:?}", story.order);
}

#[test]
fn a_wide_graph_is_still_walked_depth_first() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.worker(2);
    let actions = bench.submit(c, chains(20, 4), &(0..20).map(|i| i * 4 + 3).collect::<Vec<_>>());
    let story = live(&mut bench, &actions, 8);
    // No chain begins before all but two of those that come five or more before it have ended: two run, two are next.
    let at = |number: u128| story.order.iter().position(|other| *other == number).unwrap();
    for chain in 5..20 {
        let ended = (0..=chain - 5).filter(|before| at(before * 4 + 3) < at(chain * 4)).count() as u128;
        assert!(ended + 2 > chain - 5, "chain {chain} begins when {ended} have ended: {:?}", story.order);
    }
}

#[test]
fn ways_reach_back_into_earlier_chunks() {
    let mut bench = Bench::new();
    let c = bench.client();
    let mut tasks = chains(2, 6);
    let later = tasks.split_off(8);
    let submission = brisk_core::id::RequestId(1);
    let chunk = |chunk, last, tasks, wants| ClientToScheduler::Submit { submission, chunk, last, tasks, wants };
    bench.say(c, chunk(0, false, tasks, vec![]));
    let way = |bench: &Bench, number: u128| {
        let t = bench.machine.tasks.find(key(number)).unwrap();
        assert!(t.as_u32() < 12);
        bench.machine.tasks[t].way
    };
    assert_eq!([0, 5, 6, 7].map(|number| way(&bench, number)), [5, 0, 1, 0]);
    bench.say(c, chunk(1, true, later, vec![want(5), want(11)]));
    assert_eq!([0, 5, 6, 7, 11].map(|number| way(&bench, number)), [5, 0, 5, 4, 0]);
}

#[test]
fn long_values_stay_where_they_are_while_chains_keep_pace() {
    let mut bench = Bench::new();
    let c = bench.client();
    for threads in [1, 3, 4] {
        bench.worker(threads);
    }
    let actions = bench.submit(c, chains(14, 10), &(0..14).map(|i| i * 10 + 9).collect::<Vec<_>>());
    let story = live(&mut bench, &actions, 1 << 28);
    assert!(story.moved <= 14, "{} of 126 links moved their input", story.moved);
    assert!(story.rounds <= 21, "{} rounds where 18 would do", story.rounds);
}

#[test]
fn a_task_that_goes_lets_a_longer_way_into_the_window() {
    let mut bench = Bench::new();
    let c = bench.client();
    let w = bench.worker(2);
    let tasks = [(0, None), (1, None), (2, None), (3, Some(2)), (4, None), (5, None), (6, Some(5)), (7, Some(6))];
    let tasks = tasks.map(|(number, input)| task(number, input.as_slice()));
    let actions = bench.submit(c, tasks.to_vec(), &[0, 1, 3, 4, 7]);
    let first = runs(&actions);
    assert_eq!(first.iter().map(|(_, run)| run.0).collect::<Vec<_>>(), [0, 1]);
    // 2 and 4 are in the window, and 5 behind it.
    bench.release(c, 4);
    let (_, next) = run(&bench.finish(w, first[0].1, 8));
    assert_eq!(next.0, 5);
}

#[test]
fn a_way_is_the_longest_there_is_whatever_comes_later() {
    let mut bench = Bench::new();
    let (c, _) = (bench.client(), bench.worker(1));
    bench.submit(c, vec![task(9, &[]), task(1, &[]), task(2, &[1]), task(3, &[2]), task(4, &[3])], &[4, 9]);
    let way = |bench: &Bench| bench.machine.tasks[bench.machine.tasks.find(key(1)).unwrap()].way;
    let before = way(&bench);
    bench.submit(c, vec![task(5, &[1])], &[5]);
    assert_eq!(way(&bench), before);
    bench.submit(c, vec![task(6, &[4]), task(7, &[6])], &[7]);
    assert_eq!(way(&bench), before + 2, "what comes later makes it longer");
}
