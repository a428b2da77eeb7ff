//! Evening out what workers hold: who gives, who takes, and what moves.

use brisk_core::{
    id::{ClientId, RequestId, WorkerId},
    message::{Answer, ClientToScheduler},
    options::TaskOptions,
};

use super::{
    bench::*,
    copies::{answers, asked, freed},
};
use crate::machine::{Action, Config, Event};

/// Workers, called a, b, c …, that may hold so many bytes, and hold values of these lengths; the values count from 1.
fn holding(workers: &[(u64, &[u64])]) -> (Bench, ClientId, Vec<WorkerId>) {
    let mut bench = Bench::new();
    let c = bench.client();
    let names: Vec<_> = ('a'..).map(String::from).take(workers.len()).collect();
    let all: Vec<_> = names.iter().zip(workers).map(|(name, (limit, _))| bench.worker_on(name, 1, *limit)).collect();
    let mut number = 0;
    for ((name, &w), (_, lengths)) in names.iter().zip(&all).zip(workers) {
        for &nbytes in *lengths {
            number += 1;
            bench.make_on(c, w, name, number, nbytes, |_| {});
        }
    }
    (bench, c, all)
}

impl Bench {
    /// Has a value made by a worker of this name.
    fn make_on(
        &mut self,
        c: ClientId,
        w: WorkerId,
        name: &str,
        number: u128,
        nbytes: u64,
        change: impl FnOnce(&mut TaskOptions),
    ) -> Vec<Action> {
        let made = with(task(number, &[]), |options| {
            options.workers = vec![name.into()];
            change(options);
        });
        let (worker, run) = run(&self.submit(c, vec![made], &[number]));
        assert_eq!(worker, w);
        self.finish(worker, run, nbytes)
    }

    fn rebalance(&mut self, c: ClientId) -> Vec<Action> {
        self.say(c, ClientToScheduler::Rebalance { request: RequestId(3), keys: vec![] })
    }
}

/// What one round moves among workers that may hold a thousand bytes each, and hold values of these lengths.
fn moved(workers: &[&[u64]]) -> Vec<u128> {
    let workers: Vec<_> = workers.iter().map(|lengths| (1_000, *lengths)).collect();
    let (mut bench, c, _) = holding(&workers);
    numbers(&bench.rebalance(c))
}

fn numbers(actions: &[Action]) -> Vec<u128> {
    let asked = asked(actions);
    assert_eq!(asked.is_empty(), !answers(actions).is_empty(), "it is answered at once if nothing moves: {actions:?}");
    asked.into_iter().map(|(_, number)| number).collect()
}

#[test]
fn whoever_is_in_the_band_around_the_mean_neither_gives_nor_takes() {
    // The mean is 350, the band 300 to 400.
    assert_eq!(moved(&[&[300, 100], &[300, 100], &[250]]), [0; 0], "nobody is above");
    assert_eq!(moved(&[&[350, 100], &[300], &[300]]), [0; 0], "nobody is below");
    assert_eq!(moved(&[&[340, 100], &[351], &[250]]), [2]);
}

#[test]
fn below_a_third_or_so_of_the_limit_nothing_is_given_away() {
    assert_eq!(moved(&[&[200, 100], &[]]), [0; 0]);
    assert_eq!(moved(&[&[201, 100], &[]]), [2]);
}

#[test]
fn what_is_given_leaves_both_ends_within_the_band() {
    // The mean is 300, the band 250 to 350.
    assert_eq!(moved(&[&[350, 250], &[]]), [1], "both ends are at its edges");
    assert_eq!(moved(&[&[351, 249], &[]]), [2], "the first is a byte too long");
    assert_eq!(moved(&[&[0, 400, 100, 100], &[]]), [3, 4], "nothing is gained by moving nothing");
    assert_eq!(moved(&[&[50; 12], &[]]), [1, 2, 3, 4, 5, 6], "the mean is enough");
    // The mean is 400. Two are at the lower edge of the band, and the only taker is full before the giver is down there.
    assert_eq!(moved(&[&[50; 18], &[350], &[350], &[]]).len(), 9);
}

#[test]
fn a_worker_takes_up_to_three_fifths_of_its_limit_and_one_without_a_limit_takes_in_any_case() {
    let full = [4_900, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10];
    let (mut bench, c, _) = holding(&[(10_000, &full), (1_000, &[600])]);
    assert_eq!(numbers(&bench.rebalance(c)), [0; 0]);
    let (mut bench, c, _) = holding(&[(10_000, &full), (1_000, &[599])]);
    assert!(!numbers(&bench.rebalance(c)).is_empty());
    let (mut bench, c, _) = holding(&[(1_000, &[200, 200, 200]), (0, &[])]);
    assert_eq!(numbers(&bench.rebalance(c)), [1]);
}

