//! One seed, from the start to the end.
//!
//! Three phases, as in TigerBeetle's simulator. Under faults nothing wrong may happen. Then the cluster is healed: nothing
//! goes wrong any more, one worker can run everything, and whatever is wanted must settle in bounded time. Then everything
//! is dropped, and nothing may be left.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use brisk_core::{
    id::{ClientId, RunId, WorkerId},
    key::Key,
    message::ClientToScheduler,
    time::Moment,
};

use crate::{
    client::State,
    cluster::{Cluster, Trouble, WorkerSpec},
    failure::Failure,
    faults::{Move, Options, worker_config},
    network::{Conditions, Node},
    properties::{agreement, calls, convergence, quiescence, sharing},
    random::Random,
    sharing::Habits,
    tamper::Tamper,
    trace::Lines,
    workload::{BUILDS, Build, HEALER, TaskIndex, Workload},
};

mod shared;

/// Virtual time within which a healed cluster must settle everything. Generous: the longest waits of the machines are
/// half a minute, and some follow one another.
const HEALED_FOR: Duration = Duration::from_secs(1_200);

/// Virtual time within which a cluster that nobody wants anything of must come to rest.
const REST_WITHIN: Duration = Duration::from_secs(600);

/// How many names clients of one build publish under.
const NAMES: u64 = 3;

/// What a whole simulation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// A hash of everything that happened.
    pub hash: u64,
    /// Events that the machines were given.
    pub events: u64,
    /// Runs that were started.
    pub executions: u64,
    /// Virtual time at the end.
    pub ended: Moment,
}

/// A simulation that failed.
#[derive(Debug)]
pub struct Failed {
    /// The seed.
    pub seed: u64,
    /// What did not hold.
    pub failure: Failure,
    /// What happened last, if it was kept.
    pub tail: Vec<String>,
}

/// A cluster and what is done to it.
#[derive(Debug)]
pub struct Simulation {
    options: Options,
    cluster: Cluster,
    random: Random,
    names: u64,
    /// What clients share is drawn by itself.
    sharing: Random,
    /// The builds that there are tasks of.
    builds: Vec<Build>,
}

/// Runs a seed.
///
/// # Errors
/// If a property does not hold.
pub fn run(options: Options) -> Result<Report, Box<Failed>> {
    Simulation::new(options).run()
}

impl Simulation {
    /// A cluster before its first worker.
    pub fn new(options: Options) -> Self {
        let mut random = Random::new(options.seed);
        let mut workload = Workload::new();
        for (shape, tasks) in &options.graphs {
            workload.grow(*shape, *tasks, &options.oddities, &mut random);
        }
        let builds = (0..BUILDS).filter(|build| workload.tasks().iter().any(|task| task.build == *build)).collect();
        let mut cluster = Cluster::new(Arc::new(workload), options.settings.clone(), random.fork());
        cluster.set_tardy(options.habits.tardy);
        let sharing = Habits::draw(options.seed).1;
        Simulation { options, cluster, random, names: 0, sharing, builds }
    }

    /// Somebody reaches in.
    #[must_use]
    pub fn with_tamper(mut self, tamper: Box<dyn Tamper>) -> Self {
        self.cluster.set_tamper(tamper);
        self
    }

    /// What happens is kept or printed.
    #[must_use]
    pub fn with_lines(mut self, lines: Lines) -> Self {
        self.cluster.trace = crate::trace::Trace::new(lines);
        self
    }

    /// Runs all phases.
    ///
    /// # Errors
    /// If a property does not hold.
    pub fn run(mut self) -> Result<Report, Box<Failed>> {
        let seed = self.options.seed;
        // A machine's panic is a finding like any other, and the seed must not be lost with it.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.phases()));
        match outcome.unwrap_or_else(|panic| Err(Failure::safety("panic", words(panic.as_ref())))) {
            Ok(()) => Ok(Report {
                seed,
                hash: self.cluster.trace.hash(),
                events: self.cluster.events(),
                executions: self.cluster.judge.executions.total(),
                ended: self.cluster.now(),
            }),
            Err(failure) => {
                let failure = failure.at(self.cluster.now());
                Err(Box::new(Failed { seed, failure, tail: self.cluster.trace.tail().map(str::to_owned).collect() }))
            }
        }
    }

