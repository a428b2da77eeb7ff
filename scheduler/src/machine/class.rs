//! Which workers may run which tasks.
//!
//! A *class* is a set of tasks that the same workers may run: of one build, with the same restrictions, and with the same
//! demand for resources. Classes have the queues: if the first task of a queue can't go anywhere, none of its class can,
//! and a class that is stuck for want of a resource stops no other. A build's *pool* keeps its workers in order of load.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use brisk_core::{
    id::EnvironmentId,
    message::Priority,
    options::{Quantity, TaskOptions},
    time::Moment,
};

use super::{
    peers::{Worker, Workers},
    placement::Budget,
    slab::{ClassIndex, ClientIndex, EnvironmentIndex, Slab, TaskIndex, WorkerIndex},
};

/// All builds and classes in use.
#[derive(Debug)]
pub(super) struct Classes {
    pub(super) environments: Slab<EnvironmentIndex, Environment>,
    by_id: BTreeMap<EnvironmentId, EnvironmentIndex>,
    pub(super) slab: Slab<ClassIndex, Class>,
    by_demand: BTreeMap<(EnvironmentIndex, Demand), ClassIndex>,
    /// All and only the classes whose queue holds queued tasks.
    pub(super) active: BTreeSet<ClassIndex>,
}

/// One build of one program.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) id: EnvironmentId,
    /// How many clients, workers and classes are of this build. It is forgotten with the last.
    users: u32,
    pub(super) pool: Pool,
    /// The classes of tasks that ask for nothing in particular, by kind.
    plain: [Option<ClassIndex>; 2],
    /// Why no worker of it was started, by host.
    pub(super) obstacles: BTreeMap<Arc<str>, Arc<str>>,
}

/// What a task holds while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Demand {
    pub(super) kind: Kind,
    /// Names, addresses or hosts; empty for any.
    pub(super) workers: Vec<Arc<str>>,
    pub(super) allow_other_workers: bool,
    pub(super) resources: Vec<(Arc<str>, Quantity)>,
}

/// Tasks that the same workers may run.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) environment: EnvironmentIndex,
    pub(super) demand: Demand,
    /// How many tasks are of this class. It is forgotten with the last.
    tasks: u32,
    /// The workers that may run them, in the order of their joining. Of a plain class: none, its pool says it.
    eligible: Vec<WorkerIndex>,
    /// All and only its tasks that are queued or, if no worker may run them, in no-worker. Priorities are unique.
    pub(super) queue: BTreeMap<Priority, TaskIndex>,
    /// When clients are to be told why nothing runs, if they are.
    pub(super) notice_at: Option<Moment>,
    /// The clients that were told.
    pub(super) noticed: BTreeSet<ClientIndex>,
}

/// The workers of one build.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// All of them, in the order of their joining.
    pub(super) workers: Vec<WorkerIndex>,
    /// If there are many: all and only those that are open, by load; for each kind of task.
    by_load: [BTreeSet<(u64, WorkerIndex)>; 2],
}

/// Up to here looking at every worker is cheaper than keeping them in order.
const FEW: usize = 32;

impl Demand {
    /// `None` for tasks that ask for nothing in particular.
    fn of(kind: Kind, options: Option<&TaskOptions>) -> Option<Demand> {
        let options = options?;
        if options.workers.is_empty() && options.resources.iter().all(|(_, amount)| amount.0 == 0) {
            return None;
        }
        let mut workers = options.workers.clone();
        workers.sort_unstable();
        workers.dedup();
        Some(Demand {
            kind,
            allow_other_workers: options.allow_other_workers && !workers.is_empty(),
            workers,
            resources: summed(&options.resources),
        })
    }

    fn names(&self, worker: &Worker) -> bool {
        self.workers.is_empty() || self.workers.iter().any(|name| worker.answers_to(name))
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
        self.demand.workers.is_empty() && self.demand.resources.is_empty()
    }
}

impl Classes {
    pub(super) fn new() -> Self {
        Classes {
            environments: Slab::new(),
            by_id: BTreeMap::new(),
            slab: Slab::new(),
            by_demand: BTreeMap::new(),
            active: BTreeSet::new(),
        }
    }

