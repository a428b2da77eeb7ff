//! When the last chains begin, and in which order links go on the worker that has them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use brisk_core::{
    id::{ClientId, RunId, WorkerId},
    message::{DependencyInfo, Priority, SubmittedTask},
    options::Quantity,
};

use super::{bench::*, ordering::chains};
use crate::machine::{Action, Config};

/// Long beside a call of a second, and short.
const LONG: u64 = 1 << 29;
const SHORT: u64 = 8;

/// What waits or runs at one worker: its place, its number, its run.
type Held = BTreeSet<(Priority, u128, RunId)>;

/// What came of running chains, all links of one second, on workers that run what is most urgent of what they have.
#[derive(Debug, Default)]
struct Story {
    rounds: u32,
    moved: u32,
    /// The most chains that had begun and not ended.
    most_begun: usize,
    /// The most tasks that a worker had the inputs of, for each thread, in per cent.
    most_crowded: usize,
}

fn run_chains(bench: &mut Bench, threads: &[u32], (count, length): (u128, u128), nbytes: u64) -> Story {
    let client = bench.client();
    let workers: BTreeMap<WorkerId, usize> = threads.iter().map(|&n| (bench.worker(n), n as usize)).collect();
    let ends: Vec<_> = (1..=count).map(|chain| chain * length - 1).collect();
    let actions = bench.submit(client, chains(count, length), &ends);
    run_all(bench, workers, actions, (count, length), nbytes, |_, _| None)
}

/// Runs what was submitted. With each round a worker may join, after what ended in it was told.
fn run_all(
    bench: &mut Bench,
    mut workers: BTreeMap<WorkerId, usize>,
    actions: Vec<Action>,
    (count, length): (u128, u128),
    nbytes: u64,
    mut joins: impl FnMut(&mut Bench, u32) -> Option<(WorkerId, usize, Vec<Action>)>,
) -> Story {
    let mut held: BTreeMap<WorkerId, Held> = workers.keys().map(|&worker| (worker, Held::new())).collect();
    let (mut story, mut ended) = (Story::default(), BTreeSet::new());
    note(&actions, &mut held, &mut story);
    while held.values().any(|tasks| !tasks.is_empty()) {
        story.rounds += 1;
        bench.now = bench.now + Duration::from_secs(1);
        let mut round = Vec::new();
        for (worker, tasks) in &mut held {
            let runnable = |number: u128| number.is_multiple_of(length) || ended.contains(&(number - 1));
            let able: Vec<_> = tasks.iter().copied().filter(|&(_, number, _)| runnable(number)).collect();
            story.most_crowded = story.most_crowded.max(100 * able.len() / workers[worker]);
            for task in able.into_iter().take(workers[worker]) {
                tasks.remove(&task);
                round.push((*worker, (task.1, task.2)));
            }
        }
        for (worker, run) in round {
            ended.insert(run.0);
            let actions = bench.finish(worker, run, nbytes);
            note(&actions, &mut held, &mut story);
        }
        if let Some((worker, threads, actions)) = joins(bench, story.rounds) {
            workers.insert(worker, threads);
            held.insert(worker, Held::new());
            note(&actions, &mut held, &mut story);
        }
        let has = |number: u128| ended.contains(&number);
        let begun = (0..count).filter(|chain| has(chain * length) && !has((chain + 1) * length - 1));
        story.most_begun = story.most_begun.max(begun.count());
    }
    assert_eq!(ended.len() as u128, count * length);
    story
}

fn note(actions: &[Action], held: &mut BTreeMap<WorkerId, Held>, story: &mut Story) {
    for (worker, assignment) in assignments(actions) {
        let elsewhere = |input: &&DependencyInfo| !input.holders.is_empty() && !input.holders.contains(&worker);
        story.moved += assignment.dependencies.iter().filter(elsewhere).count() as u32;
    }
    for (worker, assignment) in assignments(actions) {
        let number = assignment.task.key.as_u128() >> 96;
        held.entry(worker).or_default().insert((assignment.priority, number, assignment.run));
    }
}

#[test]
fn no_chain_of_long_values_is_left_for_a_second_round() {
    let mut bench = Bench::with(Config::default());
    let story = run_chains(&mut bench, &[1, 2, 5], (12, 8), LONG);
    assert_eq!(story.moved, 0, "{story:?}");
    assert!(story.rounds <= 13, "{} rounds where 12 would do, and chains one after the other take 16", story.rounds);
    assert_eq!(story.most_begun, 12);
    assert_eq!(story.most_crowded, 160, "each has its share: {story:?}");
}

/// How many tasks without inputs a worker of eight threads is given once a first call has ended with a long value.
fn given_early(bench: &mut Bench, tasks: Vec<SubmittedTask>, wanted: &[u128]) -> usize {
    let worker = bench.worker(8);
    let client = bench.client();
    let roots: BTreeSet<_> = tasks.iter().filter(|task| task.dependencies.is_empty()).map(|task| task.key).collect();
    let first = bench.submit(client, tasks, wanted);
    let (_, run) = runs(&first)[0];
    let given = bench.finish(worker, run, LONG);
    assignments(&given).filter(|(_, assignment)| roots.contains(&assignment.task.key)).count()
}

