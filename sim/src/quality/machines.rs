//! Brisk itself: the real machines of scheduler and workers, in virtual time.
//!
//! Unlike the [`Cluster`](crate::cluster::Cluster) of the fault simulator nothing goes wrong here and nobody checks
//! answers; instead transfers take as long as hosts' network cards need for them, and tasks as long as the graph says.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    time::Duration,
};

use brisk_core::{
    id::{ClientId, Epoch, Incarnation, RequestId, RunId},
    key::Key,
    message::{KeyNews, SchedulerToClient, SchedulerToWorker, WorkerToScheduler},
    time::Moment,
};
use brisk_scheduler::machine as scheduler;
use brisk_worker::machine as worker;

use super::{
    flows::{FlowId, Flows},
    graph::Graph,
    hosts::Hosts,
    outcome::Outcome,
};
use crate::calendar::Calendar;

mod submission;

use submission::{host_of, task_of, worker_id};

const EPOCH: Epoch = Epoch(1);
const CLIENT: ClientId = ClientId(Incarnation(1));

/// Values up to here are sent together, in bytes: a peer answers many short ones at once.
const TOGETHER: u64 = 64 << 10;

/// A graph did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck(String);

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs a graph.
///
/// # Errors
/// If a task takes more threads than any host has, or the machines do not finish: a bug in them.
pub fn run(graph: &Graph, hosts: &Hosts, config: &scheduler::Config) -> Result<Outcome, Stuck> {
    let widest = hosts.hosts.iter().map(|host| host.threads).max().unwrap_or(0);
    if let Some(task) = graph.tasks.iter().find(|task| task.cores > widest) {
        let (name, cores) = (&task.name, task.cores);
        return Err(Stuck(format!("{name} takes {cores} threads, and the widest worker has {widest}: give it more")));
    }
    let mut run = Run::new(graph, hosts, config);
    run.join_all();
    run.submit();
    // Far more than any schedule takes, far fewer than for ever.
    let patience = 100_000 + 2_000 * graph.tasks.len() as u64;
    for _ in 0..patience {
        if run.left == 0 {
            return run.failure.map_or(Ok(run.outcome), |failure| Err(Stuck(failure)));
        }
        if !run.step() {
            break;
        }
    }
    let (left, name) = (run.left, &graph.name);
    Err(Stuck(format!("{name}: {left} values are wanted still, and the machines come no further")))
}

enum Happening {
    Reports(usize, WorkerToScheduler),
    Orders(usize, SchedulerToWorker),
    SchedulerTick,
    WorkerTick(usize),
    RunEnds { host: usize, run: RunId },
    Serves(u64),
}

struct Run<'a> {
    graph: &'a Graph,
    hosts: &'a Hosts,
    calendar: Calendar<Happening>,
    flows: Flows,
    moving: BTreeMap<FlowId, u64>,
    transfers: BTreeMap<u64, Transfer>,
    last_transfer: u64,
    scheduler: scheduler::Scheduler,
    scheduler_tick: Option<Moment>,
    nodes: Vec<Node>,
    /// How many of the wanted values do not exist.
    left: usize,
    failure: Option<String>,
    outcome: Outcome,
}

struct Node {
    machine: worker::Worker,
    running: BTreeMap<RunId, u32>,
    values: BTreeSet<Key>,
    tick: Option<Moment>,
}

/// What one worker asked of another and has not got.
struct Transfer {
    to: usize,
    from: usize,
    request: RequestId,
    keys: VecDeque<(Key, u64)>,
    /// What is on its way.
    sent: Vec<(Key, u64)>,
}

impl<'a> Run<'a> {
    fn new(graph: &'a Graph, hosts: &'a Hosts, config: &scheduler::Config) -> Self {
        let node = |(host, threads): (usize, u32)| Node {
            machine: worker::Worker::new(worker::Config::new(threads, 0), worker_id(host), EPOCH),
            running: BTreeMap::new(),
            values: BTreeSet::new(),
            tick: None,
        };
        let mut config = config.clone();
        config.records = false;
        Run {
            graph,
            hosts,
            calendar: Calendar::new(),
            flows: Flows::new(hosts.hosts.len(), hosts.bandwidth),
            moving: BTreeMap::new(),
            transfers: BTreeMap::new(),
            last_transfer: 0,
            scheduler: scheduler::Scheduler::new(config, EPOCH),
            scheduler_tick: None,
            nodes: hosts.hosts.iter().map(|host| host.threads).enumerate().map(node).collect(),
            left: graph.sinks().len(),
            failure: None,
            outcome: Outcome::default(),
        }
    }

