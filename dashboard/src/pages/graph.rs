//! The graph: its tasks if they are few, else its functions, with how many tasks lead from one to the other.

use std::collections::{BTreeMap, VecDeque};

use brisk_scheduler::{
    machine::{GraphSample, StateCounts},
    server::Observer,
};
use serde_json::{Value, json};

use super::{hex, state};
use crate::feed::States;

/// Tasks that are drawn one by one, unless the page asks for fewer or more.
const LIMIT: usize = 300;
const MAX_LIMIT: usize = 5_000;

/// Tasks that are looked at when there are more: the edges between their functions stand for all. The scheduler waits
/// meanwhile, so they are few.
const LOOKED_AT: usize = 20_000;

/// Functions that are drawn.
const FUNCTIONS: usize = 500;

pub(super) fn graph(observer: &Observer, query: &str) -> Result<Value, &'static str> {
    let asked = query.split('&').find_map(|part| part.strip_prefix("limit="));
    let limit = match asked {
        Some(limit) => limit.parse().map_err(|_| "`limit` is a number of tasks")?,
        None => LIMIT,
    };
    let limit = limit.min(MAX_LIMIT);
    let tasks = observer.graph(limit, true);
    if tasks.more == 0 {
        return Ok(by_task(&tasks));
    }
    Ok(by_function(observer, &observer.graph(LOOKED_AT, false)))
}

fn by_task(sample: &GraphSample) -> Value {
    let edges: Vec<(u32, u32, u64)> =
        (0..).zip(&sample.tasks).flat_map(|(to, task)| task.inputs.iter().map(move |from| (*from, to, 1))).collect();
    let layers = layers(sample.tasks.len(), &edges);
    let nodes = (0..).zip(&sample.tasks).zip(&layers).map(|((id, task), layer): ((u32, _), _)| {
        let mut states = StateCounts::default();
        states[task.state] = 1;
        let name = task.name.as_ref();
        json!({
            "id": id,
            "function": sample.functions.get(&task.function),
            "name": name.map(ToString::to_string),
            "layer": layer,
            "states": States::from(&states),
            "state": state(task.state),
            "key": name.map(|name| hex(name.key)),
        })
    });
    json!({ "grouped": false, "nodes": nodes.collect::<Vec<_>>(), "edges": edges })
}

fn by_function(observer: &Observer, sample: &GraphSample) -> Value {
    let overview = observer.overview(usize::MAX, false);
    let there = overview.functions.iter().filter(|function| function.tasks.total() > 0).take(FUNCTIONS);
    let places: BTreeMap<_, u32> = there.clone().map(|function| function.index).zip(0..).collect();
    let mut edges: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    for task in &sample.tasks {
        let Some(&to) = places.get(&task.function) else { continue };
        for &input in &task.inputs {
            let from = sample.tasks.get(input as usize).and_then(|task| places.get(&task.function));
            if let Some(&from) = from {
                *edges.entry((from, to)).or_default() += 1;
            }
        }
    }
    let edges: Vec<(u32, u32, u64)> = edges.into_iter().map(|((from, to), count)| (from, to, count)).collect();
    let layers = layers(places.len(), &edges);
    let nodes = there.zip(0u32..).zip(&layers).map(|((function, id), layer)| {
        json!({
            "id": id,
            "function": function.name,
            "name": function.name,
            "layer": layer,
            "states": States::from(&function.tasks),
        })
    });
    json!({ "grouped": true, "nodes": nodes.collect::<Vec<_>>(), "edges": edges })
}

/// For each node the length of the longest way to it. Tasks have no cycles, but functions may: where only cycles are left, the
/// first of what is left goes on a layer as if it had all its inputs.
fn layers(nodes: usize, edges: &[(u32, u32, u64)]) -> Vec<u32> {
    let mut missing = vec![0usize; nodes];
    let mut after: Vec<Vec<u32>> = vec![Vec::new(); nodes];
    for &(from, to, _) in edges.iter().filter(|(from, to, _)| from != to) {
        missing[to as usize] += 1;
        after[from as usize].push(to);
    }
    let mut layers = vec![0; nodes];
    let mut placed = vec![false; nodes];
    let mut ready: VecDeque<usize> = (0..nodes).filter(|&node| missing[node] == 0).collect();
    let mut first = 0;
    loop {
        while let Some(node) = ready.pop_front() {
            if std::mem::replace(&mut placed[node], true) {
                continue;
            }
            for &next in &after[node] {
                let next = next as usize;
                if placed[next] {
                    continue;
                }
                layers[next] = layers[next].max(layers[node] + 1);
                missing[next] -= 1;
                if missing[next] == 0 {
                    ready.push_back(next);
                }
            }
        }
        match (first..nodes).find(|&node| !placed[node]) {
            Some(node) => {
                first = node;
                ready.push_back(node);
            }
            None => return layers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_is_below_all_it_needs() {
        let edges = [(0, 2, 1), (1, 2, 1), (2, 3, 5), (0, 3, 1), (3, 3, 9)];
        assert_eq!(layers(5, &edges), [0, 0, 1, 2, 0]);
    }

    #[test]
    fn cycles_of_functions_end() {
        assert_eq!(layers(4, &[(0, 1, 1), (1, 2, 1), (2, 1, 1), (2, 3, 1)]), [0, 1, 2, 3]);
        assert_eq!(layers(2, &[(0, 1, 1), (1, 0, 1)]), [0, 1]);
        assert!(layers(0, &[]).is_empty());
    }

    #[test]
    fn a_long_chain_is_walked_without_recursion() {
        let nodes = 100_000;
        let edges: Vec<_> = (1..nodes).map(|to| (to - 1, to, 1)).collect();
        assert_eq!(layers(nodes as usize, &edges).last(), Some(&(nodes - 1)));
    }
}
