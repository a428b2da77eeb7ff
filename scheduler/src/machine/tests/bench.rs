//! A machine on a bench: events go in by short verbs, actions come out as data. Every event is followed by a check of all
//! invariants.

use std::time::Duration;

use brisk_core::{
    error::{ErrorKind, Failure, TaskError},
    function::{FunctionId, FunctionInfo},
    hello::WorkerInfo,
    id::{ClientId, EnvironmentId, Epoch, Incarnation, RequestId, RunId, SupervisorId, WantId, WorkerId},
    key::Key,
    message::{
        Assignment, ClientToScheduler, KeyNews, SchedulerToClient, SchedulerToSupervisor, SchedulerToWorker,
        SubmittedTask, SupervisorToScheduler, WorkerToScheduler,
    },
    options::{Quantity, TaskOptions},
    payload::Payload,
    time::Moment,
};

use crate::machine::{Action, Config, Event, Record, Scheduler, What};

pub(super) const EPOCH: Epoch = Epoch(1);
pub(super) const HERE: EnvironmentId = EnvironmentId(5);

pub(super) struct Bench {
    pub(super) machine: Scheduler,
    pub(super) now: Moment,
    pub(super) records: Vec<Record>,
    incarnations: u64,
    requests: u64,
}

/// What one event has brought about, without records.
pub(super) type Actions = Vec<Action>;

pub(super) fn key(number: u128) -> Key {
    Key::from_u128(number << 96)
}

pub(super) fn function(number: u128) -> FunctionInfo {
    let name = if number == 0 { "inc".to_owned() } else { format!("f{number}") };
    FunctionInfo {
        id: FunctionId::from_u128(number),
        name: name.into(),
        module: "test".into(),
        place: format!("src/main.rs:{number}").into(),
        is_async: number == 9,
    }
}

/// A call of function 0 under this key. Function 9 is `async`.
pub(super) fn task(number: u128, dependencies: &[u128]) -> SubmittedTask {
    SubmittedTask {
        key: key(number),
        function: function(0).id,
        spec: Payload::from_bytes(vec![1]),
        dependencies: dependencies.iter().map(|&number| key(number)).collect(),
        options: None,
    }
}

pub(super) fn with(mut task: SubmittedTask, change: impl FnOnce(&mut TaskOptions)) -> SubmittedTask {
    change(task.options.get_or_insert_default());
    task
}

pub(super) fn want(number: u128) -> (Key, WantId) {
    (key(number), WantId(1))
}

impl Bench {
    /// Tasks are not sent ahead: tests of other matters see each when its inputs exist.
    pub(super) fn new() -> Self {
        Bench::with(Config { send_ahead: false, ..Config::default() })
    }

    pub(super) fn with(config: Config) -> Self {
        let machine = Scheduler::new(config, EPOCH);
        Bench { machine, now: Moment::ORIGIN, records: Vec::new(), incarnations: 0, requests: 0 }
    }

    pub(super) fn event(&mut self, event: Event) -> Actions {
        self.machine.handle(self.now, event);
        let records = &mut self.records;
        self.machine.take_records(|_, new| records.extend_from_slice(new));
        let mut actions = Vec::new();
        while let Some(action) = self.machine.poll_action() {
            assert!(!matches!(action, Action::Record(_)), "records were taken before");
            actions.push(action);
        }
        // Checking looks at everything: not after every event of a large graph.
        if self.machine.task_count() < 5_000 {
            self.machine.check_invariants().unwrap();
        }
        actions
    }

    pub(super) fn wait(&mut self, span: Duration) -> Actions {
        self.now = self.now + span;
        self.event(Event::Tick)
    }

    pub(super) fn incarnation(&mut self) -> Incarnation {
        self.incarnations += 1;
        Incarnation(self.incarnations)
    }

    /// A client that has introduced functions 0 to 9.
    pub(super) fn client(&mut self) -> ClientId {
        self.client_of(HERE)
    }

    pub(super) fn client_of(&mut self, environment: EnvironmentId) -> ClientId {
        let client = ClientId(self.incarnation());
        self.event(Event::ClientJoined { client, name: "c".into(), environment, program: None });
        self.say(client, ClientToScheduler::Functions((0..10).map(function).collect()));
        client
    }

    pub(super) fn worker(&mut self, threads: u32) -> WorkerId {
        self.worker_with(threads, "", &[]).0
    }

    pub(super) fn worker_with(&mut self, threads: u32, name: &str, resources: &[(&str, f64)]) -> (WorkerId, Actions) {
        let worker = WorkerId(self.incarnation());
        let info = WorkerInfo {
            address: format!("test://{worker}").parse().unwrap(),
            host: "host".into(),
            threads,
            memory_limit: 0,
            speed_percent: 100,
            resources: resources.iter().map(|(name, x)| ((*name).into(), Quantity::from_f64(*x))).collect(),
        };
        let actions = self.event(Event::WorkerJoined { worker, name: name.into(), environment: HERE, info });
        (worker, actions)
    }

    /// A worker that says how fast it is.
    pub(super) fn worker_at(&mut self, speed_percent: u32, threads: u32) -> WorkerId {
        let worker = WorkerId(self.incarnation());
        let address = format!("test://{worker}").parse().unwrap();
        let resources = Vec::new();
        let info = WorkerInfo { address, host: "host".into(), threads, memory_limit: 0, speed_percent, resources };
        self.event(Event::WorkerJoined { worker, name: "".into(), environment: HERE, info });
        worker
    }

