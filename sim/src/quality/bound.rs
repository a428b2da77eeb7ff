//! What no schedule can beat.

use super::{graph::Graph, hosts::Hosts, windows::windows_ns};

/// The longest of three times, in nanoseconds: the longest path through the graph on the fastest threads, all work
/// spread over all threads, and what follows [from both together](super::windows). Transfers count for nothing, so the
/// bound is far off where data are dear.
pub fn bound_ns(graph: &Graph, hosts: &Hosts) -> u64 {
    longest_path_ns(graph, hosts).max(even_share_ns(graph, hosts)).max(windows_ns(graph, hosts))
}

/// The longest path on the fastest threads.
pub fn longest_path_ns(graph: &Graph, hosts: &Hosts) -> u64 {
    let fastest = (0..hosts.hosts.len()).max_by_key(|&host| hosts.hosts[host].speed);
    let Some(fastest) = fastest else { return 0 };
    let mut ends = Vec::with_capacity(graph.tasks.len());
    for task in &graph.tasks {
        let start = task.parents.iter().map(|&parent| ends[parent as usize]).max().unwrap_or(0);
        ends.push(start + hosts.run_ns(task, fastest));
    }
    ends.into_iter().max().unwrap_or(0)
}

/// All work, spread evenly over all threads.
pub fn even_share_ns(graph: &Graph, hosts: &Hosts) -> u64 {
    let work: u128 = graph.tasks.iter().map(|task| u128::from(task.work_ns) * u128::from(task.cores)).sum();
    let power: u128 = hosts.hosts.iter().map(|host| u128::from(host.threads) * u128::from(host.speed)).sum();
    u64::try_from(work * 100 / power.max(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::{graph::Builder, hosts::Host};

    #[test]
    fn the_path_or_the_share_whichever_is_longer() {
        let mut builder = Builder::new("fork");
        let first = builder.task("f", 10, 0, &[]);
        for _ in 0..6 {
            builder.task("f", 5, 0, &[first]);
        }
        let graph = builder.finish();
        assert_eq!(bound_ns(&graph, &Hosts::equal(1, 1)), 40);
        assert_eq!(bound_ns(&graph, &Hosts::equal(2, 4)), 15);
        let uneven = Hosts::of("uneven", vec![Host { threads: 1, speed: 100 }, Host { threads: 2, speed: 50 }]);
        assert_eq!(longest_path_ns(&graph, &uneven), 15);
        assert_eq!(even_share_ns(&graph, &uneven), 20);
    }
}
