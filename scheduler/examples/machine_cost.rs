//! What a task costs the scheduler's machine: time for a whole life, and memory while it lives.
//!
//! `cargo run --release -p brisk-scheduler --example machine_cost -- 1000000`

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::{
    collections::VecDeque,
    env,
    time::{Duration, Instant},
};

use brisk_core::{
    function::{FunctionId, FunctionInfo},
    hello::WorkerInfo,
    id::{ClientId, EnvironmentId, Epoch, Incarnation, RequestId, RunId, WantId, WorkerId},
    key::Key,
    limits::CHUNK_TASKS,
    message::{ClientToScheduler, SchedulerToWorker, SubmittedTask, WorkerToScheduler},
    payload::Payload,
    time::Moment,
};
use brisk_scheduler::machine::{Action, Config, Event, Scheduler};

const EPOCH: Epoch = Epoch(1);
const CLIENT: ClientId = ClientId(Incarnation(1));

struct Bench {
    machine: Scheduler,
    runs: VecDeque<(WorkerId, Key, RunId)>,
    events: u64,
    actions: u64,
}

impl Bench {
    fn new(workers: u64, records: bool) -> Self {
        let mut config = Config::default();
        config.records = records;
        let machine = Scheduler::new(config, EPOCH);
        let mut bench = Bench { machine, runs: VecDeque::new(), events: 0, actions: 0 };
        let environment = EnvironmentId::IN_PROCESS;
        bench.event(Event::ClientJoined { client: CLIENT, name: "bench".into(), environment, program: None });
        let info = FunctionInfo {
            id: FunctionId::from_u128(1),
            name: "inc".into(),
            module: "bench".into(),
            place: "bench".into(),
            is_async: false,
        };
        bench.say(ClientToScheduler::Functions(vec![info]));
        for number in 0..workers {
            let worker = WorkerId(Incarnation(2 + number));
            let info = WorkerInfo {
                address: format!("bench://{number}").parse().expect("an address"),
                host: "here".into(),
                threads: 2,
                memory_limit: 0,
                speed_percent: 100,
                resources: vec![],
            };
            bench.event(Event::WorkerJoined { worker, name: "w".into(), environment, info });
        }
        bench
    }

    fn event(&mut self, event: Event) {
        self.events += 1;
        self.machine.handle(Moment::from_nanos(self.events), event);
        while let Some(action) = self.machine.poll_action() {
            self.actions += 1;
            if let Action::ToWorker { worker, message: SchedulerToWorker::Run(run) } = action {
                self.runs.push_back((worker, run.task.key, run.run));
            }
        }
    }

    fn say(&mut self, message: ClientToScheduler) {
        self.event(Event::FromClient { client: CLIENT, epoch: EPOCH, message });
    }

    fn work(&mut self) {
        while let Some((worker, key, run)) = self.runs.pop_front() {
            let took = Duration::from_micros(1);
            let message = WorkerToScheduler::Finished { key, run, nbytes: 8, took, value: None };
            self.event(Event::FromWorker { worker, epoch: EPOCH, message });
        }
    }

    /// Submits tasks, lets them run, and releases them.
    fn life(&mut self, tasks: &[SubmittedTask]) -> (Duration, u64) {
        let start = Instant::now();
        let wants: Vec<_> = tasks.iter().map(|task| (task.key, WantId(1))).collect();
        for (tasks, wants) in tasks.chunks(CHUNK_TASKS).zip(wants.chunks(CHUNK_TASKS)) {
            let (tasks, wants) = (tasks.to_vec(), wants.to_vec());
            let submission = RequestId(self.events);
            self.say(ClientToScheduler::Submit { submission, chunk: 0, last: true, tasks, wants });
        }
        let memory = resident_bytes();
        self.work();
        for keys in wants.chunks(CHUNK_TASKS) {
            self.say(ClientToScheduler::Release(keys.to_vec()));
        }
        assert_eq!(self.machine.task_count(), 0);
        (start.elapsed(), memory)
    }
}

fn tasks(count: u128, dependencies: impl Fn(u128) -> Vec<u128>) -> Vec<SubmittedTask> {
    let key = |number: u128| Key::from_u128((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    let task = |number| SubmittedTask {
        key: key(number),
        function: FunctionId::from_u128(1),
        spec: Payload::from_bytes(vec![]),
        dependencies: dependencies(number).into_iter().map(key).collect(),
        options: None,
    };
    (0..count).map(task).collect()
}

/// The memory that this process has in RAM; 0 where the system does not say.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}

fn main() {
    let count: u128 = env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1_000_000);
    for workers in [1, 4, 1_000] {
        for records in [false, true] {
            for (name, tasks) in [
                ("independent", tasks(count, |_| vec![])),
                ("chain", tasks(count, |i| if i == 0 { vec![] } else { vec![i - 1] })),
                ("tree of pairs", tasks(count, |i| if i % 3 == 2 { vec![i - 1, i - 2] } else { vec![] })),
            ] {
                let mut bench = Bench::new(workers, records);
                let before = resident_bytes();
                let (took, memory) = bench.life(&tasks);
                println!(
                    "{name:14} {workers:5} workers, records {records:5}: {:7.3} µs a task, {:4} bytes a task, {:.1} actions a task",
                    took.as_secs_f64() * 1e6 / count as f64,
                    memory.saturating_sub(before) / count as u64,
                    bench.actions as f64 / count as f64,
                );
            }
        }
    }
}