/// Two calls in a row, and then what needs two such pairs, and goes on: the thread that is free then is not the chain's.
#[test]
fn what_meets_after_a_few_links_does_not_begin_early() {
    let mut tasks = chains(12, 2);
    for pair in 0..6 {
        let (sum, end) = (24 + 2 * pair, 25 + 2 * pair);
        tasks.extend([task(sum, &[4 * pair + 1, 4 * pair + 3]), task(end, &[sum])]);
    }
    let ends: Vec<_> = (0..6).map(|pair| 25 + 2 * pair).collect();
    let mut bench = Bench::with(Config::default());
    let given = given_early(&mut bench, tasks, &ends);
    assert!(given <= 1, "{given} began where one thread is free at most");
}

#[test]
fn a_slow_worker_gets_its_share_of_chains() {
    let mut bench = Bench::with(Config::default());
    let (slow, fast) = (bench.worker_at(50, 4), bench.worker_at(100, 4));
    let client = bench.client();
    let first = bench.submit(client, chains(10, 8), &(1..=10).map(|chain| chain * 8 - 1).collect::<Vec<_>>());
    let (_, run) = runs(&first).into_iter().find(|(worker, _)| *worker == fast).unwrap();
    let dealt = bench.finish(fast, run, LONG);
    let roots = runs(&dealt).into_iter().filter(|(_, (number, _))| number % 8 == 0);
    let places: Vec<_> = roots.map(|(worker, _)| worker).collect();
    assert_eq!(places, [fast; 2], "all that waited, and none of it to {slow:?}, which is at its end last as it is");
}

#[test]
fn chains_that_end_in_time_wait_and_so_do_those_of_short_values() {
    let mut bench = Bench::with(Config::default());
    let story = run_chains(&mut bench, &[4, 4], (16, 8), LONG);
    assert_eq!((story.rounds, story.moved), (16, 0), "{story:?}");
    assert!(story.most_begun <= 8 && story.most_crowded <= 100, "one for each thread: {story:?}");
    let mut bench = Bench::with(Config::default());
    let story = run_chains(&mut bench, &[1, 2, 5], (12, 8), SHORT);
    assert!(story.most_crowded <= 100, "whoever has a thread takes what is next: {story:?}");
}

#[test]
fn pairs_are_no_chains() {
    let mut bench = Bench::with(Config::default());
    let story = run_chains(&mut bench, &[1, 2, 5], (12, 2), LONG);
    assert!(story.most_crowded <= 100, "{story:?}");
}

/// Two chains of a fan: what follows needs both.
#[test]
fn what_meets_is_no_chain() {
    let mut bench = Bench::with(Config::default());
    bench.worker(2);
    let client = bench.client();
    let mut tasks: Vec<SubmittedTask> = chains(4, 5);
    tasks.push(task(20, &[4, 9, 14, 19]));
    let first = bench.submit(client, tasks, &[20]);
    let (worker, run) = runs(&first)[0];
    bench.finish(worker, run, LONG);
    let t = bench.machine.tasks.find(key(19)).unwrap();
    let last = bench.machine.tasks.find(key(18)).unwrap();
    assert_eq!(bench.machine.turn_at_worker(t), bench.machine.tasks[t].priority, "the end of a chain that is gathered");
    let order = bench.machine.turn_at_worker(last).order;
    assert_eq!(order, u32::MAX - 2, "a link goes by the length of its way");
}

/// A chain that becomes two, each with an end, and a call of its own beside them.
#[test]
fn links_go_by_their_way_from_behind_a_fork_to_the_end() {
    let mut bench = Bench::with(Config::default());
    let worker = bench.worker(2);
    let client = bench.client();
    let tasks = vec![task(0, &[]), task(1, &[0]), task(2, &[0]), task(3, &[1]), task(4, &[3]), task(5, &[])];
    let first = bench.submit(client, tasks, &[2, 4, 5]);
    let run = runs(&first).into_iter().map(|(_, run)| run).find(|&(number, _)| number == 0).unwrap();
    bench.finish(worker, run, LONG);
    let machine = &bench.machine;
    let turn = |number| {
        let t = machine.tasks.find(key(number)).unwrap();
        let (turn, ordinary) = (machine.turn_at_worker(t), machine.tasks[t].priority);
        (turn != ordinary).then_some(u32::MAX - turn.order)
    };
    assert_eq!([1, 2].map(turn), [None, None], "what has a value in common with another");
    assert_eq!([3, 4].map(turn), [Some(1), Some(0)], "a link, and the last one");
    assert_eq!(turn(5), None, "what stands alone");
}

