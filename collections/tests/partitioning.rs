//! However a bag is cut into partitions, and its reductions into trees, the answers are those of a plain loop.

use std::collections::BTreeMap;

use brisk_client::task;
use brisk_collections::{
    Bag, Collection,
    bag::{from_delayed, from_sequence},
    foundation::FanIn,
};
use proptest::prelude::*;

#[task]
fn part(numbers: Vec<i64>) -> Vec<i64> {
    numbers
}

#[task]
fn triple(x: i64) -> i64 {
    x * 3
}

#[task]
fn is_odd(x: &i64) -> bool {
    x % 2 != 0
}

#[task]
fn twice(x: i64) -> Vec<i64> {
    vec![x; (x.unsigned_abs() % 3) as usize]
}

#[task]
fn small(x: i64) -> Option<i64> {
    (x < 10).then_some(x - 1)
}

#[task]
fn last_digit(x: &i64) -> i64 {
    x.rem_euclid(10)
}

#[task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task]
fn negated(x: i64) -> i64 {
    -x
}

/// Partitions of any lengths, empty ones too, and a width of trees.
fn bags() -> impl Strategy<Value = (Vec<Vec<i64>>, usize)> {
    (prop::collection::vec(prop::collection::vec(-30i64..30, 0..12), 1..9), 2usize..5)
}

fn bag_of(parts: &[Vec<i64>], width: usize) -> Bag<i64> {
    from_delayed(parts.iter().map(|numbers| part(numbers.clone()))).fan_in(FanIn::new(width).unwrap())
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn steps_are_those_of_an_iterator((parts, width) in bags()) {
        let all: Vec<i64> = parts.concat();
        let bag = bag_of(&parts, width);
        let steps = bag.map(triple).filter(is_odd).flat_map(twice).filter_map(small);
        let expected: Vec<i64> = all.iter().map(|x| x * 3).filter(|x| x % 2 != 0)
            .flat_map(|x| vec![x; (x.unsigned_abs() % 3) as usize]).filter(|x| *x < 10).map(|x| x - 1).collect();
        prop_assert_eq!(steps.collect().run().unwrap(), expected.clone());
        prop_assert_eq!(steps.count().run().unwrap(), expected.len() as u64);
    }

    #[test]
    fn reductions_are_those_of_a_loop((parts, width) in bags(), k in 0usize..8) {
        let all: Vec<i64> = parts.concat();
        let bag = bag_of(&parts, width);
        prop_assert_eq!(bag.sum().run().unwrap(), all.iter().sum::<i64>());
        prop_assert_eq!(bag.fold(0, add, add).run().unwrap(), all.iter().sum::<i64>());
        prop_assert_eq!(bag.reduce(add).run().ok(), all.iter().copied().reduce(|x, y| x + y));
        prop_assert_eq!(bag.min().run().ok(), all.iter().min().copied());
        prop_assert_eq!(bag.max().run().ok(), all.iter().max().copied());
        let mean = (!all.is_empty()).then(|| all.iter().sum::<i64>() as f64 / all.len() as f64);
        prop_assert_eq!(bag.mean().run().ok(), mean);
        let mut greatest = sorted(all.clone());
        greatest.reverse();
        greatest.truncate(k);
        prop_assert_eq!(bag.top_k(k).run().unwrap(), greatest);
        let least: Vec<i64> = sorted(all.clone()).into_iter().take(k).collect();
        prop_assert_eq!(bag.top_k_by(k, negated).run().unwrap(), least);
        prop_assert_eq!(bag.take(k).run().unwrap(), all.iter().copied().take(k).collect::<Vec<_>>());
    }

    #[test]
    fn groups_are_those_of_a_map((parts, width) in bags()) {
        let all: Vec<i64> = parts.concat();
        let bag = bag_of(&parts, width);
        let (mut counts, mut sums) = (BTreeMap::<i64, u64>::new(), BTreeMap::<i64, i64>::new());
        for x in &all {
            *counts.entry(*x).or_default() += 1;
            *sums.entry(x.rem_euclid(10)).or_default() += x;
        }
        prop_assert_eq!(sorted(bag.distinct().collect().run().unwrap()), counts.keys().copied().collect::<Vec<_>>());
        prop_assert_eq!(sorted(bag.frequencies().collect().run().unwrap()), counts.into_iter().collect::<Vec<_>>());
        let by_digit = bag.fold_by(last_digit, 0, add, add);
        prop_assert_eq!(sorted(by_digit.collect().run().unwrap()), sums.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn partitions_are_cut_and_put_together(numbers in prop::collection::vec(any::<i64>(), 0..40), from in 1usize..9, to in 1usize..9) {
        let bag = from_sequence(numbers.clone(), from).unwrap();
        prop_assert_eq!(bag.partitions(), from);
        let other = bag.repartition(to).unwrap();
        prop_assert_eq!(other.partitions(), to);
        prop_assert_eq!(other.collect().run().unwrap(), numbers);
    }
}
