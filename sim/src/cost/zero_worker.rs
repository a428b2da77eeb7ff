//! Workers that answer at once and cost nothing, so that what is left is the scheduler's own cost.
//!
//! Known as the *zero worker*: Böhm and Beránek took the schedulers of Dask and RSDS apart with it (Runtime vs. scheduler:
//! analyzing Dask's overheads, 2020), and HyperQueue reports its overhead so. What a worker is told comes back as done
//! without a look at it. Messages are handed over as they are, or go through the codec both ways, as between processes.

use std::{collections::VecDeque, ops::Range, time::Duration};

use brisk_core::{
    hello::WorkerInfo,
    id::{ClientId, EnvironmentId, Epoch, Incarnation, RequestId, WantId, WorkerId},
    limits::CHUNK_TASKS,
    message::{Batch, ClientToScheduler, Messages, SchedulerToClient, SchedulerToWorker, WorkerToScheduler},
    time::Moment,
    wire::{HEADER_BYTES, Header, LinkKind, decode, encode},
};
use brisk_scheduler::machine::{Action, Config, Event, Scheduler};
use bytes::{Bytes, BytesMut};

use super::graphs::{Shape, function, key};

const EPOCH: Epoch = Epoch(1);
const CLIENT: ClientId = ClientId(Incarnation(1));
/// The incarnation of the first worker; the client has a lower one.
const FIRST_WORKER: u64 = 2;

/// What workers say that a task took.
const TOOK: Duration = Duration::from_micros(1);

/// What there is beside the scheduler.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// How many workers, of four threads each.
    pub workers: u32,
    /// Whether messages are encoded and decoded on their way.
    pub encoded: bool,
    /// Whether the scheduler writes its records.
    pub records: bool,
}

/// A scheduler, one client, and workers that cost nothing.
pub struct ZeroWorkers {
    scheduler: Scheduler,
    encoded: bool,
    events: u64,
    submissions: u64,
    records: u64,
    to_client: Vec<SchedulerToClient>,
    to_workers: Vec<Vec<SchedulerToWorker>>,
    /// Which of those are not empty.
    told: Vec<u32>,
    /// Reports that the scheduler has not heard yet, the first first.
    reports: VecDeque<(u32, WorkerToScheduler)>,
}

impl ZeroWorkers {
    /// Nobody has asked for anything yet.
    pub fn new(setting: Setting) -> Self {
        let mut config = Config::default();
        config.records = setting.records;
        let mut this = ZeroWorkers {
            scheduler: Scheduler::new(config, EPOCH),
            encoded: setting.encoded,
            events: 0,
            submissions: 0,
            records: 0,
            to_client: Vec::new(),
            to_workers: vec![Vec::new(); setting.workers as usize],
            told: Vec::new(),
            reports: VecDeque::new(),
        };
        let environment = EnvironmentId::IN_PROCESS;
        this.event(Event::ClientJoined { client: CLIENT, name: "client".into(), environment, program: None });
        this.say(vec![ClientToScheduler::Functions(vec![function()])]);
        (0..setting.workers).for_each(|index| this.join(index));
        this
    }

    /// How many tasks the scheduler knows.
    pub fn task_count(&self) -> usize {
        self.scheduler.task_count()
    }

    /// How many records it has written.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// A worker joins, as a new incarnation.
    pub fn join(&mut self, index: u32) {
        let info = WorkerInfo {
            address: format!("zero://{index}").parse().expect("names of workers are short"),
            host: format!("host-{}", index / 4).into(),
            threads: 4,
            memory_limit: 0,
            speed_percent: 100,
            resources: Vec::new(),
        };
        let (worker, name) = (worker(index), format!("worker-{index}").into());
        self.event(Event::WorkerJoined { worker, name, environment: EnvironmentId::IN_PROCESS, info });
    }

    /// A worker leaves.
    pub fn leave(&mut self, index: u32) {
        self.event(Event::WorkerLeft { worker: worker(index), cause: "the end".into(), intended: true });
    }

    /// The messages that submit some tasks of a graph, whole pieces of it, a chunk each.
    pub fn submission(&mut self, shape: Shape, numbers: Range<u32>) -> Vec<ClientToScheduler> {
        let piece = shape.piece();
        let chunk = CHUNK_TASKS as u32 / piece * piece;
        let firsts = numbers.clone().step_by(chunk as usize);
        let chunks = firsts.map(|first| {
            let numbers = first..(first + chunk).min(numbers.end);
            let tasks = numbers.clone().map(|number| shape.task(number)).collect();
            let wanted = numbers.filter(|&number| shape.is_wanted(number));
            let wants = wanted.map(|number| (key(number), WantId(1))).collect();
            self.submissions += 1;
            let submission = RequestId(self.submissions);
            ClientToScheduler::Submit { submission, chunk: 0, last: true, tasks, wants }
        });
        chunks.collect()
    }

    /// The client says these things, a message a batch.
    pub fn say(&mut self, messages: Vec<ClientToScheduler>) {
        for message in messages {
            for message in self.said_by_client(message) {
                self.event(Event::FromClient { client: CLIENT, epoch: EPOCH, message });
            }
            self.send();
        }
    }

