//! Named stories, told step by step on the simulator: what must come of each is known.

use std::{sync::Arc, time::Duration};

use brisk_core::{
    error::ErrorKind,
    id::{ClientId, WorkerId},
};
use brisk_sim::{
    client::State,
    cluster::{Cluster, Settings, WorkerSpec},
    network::Node,
    oracle::Oracle,
    properties::{agreement, quiescence},
    random::Random,
    workload::{Behaviour, Task, TaskIndex, Workload},
};

/// A cluster with one client, and verbs.
struct Stage {
    cluster: Cluster,
    client: ClientId,
    oracle: Oracle,
}

impl Stage {
    fn new(workload: Workload) -> Self {
        let mut settings = Settings::calm();
        settings.scheduler.allowed_failures = 2;
        Stage::with(workload, settings)
    }

    fn with(workload: Workload, settings: Settings) -> Self {
        let oracle = Oracle::new(&workload);
        let mut cluster = Cluster::new(Arc::new(workload), settings, Random::new(1));
        let client = cluster.join_client().unwrap();
        Stage { cluster, client, oracle }
    }

    fn worker(&mut self, threads: u32) -> WorkerId {
        self.cluster.join_worker(&WorkerSpec::new("w", threads)).unwrap()
    }

    fn submit(&mut self, tasks: &[TaskIndex], gathers: bool) {
        self.submit_as(self.client, tasks, gathers);
    }

    fn submit_as(&mut self, client: ClientId, tasks: &[TaskIndex], gathers: bool) {
        self.cluster
            .with_client(client, |client, workload| {
                client.submit(workload, tasks, 1_024, gathers);
            })
            .unwrap();
    }

    fn kill(&mut self, worker: WorkerId) {
        self.cluster.kill(Node::Worker(worker), "it was killed", false);
    }

    /// Until nothing happens any more.
    fn rest(&mut self) {
        self.until("nothing happens", |_| false);
    }

    /// Until something is so, or nothing happens any more.
    fn until(&mut self, what: &str, is_so: impl Fn(&Cluster) -> bool) {
        for _ in 0..100_000 {
            if is_so(&self.cluster) || !self.cluster.step().unwrap() {
                return;
            }
        }
        panic!("{what}: not within 100,000 events");
    }

    /// Until nothing happens any more, or there is no worker left.
    fn rest_or_no_worker(&mut self) {
        self.until("nothing happens", |cluster| cluster.snapshot().workers.is_empty());
    }

    fn until_running(&mut self, task: TaskIndex) -> WorkerId {
        self.until("it runs", |cluster| runner(cluster, task).is_some());
        runner(&self.cluster, task).expect("it runs")
    }

    fn state(&self, task: TaskIndex) -> State {
        self.state_as(self.client, task)
    }

    fn state_as(&self, client: ClientId, task: TaskIndex) -> State {
        self.cluster.client(client).unwrap().handle(task).unwrap().state.clone()
    }

    fn is_right(&self, task: TaskIndex) {
        assert_eq!(self.state(task), State::Here(self.oracle.value(task)));
    }

    fn fails_with(&self, task: TaskIndex, kind: ErrorKind) {
        let state = self.state(task);
        assert!(matches!(&state, State::Erred(error) if error.kind() == kind), "{state:?}");
    }

    fn executions(&self, task: TaskIndex) -> u32 {
        self.cluster.judge.executions.of(task)
    }

    /// Drops everything: nothing may be left.
    fn end(mut self) {
        self.cluster.check_invariants().unwrap();
        agreement::check(&self.cluster).unwrap();
        for id in self.cluster.clients().map(|client| client.id).collect::<Vec<_>>() {
            self.cluster.with_client(id, |client, workload| client.release_all(workload)).unwrap();
        }
        self.rest();
        agreement::check(&self.cluster).unwrap();
        quiescence::check(&self.cluster).unwrap();
    }
}

