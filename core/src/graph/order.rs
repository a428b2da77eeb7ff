//! In which order the arguments of a call are computed: the one that needs most room first.
//!
//! Depth first, what an argument needs while it is computed is gone when its value is there; but the values of those before
//! it stay. So the one with the most values alive at once goes first, and single values last: for trees that is the least
//! there can be (Sethi and Ullman, 1970, who counted registers). Where calls share arguments it counts too much, but the
//! order is the same for all that are alike. Dask's order has the same aim, and finds it with passes over the whole graph;
//! here each call is counted once, when it is made.

use std::{cmp::Reverse, sync::Arc};

use smallvec::SmallVec;

use super::{Item, Node, Slot};

/// How many values are alive at once while a call with these arguments is computed depth first, those that take most
/// first; its own counts too.
pub(super) fn alive_at_once(slots: &[Slot]) -> u32 {
    let items = slots.iter().flat_map(|slot| match slot {
        Slot::One(item) => std::slice::from_ref(item),
        Slot::List(items) => items,
    });
    let mut needs: SmallVec<[u32; 8]> = items
        .filter_map(|item| match item {
            Item::Call(node) => Some(node.alive),
            _ => None,
        })
        .collect();
    if needs.windows(2).any(|pair| pair[0] < pair[1]) {
        needs.sort_unstable_by_key(|&need| Reverse(need));
    }
    let before = (0u32..).zip(&needs).map(|(values, need)| need.saturating_add(values)).max();
    before.unwrap_or(0).max(1)
}

/// Puts the arguments of a call on a stack from which the last is taken first: those that need most, and of equals the
/// first.
pub(super) fn in_order(children: &mut [(&Arc<Node>, bool)]) {
    children.reverse();
    if children.windows(2).any(|pair| pair[0].0.alive > pair[1].0.alive) {
        children.sort_by_key(|(node, _)| node.alive);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        function::Identity,
        graph::{KeySource, Known, plan},
        id::EnvironmentId,
        options::Defaults,
        task::{Ran, TaskDef},
        value::Datum,
    };

    static ANY: TaskDef = TaskDef::new(
        Identity {
            package: "p",
            version: "1",
            module: "p",
            name: "any",
            file: "src/main.rs",
            line: 1,
            column: 1,
            signature: "i64, Vec<i64> -> i64",
        },
        &["id", "inputs"],
        |_| Ran::Done(Ok(Datum::new(0i64))),
        Defaults::NONE,
    );

    /// A call that differs from all others by `id`.
    fn call(id: i64, inputs: &[&Arc<Node>]) -> Arc<Node> {
        let inputs = inputs.iter().map(|&node| Item::Call(node.clone())).collect();
        Arc::new(Node::new(&ANY, [Slot::One(Item::Inline(Datum::new(id))), Slot::List(inputs)]))
    }

    /// How many values are alive at once when the tasks are run one after the other, each as soon as it can be in the
    /// order of the plan, and values are dropped when nothing needs them any more. Those of `roots` stay.
    fn most_alive(roots: &[Arc<Node>]) -> usize {
        let mut keys = KeySource::new(EnvironmentId::IN_PROCESS, 1);
        let tasks = plan(roots, &mut keys, |_, _| Known::No).unwrap();
        let mut consumers: BTreeMap<_, usize> = BTreeMap::new();
        for key in tasks.iter().flat_map(|task| &task.dependencies).copied().chain(roots.iter().filter_map(|n| n.key()))
        {
            *consumers.entry(key).or_default() += 1;
        }
        let (mut alive, mut most) = (0, 0);
        for task in &tasks {
            alive += 1;
            most = most.max(alive);
            for dependency in &task.dependencies {
                let left = consumers.get_mut(dependency).unwrap();
                *left -= 1;
                alive -= usize::from(*left == 0);
            }
        }
        assert_eq!(alive, roots.len());
        most
    }

    #[test]
    fn a_tree_of_pairs_needs_a_value_a_level() {
        let mut level: Vec<_> = (0..1_024).map(|i| call(i, &[])).collect();
        while level.len() > 1 {
            level = level.chunks(2).map(|pair| call(-1, &[&pair[0], &pair[1]])).collect();
        }
        assert_eq!(most_alive(&level), 12, "ten levels, the last leaf, and its sum");
    }

    #[test]
    fn a_leaning_tree_needs_three_whichever_way_it_leans() {
        for left in [true, false] {
            let mut tree = call(0, &[]);
            for i in 1..1_000 {
                let leaf = call(i, &[]);
                tree = if left { call(-i, &[&tree, &leaf]) } else { call(-i, &[&leaf, &tree]) };
            }
            // In the order of the arguments it would be a thousand if it leans to the right.
            assert_eq!(most_alive(&[tree]), 3);
        }
    }

    #[test]
    fn chains_that_meet_run_one_after_the_other() {
        let chain = |n: i64| (1..20).fold(call(n * 100, &[]), |link, i| call(n * 100 + i, &[&link]));
        let ends: Vec<_> = (0..50).map(chain).collect();
        let sum = call(-1, &ends.iter().collect::<Vec<_>>());
        assert_eq!(most_alive(&[sum]), 51, "the ends, and a link beside them");
    }

    #[test]
    fn reducers_run_before_new_maps() {
        let (maps, reducers) = (20i64, 10i64);
        let sources: Vec<_> = (0..maps).map(|i| call(i, &[])).collect();
        let piece = |i: i64, j: i64| call(1_000 + i * 100 + j, &[&sources[i as usize]]);
        let reduce = |j: i64| {
            let pieces: Vec<_> = (0..maps).map(|i| piece(i, j)).collect();
            call(-1 - j, &pieces.iter().collect::<Vec<_>>())
        };
        let roots: Vec<_> = (0..reducers).map(reduce).collect();
        // The maps' values stay to the last reducer, whose pieces are made beside them; breadth first it is all pieces.
        let most = most_alive(&roots);
        assert!(most <= (2 * maps + reducers) as usize, "{most} of {}", maps * reducers + maps);
    }

    #[test]
    fn a_stencil_goes_in_fronts() {
        let (cells, steps) = (40usize, 40i64);
        let mut row: Vec<_> = (0..cells as i64).map(|i| call(i, &[])).collect();
        for step in 1..=steps {
            let next = (0..cells).map(|i| {
                let (left, right) = (i.saturating_sub(1), (i + 1).min(cells - 1));
                let mut near = vec![left, i, right];
                near.dedup();
                call(step * 1_000 + i as i64, &near.iter().map(|&i| &row[i]).collect::<Vec<_>>())
            });
            row = next.collect();
        }
        let most = most_alive(&row);
        assert!(most <= 3 * cells, "{most} of {}", cells * (steps as usize + 1));
    }
}