#[test]
fn what_is_there_already_or_declared_or_on_its_way_is_not_moved() {
    // A copy of the first is with b already.
    let (mut bench, c, w) = holding(&[(1_000, &[200, 200, 200]), (1_000, &[])]);
    bench.added(w[1], 1, 200);
    assert_eq!(asked(&bench.rebalance(c)), [(w[1], 2)]);
    // Of the first two copies were asked for.
    let (mut bench, c, w) = holding(&[(1_000, &[]), (1_000, &[]), (1_000, &[])]);
    let actions = bench.make_on(c, w[0], "a", 1, 200, |options| options.replicas = 2);
    let [(second, 1)] = asked(&actions)[..] else { panic!("{actions:?}") };
    bench.added(second, 1, 200);
    for number in [2, 3] {
        bench.make_on(c, w[0], "a", number, 200, |_| {});
    }
    let third = if second == w[1] { w[2] } else { w[1] };
    assert_eq!(asked(&bench.rebalance(c)), [(third, 2)]);
    // Of the first a copy is under way to where it would move.
    let (mut bench, c, w) = holding(&[(1_000, &[200, 200, 200]), (1_000, &[])]);
    let keys = vec![want(1)];
    bench.say(c, ClientToScheduler::Replicate { request: RequestId(7), keys, count: 2, workers: vec![] });
    assert_eq!(asked(&bench.rebalance(c)), [(w[1], 2)]);
}

#[test]
fn what_is_asked_for_twice_while_it_moves_stays_in_both_places() {
    let (mut bench, c, w) = holding(&[(1_000, &[200, 200]), (1_000, &[])]);
    assert_eq!(asked(&bench.rebalance(c)), [(w[1], 1)]);
    let keys = vec![want(1)];
    bench.say(c, ClientToScheduler::Replicate { request: RequestId(7), keys, count: 2, workers: vec![] });
    let actions = bench.added(w[1], 1, 200);
    assert_eq!((freed(&actions), answers(&actions).len()), (vec![], 2), "{actions:?}");
}

#[test]
fn what_a_task_needs_elsewhere_may_go() {
    let (mut bench, c, w) = holding(&[(1_000, &[100, 100, 150]), (1_000, &[]), (1_000, &[])]);
    bench.submit(c, vec![with(task(9, &[1]), |options| options.workers = vec!["b".into()])], &[9]);
    assert_eq!(bench.machine.snapshot().workers[1].assigned, 1);
    assert_eq!(asked(&bench.rebalance(c)), [(w[1], 1), (w[2], 2)]);
}

#[test]
fn a_value_that_can_not_be_had_is_not_asked_for_again() {
    let (mut bench, c, w) = holding(&[(1_000, &[150; 4]), (1_000, &[])]);
    let mut waiting = asked(&bench.rebalance(c));
    let mut seen = Vec::new();
    while let Some(copy) = waiting.pop() {
        assert!(!seen.contains(&copy), "{copy:?} again");
        seen.push(copy);
        let actions = bench.lacks(w[1], copy.1);
        waiting.extend(asked(&actions));
        assert_eq!(answers(&actions).len(), usize::from(waiting.is_empty()), "{actions:?}");
    }
}

#[test]
fn no_round_begins_after_the_time_for_a_copy() {
    let (mut bench, c, _) = holding(&[(1_000, &[150; 4]), (1_000, &[]), (1_000, &[])]);
    assert!(!asked(&bench.rebalance(c)).is_empty());
    let actions = bench.wait(Config::default().copy_timeout);
    assert_eq!((asked(&actions), answers(&actions)), (vec![], vec![(c, 3, &Answer::Done)]), "{actions:?}");
}

#[test]
fn a_worker_that_is_to_go_neither_takes_nor_counts() {
    let (mut bench, c, w) = holding(&[(1_000, &[100; 6]), (1_000, &[]), (1_000, &[])]);
    bench.submit(c, vec![with(task(9, &[]), |options| options.workers = vec!["b".into()])], &[9]);
    bench.event(Event::RetireWorker { worker: w[1], reason: "scaled down".into() });
    // Of the two others the mean is 300; of three it would be 200.
    assert_eq!(asked(&bench.rebalance(c)), [(w[2], 1), (w[2], 2), (w[2], 3)]);
}