fn runner(cluster: &Cluster, task: TaskIndex) -> Option<WorkerId> {
    let mut workers = cluster.workers().map(|(id, _)| id);
    workers.find(|id| cluster.worker(*id).is_some_and(|node| node.running().any(|running| running == task)))
}

fn slow(dependencies: Vec<TaskIndex>) -> Task {
    Task { duration: Duration::from_millis(20), ..Task::plain(dependencies) }
}

fn long_value(dependencies: Vec<TaskIndex>) -> Task {
    Task { nbytes: 1 << 20, ..Task::plain(dependencies) }
}

fn chain(length: usize) -> (Workload, TaskIndex) {
    let mut workload = Workload::new();
    for i in 0..length {
        workload.add(long_value(i.checked_sub(1).into_iter().collect()));
    }
    (workload, length - 1)
}

#[test]
fn a_chain_whose_only_copy_dies_is_computed_again_from_its_beginning() {
    let (workload, last) = chain(20);
    let mut stage = Stage::new(workload);
    let first = stage.worker(2);
    stage.submit(&[last], false);
    stage.rest();
    assert!(matches!(stage.state(last), State::Finished { .. }));
    let second = stage.worker(2);
    stage.kill(first);
    stage.rest();
    stage.cluster.with_client(stage.client, |client, workload| client.gather_all(workload)).unwrap();
    stage.rest();
    stage.is_right(last);
    assert!((0..20).all(|task| stage.executions(task) == 2));
    assert!(stage.cluster.worker(second).is_some());
    stage.end();
}

#[test]
fn when_all_workers_die_the_work_waits_for_the_next() {
    let mut workload = Workload::new();
    let inputs: Vec<_> = (0..8).map(|_| workload.add(slow(vec![]))).collect();
    let sum = workload.add(slow(inputs));
    let mut stage = Stage::new(workload);
    let workers = [stage.worker(2), stage.worker(2)];
    stage.submit(&[sum], true);
    stage.until_running(0);
    workers.into_iter().for_each(|worker| stage.kill(worker));
    stage.until("both are missed", |cluster| cluster.snapshot().workers.is_empty());
    assert_eq!(stage.state(sum), State::Pending);
    stage.worker(1);
    stage.rest();
    stage.is_right(sum);
    stage.end();
}

#[test]
fn without_workers_a_task_fails_in_the_end_and_can_be_tried_again() {
    let (workload, last) = chain(2);
    let mut stage = Stage::new(workload);
    stage.submit(&[last], true);
    stage.rest();
    stage.fails_with(last, ErrorKind::NoWorker);
    stage.worker(1);
    stage.cluster.with_client(stage.client, |client, workload| assert!(client.retry(workload, last))).unwrap();
    stage.rest();
    stage.is_right(last);
    stage.end();
}

#[test]
fn a_key_that_is_dropped_in_flight_and_wanted_again_is_right() {
    for wait in 0..60u64 {
        let mut workload = Workload::new();
        let input = workload.add(slow(vec![]));
        let task = workload.add(slow(vec![input]));
        let mut stage = Stage::new(workload);
        stage.worker(1);
        stage.submit(&[task], true);
        let at = stage.cluster.now() + Duration::from_micros(wait * 733);
        while stage.cluster.next().is_some_and(|next| next <= at) {
            stage.cluster.step().unwrap();
        }
        stage.cluster.with_client(stage.client, |client, workload| client.release(workload, task)).unwrap();
        stage.submit(&[task], true);
        stage.rest();
        stage.is_right(task);
        assert!(stage.executions(task) <= 2);
        stage.end();
    }
}