    /// The next thing happens. Whether there was one.
    fn step(&mut self) -> bool {
        let (flow, entry) = (self.flows.next(), self.calendar.next());
        if let Some(at) = flow.filter(|flow| entry.is_none_or(|entry| *flow <= entry)) {
            self.calendar.wait_until(at);
            if let Some(transfer) = self.flows.take().and_then(|flow| self.moving.remove(&flow)) {
                self.flow_ends(transfer);
            }
            return true;
        }
        let Some(happening) = self.calendar.take() else { return false };
        match happening {
            Happening::Reports(host, message) => {
                let worker = worker_id(host);
                self.tell_scheduler(scheduler::Event::FromWorker { worker, epoch: EPOCH, message });
            }
            Happening::Orders(host, message) => {
                self.tell_worker(host, worker::Event::FromScheduler { epoch: EPOCH, message });
            }
            Happening::SchedulerTick => {
                self.scheduler_tick = None;
                self.tell_scheduler(scheduler::Event::Tick);
            }
            Happening::WorkerTick(host) => {
                self.nodes[host].tick = None;
                self.tell_worker(host, worker::Event::Tick);
            }
            Happening::RunEnds { host, run } => self.run_ends(host, run),
            Happening::Serves(transfer) => self.serve(transfer),
        }
        true
    }

    fn tell_scheduler(&mut self, event: scheduler::Event) {
        self.scheduler.handle(self.calendar.now(), event);
        while let Some(action) = self.scheduler.poll_action() {
            match action {
                scheduler::Action::ToWorker { worker, message } => {
                    self.calendar.enter_after(self.hosts.message, Happening::Orders(host_of(worker), message));
                }
                scheduler::Action::ToClient { message, .. } => self.client_hears(message),
                scheduler::Action::CloseClient { reason, .. } => {
                    self.fail(format!("the client was sent away: {reason}"))
                }
                scheduler::Action::CloseWorker { reason, .. } => self.fail(format!("a worker was sent away: {reason}")),
                // There are no supervisors here, and records are for people.
                _ => {}
            }
        }
        if let Some(at) = self.scheduler.next_deadline()
            && self.scheduler_tick.is_none_or(|tick| at < tick)
        {
            self.scheduler_tick = Some(at);
            self.calendar.enter(at, Happening::SchedulerTick);
        }
    }

    fn client_hears(&mut self, message: SchedulerToClient) {
        match message {
            SchedulerToClient::News { news: KeyNews::Memory { .. }, .. } => self.left = self.left.saturating_sub(1),
            SchedulerToClient::News { news: KeyNews::Erred(error) | KeyNews::Cancelled(error), .. }
            | SchedulerToClient::Refused { error, .. } => self.fail(error.to_string()),
            _ => {}
        }
    }

    fn tell_worker(&mut self, host: usize, event: worker::Event) {
        let now = self.calendar.now();
        self.nodes[host].machine.handle(now, event);
        while let Some(action) = self.nodes[host].machine.poll_action() {
            self.act(host, action);
        }
        if let Some(at) = self.nodes[host].machine.next_deadline()
            && self.nodes[host].tick.is_none_or(|tick| at < tick)
        {
            self.nodes[host].tick = Some(at);
            self.calendar.enter(at, Happening::WorkerTick(host));
        }
    }

    fn act(&mut self, host: usize, action: worker::Action) {
        match action {
            worker::Action::ToScheduler(message) => {
                self.calendar.enter_after(self.hosts.message, Happening::Reports(host, message));
            }
            worker::Action::Execute { run, key, .. } => {
                let task = task_of(key);
                self.nodes[host].running.insert(run, task);
                let took = Duration::from_nanos(self.hosts.run_ns(&self.graph.tasks[task as usize], host));
                self.calendar.enter_after(took, Happening::RunEnds { host, run });
            }
            worker::Action::Keep { key } => {
                self.nodes[host].values.insert(key);
            }
            worker::Action::DropValue { key } => {
                self.nodes[host].values.remove(&key);
            }
            worker::Action::Fetch { request, from, keys, .. } => {
                self.last_transfer += 1;
                let (id, from, keys) = (self.last_transfer, host_of(from), keys.into());
                self.transfers.insert(id, Transfer { to: host, from, request, keys, sent: Vec::new() });
                self.calendar.enter_after(self.hosts.latency, Happening::Serves(id));
            }
            // A run that nobody waits for goes on to its end, as most code does.
            worker::Action::Abort { .. } | worker::Action::Abandon { .. } => {}
            other => self.fail(format!("the model of a worker has no answer to {other:?}")),
        }
    }