/// Function 0 is known, and what it makes.
fn learned(threads: u32) -> (Bench, WorkerId, ClientId) {
    let mut bench = Bench::with(Config::default());
    let (worker, client) = (bench.worker(threads), bench.client());
    let (_, known) = run(&bench.submit(client, vec![task(9_000, &[])], &[9_000]));
    bench.finish(worker, known, LONG);
    bench.release(client, 9_000);
    (bench, worker, client)
}

/// While a call of its own takes one of four threads all can wait: there is a thread in time. When it has ended and a chain
/// has begun in its place, two are left that can't.
#[test]
fn it_is_looked_at_again_when_one_chain_has_begun() {
    let (mut bench, worker, client) = learned(4);
    let mut actions = bench.submit(client, vec![task(8_000, &[])], &[8_000]);
    let ends: Vec<_> = (1..=6).map(|chain| chain * 12 - 1).collect();
    actions.extend(bench.submit(client, chains(6, 12), &ends));
    let begun = |actions: &[Action]| {
        let mut roots = runs(actions);
        roots.retain(|(_, (number, _))| *number < 8_000 && number.is_multiple_of(12));
        roots
    };
    let first = begun(&actions);
    assert_eq!(first.len(), 3, "three wait");
    for (_, root) in first {
        assert_eq!(begun(&bench.finish(worker, root, LONG)), []);
    }
    let (_, alone) = runs(&actions).into_iter().find(|(_, run)| run.0 == 8_000).unwrap();
    let fourth = begun(&bench.finish(worker, alone, LONG));
    assert_eq!(fourth.len(), 1, "the one that has a thread");
    assert_eq!(begun(&bench.finish(worker, fourth[0].1, LONG)).len(), 2, "all others");
}

/// Four chains run and four wait, which is in time. A worker takes two of them at once; the others are late now.
#[test]
fn it_is_looked_at_again_when_several_chains_have_begun() {
    let (mut bench, first, client) = learned(4);
    let ends: Vec<_> = (1..=8).map(|chain| chain * 12 - 1).collect();
    let actions = bench.submit(client, chains(8, 12), &ends);
    let story = run_all(&mut bench, [(first, 4)].into(), actions, (8, 12), LONG, |bench, round| {
        let (worker, actions) = (round == 1).then(|| bench.worker_with(2, "", &[]))?;
        Some((worker, 2, actions))
    });
    assert_eq!(story.most_begun, 8, "{story:?}");
    assert!(story.rounds <= 19, "{} rounds; one after the other they take 24", story.rounds);
}

/// Chains that need what one of two workers has, whose threads are all taken.
#[test]
fn a_chain_with_needs_of_its_own_waits_for_who_can_run_it() {
    let mut bench = Bench::with(Config::default());
    let (able, _) = bench.worker_with(2, "able", &[("gpu", 100.0)]);
    let (other, _) = bench.worker_with(2, "other", &[]);
    let client = bench.client();
    let gpu = |task| with(task, |options| options.resources = vec![("gpu".into(), Quantity::from_f64(1.0))]);
    let (_, known) = run(&bench.submit(client, vec![gpu(task(9_000, &[]))], &[9_000]));
    bench.finish(able, known, LONG);
    let busy: Vec<_> = (8_000..8_004).map(|number| task(number, &[])).collect();
    let sent = bench.submit(client, busy, &(8_000..8_004).collect::<Vec<_>>());
    assert_eq!(runs(&sent).len(), 4, "every thread is taken");
    let ends: Vec<_> = (1..=3).map(|chain| chain * 8 - 1).collect();
    let mut given = bench.submit(client, chains(3, 8).into_iter().map(gpu).collect(), &ends);
    let (_, first) = runs(&sent).into_iter().find(|(worker, _)| *worker == able).unwrap();
    given.extend(bench.finish(able, first, LONG));
    let roots: Vec<_> = runs(&given).into_iter().filter(|(_, run)| run.0.is_multiple_of(8)).collect();
    assert!(roots.iter().all(|(worker, _)| *worker == able), "{other:?} has none: {roots:?}");
    assert!(roots.len() <= 1, "and nobody begins beside others: {roots:?}");
}

/// Each thread has a chain of eight, and those that are left over can't wait.
#[test]
fn chains_are_dealt_out_by_what_is_left_to_do_for_each_thread() {
    for (threads, count, shares) in [([4, 4], 12, [6, 6]), ([1, 7], 10, [1, 9]), ([7, 8], 16, [7, 9])] {
        let mut bench = Bench::with(Config::default());
        let (workers, client) = (threads.map(|n| bench.worker(n)), bench.client());
        let (worker, known) = run(&bench.submit(client, vec![task(9_000, &[])], &[9_000]));
        bench.finish(worker, known, LONG);
        let ends: Vec<_> = (1..=count).map(|chain| chain * 8 - 1).collect();
        let mut begun = runs(&bench.submit(client, chains(count, 8), &ends));
        begun.retain(|(_, (number, _))| number.is_multiple_of(8));
        assert_eq!(workers.map(|w| begun.iter().filter(|(worker, _)| *worker == w).count()), shares);
    }
}