#[test]
fn a_cancel_that_races_the_end_leaves_one_of_the_two() {
    let (mut cancelled, mut here) = (0, 0);
    for wait in 0..100u64 {
        let mut workload = Workload::new();
        let task = workload.add(Task { duration: Duration::from_millis(1), ..Task::plain(vec![]) });
        let mut stage = Stage::new(workload);
        let worker = stage.worker(1);
        stage.submit(&[task], true);
        let at = stage.cluster.now() + Duration::from_micros(wait * 20);
        while stage.cluster.next().is_some_and(|next| next <= at) {
            stage.cluster.step().unwrap();
        }
        stage.cluster.with_client(stage.client, |client, workload| client.cancel(workload, task, false)).unwrap();
        stage.rest();
        match stage.state(task) {
            State::Cancelled => {
                cancelled += 1;
                assert_eq!(stage.cluster.worker(worker).unwrap().machine.values(), 0);
            }
            State::Here(value) => {
                here += 1;
                assert_eq!(value, stage.oracle.value(task));
            }
            state => panic!("{state:?}"),
        }
        stage.end();
    }
    assert!(cancelled > 0 && here > 0, "{cancelled} were cancelled, {here} came");
}

#[test]
fn a_task_that_kills_its_workers_fails_and_its_neighbours_do_not() {
    let mut workload = Workload::new();
    let poison = workload.add(Task { behaviour: Behaviour::Kills { attempts: u32::MAX }, ..Task::plain(vec![]) });
    let needs_it = workload.add(Task::plain(vec![poison]));
    let good: Vec<_> = (0..20).map(|_| workload.add(Task::plain(vec![]))).collect();
    let mut stage = Stage::new(workload);
    let wanted: Vec<_> = good.iter().copied().chain([needs_it]).collect();
    stage.submit(&wanted, true);
    for _ in 0..3 {
        // With one thread nobody else can be suspected.
        stage.worker(1);
        stage.rest_or_no_worker();
    }
    stage.worker(1);
    stage.rest();
    stage.fails_with(needs_it, ErrorKind::WorkerDied);
    assert_eq!(stage.executions(poison), 3);
    good.iter().for_each(|task| stage.is_right(*task));
    stage.end();
}

#[test]
fn a_worker_cut_off_from_the_scheduler_is_dead_to_it_whatever_it_finishes() {
    let mut workload = Workload::new();
    let task = workload.add(slow(vec![]));
    let mut stage = Stage::new(workload);
    let zombie = stage.worker(1);
    stage.submit(&[task], true);
    stage.until_running(task);
    stage.worker(1);
    stage.cluster.cut(Node::Worker(zombie));
    stage.rest();
    stage.is_right(task);
    assert_eq!(stage.executions(task), 2);
    assert!(stage.cluster.worker(zombie).is_none(), "it comes back as another, or not at all");
    stage.end();
}

#[test]
fn a_task_fails_as_often_as_its_retries_allow() {
    let mut workload = Workload::new();
    let fails = Behaviour::Fails { attempts: 2 };
    let enough = workload.add(Task { behaviour: fails, retries: 2, ..Task::plain(vec![]) });
    let too_few = workload.add(Task { behaviour: fails, retries: 1, ..Task::plain(vec![]) });
    let mut stage = Stage::new(workload);
    stage.worker(2);
    stage.submit(&[enough, too_few], true);
    stage.rest();
    stage.is_right(enough);
    stage.fails_with(too_few, ErrorKind::Failed);
    assert_eq!((stage.executions(enough), stage.executions(too_few)), (3, 2));
    stage.end();
}

/// The loss of a worker failed a task, which so needed its input no longer; took the input, which nobody needed now; and
/// took a value that was made of the same input. The value was assigned to be computed again, but not its input.
#[test]
fn an_input_that_is_lost_while_nobody_needs_it_is_computed_again_for_another_loss_of_the_same_event() {
    let mut workload = Workload::new();
    let input = workload.add(long_value(vec![]));
    let value = workload.add(long_value(vec![input]));
    let kills = Behaviour::Kills { attempts: u32::MAX };
    let poison =
        workload.add(Task { behaviour: kills, duration: Duration::from_millis(20), ..Task::plain(vec![input]) });
    let mut settings = Settings::calm();
    settings.scheduler.allowed_failures = 0;
    let mut stage = Stage::with(workload, settings);
    stage.worker(1);
    stage.submit(&[value, poison], false);
    stage.until_running(poison);
    stage.until("the value is there", |cluster| {
        cluster.clients().all(|client| client.handles().any(|(_, h)| matches!(h.state, State::Finished { .. })))
    });
    stage.worker(1);
    stage.rest();
    stage.cluster.with_client(stage.client, |client, workload| client.gather_all(workload)).unwrap();
    stage.rest();
    stage.is_right(value);
    stage.fails_with(poison, ErrorKind::WorkerDied);
    assert_eq!((stage.executions(input), stage.executions(value)), (2, 2));
    stage.end();
}

