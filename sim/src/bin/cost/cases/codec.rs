//! What messages cost on their way to bytes and back.

use std::{sync::Arc, time::Duration};

use brisk_core::{
    id::{RequestId, RunId, WantId},
    limits::CHUNK_TASKS,
    message::{Assignment, ClientToScheduler, Messages, Priority, SchedulerToWorker, WorkerToScheduler},
    payload::Payload,
    task::TaskName,
};
use brisk_sim::cost::{
    graphs::{Shape, key},
    zero_worker::{decoded, encoded},
};

use super::measured;

/// Messages of so many tasks are one batch.
const TASKS: u32 = CHUNK_TASKS as u32;

pub(super) fn encode_submission() -> u32 {
    encode(submission())
}

pub(super) fn decode_submission() -> u32 {
    decode(submission())
}

pub(super) fn encode_assignments() -> u32 {
    encode(assignments())
}

pub(super) fn decode_assignments() -> u32 {
    decode(assignments())
}

pub(super) fn encode_reports() -> u32 {
    encode(reports())
}

pub(super) fn decode_reports() -> u32 {
    decode(reports())
}

fn encode(messages: Messages) -> u32 {
    measured(|| encoded(messages));
    TASKS
}

fn decode(messages: Messages) -> u32 {
    let bytes = encoded(messages);
    measured(|| decoded(bytes));
    TASKS
}

fn submission() -> Messages {
    let tasks = (0..TASKS).map(|number| Shape::Chains.task(number)).collect();
    let wants = (0..TASKS).filter(|&n| Shape::Chains.is_wanted(n)).map(|n| (key(n), WantId(1))).collect();
    let submit = ClientToScheduler::Submit { submission: RequestId(1), chunk: 0, last: true, tasks, wants };
    Messages::ClientToScheduler(vec![submit])
}

fn assignments() -> Messages {
    let name: Arc<str> = "work".into();
    let run = |number: u32| {
        SchedulerToWorker::Run(Box::new(Assignment {
            task: TaskName::of_call(name.clone(), key(number)),
            run: RunId(u64::from(number)),
            attempt: 1,
            priority: Priority::default(),
            spec: Payload::from_bytes(&[7; 8][..]),
            dependencies: Vec::new(),
            resources: Vec::new(),
            wanted: true,
            reproducible: true,
            timeout: None,
        }))
    };
    Messages::SchedulerToWorker((0..TASKS).map(run).collect())
}

fn reports() -> Messages {
    let report = |number: u32| {
        let (key, run, took) = (key(number), RunId(u64::from(number)), Duration::from_micros(100));
        WorkerToScheduler::Finished { key, run, nbytes: 8, took, value: Some(Payload::from_bytes(&[7; 8][..])) }
    };
    Messages::WorkerToScheduler((0..TASKS).map(report).collect())
}
