//! What a task costs a worker: the machine alone, and with its shell, in process, under a scheduler that does nothing but
//! assign. `cargo run --release -p brisk-worker --example throughput [TASKS]`.

#![allow(clippy::disallowed_methods, reason = "it reads the clock to measure")]

use std::{
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use brisk_core::{
    comm::{CloseReason, Comm, Inbox, PeerId, Permit},
    function::Identity,
    graph::{Item, KeySource, Known, Node, Slot, plan},
    hello::{Role, Welcome},
    id::{EnvironmentId, Epoch, Incarnation, RunId, WorkerId},
    key::Key,
    message::{Assignment, Batch, Messages, Priority, SchedulerToWorker, WorkerToScheduler},
    options::Defaults,
    payload::Payload,
    registry::Registry,
    task::{Ran, TaskDef, TaskName},
    time::Moment,
    value::Datum,
};
use brisk_transport_inproc::InprocNetwork;
use brisk_worker::{
    machine,
    server::{Worker, WorkerConfig},
};

static INC: TaskDef = TaskDef::new(
    Identity {
        package: "example",
        version: "1",
        module: "example",
        name: "inc",
        file: "throughput.rs",
        line: 1,
        column: 1,
        signature: "",
    },
    &["x"],
    |inputs| Ran::Done(inputs.shared::<u64>(0).map(|x| Datum::new(*x + 1))),
    Defaults::NONE,
);

fn main() {
    let tasks = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(500_000);
    machine_alone(tasks);
    for threads in [1, 2] {
        with_shell(tasks, threads);
    }
}

fn machine_alone(tasks: u64) {
    let mut worker = machine::Worker::new(machine::Config::new(4, 0), WorkerId(Incarnation(1)), Epoch(1));
    let spec = Payload::from_bytes(vec![0u8]);
    let name: Arc<str> = "inc".into();
    let started = Instant::now();
    for n in 1..=tasks {
        let key = Key::from_u128(u128::from(n) << 64);
        let message = SchedulerToWorker::Run(assignment(TaskName::of_call(name.clone(), key), n, spec.clone()));
        let now = Moment::from_nanos(n);
        worker.handle(now, machine::Event::FromScheduler { epoch: Epoch(1), message });
        while worker.poll_action().is_some() {}
        worker.handle(now, machine::Event::Done { run: RunId(n), outcome: Ok(8), took: Duration::ZERO });
        while worker.poll_action().is_some() {}
        let message = SchedulerToWorker::Free(vec![key]);
        worker.handle(now, machine::Event::FromScheduler { epoch: Epoch(1), message });
        while worker.poll_action().is_some() {}
    }
    report("machine alone", tasks, started.elapsed());
}

fn with_shell(tasks: u64, threads: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let network = InprocNetwork::new();
    let listener = network.listen("scheduler", Role::Scheduler).unwrap();
    let (ended, all_ended) = mpsc::channel();
    let scheduler =
        Arc::new(Scheduler { waiting: Mutex::default(), left: Mutex::new(tasks), comm: Mutex::new(None), ended });
    let config = WorkerConfig {
        name: "w".into(),
        host: "here".into(),
        threads,
        memory_limit: 0,
        resources: Vec::new(),
        speed_percent: 100,
        shown_bytes: brisk_core::show::SHOWN_BYTES,
        environment: EnvironmentId::IN_PROCESS,
        registry: Arc::new(Registry::default()),
        async_tasks: runtime.handle().clone(),
        provided: None,
    };
    let at = network.listen("w", Role::Worker).unwrap();
    let start = Worker::start(config, listener.address(), network.connector(), at, runtime.handle().clone());
    let accept = async {
        let incoming = listener.accept().await.unwrap();
        incoming.accept(Welcome::new(Epoch(1), Incarnation(1)), PeerId(0), scheduler.clone()).await.unwrap()
    };
    let (worker, comm) = runtime.block_on(async { tokio::join!(start, accept) });
    let worker = worker.unwrap();
    *scheduler.comm.lock().unwrap() = Some(comm.clone());
    let mut keys = KeySource::new(EnvironmentId::IN_PROCESS, 1);
    let calls: Vec<_> = (0..tasks)
        .map(|n| {
            let node = Arc::new(Node::new(&INC, [Slot::One(Item::Inline(Datum::new(n)))]));
            plan(std::slice::from_ref(&node), &mut keys, |_, _| Known::No).unwrap();
            node
        })
        .collect();
    let runs = calls
        .iter()
        .zip(1..)
        .map(|(node, run)| SchedulerToWorker::Run(assignment(node.name().unwrap(), run, Payload::from_call(node))));
    let mut waiting: Vec<_> = runs.collect();
    waiting.reverse();
    let started = Instant::now();
    // Runs are assigned in the order of their numbers.
    let first = waiting.split_off(waiting.len().saturating_sub(AHEAD)).into_iter().rev().collect();
    *scheduler.waiting.lock().unwrap() = waiting;
    let messages = Messages::SchedulerToWorker(first);
    comm.try_send(Batch { epoch: Epoch(1), incarnation: Incarnation(1), messages }).unwrap();
    all_ended.recv().unwrap();
    report(&format!("with shell, {threads} threads"), tasks, started.elapsed());
    worker.shutdown();
    runtime.block_on(worker.ended());
}

/// So many tasks are assigned and not ended at a time.
const AHEAD: usize = 128;

/// Counts ends, frees what was made, and assigns as many anew.
struct Scheduler {
    waiting: Mutex<Vec<SchedulerToWorker>>,
    left: Mutex<u64>,
    comm: Mutex<Option<Arc<dyn Comm>>>,
    ended: mpsc::Sender<()>,
}

impl Inbox for Scheduler {
    fn deliver(&self, _: PeerId, batch: Batch, _: Permit) {
        let Messages::WorkerToScheduler(messages) = batch.messages else { return };
        let done = messages.iter().filter_map(|message| match message {
            WorkerToScheduler::Finished { key, .. } => Some(*key),
            _ => None,
        });
        let done: Vec<_> = done.collect();
        if done.is_empty() {
            return;
        }
        let mut left = self.left.lock().unwrap();
        *left -= done.len() as u64;
        if *left == 0 {
            let _ = self.ended.send(());
        }
        drop(left);
        let comm = self.comm.lock().unwrap().clone();
        if let Some(comm) = comm {
            let mut waiting = self.waiting.lock().unwrap();
            let next = waiting.len().saturating_sub(done.len());
            let mut messages: Vec<_> = waiting.split_off(next).into_iter().rev().collect();
            drop(waiting);
            messages.push(SchedulerToWorker::Free(done));
            let messages = Messages::SchedulerToWorker(messages);
            let _ = comm.try_send(Batch { epoch: Epoch(1), incarnation: Incarnation(1), messages });
        }
    }

    fn closed(&self, _: PeerId, _: CloseReason) {}
}

fn assignment(task: TaskName, run: u64, spec: Payload) -> Box<Assignment> {
    Box::new(Assignment {
        task,
        run: RunId(run),
        attempt: 1,
        priority: Priority { generation: run, ..Priority::default() },
        spec,
        dependencies: Vec::new(),
        resources: Vec::new(),
        wanted: true,
        reproducible: true,
        timeout: None,
    })
}

fn report(what: &str, tasks: u64, took: Duration) {
    println!("{what:24} {:7.0} ns a task", took.as_nanos() as f64 / tasks as f64);
}