    /// A worker of a host, with a limit of bytes; 0 for none.
    pub(super) fn worker_on(&mut self, host: &str, threads: u32, memory_limit: u64) -> WorkerId {
        let worker = WorkerId(self.incarnation());
        let address = format!("test://{worker}").parse().unwrap();
        let info =
            WorkerInfo { address, host: host.into(), threads, memory_limit, speed_percent: 100, resources: Vec::new() };
        self.event(Event::WorkerJoined { worker, name: host.into(), environment: HERE, info });
        worker
    }

    pub(super) fn supervisor(&mut self) -> (SupervisorId, Actions) {
        let supervisor = SupervisorId(self.incarnation());
        let actions = self.event(Event::SupervisorJoined { supervisor, host: "box".into(), workers: 2 });
        (supervisor, actions)
    }

    pub(super) fn say(&mut self, client: ClientId, message: ClientToScheduler) -> Actions {
        self.event(Event::FromClient { client, epoch: EPOCH, message })
    }

    pub(super) fn report(&mut self, worker: WorkerId, message: WorkerToScheduler) -> Actions {
        self.event(Event::FromWorker { worker, epoch: EPOCH, message })
    }

    pub(super) fn advise(&mut self, supervisor: SupervisorId, message: SupervisorToScheduler) -> Actions {
        self.event(Event::FromSupervisor { supervisor, epoch: EPOCH, message })
    }

    /// A whole submission in one chunk.
    pub(super) fn submit(&mut self, client: ClientId, tasks: Vec<SubmittedTask>, wanted: &[u128]) -> Actions {
        self.requests += 1;
        let submission = RequestId(self.requests);
        let wants = wanted.iter().map(|&number| want(number)).collect();
        self.say(client, ClientToScheduler::Submit { submission, chunk: 0, last: true, tasks, wants })
    }

    pub(super) fn start(&mut self, worker: WorkerId, (number, run): (u128, RunId)) {
        let actions = self.report(worker, WorkerToScheduler::Started { key: key(number), run });
        assert_eq!(actions, []);
    }

    pub(super) fn finish(&mut self, worker: WorkerId, (number, run): (u128, RunId), nbytes: u64) -> Actions {
        self.finish_in(worker, (number, run), nbytes, Duration::from_secs(1))
    }

    pub(super) fn finish_in(
        &mut self,
        worker: WorkerId,
        (number, run): (u128, RunId),
        nbytes: u64,
        took: Duration,
    ) -> Actions {
        self.report(worker, WorkerToScheduler::Finished { key: key(number), run, nbytes, took, value: None })
    }

    /// Lets the scheduler learn that calls of function 0 take so long: enough of them end for it to trust the measure.
    pub(super) fn learn(&mut self, client: ClientId, took: Duration) {
        for number in 1_000_000..1_000_016 {
            let (worker, lesson) = run(&self.submit(client, vec![task(number, &[])], &[number]));
            self.finish_in(worker, lesson, 8, took);
            self.release(client, number);
        }
    }

    pub(super) fn fail(&mut self, worker: WorkerId, (number, run): (u128, RunId)) -> Actions {
        let failure = Box::new(Failure::new(ErrorKind::Failed, "no good"));
        self.report(worker, WorkerToScheduler::Failed { key: key(number), run, failure, took: Duration::ZERO })
    }

    pub(super) fn kill(&mut self, worker: WorkerId) -> Actions {
        self.event(Event::WorkerLeft { worker, cause: "killed by signal 9".into(), intended: false })
    }

    pub(super) fn release(&mut self, client: ClientId, number: u128) -> Actions {
        self.say(client, ClientToScheduler::Release(vec![want(number)]))
    }

    pub(super) fn whats(&self) -> Vec<What> {
        self.records.iter().map(|record| record.what).collect()
    }
}

/// The runs among some actions: worker, number of the task, run.
pub(super) fn runs(actions: &[Action]) -> Vec<(WorkerId, (u128, RunId))> {
    assignments(actions).map(|(worker, a)| (worker, (a.task.key.as_u128() >> 96, a.run))).collect()
}

pub(super) fn assignments(actions: &[Action]) -> impl Iterator<Item = (WorkerId, &Assignment)> {
    actions.iter().filter_map(|action| match action {
        Action::ToWorker { worker, message: SchedulerToWorker::Run(assignment) } => Some((*worker, &**assignment)),
        _ => None,
    })
}

/// The one run among some actions.
pub(super) fn run(actions: &[Action]) -> (WorkerId, (u128, RunId)) {
    let runs = runs(actions);
    assert_eq!(runs.len(), 1, "{actions:?}");
    runs[0]
}

/// The news among some actions: client, number of the key, news.
pub(super) fn news(actions: &[Action]) -> Vec<(ClientId, u128, &KeyNews)> {
    let news = actions.iter().filter_map(|action| match action {
        Action::ToClient { client, message: SchedulerToClient::News { key, news, .. } } => {
            Some((*client, key.as_u128() >> 96, news))
        }
        _ => None,
    });
    news.collect()
}

/// The error that some client was told of a task.
pub(super) fn error(actions: &[Action], number: u128) -> TaskError {
    let found = news(actions).into_iter().find_map(|(_, n, news)| match news {
        KeyNews::Erred(error) if n == number => Some(error.clone()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no error of {number}: {actions:?}"))
}

pub(super) fn to_client(client: ClientId, message: SchedulerToClient) -> Action {
    Action::ToClient { client, message }
}

pub(super) fn to_worker(worker: WorkerId, message: SchedulerToWorker) -> Action {
    Action::ToWorker { worker, message }
}

pub(super) fn to_supervisor(supervisor: SupervisorId, message: SchedulerToSupervisor) -> Action {
    Action::ToSupervisor { supervisor, message }
}