    fn phases(&mut self) -> Result<(), Failure> {
        self.start()?;
        for _ in 0..self.options.moves {
            let pause = self.random.long_tailed(Duration::from_micros(1), self.options.pace);
            self.run_until(self.cluster.now() + pause)?;
            self.make_move()?;
            self.share()?;
        }
        let askers = self.heal()?;
        // Whoever looks for a value may find out that it is not there. What is believed has to be right before.
        self.rest("it was healed")?;
        agreement::check(&self.cluster)?;
        self.cluster.gather_everything()?;
        self.settle()?;
        self.ask_for_publications(&askers)?;
        self.settle()?;
        self.rest("nobody wants anything more")?;
        sharing::check(&self.cluster)?;
        calls::check(&self.cluster)?;
        self.cluster.check_invariants()?;
        agreement::check(&self.cluster)?;
        self.cluster.judge.executions.check(&self.cluster.workload, &self.cluster.judge.history)?;
        self.drop_everything()?;
        self.rest("everything was dropped")?;
        self.cluster.check_invariants()?;
        agreement::check(&self.cluster)?;
        quiescence::check(&self.cluster)
    }

    fn start(&mut self) -> Result<(), Failure> {
        if self.options.supervised {
            self.cluster.join_supervisor()?;
        }
        for _ in 0..self.options.workers {
            self.join_worker()?;
        }
        for _ in 0..self.options.clients {
            self.join_client()?;
        }
        Ok(())
    }

    fn run_until(&mut self, at: Moment) -> Result<(), Failure> {
        while self.cluster.next().is_some_and(|next| next <= at) {
            self.cluster.step()?;
        }
        self.cluster.wait_until(at);
        Ok(())
    }

    fn make_move(&mut self) -> Result<(), Failure> {
        let what = self.options.next_move(&mut self.random);
        self.cluster.trace.note(self.cluster.now(), format_args!("{what:?}"));
        match what {
            Move::JoinClient => {
                if self.cluster.clients().count() < 2 * self.options.clients as usize {
                    self.join_client()?;
                }
                Ok(())
            }
            Move::JoinWorker => {
                if self.cluster.workers().count() < 2 * self.options.workers as usize {
                    self.join_worker()?;
                }
                Ok(())
            }
            Move::KillWorker | Move::EndWorker | Move::ShutDownWorker | Move::RetireWorker => {
                match self.some_worker() {
                    Some(worker) if what == Move::ShutDownWorker => self.cluster.shut_down(worker),
                    Some(worker) if what == Move::RetireWorker => self.cluster.retire(worker),
                    Some(worker) => {
                        self.cluster.kill(Node::Worker(worker), "it was killed", what == Move::EndWorker);
                        Ok(())
                    }
                    None => Ok(()),
                }
            }
            Move::KillAllWorkers => {
                for worker in self.cluster.workers().map(|(id, _)| id).collect::<Vec<_>>() {
                    self.cluster.kill(Node::Worker(worker), "all were killed", false);
                }
                Ok(())
            }
            Move::JumpClock => {
                let node = self.some_worker().filter(|_| self.random.chance(500)).map_or(Node::Scheduler, Node::Worker);
                let span = self.random.long_tailed(Duration::from_secs(1), Duration::from_secs(600));
                self.cluster.jump_clock(node, span)
            }
            Move::CutSupervisor => {
                self.cluster.cut_supervisor();
                Ok(())
            }
            Move::RestartScheduler => {
                self.cluster.restart_scheduler();
                Ok(())
            }
            Move::Cut | Move::CutOneWay | Move::Pause | Move::Clog | Move::BreakDataLink | Move::Swizzle => {
                self.disturb(what);
                Ok(())
            }
            _ => match self.some_client() {
                Some(client) => self.client_moves(what, client),
                None => self.join_client(),
            },
        }
    }

