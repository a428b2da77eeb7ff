//! HEFT: a schedule made beforehand, by one who knows what everything will cost.
//!
//! Topcuoglu, Hariri, Wu: Performance-Effective and Low-Complexity Task Scheduling for Heterogeneous Computing, 2002.
//! Tasks are taken by *upward rank*, the length of the longest way from there to the end by mean costs; each goes where it
//! ends first, into a gap between others if one is long enough. Hosts of several threads are an addition: a host has room
//! when enough of its threads are free, and values need no transfer between its threads.

use super::{graph::Graph, hosts::Hosts};

/// What HEFT knows.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The threads of each host.
    pub threads: Vec<u32>,
    /// What each task costs on each host, by task and then by host, in any unit of time.
    pub costs: Vec<Vec<u64>>,
    /// How many threads each task takes.
    pub cores: Vec<u32>,
    /// For each task, those it needs, and what moving the value of each takes. They have lower indices.
    pub parents: Vec<Vec<(u32, u64)>>,
}

/// What HEFT comes up with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The host of each task.
    pub hosts: Vec<usize>,
    /// When each task starts.
    pub starts: Vec<u64>,
    /// Tasks by upward rank, the highest first.
    pub order: Vec<u32>,
    /// When the last one ends.
    pub makespan: u64,
}

impl Problem {
    /// A graph on hosts, with a network on which transfers do not disturb one another.
    pub fn of(graph: &Graph, hosts: &Hosts) -> Self {
        let cost = |task| (0..hosts.hosts.len()).map(|host| hosts.run_ns(task, host)).collect();
        let moving = |parent: u32| (parent, hosts.transfer_ns(graph.tasks[parent as usize].nbytes));
        Problem {
            threads: hosts.hosts.iter().map(|host| host.threads).collect(),
            costs: graph.tasks.iter().map(cost).collect(),
            cores: graph.tasks.iter().map(|task| task.cores).collect(),
            parents: graph.tasks.iter().map(|task| task.parents.iter().map(|&p| moving(p)).collect()).collect(),
        }
    }

    /// Makes the schedule.
    ///
    /// # Panics
    /// If a task takes more threads than any host has.
    pub fn solve(&self) -> Schedule {
        let order = self.by_rank();
        let mut timelines: Vec<Timeline> = self.threads.iter().map(|&threads| Timeline::new(threads)).collect();
        let count = self.costs.len();
        let (mut hosts, mut starts, mut ends) = (vec![0; count], vec![0; count], vec![0u64; count]);
        for &task in &order {
            let t = task as usize;
            let candidates = (0..timelines.len()).filter(|&host| self.threads[host] >= self.cores[t]);
            let finish = |host: usize| {
                let inputs = self.parents[t].iter().map(|&(parent, moving)| {
                    let parent = parent as usize;
                    if hosts[parent] == host { ends[parent] } else { ends[parent] + moving }
                });
                let ready = inputs.max().unwrap_or(0);
                let start = timelines[host].gap(ready, self.costs[t][host], self.cores[t]);
                (start + self.costs[t][host], host, start)
            };
            let (end, host, start) = candidates.map(finish).min().expect("some host is wide enough for each task");
            timelines[host].book(start, end, self.cores[t]);
            (hosts[t], starts[t], ends[t]) = (host, start, end);
        }
        let makespan = ends.iter().copied().max().unwrap_or(0);
        Schedule { hosts, starts, order, makespan }
    }

    /// Upward ranks, each times the number of threads so that they are whole numbers.
    pub fn ranks(&self) -> Vec<u128> {
        let threads: u128 = self.threads.iter().map(|&threads| u128::from(threads)).sum();
        let mut ranks = vec![0u128; self.costs.len()];
        for task in (0..self.costs.len()).rev() {
            let costs = self.costs[task].iter().zip(&self.threads);
            let mean: u128 = costs.map(|(&cost, &threads)| u128::from(cost) * u128::from(threads)).sum();
            // By now all children, which have higher indices, have raised this to the longest way below.
            ranks[task] += mean;
            for &(parent, moving) in &self.parents[task] {
                let way = ranks[task] + u128::from(moving) * threads;
                let rank = &mut ranks[parent as usize];
                *rank = (*rank).max(way);
            }
        }
        ranks
    }

    /// A parent that costs nothing has the rank of its child: the lower index goes first.
    fn by_rank(&self) -> Vec<u32> {
        let ranks = self.ranks();
        let mut order: Vec<u32> = (0..self.costs.len() as u32).collect();
        order.sort_by_key(|&task| (std::cmp::Reverse(ranks[task as usize]), task));
        order
    }
}

