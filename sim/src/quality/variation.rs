//! Graphs like a given one, but for chance: what a policy does on average, and on how many.
//!
//! One graph is one throw of the dice. Whoever tries policies on it until one is better has learnt the graph; so a policy is
//! judged by what it does to many that differ in what nobody could know beforehand.

use super::graph::Graph;
use crate::random::Random;

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variation {
    /// How long each call takes, by up to a twentieth either way.
    Times,
    /// Which call of a function takes how long: the same times in another order.
    Orders,
}

impl Variation {
    /// A graph of the same shape; the same for the same seed.
    pub fn of(self, graph: &Graph, seed: u64) -> Graph {
        let (mut varied, mut random) = (graph.clone(), Random::new(seed));
        match self {
            Variation::Times => {
                for task in &mut varied.tasks {
                    task.work_ns = random.within(task.work_ns - task.work_ns / 20..=task.work_ns + task.work_ns / 20);
                }
            }
            Variation::Orders => shuffle_times(&mut varied, &mut random),
        }
        varied
    }
}

/// Deals the times of each function's calls out to them anew (Fisher and Yates).
fn shuffle_times(graph: &mut Graph, random: &mut Random) {
    let mut calls = vec![Vec::new(); graph.functions.len()];
    for (task, of) in graph.tasks.iter().enumerate() {
        calls[of.function as usize].push(task);
    }
    for calls in calls {
        for last in (1..calls.len()).rev() {
            let (one, other) = (calls[last], calls[random.index(last + 1)]);
            let work_ns = graph.tasks[one].work_ns;
            graph.tasks[one].work_ns = std::mem::replace(&mut graph.tasks[other].work_ns, work_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::families::{Costs, layers};

    fn times(graph: &Graph) -> Vec<(u32, u64)> {
        graph.tasks.iter().map(|task| (task.function, task.work_ns)).collect()
    }

    #[test]
    fn times_differ_by_up_to_a_twentieth() {
        let graph = layers(Costs { work_ns: 1_000_000, nbytes: 1 }, 6, 10);
        let varied = Variation::Times.of(&graph, 3);
        assert_ne!(times(&varied), times(&graph));
        let pairs = varied.tasks.iter().zip(&graph.tasks);
        assert!(pairs.clone().all(|(one, other)| one.work_ns.abs_diff(other.work_ns) <= other.work_ns / 20));
        assert!(pairs.clone().all(|(one, other)| one.parents == other.parents));
        assert_eq!(times(&Variation::Times.of(&graph, 3)), times(&varied));
    }

    #[test]
    fn orders_are_the_same_times_of_the_same_functions() {
        let graph = layers(Costs { work_ns: 1_000_000, nbytes: 1 }, 6, 10);
        let varied = Variation::Orders.of(&graph, 3);
        assert_ne!(times(&varied), times(&graph));
        let sorted = |graph: &Graph| {
            let mut times = times(graph);
            times.sort_unstable();
            times
        };
        assert_eq!(sorted(&varied), sorted(&graph));
    }
}