    /// Something happens to the network or to a process.
    fn disturb(&mut self, what: Move) {
        let span = self.random.long_tailed(Duration::from_micros(10), Duration::from_secs(3));
        let worker = self.some_worker().map(Node::Worker);
        let client = self.some_client().map(Node::Client);
        let node = if self.random.chance(800) { worker } else { client };
        match what {
            Move::Clog => {
                let data = self.random.chance(500);
                self.cluster.clog(data, span);
            }
            Move::BreakDataLink => self.cluster.break_data_link(),
            Move::Swizzle => {
                for _ in 0..self.random.within(2..=8) {
                    let (data, span) = (self.random.chance(300), self.random.long_tailed(span / 8, span));
                    self.cluster.clog(data, span);
                }
            }
            Move::Pause if self.random.chance(100) => self.cluster.pause(Node::Scheduler, span),
            Move::Pause => {
                if let Some(node) = node {
                    self.cluster.pause(node, span);
                }
            }
            Move::CutOneWay => {
                if let Some(node) = node {
                    let deaf = if self.random.chance(500) { node } else { Node::Scheduler };
                    self.cluster.cut_towards(node, deaf);
                }
            }
            _ => {
                if let Some(node) = node {
                    self.cluster.cut(node);
                }
            }
        }
    }

    fn client_moves(&mut self, what: Move, id: ClientId) -> Result<(), Failure> {
        let handle = self.some_handle(id);
        match (what, handle) {
            (Move::Submit, _) => self.submit(id),
            (Move::Scatter, _) => self.scatter(id),
            (Move::ReleaseAll, _) => self.cluster.with_client(id, |client, workload| client.release_all(workload)),
            (Move::Ask, _) => {
                let workers = self.random.below(u64::from(self.options.workers) + 2) as u32;
                self.cluster.with_client(id, |client, _| {
                    client.sync();
                    client.wait_for_workers(workers);
                })
            }
            (Move::Rebalance, _) => self.cluster.with_client(id, |client, _| client.rebalance()),
            (Move::RetireWorkers, _) => {
                let workers: Vec<_> = (0..self.random.within(1..=3)).filter_map(|_| self.some_worker()).collect();
                self.cluster.retire_by_client(id, &workers)
            }
            (Move::PartClient, _) => self.cluster.part(id),
            (Move::KillClient, _) => {
                self.cluster.kill(Node::Client(id), "it was killed", false);
                Ok(())
            }
            (Move::Dataset | Move::Unpublish, _) => {
                let name = self.some_name(id);
                self.cluster.with_client(id, |client, _| match what {
                    Move::Dataset => client.dataset(name),
                    _ => client.unpublish(name),
                })
            }
            (_, None) => self.submit(id),
            (Move::Publish, Some(task)) => {
                let (name, replace) = (self.some_name(id), self.random.chance(500));
                let tasks = [Some(task), self.some_handle(id)].map(|task| task.filter(|_| self.random.chance(800)));
                let tasks: Vec<_> = tasks.into_iter().flatten().collect();
                self.cluster.with_client(id, |client, workload| client.publish(workload, name, &tasks, replace))
            }
            (Move::Resubmit, Some(task)) => {
                let (chunk, gathers) = (self.options.chunk, self.random.chance(500));
                self.cluster.with_client(id, |client, workload| {
                    client.release(workload, task);
                    client.submit(workload, &[task], chunk, gathers, None);
                })
            }
            (Move::Cancel | Move::CancelForAll | Move::Abandon, Some(task)) => {
                let message = move |keys| match what {
                    Move::Abandon => ClientToScheduler::Abandon(keys),
                    _ => ClientToScheduler::Cancel { keys, force: what == Move::CancelForAll },
                };
                self.cluster.with_client(id, |client, workload| client.cancel_by(workload, task, message))
            }
            (Move::Retry, Some(task)) => self.cluster.with_client(id, |client, workload| {
                let failed = |(task, handle): (TaskIndex, &crate::client::Handle)| {
                    matches!(handle.state, State::Erred(_)).then_some(task)
                };
                let failed = client.handles().find_map(failed);
                client.retry(workload, failed.unwrap_or(task));
            }),
            (Move::Replicate, Some(task)) => {
                let count = self.random.below(4) as u32;
                self.cluster.with_client(id, |client, workload| client.replicate(workload, task, count))
            }
            (Move::Checkpoint, Some(task)) => {
                let count = self.random.below(3) as u32;
                self.cluster.with_client(id, |client, workload| client.checkpoint(workload, task, count))
            }
            (Move::Detach, Some(task)) => {
                self.cluster.with_client(id, |client, workload| client.detach(workload, task))
            }
            (_, Some(task)) => self.cluster.with_client(id, |client, workload| client.release(workload, task)),
        }
    }

