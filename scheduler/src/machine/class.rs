//! Which workers may run which tasks.
//!
//! A *class* is a set of tasks that the same workers may run: of one build, with the same restrictions, and with the same
//! demand for resources. Classes have the queues: if the first task of a queue can't go anywhere, none of its class can,
//! and a class that is stuck for want of a resource stops no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use brisk_core::{
    id::EnvironmentId,
    options::{Quantity, TaskOptions},
    time::Moment,
};
use serde::{Deserialize, Serialize};

use super::{
    accounts::AccountId,
    lane::{Lane, Queue, Standing},
    peers::{Worker, Workers},
    pool::{Pool, least_limit},
    quarantine::is_place,
    slab::{ClassIndex, ClientIndex, EnvironmentIndex, Slab, WorkerIndex},
};

/// All builds and classes in use.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Classes {
    pub(super) environments: Slab<EnvironmentIndex, Environment>,
    by_id: BTreeMap<EnvironmentId, EnvironmentIndex>,
    pub(super) slab: Slab<ClassIndex, Class>,
    #[serde(with = "super::dump::pairs")]
    by_demand: BTreeMap<(EnvironmentIndex, Demand), ClassIndex>,
    /// All and only the lanes with queued tasks, in order. They are few.
    pub(super) busy: Vec<(EnvironmentIndex, Kind)>,
    /// All and only the builds with tasks that were set aside.
    pub(super) withheld: BTreeSet<EnvironmentIndex>,
}

/// One build of one program.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Environment {
    pub(super) id: EnvironmentId,
    /// How many clients, workers and classes are of this build. It is forgotten with the last.
    users: u32,
    pub(super) pool: Pool,
    /// The queues of its classes, by kind.
    pub(super) lanes: [Lane; 2],
    /// What the account was given that was served last: where those begin that had nothing to do. In nanoseconds.
    pub(super) clock_ns: u64,
    /// Who pays for tasks that nobody who is there has begun, while there are any.
    pub(super) orphans: Option<AccountId>,
    /// The classes of tasks that ask for nothing in particular, by kind.
    plain: [Option<ClassIndex>; 2],
    /// Why no worker of it was started, by host.
    pub(super) obstacles: BTreeMap<Arc<str>, Arc<str>>,
}

/// What a task holds while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Kind {
    /// A thread of its worker.
    #[default]
    Thread,
    /// Nothing: it is `async`, and mostly waits. If it counted like the others, calls that wait for what they themselves
    /// have submitted could keep that from ever being run.
    Async,
}

pub(super) const KINDS: [Kind; 2] = [Kind::Thread, Kind::Async];

/// What tasks of a class ask for, beyond their build.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Demand {
    pub(super) kind: Kind,
    /// Names, addresses or hosts; empty for any.
    pub(super) workers: Vec<Arc<str>>,
    pub(super) allow_other_workers: bool,
    pub(super) resources: Vec<(Arc<str>, Quantity)>,
    /// The least memory limit of a worker that could hold their inputs; 0 if any can.
    pub(super) memory: u64,
}

/// Tasks that the same workers may run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Class {
    pub(super) environment: EnvironmentIndex,
    pub(super) demand: Demand,
    /// How many tasks are of this class. It is forgotten with the last.
    tasks: u32,
    /// The workers that may run them, in the order of their ids. Of a plain class: none, its pool says it.
    eligible: Vec<WorkerIndex>,
    /// Whether those that the demand names are not there, and others take their place.
    others: bool,
    /// The least memory limit of any of those.
    least_limit: Option<u64>,
    /// All and only its tasks that are queued or, if no worker may run them, in no-worker.
    pub(super) queue: Queue,
    pub(super) standing: Standing,
    /// When clients are to be told why nothing runs, if they are.
    pub(super) notice_at: Option<Moment>,
    /// The clients that were told.
    pub(super) noticed: BTreeSet<ClientIndex>,
}

impl Demand {
    /// `None` for tasks that ask for nothing in particular.
    fn of(kind: Kind, options: Option<&TaskOptions>) -> Option<Demand> {
        let options = options?;
        let mut resources = summed(&options.resources);
        resources.retain(|resource| !is_place(resource));
        if options.workers.is_empty() && resources.is_empty() {
            return None;
        }
        let mut workers = options.workers.clone();
        workers.sort_unstable();
        workers.dedup();
        Some(Demand {
            kind,
            allow_other_workers: options.allow_other_workers && !workers.is_empty(),
            workers,
            resources,
            memory: 0,
        })
    }