    /// A use of a build, to be given back with [`leave`](Self::leave).
    pub(super) fn enter(&mut self, id: EnvironmentId) -> EnvironmentIndex {
        let environments = &mut self.environments;
        let index = *self.by_id.entry(id).or_insert_with(|| {
            let obstacles = BTreeMap::new();
            environments.insert(Environment { id, users: 0, pool: Pool::default(), plain: [None; 2], obstacles })
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
        let demand = Demand::of(kind, options);
        let known = match &demand {
            None => self.environments[environment].plain[kind as usize],
            Some(demand) => self.by_demand.get(&(environment, demand.clone())).copied(),
        };
        let class = known.unwrap_or_else(|| self.add(environment, kind, demand, workers));
        self.slab[class].tasks += 1;
        class
    }

    fn add(
        &mut self,
        environment: EnvironmentIndex,
        kind: Kind,
        demand: Option<Demand>,
        workers: &Workers,
    ) -> ClassIndex {
        let plain = demand.is_none();
        let demand = demand.unwrap_or_else(|| Demand { kind, ..Demand::default() });
        let class = self.slab.insert(Class {
            environment,
            demand: demand.clone(),
            tasks: 0,
            eligible: Vec::new(),
            queue: BTreeMap::new(),
            notice_at: None,
            noticed: BTreeSet::new(),
        });
        self.environments[environment].users += 1;
        if plain {
            self.environments[environment].plain[kind as usize] = Some(class);
        } else {
            self.by_demand.insert((environment, demand), class);
        }
        self.reconsider(class, workers);
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

    /// The workers that may run tasks of this class, in the order of their joining.
    pub(super) fn eligible(&self, class: ClassIndex) -> &[WorkerIndex] {
        let class = &self.slab[class];
        if class.is_plain() { &self.environments[class.environment].pool.workers } else { &class.eligible }
    }

    /// Finds out anew which workers may run tasks of this class: all that the demand names; or, if none of those is
    /// there and others are allowed, all that declare enough.
    pub(super) fn reconsider(&mut self, class: ClassIndex, workers: &Workers) {
        let Class { environment, demand, .. } = &self.slab[class];
        let able = self.environments[*environment].pool.workers.iter().copied();
        let able: Vec<_> = able.filter(|&worker| workers[worker].declares(&demand.resources)).collect();
        let named: Vec<_> = able.iter().copied().filter(|&worker| demand.names(&workers[worker])).collect();
        let eligible = if named.is_empty() && demand.allow_other_workers { able } else { named };
        let class = &mut self.slab[class];
        class.eligible = if class.is_plain() { Vec::new() } else { eligible };
    }

    /// Whether no task asks for anything in particular.
    pub(super) fn is_all_plain(&self) -> bool {
        self.by_demand.is_empty()
    }

    /// The classes of a build.
    pub(super) fn of_environment(&self, environment: EnvironmentIndex) -> Vec<ClassIndex> {
        self.slab.iter().filter(|(_, class)| class.environment == environment).map(|(index, _)| index).collect()
    }
}

impl Pool {
    /// Takes a worker in. With the first that is one too many to look at all, the order begins to be kept.
    pub(super) fn join(&mut self, index: WorkerIndex, workers: &mut Workers, budget: Budget) {
        self.workers.push(index);
        let unlisted = if self.workers.len() == FEW + 1 { 0 } else { self.workers.len() - 1 };
        for i in unlisted..self.workers.len() {
            let index = self.workers[i];
            self.update(index, &mut workers[index], budget);
        }
    }

    /// Takes a worker out.
    pub(super) fn part(&mut self, index: WorkerIndex, workers: &mut Workers) {
        self.workers.retain(|&other| other != index);
        for (order, listed) in self.by_load.iter_mut().zip(&mut workers[index].listed) {
            if let Some(load) = listed.take() {
                order.remove(&(load, index));
            }
        }
        if self.workers.len() == FEW {
            self.by_load.iter_mut().for_each(BTreeSet::clear);
            for &index in &self.workers {
                workers[index].listed = [None; 2];
            }
        }
    }

    /// A worker of this pool has more or less to do.
    pub(super) fn update(&mut self, index: WorkerIndex, worker: &mut Worker, budget: Budget) {
        if self.workers.len() <= FEW {
            return;
        }
        for kind in KINDS {
            let load = budget.is_open(worker, kind).then(|| worker.load(kind));
            let (order, listed) = (&mut self.by_load[kind as usize], &mut worker.listed[kind as usize]);
            if load == *listed {
                continue;
            }
            if let Some(before) = *listed {
                order.remove(&(before, index));
            }
            if let Some(load) = load {
                order.insert((load, index));
            }
            *listed = load;
        }
    }

    /// The open worker with the least to do; of equals the first.
    pub(super) fn least_loaded(&self, workers: &Workers, budget: Budget, kind: Kind) -> Option<WorkerIndex> {
        if self.workers.len() > FEW {
            return self.by_load[kind as usize].first().map(|(_, worker)| *worker);
        }
        let open = self.workers.iter().copied().filter(|&worker| budget.is_open(&workers[worker], kind));
        open.min_by_key(|&worker| workers[worker].load(kind))
    }

    /// Whether a worker of this pool stands in its order as it should.
    pub(super) fn lists_rightly(&self, worker: &Worker, budget: Budget) -> bool {
        let ordered = self.workers.len() > FEW;
        let expected = KINDS.map(|kind| (ordered && budget.is_open(worker, kind)).then(|| worker.load(kind)));
        worker.listed == expected
    }
}
