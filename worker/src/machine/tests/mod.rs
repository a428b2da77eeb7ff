//! One event, the exact actions, and nothing else; the invariants after each.

use std::time::Duration;

use brisk_core::{
    error::{ErrorKind, Failure},
    id::{Epoch, Incarnation, RequestId, RunId, WorkerId},
    key::Key,
    message::{Assignment, DependencyInfo, Priority, SchedulerToWorker, WorkerToScheduler},
    payload::Payload,
    task::TaskName,
    time::Moment,
};
use smallvec::SmallVec;

use super::{Action, Config, Event, FetchResult, LeaveReason, Worker};

mod abandoned;
mod acquiring;
mod cancelling;
mod fetching;
mod leaving;
mod measured;
mod memory;
mod putting;
mod returning;
mod running;
mod seceding;
mod sent_ahead;
mod time_limit;

const ME: WorkerId = WorkerId(Incarnation(1));
const EPOCH: Epoch = Epoch(7);
const MS: u64 = 1_000_000;

fn key(n: u128) -> Key {
    Key::from_u128(n << 96)
}

fn peer(n: u64) -> WorkerId {
    WorkerId(Incarnation(100 + n))
}

/// A worker under test: one verb an event, answering the actions.
struct Bench {
    worker: Worker,
    now: u64,
}

impl Bench {
    fn new(threads: u32, memory_limit: u64) -> Self {
        let config = Config { host: "here".into(), ..Config::new(threads, memory_limit) };
        let mut bench = Bench { worker: Worker::new(config, ME, EPOCH), now: 0 };
        for n in 1..=3 {
            let address = format!("inproc://w{n}").parse().unwrap();
            let host = if n == 3 { "here" } else { "there" };
            assert_eq!(bench.says(SchedulerToWorker::Worker { worker: peer(n), address, host: host.into() }), []);
        }
        bench
    }

    fn event(&mut self, event: Event) -> Vec<Action> {
        self.worker.handle(Moment::from_nanos(self.now), event);
        let actions = std::iter::from_fn(|| self.worker.poll_action()).collect();
        self.worker.check_invariants().unwrap();
        actions
    }

    fn says(&mut self, message: SchedulerToWorker) -> Vec<Action> {
        self.event(Event::FromScheduler { epoch: EPOCH, message })
    }

    /// Assigns task `n` as run `n`, with these inputs: a key, and who holds it.
    fn run(&mut self, n: u64, needs: &[(u128, &[u64])]) -> Vec<Action> {
        self.says(assignment(n, n, 0, needs))
    }

    fn done(&mut self, run: u64, nbytes: u64) -> Vec<Action> {
        self.event(Event::Done { run: RunId(run), outcome: Ok(nbytes), took: Duration::ZERO })
    }

    fn answer(&mut self, request: u64, outcomes: &[(u128, FetchResult)]) -> Vec<Action> {
        let outcomes = outcomes.iter().map(|(n, result)| (key(*n), result.clone())).collect();
        self.event(Event::FetchDone { request: RequestId(request), outcomes })
    }

    /// What a tick leads to at this time, beyond what the worker measures of itself.
    fn tick_at(&mut self, ms: u64) -> Vec<Action> {
        use WorkerToScheduler::{Health, Transfers};
        let mut actions = self.all_at(ms);
        actions.retain(|action| !matches!(action, Action::ToScheduler(Health { .. } | Transfers(_))));
        actions
    }

    fn all_at(&mut self, ms: u64) -> Vec<Action> {
        self.now = ms * MS;
        self.event(Event::Tick)
    }

    /// Assigns task `n` as run `n`, which may take so long.
    fn run_within(&mut self, n: u64, limit: Duration, needs: &[(u128, &[u64])]) -> Vec<Action> {
        let mut message = assignment(n, n, 0, needs);
        if let SchedulerToWorker::Run(assignment) = &mut message {
            assignment.timeout = Some(limit);
        }
        self.says(message)
    }