/// A client's handle had failed; another client tried the task again, with success; then the first one did.
#[test]
fn who_tries_again_what_another_has_tried_again_gets_the_value() {
    let mut workload = Workload::new();
    let task = workload.add(Task { behaviour: Behaviour::Fails { attempts: 1 }, ..long_value(vec![]) });
    let mut stage = Stage::new(workload);
    let (first, second) = (stage.client, stage.cluster.join_client().unwrap());
    stage.worker(1);
    for client in [first, second] {
        stage.submit_as(client, &[task], true);
    }
    stage.rest();
    for client in [second, first] {
        stage.cluster.with_client(client, |client, workload| assert!(client.retry(workload, task))).unwrap();
        stage.rest();
        assert_eq!(stage.state_as(client, task), State::Here(stage.oracle.value(task)));
    }
    assert_eq!(stage.executions(task), 2);
    stage.end();
}

/// Calls that were sent ahead are stuck behind a long one, on a worker that stands still for longer than the scheduler
/// waits for an answer. It is asked twice to give them up, and does at the first question.
#[test]
fn what_a_slow_worker_gives_up_is_taken_back_even_if_it_was_asked_again() {
    let mut workload = Workload::new();
    let measured = workload.add(Task::plain(vec![]));
    let long = workload.add(Task { duration: Duration::from_secs(20), ..Task::plain(vec![]) });
    let stuck: Vec<_> = (0..30).map(|_| workload.add(Task::plain(vec![]))).collect();
    let mut stage = Stage::new(workload);
    let slow = stage.worker(1);
    stage.submit(&[measured], true);
    stage.rest();
    let wanted: Vec<_> = [long].into_iter().chain(stuck.iter().copied()).collect();
    stage.submit(&wanted, true);
    stage.until_running(long);
    stage.worker(1);
    stage.cluster.pause(Node::Worker(slow), Duration::from_secs(5));
    let (client, last) = (stage.client, stuck[stuck.len() - 1]);
    stage.until("the last short one is done", |cluster| {
        cluster.client(client).unwrap().handle(last).unwrap().state.is_settled()
    });
    assert_eq!(stage.state(long), State::Pending);
    stage.rest();
    wanted.iter().for_each(|task| stage.is_right(*task));
    assert!(wanted.iter().all(|task| stage.executions(*task) == 1));
    stage.end();
}

/// A task brought all its inputs together on a worker, which thereby had too much, and said so; the scheduler took the
/// task away, though it was the one that a full worker starts all the same; and so on, round all workers.
#[test]
fn a_task_that_fills_its_worker_is_not_sent_round_all_of_them() {
    let mut workload = Workload::new();
    let inputs: Vec<_> = (0..9).map(|_| workload.add(Task { nbytes: 100, ..slow(vec![]) })).collect();
    let sum = workload.add(slow(inputs));
    let mut stage = Stage::new(workload);
    for _ in 0..3 {
        let mut spec = WorkerSpec::new("w", 1);
        spec.config.memory_limit = 1_000;
        stage.cluster.join_worker(&spec).unwrap();
    }
    stage.submit(&[sum], true);
    stage.rest();
    stage.is_right(sum);
    assert_eq!(stage.executions(sum), 1);
    assert_eq!(stage.cluster.judge.history.pauses, 1, "it did fill its worker");
    stage.end();
}
