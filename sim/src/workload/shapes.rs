//! The shapes of graphs: those that real programs have, and random ones.

use crate::random::Random;

/// A graph's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Tasks that have nothing to do with one another.
    Independent,
    /// A few chains.
    Chains,
    /// A tree that comes together in one task.
    Tree,
    /// Every task of one row needs every task of the row before.
    Shuffle,
    /// Rows in which each task needs its neighbours of the row before.
    Stencil,
    /// One task that many need, which one needs again.
    Diamond,
    /// Anything.
    Random,
}

impl Shape {
    /// All shapes.
    pub const ALL: [Shape; 7] =
        [Shape::Independent, Shape::Chains, Shape::Tree, Shape::Shuffle, Shape::Stencil, Shape::Diamond, Shape::Random];
}

/// The dependencies of each task of a graph with about so many, each an earlier one, each named once.
pub(super) fn edges(shape: Shape, tasks: usize, random: &mut Random) -> Vec<Vec<usize>> {
    let tasks = tasks.max(1);
    let width = tasks.isqrt();
    match shape {
        Shape::Independent => vec![Vec::new(); tasks],
        Shape::Chains => {
            let chains = random.within(1..=4) as usize;
            (0..tasks).map(|i| i.checked_sub(chains).into_iter().collect()).collect()
        }
        Shape::Tree => tree(tasks, random.within(2..=4) as usize),
        Shape::Shuffle => {
            let row = width.min(8);
            rows(tasks, row, |_, before| before.collect())
        }
        Shape::Stencil => rows(tasks, width, |i, before| {
            let middle = before.start + i;
            before.filter(|d| d.abs_diff(middle) <= 1).collect()
        }),
        Shape::Diamond => {
            let last = tasks.max(3) - 1;
            let middle = |i| if i == last { (1..last).collect() } else { vec![0] };
            (0..=last).map(|i| if i == 0 { Vec::new() } else { middle(i) }).collect()
        }
        Shape::Random => (0..tasks).map(|i| some_of(i, random)).collect(),
    }
}

/// Leaves first; each later task takes the next `arity` that nobody took.
fn tree(tasks: usize, arity: usize) -> Vec<Vec<usize>> {
    let leaves = (tasks * (arity - 1) / arity).max(1);
    let mut edges = vec![Vec::new(); leaves];
    let mut next = 0;
    while next + 1 < edges.len() {
        let end = (next + arity).min(edges.len());
        edges.push((next..end).collect());
        next = end;
    }
    edges
}

fn rows(tasks: usize, width: usize, needs: impl Fn(usize, std::ops::Range<usize>) -> Vec<usize>) -> Vec<Vec<usize>> {
    let of = |i: usize| {
        let row = i / width;
        if row == 0 { Vec::new() } else { needs(i % width, (row - 1) * width..row * width) }
    };
    (0..tasks).map(of).collect()
}

fn some_of(earlier: usize, random: &mut Random) -> Vec<usize> {
    let count = random.below(4) as usize;
    // Mostly recent ones, so that graphs get deep.
    let reach = if random.chance(700) { earlier.min(6) } else { earlier };
    let mut chosen: Vec<_> = (0..count.min(reach)).map(|_| earlier - 1 - random.index(reach)).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_acyclic_and_names_each_dependency_once() {
        for shape in Shape::ALL {
            for tasks in [1, 2, 3, 10, 77] {
                let edges = edges(shape, tasks, &mut Random::new(tasks as u64));
                assert!(!edges.is_empty() && edges.len() <= 2 * tasks + 2, "{shape:?} {}", edges.len());
                for (i, dependencies) in edges.iter().enumerate() {
                    assert!(dependencies.iter().all(|d| *d < i), "{shape:?}");
                    assert!(dependencies.windows(2).all(|pair| pair[0] < pair[1]), "{shape:?}");
                }
            }
        }
    }

    #[test]
    fn a_tree_has_one_root() {
        let edges = edges(Shape::Tree, 40, &mut Random::new(1));
        let needed: std::collections::BTreeSet<_> = edges.iter().flatten().collect();
        assert_eq!(needed.len(), edges.len() - 1);
    }
}
