//! What scheduling costs, and how that grows with tasks and workers.
//!
//! The scheduler's machine is the real one; workers are as cheap as can be: each takes as many runs as it has threads,
//! and when they end it says so in one batch. Time is virtual. Whoever measures is told when the scheduler begins and
//! ends to work, so that the workers' part does not count.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use brisk_core::{
    function::{FunctionId, FunctionInfo},
    hello::WorkerInfo,
    id::{ClientId, EnvironmentId, Epoch, Incarnation, RequestId, RunId, WantId, WorkerId},
    key::Key,
    limits::CHUNK_TASKS,
    message::{Assignment, ClientToScheduler, SchedulerToWorker, SubmittedTask, WorkerToScheduler},
    payload::Payload,
    time::Moment,
};
use brisk_scheduler::machine::{Action, Config, Event, Scheduler};

use crate::{calendar::Calendar, random::mix};

const EPOCH: Epoch = Epoch(1);
const CLIENT: ClientId = ClientId(Incarnation(1));
/// The incarnation of the first worker; clients have lower ones.
const FIRST_WORKER: u64 = 2;

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// How many tasks.
    pub tasks: u32,
    /// How many workers, of four threads each.
    pub workers: u32,
    /// How the tasks depend on one another.
    pub shape: Shape,
}

/// How tasks depend on one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Not at all; the client wants each.
    Independent,
    /// Each third one combines the two before it; the client wants that.
    Pairs,
    /// Chains of a hundred; the client wants the ends.
    Chains,
}

/// A part of a run, which is measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Workers join.
    Join,
    /// Tasks are submitted, and the first are handed out.
    Submit,
    /// Tasks run.
    Run,
    /// The client lets go of what it wanted.
    Release,
    /// Workers leave.
    Leave,
}

/// Who measures.
pub trait Watch {
    /// The scheduler is given something.
    fn begins(&mut self);
    /// It has dealt with it.
    fn ends(&mut self, phase: Phase);
    /// All tasks exist, or none do yet: the moment to look at memory.
    fn remember(&mut self, tasks: u32);
}

/// What happened, the same in every run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that the scheduler was given.
    pub events: u64,
    /// Messages that it sent.
    pub messages: u64,
    /// Batches in which workers reported.
    pub batches: u64,
    /// Virtual time at the end of the last task, in nanoseconds.
    pub ended_ns: u64,
}

/// Runs a load.
///
/// # Panics
/// If tasks are left over in the end: a bug in the scheduler.
pub fn run(load: Load, watch: &mut dyn Watch) -> Counts {
    let mut scale = Scale::new(load, watch);
    scale.join();
    scale.watch.remember(0);
    scale.submit();
    scale.watch.remember(load.tasks);
    while scale.step() {}
    scale.release();
    assert_eq!(scale.scheduler.task_count(), 0, "tasks are left over when nobody wants any");
    scale.leave();
    scale.counts
}

struct Scale<'a> {
    load: Load,
    watch: &'a mut dyn Watch,
    scheduler: Scheduler,
    calendar: Calendar<Happening>,
    tick: Option<Moment>,
    workers: Vec<Worker>,
    counts: Counts,
    submissions: u64,
}

enum Happening {
    Reports(u32),
    Tick,
}

#[derive(Default)]
struct Worker {
    queue: VecDeque<Assignment>,
    running: Vec<Assignment>,
}

impl<'a> Scale<'a> {
    fn new(load: Load, watch: &'a mut dyn Watch) -> Self {
        let mut config = Config::default();
        config.records = false;
        Scale {
            load,
            watch,
            scheduler: Scheduler::new(config, EPOCH),
            calendar: Calendar::new(),
            tick: None,
            workers: (0..load.workers).map(|_| Worker::default()).collect(),
            counts: Counts::default(),
            submissions: 0,
        }
    }

    /// Gives the scheduler a batch, and its orders to the workers.
    fn tell(&mut self, phase: Phase, events: Vec<Event>) {
        self.counts.events += events.len() as u64;
        let now = self.calendar.now();
        let mut orders = Vec::new();
        self.watch.begins();
        for event in events {
            self.scheduler.handle(now, event);
            while let Some(action) = self.scheduler.poll_action() {
                self.counts.messages += 1;
                if let Action::ToWorker { worker, message } = action {
                    orders.push((worker, message));
                }
            }
        }
        self.watch.ends(phase);
        let told: BTreeSet<u32> = orders.iter().map(|(worker, _)| index_of(*worker)).collect();
        for (worker, message) in orders {
            self.obey(index_of(worker), message);
        }
        // Only now: what came together starts together.
        told.into_iter().for_each(|index| self.start(index));
        if let Some(at) = self.scheduler.next_deadline()
            && self.tick.is_none_or(|tick| at < tick)
        {
            self.tick = Some(at);
            self.calendar.enter(at, Happening::Tick);
        }
    }

