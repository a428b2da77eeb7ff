//! What a task costs its worker's machine.

use std::{sync::Arc, time::Duration};

use brisk_core::{
    id::{Epoch, Incarnation, RunId, WorkerId},
    message::{Assignment, Priority, SchedulerToWorker},
    payload::Payload,
    task::TaskName,
    time::Moment,
};
use brisk_sim::cost::graphs::key;
use brisk_worker::machine::{Config, Event, Worker};

use super::measured;

const EPOCH: Epoch = Epoch(1);

/// Tasks come in, run, are reported, and their values freed, while as many others wait.
pub(super) fn life() -> u32 {
    const TASKS: u32 = 1_000;
    let mut worker = Worker::new(Config::new(4, 0), WorkerId(Incarnation(1)), EPOCH);
    let events: Vec<_> = (0..2 * TASKS).map(assigned).collect();
    let mut time = 0;
    let mut tell = |event| {
        time += 1;
        worker.handle(Moment::from_nanos(time), event);
        while worker.poll_action().is_some() {}
    };
    let mut events = events.into_iter();
    events.by_ref().take(TASKS as usize).for_each(&mut tell);
    measured(|| {
        for (number, event) in (0..TASKS).zip(events) {
            tell(event);
            let (run, took) = (RunId(u64::from(number) + 1), Duration::ZERO);
            tell(Event::Done { run, outcome: Ok(8), took });
            tell(Event::FromScheduler { epoch: EPOCH, message: SchedulerToWorker::Free(vec![key(number)]) });
        }
    });
    TASKS
}

fn assigned(number: u32) -> Event {
    let name: Arc<str> = "work".into();
    let run = u64::from(number) + 1;
    let message = SchedulerToWorker::Run(Box::new(Assignment {
        task: TaskName::of_call(name, key(number)),
        run: RunId(run),
        attempt: 1,
        priority: Priority { user: 0, generation: run, order: 0 },
        spec: Payload::from_bytes(&[7; 8][..]),
        dependencies: Vec::new(),
        resources: Vec::new(),
        wanted: true,
        reproducible: true,
        timeout: None,
    }));
    Event::FromScheduler { epoch: EPOCH, message }
}
