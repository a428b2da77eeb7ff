//! Races that the simulator found, told to one machine alone, message by message.

use std::time::Duration;

use brisk_core::{
    hello::WorkerInfo,
    id::{ClientId, EnvironmentId, Epoch, Incarnation, RequestId, RunId, WantId, WorkerId},
    message::{ClientToScheduler, SchedulerToWorker, WorkerToScheduler},
    time::Moment,
};
use brisk_scheduler::machine::{Action, Config, Event, Scheduler};
use brisk_sim::workload::{Task, TaskIndex, Workload, functions};

const EPOCH: Epoch = Epoch(1);
const CLIENT: ClientId = ClientId(Incarnation(1));

/// A scheduler with one client that has introduced its functions.
struct Bench {
    machine: Scheduler,
    workload: Workload,
}

impl Bench {
    fn new(workload: Workload) -> Self {
        let mut bench = Bench { machine: Scheduler::new(Config::default(), EPOCH), workload };
        let (name, environment) = ("".into(), EnvironmentId::IN_PROCESS);
        bench.event(Event::ClientJoined { client: CLIENT, name, environment, program: None });
        bench.client(ClientToScheduler::Functions(functions()));
        bench
    }

    fn event(&mut self, event: Event) -> Vec<Action> {
        self.machine.handle(Moment::ORIGIN, event);
        let actions = std::iter::from_fn(|| self.machine.poll_action());
        let actions = actions.filter(|action| !matches!(action, Action::Record(_))).collect();
        self.machine.check_invariants().unwrap();
        actions
    }

    fn client(&mut self, message: ClientToScheduler) -> Vec<Action> {
        self.event(Event::FromClient { client: CLIENT, epoch: EPOCH, message })
    }

    fn submit(&mut self, tasks: &[TaskIndex], wanted: TaskIndex) -> Vec<Action> {
        let wants = vec![(self.workload.task(wanted).key, WantId(1))];
        let tasks = tasks.iter().map(|task| self.workload.submitted(*task)).collect();
        self.client(ClientToScheduler::Submit { submission: RequestId(1), chunk: 0, last: true, tasks, wants })
    }

    fn worker(&mut self, number: u64) -> WorkerId {
        let worker = WorkerId(Incarnation(number));
        let info = WorkerInfo {
            address: format!("sim://w{number}").parse().unwrap(),
            host: "h".into(),
            threads: 1,
            memory_limit: 0,
            speed_percent: 100,
            resources: Vec::new(),
        };
        self.event(Event::WorkerJoined { worker, name: "".into(), environment: EnvironmentId::IN_PROCESS, info });
        worker
    }

    fn report(&mut self, worker: WorkerId, message: WorkerToScheduler) -> Vec<Action> {
        self.event(Event::FromWorker { worker, epoch: EPOCH, message })
    }
}

fn run_on(actions: &[Action], worker: WorkerId) -> Option<RunId> {
    actions.iter().find_map(|action| match action {
        Action::ToWorker { worker: w, message: SchedulerToWorker::Run(assignment) } if *w == worker => {
            Some(assignment.run)
        }
        _ => None,
    })
}

/// A value was found elsewhere while a worker was making it: that run was cancelled, and the same worker was given a task
/// that needs the value, which it went to fetch. The report of the cancelled run came late, and the free that answered it
/// dropped the fetched copy, in which the scheduler believed from then on.
#[test]
fn a_late_report_does_not_free_the_copy_that_a_later_run_fetches() {
    let mut workload = Workload::new();
    let value = workload.add(Task::plain(vec![]));
    let user = workload.add(Task::plain(vec![value]));
    let (key, nbytes) = (workload.task(value).key, workload.task(value).nbytes);
    let mut bench = Bench::new(workload);
    let maker = bench.worker(2);
    let first = run_on(&bench.submit(&[value, user], user), maker).unwrap();
    let other = bench.worker(3);
    bench.report(other, WorkerToScheduler::Paused(true));
    let actions = bench.report(other, WorkerToScheduler::Added(vec![(key, nbytes)]));
    let told = |action: &Action| matches!(action, Action::ToWorker { worker, message: SchedulerToWorker::Holders { .. } } if *worker == maker);
    assert!(actions.iter().any(told), "who was sent ahead hears where it is: {actions:?}");
    let late = WorkerToScheduler::Finished { key, run: first, nbytes, took: Duration::ZERO, value: None };
    // It is told to drop what that run has made, and nothing else.
    let cancel = SchedulerToWorker::Cancel { key, run: first };
    assert_eq!(bench.report(maker, late), [Action::ToWorker { worker: maker, message: cancel }]);
}