    fn obey(&mut self, index: u32, message: SchedulerToWorker) {
        let worker = &mut self.workers[index as usize];
        match message {
            SchedulerToWorker::Run(assignment) => worker.queue.push_back(*assignment),
            SchedulerToWorker::Steal { request, runs } => {
                let waits = |run: &RunId| worker.queue.iter().any(|assignment| assignment.run == *run);
                let given: Vec<_> = runs.into_iter().filter(|(_, run)| waits(run)).collect();
                worker.queue.retain(|assignment| !given.iter().any(|(_, run)| *run == assignment.run));
                let message = WorkerToScheduler::Stolen { request, runs: given };
                self.tell(Phase::Run, vec![from_worker(index, message)]);
            }
            SchedulerToWorker::Cancel { run, .. } => worker.queue.retain(|assignment| assignment.run != run),
            _ => {}
        }
    }

    /// A worker that runs nothing takes what it can run at once. Workers are not all as fast.
    fn start(&mut self, index: u32) {
        let worker = &mut self.workers[index as usize];
        if !worker.running.is_empty() || worker.queue.is_empty() {
            return;
        }
        let count = worker.queue.len().min(THREADS as usize);
        worker.running.extend(worker.queue.drain(..count));
        let took = TOOK + Duration::from_nanos(mix(u64::from(index)) % 1_000_000);
        self.calendar.enter_after(took, Happening::Reports(index));
    }

    /// The next thing happens. Whether there was one.
    fn step(&mut self) -> bool {
        match self.calendar.take() {
            Some(Happening::Tick) => {
                self.tick = None;
                self.tell(Phase::Run, vec![Event::Tick]);
            }
            Some(Happening::Reports(index)) => {
                self.counts.batches += 1;
                self.counts.ended_ns = self.calendar.now().as_nanos();
                let mut events = Vec::new();
                for run in std::mem::take(&mut self.workers[index as usize].running) {
                    report(index, run, &mut events);
                }
                self.tell(Phase::Run, events);
                self.start(index);
            }
            None => return false,
        }
        true
    }

    fn join(&mut self) {
        for index in 0..self.load.workers {
            let info = WorkerInfo {
                address: format!("sim://{index}").parse().expect("names of simulated workers are short"),
                host: format!("host-{}", index / 4).into(),
                threads: THREADS,
                memory_limit: 0,
                speed_percent: 100,
                resources: Vec::new(),
            };
            let (name, environment) = (format!("worker-{index}").into(), EnvironmentId::IN_PROCESS);
            self.tell(Phase::Join, vec![Event::WorkerJoined { worker: worker_id(index), name, environment, info }]);
        }
        let environment = EnvironmentId::IN_PROCESS;
        let joined = Event::ClientJoined { client: CLIENT, name: "client".into(), environment, program: None };
        self.tell(Phase::Join, vec![joined]);
        let function = FunctionInfo {
            id: FunctionId::from_u128(1),
            name: "work".into(),
            module: "scale".into(),
            place: "scale".into(),
            is_async: false,
        };
        self.say(Phase::Join, ClientToScheduler::Functions(vec![function]));
    }

    /// One submission a chunk, as of a client that adds to its work again and again; chains do not cross chunks.
    fn submit(&mut self) {
        let chunk = CHUNK_TASKS as u32 / 300 * 300;
        for first in (0..self.load.tasks).step_by(chunk as usize) {
            let numbers = first..(first + chunk).min(self.load.tasks);
            let tasks = numbers.clone().map(|number| self.load.task(number)).collect();
            let wants = numbers.filter(|number| self.load.is_wanted(*number)).map(|n| (key_of(n), WantId(1))).collect();
            self.submissions += 1;
            let submission = RequestId(self.submissions);
            self.say(Phase::Submit, ClientToScheduler::Submit { submission, chunk: 0, last: true, tasks, wants });
        }
    }

    fn release(&mut self) {
        let wanted = (0..self.load.tasks).filter(|number| self.load.is_wanted(*number));
        let wanted: Vec<_> = wanted.map(|number| (key_of(number), WantId(1))).collect();
        for keys in wanted.chunks(CHUNK_TASKS) {
            self.say(Phase::Release, ClientToScheduler::Release(keys.to_vec()));
        }
    }

