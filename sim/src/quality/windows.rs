//! A bound that sees threads and dependencies at once.
//!
//! The longest path knows nothing of how few threads there are, and the even share of all work nothing of dependencies: 72
//! equal calls on 32 threads take three rounds, and if something long follows that needs them all, it begins after the
//! third. So for every task there is a *head*, before which it can't start, and a *tail*, which is left after its end; and all
//! tasks with a head of at least `x` and a tail of at least `y` must run within the makespan less `x` and `y`, on all
//! threads there are. That is the argument of Fernandez and Bussell (1973), and of Carlier's for one machine (1982).
//!
//! How long a set of tasks takes at least (`Threads::span`) is the longest of three: its longest task on a fastest
//! thread; its work, spread evenly; and the time in which all threads together can end as many calls as there are, if each took
//! only as long as the shortest of them, for the longest tasks of the set, so many that some thread must run one more.
//!
//! Heads are found from parents to children in the same way, among the ancestors of a task: those with a head of at least
//! `x`, and a way of at least `y` from their end to the task. Tails are heads in the graph turned round. What is left out
//! can only make the bound lower: transfers, that tasks of several threads need them at once (their work counts, with all of
//! them), and all `x` and `y` that are not tried.

use super::{graph::Graph, hosts::Hosts};

/// How many values of `x`, and for each of `y`, are tried for the whole graph, and for the ancestors of one task.
const TRIED: usize = 24;
const TRIED_A_TASK: usize = 6;

/// Finding heads looks at all ancestors of every task: of more tasks than this it would take minutes.
const MOST_TASKS: usize = 5_000;

/// No schedule ends before this, in nanoseconds, whatever transfers cost. Of graphs that are too large for this bound it
/// knows nothing: 0.
pub fn windows_ns(graph: &Graph, hosts: &Hosts) -> u64 {
    if graph.tasks.len() > MOST_TASKS {
        return 0;
    }
    let (threads, jobs) = (Threads::of(hosts), Jobs::of(graph));
    let heads = heads(&jobs, &threads);
    let mut tails = self::heads(&jobs.turned(), &threads);
    tails.reverse();
    let all: Vec<usize> = jobs.longest_first.clone();
    best(&all, TRIED, &jobs, &threads, |task| heads[task], |task| tails[task])
}

/// The threads of all hosts, by speed.
struct Threads {
    /// Speed in per cent, and how many threads have it.
    groups: Vec<(u64, u64)>,
    fastest: u64,
    count: usize,
    power: u128,
}

/// Tasks as this bound sees them; parents have lower indices.
struct Jobs {
    work_ns: Vec<u64>,
    cores: Vec<u32>,
    parents: Vec<Vec<usize>>,
    longest_first: Vec<usize>,
}

impl Jobs {
    fn of(graph: &Graph) -> Self {
        let tasks = || graph.tasks.iter();
        let parents = tasks().map(|task| task.parents.iter().map(|&parent| parent as usize).collect());
        Jobs::new(
            tasks().map(|task| task.work_ns).collect(),
            tasks().map(|task| task.cores).collect(),
            parents.collect(),
        )
    }

    fn new(work_ns: Vec<u64>, cores: Vec<u32>, parents: Vec<Vec<usize>>) -> Self {
        let mut longest_first: Vec<usize> = (0..work_ns.len()).collect();
        longest_first.sort_by_key(|&task| std::cmp::Reverse(work_ns[task]));
        Jobs { work_ns, cores, parents, longest_first }
    }

    /// The same graph with all dependencies the other way round, and the last task first.
    fn turned(&self) -> Self {
        let count = self.work_ns.len();
        let mut parents = vec![Vec::new(); count];
        for (task, of_task) in self.parents.iter().enumerate() {
            of_task.iter().for_each(|&parent| parents[count - 1 - parent].push(count - 1 - task));
        }
        let turn = |list: &[u64]| list.iter().rev().copied().collect();
        Jobs::new(turn(&self.work_ns), self.cores.iter().rev().copied().collect(), parents)
    }
}

/// Before when each task can't start.
fn heads(jobs: &Jobs, threads: &Threads) -> Vec<u64> {
    let count = jobs.work_ns.len();
    let mut heads: Vec<u64> = Vec::with_capacity(count);
    // For each task: how long the way is at least from its end to the one that is looked at, if there is one.
    let mut ways: Vec<Option<u64>> = vec![None; count];
    for task in 0..count {
        let path = jobs.parents[task].iter().map(|&parent| heads[parent] + threads.fastest_ns(jobs.work_ns[parent]));
        let path = path.max().unwrap_or(0);
        ways[..task].fill(None);
        jobs.parents[task].iter().for_each(|&parent| ways[parent] = Some(0));
        for between in (0..task).rev() {
            let Some(way) = ways[between] else { continue };
            let way = way + threads.fastest_ns(jobs.work_ns[between]);
            for &parent in &jobs.parents[between] {
                ways[parent] = ways[parent].max(Some(way));
            }
        }
        let ancestors: Vec<usize> =
            jobs.longest_first.iter().copied().filter(|&other| other < task && ways[other].is_some()).collect();
        // So few run side by side, and the path says it all.
        let narrow = ancestors.len() <= threads.count;
        let way = |task: usize| ways[task].unwrap_or(0);
        let packed = if narrow { 0 } else { best(&ancestors, TRIED_A_TASK, jobs, threads, |task| heads[task], way) };
        heads.push(path.max(packed));
    }
    heads
}