    fn submit(&mut self, id: ClientId) -> Result<(), Failure> {
        let Some(build) = self.cluster.client(id).map(|client| client.build) else { return Ok(()) };
        let tasks = self.cluster.workload.tasks();
        let own: Vec<_> = (0..tasks.len()).filter(|task| tasks[*task].build == build).collect();
        let count = self.random.within(1..=4);
        let mut roots: Vec<_> = (0..count).filter_map(|_| self.random.pick(&own).copied()).collect();
        if self.random.chance(300) {
            // The last ones need the most.
            roots.extend(own.last());
        }
        roots.sort_unstable();
        roots.dedup();
        let (chunk, gathers) = (self.options.chunk, self.random.chance(500));
        let from = if self.random.chance(250) { self.some_run(build) } else { None };
        self.cluster.with_client(id, |client, workload| {
            client.submit(workload, &roots, chunk, gathers, from);
        })
    }

    /// A run of a task of a build that goes on now, from within which something may be submitted. By the time that the
    /// scheduler hears of it, it may have ended.
    fn some_run(&mut self, build: Build) -> Option<(Key, RunId)> {
        let ids: Vec<_> = self.cluster.workers().map(|(id, _)| id).collect();
        let runs = ids.into_iter().filter_map(|id| self.cluster.worker(id)).flat_map(|worker| worker.runs());
        let of_build = runs.map(|(task, run)| (self.cluster.workload.task(task), run));
        let runs: Vec<_> =
            of_build.filter(|(task, _)| task.build == build).map(|(task, run)| (task.key, run)).collect();
        self.random.pick(&runs).copied()
    }

    /// A client puts some of the values that can't be computed on workers; where there are none, it submits.
    fn scatter(&mut self, id: ClientId) -> Result<(), Failure> {
        let Some(build) = self.cluster.client(id).map(|client| client.build) else { return Ok(()) };
        let values = self.cluster.workload.scattered(build);
        let count = self.random.within(1..=4);
        let mut some: Vec<_> = (0..count).filter_map(|_| self.random.pick(&values).copied()).collect();
        some.sort_unstable();
        some.dedup();
        if some.is_empty() {
            return self.submit(id);
        }
        self.cluster.with_client(id, |client, workload| client.scatter(workload, some))
    }

    /// From here on nothing goes wrong, but for what tasks do. A client of each build joins that has asked for nothing yet: as
    /// long as it is there nobody's workers are stopped.
    fn heal(&mut self) -> Result<Vec<(Build, ClientId)>, Failure> {
        self.cluster.trace.note(self.cluster.now(), format_args!("heal"));
        self.cluster.settings.trouble = Trouble::default();
        self.cluster.set_conditions(Conditions::calm());
        self.join_healer()?;
        self.cluster.let_go()?;
        let builds = self.builds.clone().into_iter();
        builds.map(|build| Ok((build, self.cluster.join_client_of(build)?))).collect()
    }

    fn settle(&mut self) -> Result<(), Failure> {
        let deadline = self.cluster.now() + HEALED_FOR;
        let busy = self.cluster.events() + self.patience();
        while !convergence::is_reached(&self.cluster) {
            self.join_healer()?;
            // Looking at every handle costs more than a step.
            for _ in 0..8 {
                if !self.cluster.step()? {
                    if self.join_healer()? {
                        break;
                    }
                    return convergence::check(&self.cluster, "nothing happens any more");
                }
            }
            if self.cluster.now() > deadline {
                return convergence::check(&self.cluster, &format!("healed for {HEALED_FOR:?}"));
            }
            if self.cluster.events() > busy {
                return convergence::check(&self.cluster, &format!("{} events after healing", self.patience()));
            }
        }
        Ok(())
    }

    /// Runs until nothing is on its way and nobody waits for a deadline.
    fn rest(&mut self, after: &str) -> Result<(), Failure> {
        let deadline = self.cluster.now() + REST_WITHIN;
        let busy = self.cluster.events() + self.patience();
        while self.cluster.step()? {
            self.join_healer()?;
            if self.cluster.now() > deadline || self.cluster.events() > busy {
                let found = format!("{after}, and things still happen {REST_WITHIN:?} later");
                return Err(Failure::liveness("convergence", found));
            }
        }
        Ok(())
    }