    fn leave(&mut self) {
        for index in 0..self.load.workers {
            let left = Event::WorkerLeft { worker: worker_id(index), cause: "the end".into(), intended: true };
            self.tell(Phase::Leave, vec![left]);
        }
    }

    fn say(&mut self, phase: Phase, message: ClientToScheduler) {
        self.tell(phase, vec![Event::FromClient { client: CLIENT, epoch: EPOCH, message }]);
    }
}

const THREADS: u32 = 4;

/// What a task takes at the fastest worker.
const TOOK: Duration = Duration::from_millis(10);

impl Load {
    fn task(self, number: u32) -> SubmittedTask {
        let parents = match self.shape {
            Shape::Pairs if number % 3 == 2 => vec![number - 2, number - 1],
            Shape::Chains if !number.is_multiple_of(100) => vec![number - 1],
            _ => Vec::new(),
        };
        SubmittedTask {
            key: key_of(number),
            function: FunctionId::from_u128(1),
            spec: Payload::from_bytes(Vec::new()),
            dependencies: parents.into_iter().map(key_of).collect(),
            options: None,
        }
    }

    fn is_wanted(self, number: u32) -> bool {
        let last = number + 1 == self.tasks;
        match self.shape {
            Shape::Independent => true,
            // What is left of a pair at the end has nobody else to want it.
            Shape::Pairs => number % 3 == 2 || number >= self.tasks / 3 * 3,
            Shape::Chains => number % 100 == 99 || last,
        }
    }
}

/// What a worker says of a run: copies that it fetched, and the end.
fn report(index: u32, run: Assignment, events: &mut Vec<Event>) {
    let here = worker_id(index);
    let fetched = run.dependencies.iter().filter(|input| !input.holders.is_empty() && !input.holders.contains(&here));
    let fetched: Vec<_> = fetched.map(|input| (input.key, input.nbytes)).collect();
    if !fetched.is_empty() {
        events.push(from_worker(index, WorkerToScheduler::Added(fetched)));
    }
    let (key, run) = (run.task.key, run.run);
    events.push(from_worker(index, WorkerToScheduler::Finished { key, run, nbytes: 1_000, took: TOOK, value: None }));
}

fn from_worker(index: u32, message: WorkerToScheduler) -> Event {
    Event::FromWorker { worker: worker_id(index), epoch: EPOCH, message }
}

fn index_of(worker: WorkerId) -> u32 {
    (worker.0.0 - FIRST_WORKER) as u32
}

fn worker_id(index: u32) -> WorkerId {
    WorkerId(Incarnation(FIRST_WORKER + u64::from(index)))
}

/// Scattered, as a hash is.
fn key_of(number: u32) -> Key {
    Key::from_u128(u128::from(mix(u64::from(number))) << 64 | u128::from(mix(!u64::from(number))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts how often each phase was watched.
    #[derive(Default)]
    struct Counter {
        open: bool,
        phases: Vec<Phase>,
        looks: Vec<u32>,
    }

    impl Watch for Counter {
        fn begins(&mut self) {
            assert!(!std::mem::replace(&mut self.open, true));
        }

        fn ends(&mut self, phase: Phase) {
            assert!(std::mem::replace(&mut self.open, false));
            self.phases.push(phase);
        }

        fn remember(&mut self, tasks: u32) {
            self.looks.push(tasks);
        }
    }

    #[test]
    fn every_shape_runs_to_its_end_on_few_and_on_many_workers() {
        for shape in [Shape::Independent, Shape::Pairs, Shape::Chains] {
            for workers in [1, 50] {
                let mut counter = Counter::default();
                let load = Load { tasks: 2_050, workers, shape };
                let counts = run(load, &mut counter);
                assert_eq!(counter.looks, [0, 2_050]);
                let count = |phase| counter.phases.iter().filter(|other| **other == phase).count() as u32;
                assert_eq!((count(Phase::Join), count(Phase::Leave)), (workers + 2, workers));
                assert!(counts.events >= 2_050 && counts.messages >= 2_050, "{counts:?}");
                // So many rounds of all threads, and not many more.
                let rounds = counts.ended_ns / TOOK.as_nanos() as u64;
                let least = u64::from(2_050 / (workers * THREADS));
                let most = if shape == Shape::Chains { 100 * 2 + least } else { 3 * least + 10 };
                assert!(rounds >= least && rounds <= most, "{load:?}: {rounds} rounds");
            }
        }
    }
}