    /// Workers report up to so many runs. How many that were.
    pub fn work(&mut self, most: usize) -> usize {
        let mut done = 0;
        while done < most {
            let Some(&(from, _)) = self.reports.front() else { break };
            // What one worker has to say is one batch.
            let mut batch = Vec::new();
            while batch.len() < most - done
                && let Some((_, report)) = self.reports.pop_front_if(|(worker, _)| *worker == from)
            {
                batch.push(report);
            }
            done += batch.len();
            for message in self.said_by_worker(batch) {
                self.event(Event::FromWorker { worker: worker(from), epoch: EPOCH, message });
            }
            self.send();
        }
        done
    }

    /// The client lets go of the results of some tasks of a graph.
    pub fn release(&mut self, shape: Shape, numbers: Range<u32>) {
        let wanted = numbers.filter(|&number| shape.is_wanted(number));
        let wanted: Vec<_> = wanted.map(|number| (key(number), WantId(1))).collect();
        self.say(wanted.chunks(CHUNK_TASKS).map(|keys| ClientToScheduler::Release(keys.to_vec())).collect());
    }

    fn event(&mut self, event: Event) {
        self.events += 1;
        self.scheduler.handle(Moment::from_nanos(self.events), event);
        while let Some(action) = self.scheduler.poll_action() {
            match action {
                Action::ToClient { message, .. } => self.to_client.push(message),
                Action::ToWorker { worker, message } => {
                    let index = (worker.0.0 - FIRST_WORKER) as u32;
                    let messages = &mut self.to_workers[index as usize];
                    if messages.is_empty() {
                        self.told.push(index);
                    }
                    messages.push(message);
                }
                Action::Record(_) => self.records += 1,
                _ => {}
            }
        }
    }

    /// Sends what has gathered. What workers are to run is done.
    fn send(&mut self) {
        if !self.to_client.is_empty() {
            let messages = std::mem::take(&mut self.to_client);
            let mut messages = self.carried(Messages::SchedulerToClient(messages));
            if let Messages::SchedulerToClient(messages) = &mut messages {
                messages.clear();
                self.to_client = std::mem::take(messages);
            }
        }
        while let Some(index) = self.told.pop() {
            let messages = std::mem::take(&mut self.to_workers[index as usize]);
            let Messages::SchedulerToWorker(mut messages) = self.carried(Messages::SchedulerToWorker(messages)) else {
                continue;
            };
            for message in messages.drain(..) {
                let report = match message {
                    SchedulerToWorker::Run(run) => {
                        let (key, run) = (run.task.key, run.run);
                        WorkerToScheduler::Finished { key, run, nbytes: 8, took: TOOK, value: None }
                    }
                    // All that it was given is done already.
                    SchedulerToWorker::Steal { request, .. } => WorkerToScheduler::Stolen { request, runs: Vec::new() },
                    _ => continue,
                };
                self.reports.push_back((index, report));
            }
            self.to_workers[index as usize] = messages;
        }
    }

    fn said_by_client(&self, message: ClientToScheduler) -> Vec<ClientToScheduler> {
        match self.carried(Messages::ClientToScheduler(vec![message])) {
            Messages::ClientToScheduler(messages) => messages,
            _ => Vec::new(),
        }
    }

    fn said_by_worker(&self, reports: Vec<WorkerToScheduler>) -> Vec<WorkerToScheduler> {
        match self.carried(Messages::WorkerToScheduler(reports)) {
            Messages::WorkerToScheduler(messages) => messages,
            _ => Vec::new(),
        }
    }

    /// A batch as it arrives.
    fn carried(&self, messages: Messages) -> Messages {
        if self.encoded { through_the_codec(messages) } else { messages }
    }
}

/// A batch as bytes: header and messages, and what rides beside them.
pub fn encoded(messages: Messages) -> (Bytes, Bytes) {
    let batch = Batch { epoch: EPOCH, incarnation: CLIENT.0, messages };
    let frame = encode(&batch, LinkKind::Control).expect("such batches are within the limits");
    let mut payloads = BytesMut::new();
    frame.payloads.iter().for_each(|payload| payloads.extend_from_slice(payload));
    (frame.head, payloads.freeze())
}

/// A batch from its bytes.
pub fn decoded((head, payloads): (Bytes, Bytes)) -> Messages {
    let (header, messages) = head.split_at(HEADER_BYTES);
    let header = header.try_into().expect("a header has its length");
    let header = Header::from_bytes(header, LinkKind::Control).expect("it is within the limits");
    decode(header, messages, payloads).expect("what was encoded decodes").messages
}

fn through_the_codec(messages: Messages) -> Messages {
    decoded(encoded(messages))
}

fn worker(index: u32) -> WorkerId {
    WorkerId(Incarnation(FIRST_WORKER + u64::from(index)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_graph_runs_to_its_end_and_leaves_nothing_behind() {
        for shape in [Shape::Independent, Shape::Pairs, Shape::Chains] {
            for encoded in [false, true] {
                let mut zero = ZeroWorkers::new(Setting { workers: 3, encoded, records: encoded });
                let tasks = 3_000;
                let submission = zero.submission(shape, 0..tasks);
                zero.say(submission);
                assert_eq!(zero.task_count(), tasks as usize);
                assert_eq!(zero.work(usize::MAX), tasks as usize, "{shape:?}: each task runs once");
                zero.release(shape, 0..tasks);
                assert_eq!(zero.task_count(), 0);
                assert_eq!(zero.records() > 0, encoded);
            }
        }
    }
}