    /// Whether it asks for nothing in particular.
    fn is_plain(&self) -> bool {
        self.workers.is_empty() && self.resources.is_empty() && self.memory == 0
    }

    /// The resources that were asked for: not those that the scheduler itself adds.
    pub(super) fn asked(&self) -> impl Iterator<Item = &(Arc<str>, Quantity)> {
        self.resources.iter().filter(|resource| !is_place(resource))
    }

    fn names(&self, worker: &Worker) -> bool {
        self.workers.is_empty() || self.workers.iter().any(|name| worker.answers_to(name))
    }

    /// Whether a worker declares enough and could hold the inputs.
    fn is_met_by(&self, worker: &Worker) -> bool {
        worker.declares(&self.resources) && worker.could_hold(self.memory)
    }
}

/// Each resource once, with its sum, by name.
pub(super) fn summed(resources: &[(Arc<str>, Quantity)]) -> Vec<(Arc<str>, Quantity)> {
    let mut sums: BTreeMap<Arc<str>, Quantity> = BTreeMap::new();
    for (name, amount) in resources.iter().filter(|(_, amount)| amount.0 > 0) {
        let sum = sums.entry(name.clone()).or_default();
        sum.0 = sum.0.saturating_add(amount.0);
    }
    sums.into_iter().collect()
}

impl Class {
    /// Whether its tasks ask for nothing in particular.
    pub(super) fn is_plain(&self) -> bool {
        self.demand.is_plain()
    }
}

impl Classes {
    pub(super) fn new() -> Self {
        Classes {
            environments: Slab::new(),
            by_id: BTreeMap::new(),
            slab: Slab::new(),
            by_demand: BTreeMap::new(),
            busy: Vec::new(),
            withheld: BTreeSet::new(),
        }
    }

    /// A use of a build, to be given back with [`leave`](Self::leave).
    pub(super) fn enter(&mut self, id: EnvironmentId) -> EnvironmentIndex {
        let environments = &mut self.environments;
        let index = *self.by_id.entry(id).or_insert_with(|| {
            let obstacles = BTreeMap::new();
            environments.insert(Environment {
                id,
                users: 0,
                pool: Pool::default(),
                lanes: Default::default(),
                clock_ns: 0,
                orphans: None,
                plain: [None; 2],
                obstacles,
            })
        });
        self.environments[index].users += 1;
        index
    }

    pub(super) fn leave(&mut self, environment: EnvironmentIndex) {
        self.environments[environment].users -= 1;
        if self.environments[environment].users == 0 {
            let gone = self.environments.remove(environment);
            self.by_id.remove(&gone.id);
        }
    }

    pub(super) fn find(&self, id: EnvironmentId) -> Option<EnvironmentIndex> {
        self.by_id.get(&id).copied()
    }

    /// The class of a new task, which counts in it from now on.
    pub(super) fn join(
        &mut self,
        environment: EnvironmentIndex,
        kind: Kind,
        options: Option<&TaskOptions>,
        workers: &Workers,
    ) -> ClassIndex {
        let class = match Demand::of(kind, options) {
            None => self.environments[environment].plain[kind as usize],
            Some(demand) => return self.join_demand(environment, demand, workers),
        };
        let class = class.unwrap_or_else(|| self.add(environment, Demand { kind, ..Demand::default() }, workers));
        self.slab[class].tasks += 1;
        class
    }

    /// The class of tasks with a demand, with one more from now on.
    pub(super) fn join_demand(
        &mut self,
        environment: EnvironmentIndex,
        demand: Demand,
        workers: &Workers,
    ) -> ClassIndex {
        let known = match demand.is_plain() {
            true => self.environments[environment].plain[demand.kind as usize],
            false => self.by_demand.get(&(environment, demand.clone())).copied(),
        };
        let class = known.unwrap_or_else(|| self.add(environment, demand, workers));
        self.slab[class].tasks += 1;
        class
    }

