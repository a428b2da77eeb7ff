//! A scheduler of textbooks: a task that has its inputs is placed by a rule, fetches what is elsewhere, and starts when a
//! thread is free, in a given order.
//!
//! It is given every advantage: it hears of everything at once, costs nothing, and has no limit on what it fetches.

use std::collections::{BTreeMap, BTreeSet};

use brisk_core::time::Moment;

use super::{
    flows::{FlowId, Flows},
    graph::Graph,
    hosts::Hosts,
    outcome::Outcome,
};
use crate::calendar::Calendar;

/// Where tasks run.
pub trait Placement {
    /// The host of a task whose inputs exist; one of those that have threads enough for it.
    fn place(&mut self, task: u32, wide_enough: &[usize]) -> usize;
}

/// Runs a graph; `order` lists the tasks, the first to start first.
pub fn run(graph: &Graph, hosts: &Hosts, order: &[u32], placement: &mut dyn Placement) -> Outcome {
    let mut run = Run::new(graph, hosts, order);
    for task in 0..graph.tasks.len() as u32 {
        if graph.tasks[task as usize].parents.is_empty() {
            run.place(task, placement);
        }
    }
    loop {
        run.start_all();
        let (flow, entry) = (run.flows.next(), run.calendar.next());
        if flow.is_some_and(|flow| entry.is_none_or(|entry| flow <= entry)) {
            run.flow_ends();
        } else if let Some(happening) = run.calendar.take() {
            run.happen(happening, placement);
        } else {
            return run.outcome;
        }
    }
}

enum Happening {
    FlowStarts { value: u32, to: usize },
    RunEnds { task: u32 },
}

struct Run<'a> {
    graph: &'a Graph,
    hosts: &'a Hosts,
    children: Vec<Vec<u32>>,
    calendar: Calendar<Happening>,
    flows: Flows,
    moving: BTreeMap<FlowId, (u32, usize)>,
    /// How many inputs each task has that do not exist, and how many that are not at its host.
    missing: Vec<usize>,
    away: Vec<usize>,
    /// Where each task is placed, once it is.
    placed: Vec<usize>,
    /// The place of each task in the order.
    turns: Vec<u32>,
    nodes: Vec<Node>,
    outcome: Outcome,
}

#[derive(Default)]
struct Node {
    free: u32,
    here: BTreeSet<u32>,
    /// Values on their way, with the tasks that wait.
    awaited: BTreeMap<u32, Vec<u32>>,
    /// Tasks that have all inputs here, by turn.
    ready: BTreeSet<(u32, u32)>,
}

impl<'a> Run<'a> {
    fn new(graph: &'a Graph, hosts: &'a Hosts, order: &[u32]) -> Self {
        let count = graph.tasks.len();
        let mut turns = vec![0; count];
        for (turn, &task) in order.iter().enumerate() {
            turns[task as usize] = turn as u32;
        }
        Run {
            graph,
            hosts,
            children: graph.children(),
            calendar: Calendar::new(),
            flows: Flows::new(hosts.hosts.len(), hosts.bandwidth),
            moving: BTreeMap::new(),
            missing: graph.tasks.iter().map(|task| task.parents.len()).collect(),
            away: vec![0; count],
            placed: vec![0; count],
            turns,
            nodes: hosts.hosts.iter().map(|host| Node { free: host.threads, ..Node::default() }).collect(),
            outcome: Outcome::default(),
        }
    }

    fn place(&mut self, task: u32, placement: &mut dyn Placement) {
        let t = task as usize;
        let cores = self.graph.tasks[t].cores;
        let wide_enough = (0..self.nodes.len()).filter(|&host| self.hosts.hosts[host].threads >= cores);
        let host = placement.place(task, &wide_enough.collect::<Vec<_>>());
        self.placed[t] = host;
        for &value in &self.graph.tasks[t].parents {
            if self.nodes[host].here.contains(&value) {
                continue;
            }
            self.away[t] += 1;
            let waiting = self.nodes[host].awaited.entry(value).or_default();
            waiting.push(task);
            if waiting.len() == 1 {
                self.calendar.enter_after(self.hosts.latency, Happening::FlowStarts { value, to: host });
            }
        }
        if self.away[t] == 0 {
            self.nodes[host].ready.insert((self.turns[t], task));
        }
    }