    fn run_ends(&mut self, host: usize, run: RunId) {
        let Some(task) = self.nodes[host].running.remove(&run) else { return };
        let Self { graph, hosts, .. } = *self;
        let task = &graph.tasks[task as usize];
        let took = hosts.run_ns(task, host);
        self.outcome.ended(self.calendar.now().as_nanos(), took, task.cores);
        let took = Duration::from_nanos(took);
        self.tell_worker(host, worker::Event::Done { run, outcome: Ok(task.nbytes), took });
    }

    /// The next values of a request set out.
    fn serve(&mut self, id: u64) {
        let Some(transfer) = self.transfers.get_mut(&id) else { return };
        let mut bytes = 0u64;
        let mut missing = Vec::new();
        while let Some(&(key, nbytes)) = transfer.keys.front()
            && (transfer.sent.is_empty() || bytes + nbytes <= TOGETHER)
        {
            transfer.keys.pop_front();
            if self.nodes[transfer.from].values.contains(&key) {
                bytes += nbytes;
                transfer.sent.push((key, nbytes));
            } else {
                missing.push((key, worker::FetchResult::Missing));
            }
        }
        let (to, from, request) = (transfer.to, transfer.from, transfer.request);
        self.outcome.transfers += transfer.sent.len() as u64;
        self.outcome.moved_bytes += bytes;
        if transfer.sent.is_empty() {
            self.transfers.remove(&id);
        } else {
            let flow = self.flows.start(self.calendar.now(), from, to, bytes);
            self.moving.insert(flow, id);
        }
        if !missing.is_empty() {
            self.tell_worker(to, worker::Event::FetchDone { request, outcomes: missing });
        }
    }

    fn flow_ends(&mut self, id: u64) {
        let Some(transfer) = self.transfers.get_mut(&id) else { return };
        let (to, request) = (transfer.to, transfer.request);
        let stored = |(key, nbytes)| (key, worker::FetchResult::Stored { nbytes });
        let outcomes = std::mem::take(&mut transfer.sent).into_iter().map(stored).collect();
        // Before the answer, which may ask for more: the peer goes on sending without a pause.
        self.serve(id);
        self.tell_worker(to, worker::Event::FetchDone { request, outcomes });
    }

    fn fail(&mut self, what: String) {
        self.failure.get_or_insert(what);
        self.left = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::{
        bound::{bound_ns, longest_path_ns},
        families::{self, Costs},
        graph::Task,
    };

    fn costs(nbytes: u64) -> Costs {
        Costs { work_ns: 20_000_000, nbytes }
    }

    #[test]
    fn every_family_ends_and_none_beats_the_bound() {
        for graph in families::small(costs(2_000_000)) {
            for hosts in [Hosts::equal(4, 2), Hosts::mixed(1), Hosts::uneven(2)] {
                let outcome = run(&graph, &hosts, &scheduler::Config::default()).unwrap();
                assert!(outcome.makespan_ns >= bound_ns(&graph, &hosts), "{} on {}", graph.name, hosts.name);
                let work: u64 = graph.tasks.iter().map(|task| task.work_ns).sum();
                assert!(outcome.busy_ns >= work, "{} on {}: some did not run", graph.name, hosts.name);
                let again = run(&graph, &hosts, &scheduler::Config::default());
                assert_eq!(again, Ok(outcome), "{} on {} is not the same twice", graph.name, hosts.name);
            }
        }
    }

    #[test]
    fn one_worker_moves_nothing_and_one_thread_is_never_idle_for_long() {
        let (graph, hosts) = (families::cholesky(costs(1_000), 6), Hosts::equal(1, 1));
        let outcome = run(&graph, &hosts, &scheduler::Config::default()).unwrap();
        assert_eq!((outcome.moved_bytes, outcome.transfers), (0, 0));
        assert!(outcome.idle_share(&hosts) < 0.05, "{outcome:?}");
    }

    #[test]
    fn wide_tasks_take_all_their_threads_or_are_refused() {
        let task = |cores: u32| Task {
            name: "wide".into(),
            function: 0,
            work_ns: 1_000_000_000,
            cores,
            nbytes: 0,
            parents: vec![],
        };
        let graph = Graph::new("wide", vec!["f".into()], vec![task(3), task(3), task(1), task(1)]).unwrap();
        let outcome = run(&graph, &Hosts::equal(1, 4), &scheduler::Config::default()).unwrap();
        assert_eq!(longest_path_ns(&graph, &Hosts::equal(1, 4)), 1_000_000_000);
        assert!(
            outcome.makespan_ns > 2_000_000_000,
            "two of three threads never run side by side on four: {outcome:?}"
        );
        let refused = run(&graph, &Hosts::equal(9, 2), &scheduler::Config::default()).unwrap_err();
        assert_eq!(refused.to_string(), "wide takes 3 threads, and the widest worker has 2: give it more");
    }
}
