//! How a graph comes to the scheduler: workers join, a client submits.

use brisk_core::{
    function::{FunctionId, FunctionInfo},
    hello::WorkerInfo,
    id::{EnvironmentId, Incarnation, RequestId, WantId, WorkerId},
    key::Key,
    limits::CHUNK_TASKS,
    message::{ClientToScheduler, SubmittedTask},
    options::{Quantity, TaskOptions},
    payload::Payload,
};
use brisk_scheduler::machine::Event;

use super::{CLIENT, EPOCH, Run};
use crate::{
    quality::{graph::Task, hosts::Host},
    random::mix,
};

/// What tasks of several threads take of their worker. If there are such tasks, all tasks take it.
const CORES: &str = "cores";

/// The incarnation of the first worker; clients have lower ones.
const FIRST_WORKER: u64 = 2;

impl Run<'_> {
    pub(super) fn join_all(&mut self) {
        for (host, &Host { threads, speed }) in self.hosts.hosts.iter().enumerate() {
            let worker = worker_id(host);
            let info = WorkerInfo {
                address: format!("sim://host-{host}").parse().expect("names of simulated hosts are short"),
                host: format!("host-{host}").into(),
                threads,
                memory_limit: 0,
                speed_percent: if self.hosts.told { speed } else { 100 },
                resources: vec![(CORES.into(), Quantity::from_f64(f64::from(threads)))],
            };
            let name = format!("worker-{host}").into();
            self.tell_scheduler(Event::WorkerJoined { worker, name, environment: EnvironmentId::IN_PROCESS, info });
        }
    }

    pub(super) fn submit(&mut self) {
        let environment = EnvironmentId::IN_PROCESS;
        self.tell_scheduler(Event::ClientJoined { client: CLIENT, name: "client".into(), environment, program: None });
        let functions = self.graph.functions.iter().enumerate().map(|(i, name)| FunctionInfo {
            id: FunctionId::from_u128(i as u128 + 1),
            name: name.clone(),
            module: "graph".into(),
            place: "graph".into(),
            is_async: false,
        });
        self.say(ClientToScheduler::Functions(functions.collect()));
        let wide = self.graph.has_wide_tasks();
        let tasks = self.graph.tasks.iter().enumerate();
        let tasks: Vec<_> = tasks.map(|(i, task)| submitted(i as u32, task, wide)).collect();
        let wants: Vec<_> = self.graph.sinks().into_iter().map(|task| (key_of(task), WantId(1))).collect();
        let count = tasks.len().div_ceil(CHUNK_TASKS);
        for (chunk, tasks) in tasks.chunks(CHUNK_TASKS).enumerate() {
            let last = chunk + 1 == count;
            self.say(ClientToScheduler::Submit {
                submission: RequestId(1),
                chunk: chunk as u32,
                last,
                tasks: tasks.to_vec(),
                wants: if last { wants.clone() } else { Vec::new() },
            });
        }
    }

    fn say(&mut self, message: ClientToScheduler) {
        self.tell_scheduler(Event::FromClient { client: CLIENT, epoch: EPOCH, message });
    }
}

fn submitted(index: u32, task: &Task, wide: bool) -> SubmittedTask {
    let options = wide.then(|| {
        let mut options = TaskOptions::default();
        options.resources = vec![(CORES.into(), Quantity::from_f64(f64::from(task.cores)))];
        Box::new(options)
    });
    SubmittedTask {
        key: key_of(index),
        function: FunctionId::from_u128(u128::from(task.function) + 1),
        spec: Payload::from_bytes(Vec::new()),
        dependencies: task.parents.iter().map(|&parent| key_of(parent)).collect(),
        options,
    }
}

/// The key of a task: its upper half is scattered as a hash is, its lower half is the index.
pub(super) fn key_of(task: u32) -> Key {
    Key::from_u128(u128::from(mix(u64::from(task))) << 64 | u128::from(task))
}

pub(super) fn task_of(key: Key) -> u32 {
    key.as_u128() as u32
}

pub(super) fn worker_id(host: usize) -> WorkerId {
    WorkerId(Incarnation(FIRST_WORKER + host as u64))
}

pub(super) fn host_of(worker: WorkerId) -> usize {
    (worker.0.0 - FIRST_WORKER) as usize
}