/// How many threads of a host are taken, and when.
#[derive(Debug)]
struct Timeline {
    threads: u32,
    /// From each moment on, so many are taken; up to the next moment.
    steps: Vec<(u64, u32)>,
}

impl Timeline {
    fn new(threads: u32) -> Self {
        Timeline { threads, steps: vec![(0, 0)] }
    }

    /// The first moment from `ready` on at which enough threads are free for so long.
    fn gap(&self, ready: u64, length: u64, cores: u32) -> u64 {
        let mut start = ready;
        let first = self.steps.partition_point(|(at, _)| *at <= ready) - 1;
        for (i, &(at, taken)) in self.steps.iter().enumerate().skip(first) {
            if at >= start.saturating_add(length) && at > start {
                break;
            }
            if taken + cores > self.threads {
                let next = self.steps.get(i + 1).map_or(u64::MAX, |(next, _)| *next);
                start = start.max(next);
            }
        }
        start
    }

    fn book(&mut self, start: u64, end: u64, cores: u32) {
        if start == end {
            return;
        }
        let (from, to) = (self.cut(start), self.cut(end));
        self.steps[from..to].iter_mut().for_each(|(_, taken)| *taken += cores);
    }

    /// Makes a step begin at this moment; returns its index.
    fn cut(&mut self, at: u64) -> usize {
        let next = self.steps.partition_point(|(moment, _)| *moment < at);
        if self.steps.get(next).is_none_or(|(moment, _)| *moment != at) {
            let taken = self.steps[next - 1].1;
            self.steps.insert(next, (at, taken));
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the paper, figure 2: ten tasks, three processors.
    fn example() -> Problem {
        let costs = [
            [14, 16, 9],
            [13, 19, 18],
            [11, 13, 19],
            [13, 8, 17],
            [12, 13, 10],
            [13, 16, 9],
            [7, 15, 11],
            [5, 11, 14],
            [18, 12, 20],
            [21, 7, 16],
        ];
        let edges = [
            (1, 2, 18),
            (1, 3, 12),
            (1, 4, 9),
            (1, 5, 11),
            (1, 6, 14),
            (2, 8, 19),
            (2, 9, 16),
            (3, 7, 23),
            (4, 8, 27),
            (4, 9, 23),
            (5, 9, 13),
            (6, 8, 15),
            (7, 10, 17),
            (8, 10, 11),
            (9, 10, 13),
        ];
        let mut parents = vec![Vec::new(); 10];
        for (parent, child, moving) in edges {
            parents[child - 1].push((parent - 1, moving));
        }
        Problem {
            threads: vec![1; 3],
            costs: costs.iter().map(|row| row.to_vec()).collect(),
            cores: vec![1; 10],
            parents,
        }
    }

    #[test]
    fn the_papers_example_takes_80() {
        let problem = example();
        let ranks: Vec<_> = problem.ranks().iter().map(|rank| rank / 3).collect();
        assert_eq!(ranks, [108, 77, 80, 80, 69, 63, 42, 35, 44, 14]);
        let schedule = problem.solve();
        assert_eq!(schedule.order, [0, 2, 3, 1, 4, 5, 8, 6, 7, 9]);
        assert_eq!(schedule.hosts, [2, 0, 2, 1, 2, 1, 2, 0, 1, 1]);
        assert_eq!(schedule.makespan, 80);
    }

    #[test]
    fn gaps_are_used_if_they_are_long_and_wide_enough() {
        let mut host = Timeline::new(2);
        host.book(0, 10, 2);
        host.book(15, 20, 1);
        host.book(20, 30, 2);
        assert_eq!(host.gap(0, 5, 2), 10);
        assert_eq!(host.gap(0, 6, 2), 30);
        assert_eq!(host.gap(0, 10, 1), 10);
        assert_eq!(host.gap(12, 9, 1), 30);
        assert_eq!(host.gap(17, 3, 1), 17);
        assert_eq!(host.gap(25, 0, 1), 30, "nothing starts where everything is taken");
        assert_eq!(host.gap(40, 5, 2), 40);
    }

    #[test]
    fn two_threads_of_one_host_need_no_transfer() {
        let problem = Problem {
            threads: vec![2, 2],
            costs: vec![vec![10; 2]; 3],
            cores: vec![1, 1, 1],
            parents: vec![vec![], vec![(0, 100)], vec![(0, 100)]],
        };
        let schedule = problem.solve();
        assert_eq!((schedule.makespan, schedule.hosts), (20, vec![0, 0, 0]));
    }
}