    fn happen(&mut self, happening: Happening, placement: &mut dyn Placement) {
        let now = self.calendar.now();
        match happening {
            Happening::FlowStarts { value, to } => {
                let (from, nbytes) = (self.placed[value as usize], self.graph.tasks[value as usize].nbytes);
                let flow = self.flows.start(now, from, to, nbytes);
                self.moving.insert(flow, (value, to));
                self.outcome.moved_bytes += nbytes;
                self.outcome.transfers += 1;
            }
            Happening::RunEnds { task } => {
                let (t, host) = (task as usize, self.placed[task as usize]);
                let (took, cores) = (self.hosts.run_ns(&self.graph.tasks[t], host), self.graph.tasks[t].cores);
                self.outcome.ended(now.as_nanos(), took, cores);
                self.nodes[host].free += cores;
                self.nodes[host].here.insert(task);
                for child in self.children[t].clone() {
                    self.missing[child as usize] -= 1;
                    if self.missing[child as usize] == 0 {
                        self.place(child, placement);
                    }
                }
            }
        }
    }

    fn flow_ends(&mut self) {
        let at = self.flows.next().unwrap_or(Moment::ORIGIN);
        self.calendar.wait_until(at);
        let Some((value, to)) = self.flows.take().and_then(|flow| self.moving.remove(&flow)) else { return };
        self.nodes[to].here.insert(value);
        for task in self.nodes[to].awaited.remove(&value).unwrap_or_default() {
            self.away[task as usize] -= 1;
            if self.away[task as usize] == 0 {
                self.nodes[to].ready.insert((self.turns[task as usize], task));
            }
        }
    }

    /// Starts what can start; a task that takes more threads than are free lets later ones pass.
    fn start_all(&mut self) {
        for host in 0..self.nodes.len() {
            while self.nodes[host].free > 0 {
                let (free, tasks) = (self.nodes[host].free, &self.graph.tasks);
                let fitting = self.nodes[host].ready.iter().find(|(_, task)| tasks[*task as usize].cores <= free);
                let Some(&(turn, task)) = fitting else { break };
                self.nodes[host].ready.remove(&(turn, task));
                self.nodes[host].free -= tasks[task as usize].cores;
                let took = self.hosts.run_ns(&tasks[task as usize], host);
                self.calendar.enter(
                    Moment::from_nanos(self.calendar.now().as_nanos().saturating_add(took)),
                    Happening::RunEnds { task },
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::{
        bound::bound_ns,
        families::{self, Costs},
        heft::Problem,
        placements::{AtRandom, Planned, RoundRobin, submission_order},
    };

    #[test]
    fn no_schedule_beats_the_bound_and_all_tasks_run() {
        let costs = Costs { work_ns: 10_000_000, nbytes: 5_000_000 };
        for graph in families::small(costs) {
            for hosts in [Hosts::equal(4, 2), Hosts::mixed(1), Hosts::uneven(2)] {
                let plan = Problem::of(&graph, &hosts).solve();
                let order = submission_order(&graph);
                let bound = bound_ns(&graph, &hosts);
                assert!(plan.makespan >= bound, "{}", graph.name);
                let outcomes = [
                    run(&graph, &hosts, &plan.order, &mut Planned(plan.hosts.clone())),
                    run(&graph, &hosts, &order, &mut RoundRobin::new(&hosts)),
                    run(&graph, &hosts, &order, &mut AtRandom::new(&hosts)),
                ];
                let work: u64 = graph.tasks.iter().map(|task| task.work_ns).sum();
                for outcome in outcomes {
                    assert!(outcome.makespan_ns >= bound, "{} on {}", graph.name, hosts.name);
                    assert!(outcome.busy_ns >= work, "{} on {}: some did not run", graph.name, hosts.name);
                }
            }
        }
    }

    #[test]
    fn a_plan_without_transfers_is_carried_out_as_made() {
        let graph = families::chains(Costs { work_ns: 1_000_000, nbytes: 1_000 }, 8, 5);
        let hosts = Hosts::equal(4, 2);
        let plan = Problem::of(&graph, &hosts).solve();
        let outcome = run(&graph, &hosts, &plan.order, &mut Planned(plan.hosts.clone()));
        assert_eq!((outcome.makespan_ns, outcome.moved_bytes), (plan.makespan, 0));
    }
}