    fn cancel(&mut self, n: u64) -> Vec<Action> {
        self.says(SchedulerToWorker::Cancel { key: key(n.into()), run: RunId(n) })
    }

    fn free(&mut self, n: u128) -> Vec<Action> {
        self.says(SchedulerToWorker::Free(vec![key(n)]))
    }

    fn failed(&mut self, run: u64) -> Vec<Action> {
        let failure = Box::new(Failure::new(ErrorKind::Failed, "no"));
        self.event(Event::Done { run: RunId(run), outcome: Err(failure), took: Duration::ZERO })
    }

    /// Makes value `n` be here, by running it.
    fn with_value(&mut self, n: u64, nbytes: u64) {
        self.run(n, &[]);
        self.done(n, nbytes);
    }
}

fn assignment(n: u64, run: u64, user: i32, needs: &[(u128, &[u64])]) -> SchedulerToWorker {
    let dependencies = needs.iter().map(|(n, holders)| DependencyInfo {
        key: key(*n),
        nbytes: 10,
        holders: holders.iter().map(|n| peer(*n)).collect(),
    });
    SchedulerToWorker::Run(Box::new(Assignment {
        task: TaskName::of_call("t".into(), key(u128::from(n))),
        run: RunId(run),
        attempt: 1,
        priority: Priority { user, ..Priority::default() },
        spec: spec(),
        dependencies: dependencies.collect(),
        resources: Vec::new(),
        wanted: false,
        reproducible: true,
        timeout: None,
    }))
}

fn spec() -> Payload {
    Payload::from_bytes(vec![1])
}

fn started(n: u64) -> [Action; 2] {
    started_as(n, n)
}

fn started_as(n: u64, run: u64) -> [Action; 2] {
    let (key, run) = (key(u128::from(n)), RunId(run));
    let task = TaskName::of_call("t".into(), key);
    [
        Action::ToScheduler(WorkerToScheduler::Started { key, run }),
        Action::Execute { run, key, spec: spec(), task, attempt: 1, wanted: false, limit: None },
    ]
}

fn finished(n: u64, nbytes: u64) -> [Action; 2] {
    let (key, run) = (key(u128::from(n)), RunId(n));
    [
        Action::Keep { key },
        Action::ToScheduler(WorkerToScheduler::Finished { key, run, nbytes, took: Duration::ZERO, value: None }),
    ]
}

fn fetch(request: u64, from: u64, keys: &[u128]) -> Action {
    Action::Fetch {
        request: RequestId(request),
        from: peer(from),
        address: format!("inproc://w{from}").parse().unwrap(),
        keys: keys.iter().map(|n| (key(*n), 10)).collect(),
    }
}

fn added(n: u128, nbytes: u64) -> Action {
    Action::ToScheduler(WorkerToScheduler::Added(vec![(key(n), nbytes)]))
}

fn missing(n: u128, holders: &[u64]) -> Action {
    let holders: SmallVec<[WorkerId; 1]> = holders.iter().map(|n| peer(*n)).collect();
    Action::ToScheduler(WorkerToScheduler::Missing { key: key(n), holders })
}

fn returned(n: u64) -> impl Fn(&Action) -> bool {
    move |action| {
        matches!(action, Action::ToScheduler(WorkerToScheduler::Returned { key: k, run, .. })
            if *k == key(u128::from(n)) && *run == RunId(n))
    }
}

/// The failure that is told of run `n`, and how long it took.
fn told_failure(actions: &[Action], n: u64) -> Option<(&Failure, Duration)> {
    actions.iter().find_map(|action| match action {
        Action::ToScheduler(WorkerToScheduler::Failed { key: k, run, failure, took })
            if *k == key(n.into()) && *run == RunId(n) =>
        {
            Some((&**failure, *took))
        }
        _ => None,
    })
}

fn drop_value(n: u128) -> Action {
    Action::DropValue { key: key(n) }
}

fn stored(nbytes: u64) -> FetchResult {
    FetchResult::Stored { nbytes }
}