    /// Somebody asks for everything that may have been published. The judge knows what has been.
    fn ask_for_publications(&mut self, askers: &[(Build, ClientId)]) -> Result<(), Failure> {
        askers.iter().try_for_each(|&(build, asker)| {
            self.cluster.with_client(asker, |client, _| {
                (0..NAMES).for_each(|number| client.dataset(publication(build, number)));
            })
        })
    }

    fn drop_everything(&mut self) -> Result<(), Failure> {
        self.cluster.trace.note(self.cluster.now(), format_args!("drop everything"));
        let last = self.cluster.join_client()?;
        let names: Vec<_> = (0..BUILDS).flat_map(|build| (0..NAMES).map(move |n| publication(build, n))).collect();
        self.cluster.with_client(last, |client, _| names.into_iter().for_each(|name| client.unpublish(name)))?;
        self.share_no_more(last)?;
        self.rest("everything was unpublished")?;
        for id in self.cluster.clients().map(|client| client.id).collect::<Vec<_>>() {
            match self.random.below(3) {
                0 => self.cluster.kill(Node::Client(id), "the end", false),
                1 => self.cluster.part(id)?,
                _ => self.cluster.with_client(id, |client, workload| client.release_all(workload))?,
            }
        }
        Ok(())
    }

    /// Events that a healed cluster may take: far more than it needs, far fewer than for ever.
    fn patience(&self) -> u64 {
        50_000 + 500 * self.cluster.workload.tasks().len() as u64
    }

    fn join_worker(&mut self) -> Result<WorkerId, Failure> {
        self.names += 1;
        let name = format!("worker-{}", self.names % 6);
        let mut spec = self.options.worker(&name, &mut self.random);
        spec.build = self.some_build();
        let brings = self.cluster.workload.scattered(spec.build);
        let brings: Vec<_> = brings.into_iter().filter(|_| self.random.chance(500)).collect();
        self.cluster.join_worker_with(&spec, &brings)
    }

    /// There is always a worker of each build that can run everything: tasks may end it, and then another comes. Whether
    /// one did.
    fn join_healer(&mut self) -> Result<bool, Failure> {
        let mut joined = false;
        for build in (0..BUILDS).filter(|build| self.builds.contains(build)) {
            let is_there = |id| {
                let spec = self.cluster.worker(id).map(|node| &node.spec);
                spec.is_some_and(|spec| &*spec.name == HEALER && spec.build == build)
            };
            if !self.cluster.workers().any(|(id, _)| is_there(id)) {
                let mut spec = WorkerSpec::new(HEALER, 2);
                spec.config = worker_config(2);
                spec.resource = 1_000;
                spec.build = build;
                self.cluster.join_worker(&spec)?;
                joined = true;
            }
        }
        Ok(joined)
    }

    fn join_client(&mut self) -> Result<(), Failure> {
        let build = self.some_build();
        self.cluster.join_client_of(build).map(|_| ())
    }

    /// One of the builds that there are tasks of.
    fn some_build(&mut self) -> Build {
        self.random.pick(&self.builds).copied().unwrap_or(0)
    }

    /// One of a few names for publications, which the clients of one build share.
    fn some_name(&mut self, id: ClientId) -> Arc<str> {
        let build = self.cluster.client(id).map_or(0, |client| client.build);
        publication(build, self.random.below(NAMES))
    }

    fn some_worker(&mut self) -> Option<WorkerId> {
        let workers: Vec<_> = self.cluster.workers().map(|(id, _)| id).collect();
        self.random.pick(&workers).copied()
    }

    fn some_client(&mut self) -> Option<ClientId> {
        let clients: Vec<_> = self.cluster.clients().map(|client| client.id).collect();
        self.random.pick(&clients).copied()
    }

    fn some_handle(&mut self, id: ClientId) -> Option<TaskIndex> {
        let handles: Vec<_> = self.cluster.client(id)?.handles().map(|(task, _)| task).collect();
        self.random.pick(&handles).copied()
    }
}

/// A name for publications.
fn publication(build: Build, number: u64) -> Arc<str> {
    format!("of-build-{build}-{number}").into()
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a machine panicked".to_owned())
}
