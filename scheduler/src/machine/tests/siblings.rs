//! Where tasks without inputs start that will meet.

use std::collections::BTreeMap;

use brisk_core::{id::WorkerId, message::SubmittedTask};

use super::{bench::*, ordering::live};

/// As long to move as two calls take.
const LONG: u64 = 1 << 31;

/// The leaves of a tree of pairs, and their sums; a sum comes right after what it needs. Returns the number of the root.
fn tree(tasks: &mut Vec<SubmittedTask>, levels: u32) -> u128 {
    let inputs = if levels == 0 { vec![] } else { vec![tree(tasks, levels - 1), tree(tasks, levels - 1)] };
    let number = tasks.len() as u128;
    tasks.push(task(number, &inputs));
    number
}

fn four_workers(bench: &mut Bench) {
    for _ in 0..4 {
        bench.worker(2);
    }
}

fn submit_tree(bench: &mut Bench, levels: u32) -> Actions {
    let client = bench.client();
    let mut tasks = Vec::new();
    let root = tree(&mut tasks, levels);
    bench.submit(client, tasks, &[root])
}

#[test]
fn leaves_that_meet_are_made_on_one_worker_where_values_are_long() {
    let mut bench = Bench::new();
    four_workers(&mut bench);
    let actions = submit_tree(&mut bench, 7);
    let story = live(&mut bench, &actions, LONG);
    assert_eq!(story.order.len(), 255);
    assert!(story.moved <= 32, "{} of 254 inputs were moved", story.moved);
    assert!(story.rounds <= 40, "{} rounds where 34 would do", story.rounds);
}

#[test]
fn what_is_in_nobodys_stretch_and_what_is_short_goes_in_its_turn() {
    let mut bench = Bench::new();
    four_workers(&mut bench);
    let actions = submit_tree(&mut bench, 7);
    let story = live(&mut bench, &actions, 8);
    let leaves: Vec<_> = story.order.iter().filter(|number| is_leaf(**number)).collect();
    // But for the first ones, of which nobody could know, and those that begin at once.
    let late = leaves.windows(10).skip(16).filter(|some| some[9] < some[0]).count();
    assert_eq!(late, 0, "leaves went in the order {leaves:?}");
    assert!(story.rounds <= 40, "{} rounds where 34 would do", story.rounds);
}

/// In the order of a tree of 128 leaves, where each sum comes right after what it needs.
fn is_leaf(number: u128) -> bool {
    let mut at = number + 1;
    for size in (1..=8).rev().map(|levels| (1u128 << levels) - 1) {
        if at == size {
            return size == 1;
        }
        at = if at > size { at - size } else { at };
    }
    at == 1
}

#[test]
fn of_values_that_are_not_known_only_those_change_places_that_begin_at_once() {
    let mut bench = Bench::new();
    four_workers(&mut bench);
    let first = runs(&submit_tree(&mut bench, 7));
    let mut numbers: Vec<_> = first.iter().map(|(_, run)| run.0).collect();
    numbers.sort_unstable();
    let in_turn: Vec<_> = (0..).filter(|&number| is_leaf(number)).take(numbers.len()).collect();
    assert_eq!(numbers[..8], in_turn[..8]);
    let mut places: BTreeMap<WorkerId, Vec<u128>> = BTreeMap::new();
    first.iter().take(8).for_each(|(worker, run)| places.entry(*worker).or_default().push(run.0));
    for leaves in places.values() {
        assert_eq!(leaves[1], leaves[0] + 1, "a pair is on one worker: {places:?}");
    }
}