/// The best of `x`, what the tasks with a head and a tail of at least `x` and `y` take, and `y`. `tasks`: the longest first.
fn best(
    tasks: &[usize],
    tried: usize,
    jobs: &Jobs,
    threads: &Threads,
    head: impl Fn(usize) -> u64,
    tail: impl Fn(usize) -> u64,
) -> u64 {
    let mut best = 0;
    let (mut late, mut inner) = (Vec::new(), Vec::new());
    for x in some(tasks.iter().map(|&task| head(task)), tried) {
        late.clear();
        late.extend(tasks.iter().copied().filter(|&task| head(task) >= x));
        for y in some(late.iter().map(|&task| tail(task)), tried) {
            inner.clear();
            inner.extend(late.iter().copied().filter(|&task| tail(task) >= y));
            best = best.max(x + threads.span(&inner, jobs) + y);
        }
    }
    best
}

/// At most so many of some values, the lowest among them, evenly spread.
fn some(values: impl Iterator<Item = u64>, count: usize) -> Vec<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values.dedup();
    let step = values.len().div_ceil(count).max(1);
    values.into_iter().step_by(step).collect()
}

impl Threads {
    fn of(hosts: &Hosts) -> Self {
        let mut groups: Vec<(u64, u64)> = Vec::new();
        for host in &hosts.hosts {
            let (speed, threads) = (u64::from(host.speed.max(1)), u64::from(host.threads));
            match groups.iter_mut().find(|(of_group, _)| *of_group == speed) {
                Some((_, count)) => *count += threads,
                None => groups.push((speed, threads)),
            }
        }
        Threads {
            fastest: groups.iter().map(|(speed, _)| *speed).max().unwrap_or(1),
            count: groups.iter().map(|(_, count)| *count as usize).sum(),
            power: groups.iter().map(|(speed, count)| u128::from(speed * count)).sum(),
            groups,
        }
    }

    fn fastest_ns(&self, work_ns: u64) -> u64 {
        run_ns(work_ns, self.fastest)
    }

    /// What tasks take at least, the longest first.
    fn span(&self, tasks: &[usize], jobs: &Jobs) -> u64 {
        let Some(&longest) = tasks.first() else { return 0 };
        let work: u128 = tasks.iter().map(|&task| u128::from(jobs.work_ns[task]) * u128::from(jobs.cores[task])).sum();
        let share = u64::try_from(work * 100 / self.power.max(1)).unwrap_or(u64::MAX);
        let mut span = share.max(self.fastest_ns(jobs.work_ns[longest]));
        let one_more = (self.count..tasks.len()).step_by(self.count.max(1));
        for last in one_more.chain([tasks.len() - 1]) {
            span = span.max(self.calls_ns(last as u64 + 1, jobs.work_ns[tasks[last]]));
        }
        span
    }

    /// In what time all threads together can end so many calls of so much work.
    fn calls_ns(&self, calls: u64, work_ns: u64) -> u64 {
        if work_ns == 0 {
            return 0;
        }
        let ended = |time: u64| -> u64 {
            self.groups.iter().map(|&(speed, count)| time / run_ns(work_ns, speed).max(1) * count).sum()
        };
        let (mut low, mut high) = (0, run_ns(work_ns, self.fastest).saturating_mul(calls));
        while low < high {
            let middle = low + (high - low) / 2;
            if ended(middle) >= calls { high = middle } else { low = middle + 1 }
        }
        low
    }
}

fn run_ns(work_ns: u64, speed: u64) -> u64 {
    u64::try_from(u128::from(work_ns) * 100 / u128::from(speed)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::{graph::Builder, hosts::Host};

    #[test]
    fn calls_run_in_rounds() {
        let mut builder = Builder::new("rounds");
        for _ in 0..5 {
            builder.task("f", 10, 0, &[]);
        }
        let graph = builder.finish();
        assert_eq!(windows_ns(&graph, &Hosts::equal(2, 2)), 20, "13 by the work");
        assert_eq!(windows_ns(&graph, &Hosts::equal(5, 1)), 10);
        let uneven = Hosts::of("uneven", vec![Host { threads: 2, speed: 100 }, Host { threads: 2, speed: 50 }]);
        assert_eq!(windows_ns(&graph, &uneven), 20, "two, two and one");
        let slow = Hosts::of("slow", vec![Host { threads: 1, speed: 100 }, Host { threads: 2, speed: 50 }]);
        assert_eq!(windows_ns(&graph, &slow), 30, "three, and one each");
    }

    #[test]
    fn what_needs_many_begins_after_their_last_round() {
        let mut builder = Builder::new("needs many");
        let many: Vec<u32> = (0..5).map(|_| builder.task("f", 10, 0, &[])).collect();
        let middle = builder.task("g", 7, 0, &many);
        let rest: Vec<u32> = (0..5).map(|_| builder.task("h", 10, 0, &[middle])).collect();
        builder.task("i", 1, 0, &rest);
        // 58 by path and work.
        assert_eq!(windows_ns(&builder.finish(), &Hosts::equal(2, 2)), 20 + 7 + 20 + 1);
    }

    #[test]
    fn a_long_way_that_starts_in_the_middle_counts_the_round_before_it() {
        let mut builder = Builder::new("one of many");
        let many: Vec<u32> = (0..6).map(|_| builder.task("f", 10, 0, &[])).collect();
        builder.task("long", 50, 0, &many[..3]);
        for _ in 0..10 {
            builder.task("short", 1, 0, &[]);
        }
        // 60 by path and work.
        assert_eq!(windows_ns(&builder.finish(), &Hosts::equal(1, 2)), 70);
    }
}