    fn add(&mut self, environment: EnvironmentIndex, demand: Demand, workers: &Workers) -> ClassIndex {
        let class = self.slab.insert(Class {
            environment,
            demand: demand.clone(),
            tasks: 0,
            eligible: Vec::new(),
            others: false,
            least_limit: None,
            queue: Queue::default(),
            standing: Standing::Listed,
            notice_at: None,
            noticed: BTreeSet::new(),
        });
        self.environments[environment].users += 1;
        if demand.is_plain() {
            self.environments[environment].plain[demand.kind as usize] = Some(class);
        } else {
            self.by_demand.insert((environment, demand), class);
        }
        self.reconsider(class, workers);
        if self.eligible(class).is_empty() {
            self.slab[class].standing = Standing::Stranded;
        }
        class
    }

    /// A task of the class is no more. The class goes with its last.
    pub(super) fn part(&mut self, class: ClassIndex) {
        self.slab[class].tasks -= 1;
        if self.slab[class].tasks > 0 {
            return;
        }
        let gone = self.slab.remove(class);
        if gone.is_plain() {
            self.environments[gone.environment].plain[gone.demand.kind as usize] = None;
        } else {
            self.by_demand.remove(&(gone.environment, gone.demand));
        }
        self.leave(gone.environment);
    }

    /// The workers that may run tasks of this class, in the order of their ids.
    pub(super) fn eligible(&self, class: ClassIndex) -> &[WorkerIndex] {
        let class = &self.slab[class];
        if class.is_plain() { &self.environments[class.environment].pool.workers } else { &class.eligible }
    }

    /// Finds out anew which workers may run tasks of this class: all that the demand names; or, if none of those is
    /// there and others are allowed, all that declare enough.
    pub(super) fn reconsider(&mut self, class: ClassIndex, workers: &Workers) {
        let Class { environment, demand, .. } = &self.slab[class];
        if demand.is_plain() {
            return;
        }
        let able = self.environments[*environment].pool.workers.iter().copied();
        let able: Vec<_> = able.filter(|&worker| demand.is_met_by(&workers[worker])).collect();
        let named: Vec<_> = able.iter().copied().filter(|&worker| demand.names(&workers[worker])).collect();
        let others = named.is_empty() && demand.allow_other_workers;
        let class = &mut self.slab[class];
        class.others = others;
        class.eligible = if others { able } else { named };
        class.least_limit = least_limit(&class.eligible, workers);
    }

    /// Whether a worker may run tasks of this class.
    pub(super) fn may_run(&self, class: ClassIndex, worker: &Worker) -> bool {
        let Class { environment, demand, others, .. } = &self.slab[class];
        worker.environment == *environment
            && (demand.is_plain() || (demand.is_met_by(worker) && (*others || demand.names(worker))))
    }

    /// Up to which length of its inputs all workers that may run a task of this class could hold them.
    pub(super) fn least_limit(&self, class: ClassIndex) -> u64 {
        let class = &self.slab[class];
        let limit = match class.is_plain() {
            true => self.environments[class.environment].pool.least_limit(),
            false => class.least_limit,
        };
        limit.unwrap_or(u64::MAX)
    }

    /// The class of a build's tasks of a kind that ask for nothing in particular, if there are any.
    pub(super) fn plain(&self, environment: EnvironmentIndex, kind: Kind) -> Option<ClassIndex> {
        self.environments[environment].plain[kind as usize]
    }

    /// How many threads the workers of a class's build have.
    pub(super) fn threads(&self, class: ClassIndex) -> usize {
        self.environments[self.slab[class].environment].pool.threads
    }

    /// Whether no task asks for anything in particular.
    pub(super) fn is_all_plain(&self) -> bool {
        self.by_demand.is_empty()
    }

    /// Whether there are tasks of a build.
    pub(super) fn has_tasks(&self, environment: EnvironmentIndex) -> bool {
        self.slab.iter().any(|(_, class)| class.environment == environment)
    }

    /// The classes of a build.
    pub(super) fn of_environment(&self, environment: EnvironmentIndex) -> Vec<ClassIndex> {
        self.slab.iter().filter(|(_, class)| class.environment == environment).map(|(index, _)| index).collect()
    }
}
