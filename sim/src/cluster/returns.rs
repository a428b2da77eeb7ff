//! The end of the scheduler, and how workers and clients come back: to the next one, or to the same in a new session.

use std::collections::BTreeMap;

use brisk_core::{
    hello::WorkerInfo,
    id::{ClientId, EnvironmentId, Epoch, RunId, WorkerId},
    key::Key,
    message::ProgramSpec,
};
use brisk_scheduler::machine as scheduler;

use super::{Cluster, Happening, WorkerNode, WorkerSpec, schedulers};
use crate::{
    client::Client,
    failure::Failure,
    network::{Close, LinkId, Node},
    properties::storage::Stored,
    workload::Build,
};

/// A worker between two sessions: what its process keeps.
#[derive(Clone, Debug)]
pub(super) struct Returning {
    spec: WorkerSpec,
    store: BTreeMap<Key, Stored>,
    /// What it may offer.
    legacy: Vec<(Key, u64)>,
    /// How many threads go on with work that nobody waits for any more.
    busy: u32,
}

impl Cluster {
    /// The scheduler is gone without a word, and another one is there in its place, which knows nothing. Everybody else
    /// notices some time later.
    pub fn restart_scheduler(&mut self) {
        self.trace.note(self.calendar.now(), format_args!("another scheduler"));
        let close = Close { reason: "the scheduler died".into(), intended: false };
        self.discard_outgoing(Node::Scheduler);
        for link in self.network.links_of(Node::Scheduler) {
            let notice = self.network.die(self.calendar.now(), link, Node::Scheduler, close.clone());
            self.post(notice);
        }
        self.links.clear();
        if let Some(waiting) = self.paused.get_mut(&Node::Scheduler) {
            waiting.clear();
        }
        self.epoch = Epoch(self.epoch.0 + 1);
        self.scheduler = schedulers::machine(&self.settings, self.epoch);
        self.scheduler_tick = None;
        self.judge.scheduler_restarted(self.clock(Node::Scheduler));
        self.judge.sharing.scheduler_started(self.epoch, self.settings.scheduler.client_grace);
    }

    /// A link with the scheduler, which belongs to its present life.
    pub(super) fn open_control(&mut self, node: Node) {
        let link = self.network.open(Node::Scheduler, node, true);
        self.links.insert(node, link);
        self.epochs.insert(link, self.epoch);
    }

    /// The life of the scheduler that a link belongs to.
    pub(super) fn epoch_of(&self, link: LinkId) -> Epoch {
        self.epochs.get(&link).copied().unwrap_or(self.epoch)
    }

    /// How many have lost their scheduler and are about to come back.
    pub fn away(&self) -> u32 {
        self.away
    }

    /// A worker has lost its scheduler: it abandons what it runs, and comes back as another, or not at all.
    pub(super) fn worker_lost_scheduler(&mut self, id: WorkerId) {
        let returns = self.random.chance(self.settings.trouble.returns);
        let returning = self.workers.get(&id).filter(|_| returns).map(|node| {
            let legacy = node.machine.legacy();
            let kept = legacy.iter().filter_map(|(key, _)| Some((*key, *node.store.get(key)?)));
            Returning { spec: node.spec.clone(), store: kept.collect(), busy: node.slots().0, legacy }
        });
        self.leave(id, "the scheduler is gone");
        if let Some(returning) = returning {
            self.away += 1;
            let pause = self.random.span(&self.settings.conditions.detection);
            self.calendar.enter_after(pause, Happening::WorkerReturns(Box::new(returning)));
        }
    }

    pub(super) fn worker_returns(&mut self, returning: Returning) -> Result<(), Failure> {
        self.away -= 1;
        let Returning { spec, store, legacy, busy } = returning;
        let id = WorkerId(self.next_incarnation());
        self.open_control(Node::Worker(id));
        let node = WorkerNode::returning(&spec, id, self.epoch, (store, &legacy, busy), &self.settings);
        let runs = node.running_ids();
        self.workers.insert(id, node);
        for run in runs {
            let rest = self.random.long_tailed(super::SOON, super::LATER);
            self.calendar.enter_after(rest, Happening::RunEnds { worker: id, run });
        }
        self.introduce(id, &spec)?;
        // What it offers are its first words.
        self.drain_worker(id, &[], None)
    }

    pub(super) fn introduce(&mut self, id: WorkerId, spec: &WorkerSpec) -> Result<(), Failure> {
        let address = format!("sim://{}-{}", spec.name, id.0.0);
        let info = WorkerInfo {
            address: address.parse().expect("names of simulated workers are short"),
            host: spec.name.clone(),
            threads: spec.threads,
            memory_limit: spec.config.memory_limit,
            speed_percent: spec.speed_percent,
            resources: vec![(crate::workload::RESOURCE.into(), brisk_core::options::Quantity(spec.resource))],
        };
        let name = spec.process.clone().unwrap_or_else(|| spec.name.clone());
        let environment = environment_of(spec.build);
        self.tell_scheduler(scheduler::Event::WorkerJoined { worker: id, name, environment, info })
    }

    /// A client has lost its scheduler: it comes back and asks again for what it wants, or its process ends.
    pub(super) fn client_lost_scheduler(&mut self, id: ClientId) {
        let returns = self.random.chance(self.settings.trouble.returns);
        let client = self.clients.remove(&id).filter(|_| returns);
        self.leave_client(id);
        if let Some(client) = client {
            self.away += 1;
            let pause = self.random.span(&self.settings.conditions.detection);
            self.calendar.enter_after(pause, Happening::ClientReturns(Box::new(client)));
        }
    }

    pub(super) fn client_returns(&mut self, mut client: Client) -> Result<(), Failure> {
        self.away -= 1;
        let id = self.meet_client(client.build)?;
        client.places = self.announceable(client.build);
        client.say_all_again(id, self.epoch, &self.workload);
        if self.healed {
            client.gather_all(&self.workload);
        }
        if self.tardy.is_none() {
            client.let_go();
        }
        self.clients.insert(id, client);
        self.pump_client(id)
    }

    /// A client's session begins. Whoever calls puts the client there.
    pub(super) fn meet_client(&mut self, build: Build) -> Result<ClientId, Failure> {
        let id = ClientId(self.next_incarnation());
        self.open_control(Node::Client(id));
        let (name, environment) = (format!("client-{}", id.0.0).into(), environment_of(build));
        let program = self.is_supervised().then(|| ProgramSpec { environment, path: "/simulated".into() });
        self.tell_scheduler(scheduler::Event::ClientJoined { client: id, name, environment, program })?;
        Ok(id)
    }
}

/// How the scheduler tells builds apart.
pub(crate) fn environment_of(build: Build) -> EnvironmentId {
    EnvironmentId(u128::from(build) << 96)
}

/// The build that a worker is of.
pub(crate) fn build_of(environment: EnvironmentId) -> Build {
    (environment.0 >> 96) as Build
}

/// Whether a run is one that an earlier session left behind.
pub(super) fn is_left_over(run: RunId) -> bool {
    run.0 > u64::MAX / 2
}
