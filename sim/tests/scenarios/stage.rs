//! The stage on which scenarios are played: a cluster with one client, and verbs.

use std::{sync::Arc, time::Duration};

use brisk_core::{
    error::ErrorKind,
    id::{ClientId, WorkerId},
};
use brisk_sim::{
    client::{Client, State},
    cluster::{Cluster, Settings, WorkerSpec},
    network::Node,
    oracle::Oracle,
    properties::{agreement, quiescence},
    random::Random,
    workload::{Task, TaskIndex, Workload},
};

/// A cluster with one client, and verbs.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) client: ClientId,
    pub(crate) oracle: Oracle,
}

impl Stage {
    pub(crate) fn new(workload: Workload) -> Self {
        let mut settings = Settings::calm();
        settings.scheduler.allowed_failures = 2;
        Stage::with(workload, settings)
    }

    pub(crate) fn with(workload: Workload, settings: Settings) -> Self {
        let oracle = Oracle::new(&workload);
        let mut cluster = Cluster::new(Arc::new(workload), settings, Random::new(1));
        let client = cluster.join_client().unwrap();
        Stage { cluster, client, oracle }
    }

    pub(crate) fn worker(&mut self, threads: u32) -> WorkerId {
        self.cluster.join_worker(&WorkerSpec::new("w", threads)).unwrap()
    }

    pub(crate) fn submit(&mut self, tasks: &[TaskIndex], gathers: bool) {
        self.submit_as(self.client, tasks, gathers);
    }

    pub(crate) fn submit_as(&mut self, client: ClientId, tasks: &[TaskIndex], gathers: bool) {
        self.cluster
            .with_client(client, |client, workload| {
                client.submit(workload, tasks, 1_024, gathers, None);
            })
            .unwrap();
    }

    /// Lets so much time pass.
    pub(crate) fn wait(&mut self, span: Duration) {
        let until = self.cluster.now() + span;
        while self.cluster.now() < until {
            match self.cluster.next() {
                Some(next) if next <= until => assert!(self.cluster.step().unwrap()),
                _ => self.cluster.wait_until(until),
            }
            if self.cluster.next().is_none() {
                return;
            }
        }
    }

    /// The client does something.
    pub(crate) fn act<T>(&mut self, act: impl FnOnce(&mut Client, &Workload) -> T) {
        let client = self.client;
        self.cluster.with_client(client, |client, workload| drop(act(client, workload))).unwrap();
    }

    /// Everybody who was there comes back when the connection to the scheduler ends.
    pub(crate) fn all_return(&mut self) {
        self.cluster.settings.trouble.returns = 1_000;
    }

    /// The client's session, after it was lost and found again.
    pub(crate) fn find_client(&mut self) {
        self.client = self.cluster.clients().last().expect("the client is back").id;
    }

    pub(crate) fn kill(&mut self, worker: WorkerId) {
        self.cluster.kill(Node::Worker(worker), "it was killed", false);
    }

    /// Until nothing happens any more.
    pub(crate) fn rest(&mut self) {
        self.until("nothing happens", |_| false);
    }

    /// Until something is so, or nothing happens any more.
    pub(crate) fn until(&mut self, what: &str, is_so: impl Fn(&Cluster) -> bool) {
        for _ in 0..100_000 {
            if is_so(&self.cluster) || !self.cluster.step().unwrap() {
                return;
            }
        }
        panic!("{what}: not within 100,000 events");
    }

    /// Until nothing happens any more, or there is no worker left.
    pub(crate) fn rest_or_no_worker(&mut self) {
        self.until("nothing happens", |cluster| cluster.snapshot().workers.is_empty());
    }

    pub(crate) fn until_running(&mut self, task: TaskIndex) -> WorkerId {
        self.until("it runs", |cluster| runner(cluster, task).is_some());
        runner(&self.cluster, task).expect("it runs")
    }

    pub(crate) fn state(&self, task: TaskIndex) -> State {
        self.state_as(self.client, task)
    }

    pub(crate) fn state_as(&self, client: ClientId, task: TaskIndex) -> State {
        self.cluster.client(client).unwrap().handle(task).unwrap().state.clone()
    }

    pub(crate) fn is_right(&self, task: TaskIndex) {
        assert_eq!(self.state(task), State::Here(self.oracle.value(task)));
    }

    pub(crate) fn fails_with(&self, task: TaskIndex, kind: ErrorKind) {
        let state = self.state(task);
        assert!(matches!(&state, State::Erred(error) if error.kind() == kind), "{state:?}");
    }

    /// All of these have their right values here.
    pub(crate) fn are_right(&self, tasks: &[TaskIndex]) {
        tasks.iter().for_each(|task| self.is_right(*task));
    }

    /// Each of these was started so often.
    pub(crate) fn ran(&self, tasks: &[TaskIndex], times: u32) {
        for task in tasks {
            assert_eq!(self.executions(*task), times, "task {task}");
        }
    }

    pub(crate) fn executions(&self, task: TaskIndex) -> u32 {
        self.cluster.judge.executions.of(task)
    }

    /// Drops everything: nothing may be left.
    pub(crate) fn end(mut self) {
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

pub(crate) fn runner(cluster: &Cluster, task: TaskIndex) -> Option<WorkerId> {
    let mut workers = cluster.workers().map(|(id, _)| id);
    workers.find(|id| cluster.worker(*id).is_some_and(|node| node.running().any(|running| running == task)))
}

pub(crate) fn slow(dependencies: Vec<TaskIndex>) -> Task {
    Task { duration: Duration::from_millis(20), ..Task::plain(dependencies) }
}

pub(crate) fn long_value(dependencies: Vec<TaskIndex>) -> Task {
    Task { nbytes: 1 << 20, ..Task::plain(dependencies) }
}

pub(crate) fn chain(length: usize) -> (Workload, TaskIndex) {
    let mut workload = Workload::new();
    for i in 0..length {
        workload.add(long_value(i.checked_sub(1).into_iter().collect()));
    }
    (workload, length - 1)
}
