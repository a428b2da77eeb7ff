//! What is always true between two events: one function for each invariant, with its number in the project's list.
//!
//! Checking looks at everything; it is for tests, simulations and debug builds with small tables.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    Scheduler,
    class::{Class, Demand, KINDS},
    slab::{ClassIndex, Index, TaskIndex, WorkerIndex},
    task::{State, Task},
    timers::Timer,
};

/// An invariant does not hold: a bug of the scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant, by number and name.
    pub invariant: &'static str,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.found)
    }
}

impl std::error::Error for Violation {}

type Check = Result<(), String>;

macro_rules! ensure {
    ($condition:expr, $($found:tt)+) => {
        if !$condition {
            return Err(format!($($found)+));
        }
    };
}

impl Scheduler {
    /// Checks every invariant.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn check_invariants(&self) -> Result<(), Violation> {
        type Invariant = (&'static str, fn(&Scheduler) -> Check);
        const ALL: &[Invariant] = &[
            ("I0 nothing is left to do between events", Scheduler::work_is_done),
            ("I1 a queued task is in its class's queue and no other is", Scheduler::queues_match),
            ("I2, I3 an assigned task is on its worker's list and no other is", Scheduler::assignments_match),
            ("I4, I5 holders and replicas agree, and a value has a holder", Scheduler::replicas_match),
            ("I6 edges are symmetrical and the graph has no cycle", Scheduler::edges_match),
            ("I7 who waits counts what is missing", Scheduler::waiting_counts),
            ("I8 who is ready or assigned has its inputs", Scheduler::ready_have_inputs),
            ("I9 a task counts its unfinished dependents", Scheduler::waiters_count),
            ("I10 what nobody could ask for is forgotten", Scheduler::tasks_are_alive),
            ("I11 what is needed is scheduled, and only that", Scheduler::needed_is_scheduled),
            ("I12 a failure reaches all unfinished dependents", Scheduler::failures_spread),
            ("I13 no-worker means that no worker may run it", Scheduler::eligibility_is_right),
            ("I14 no open worker stands beside queued work", Scheduler::room_is_used),
            ("I15, I16 slots, resources and sums of workers are right", Scheduler::workers_add_up),
            ("I18 runs grow", Scheduler::runs_grow),
            ("I20 nobody who is gone is remembered", Scheduler::the_gone_are_forgotten),
            ("I21, I24 wants agree on both sides", Scheduler::wants_match),
            ("I25 holds are those of open submissions", Scheduler::holds_match),
        ];
        let failed = ALL.iter().find_map(|(invariant, check)| {
            let found = check(self).err()?;
            Some(Violation { invariant, found })
        });
        failed.map_or(Ok(()), Err)
    }

    fn tasks(&self) -> impl Iterator<Item = (TaskIndex, &Task)> {
        self.tasks.slab.iter()
    }

    /// I0: the lists of what follows from an event are empty.
    fn work_is_done(&self) -> Check {
        let work = &self.work;
        ensure!(work.is_settled() && work.ready.is_empty() && work.freeing.is_empty(), "{work:?}");
        ensure!(self.workers.slab.iter().all(|(_, worker)| worker.frees.is_empty()), "a worker has frees to be sent");
        Ok(())
    }

    /// I1: a task is in the containers of its one state.
    fn queues_match(&self) -> Check {
        for (t, task) in self.tasks() {
            ensure!(self.tasks.find(task.key) == Some(t), "{} is not found by its key", self.name(t));
            let queue = &self.classes.slab[task.class].queue;
            let queued = matches!(task.state, State::Queued | State::NoWorker { .. });
            ensure!((queue.get(&task.priority) == Some(&t)) == queued, "{}: {:?}", self.name(t), task.state.name());
        }
        for (index, class) in self.classes.slab.iter() {
            for &t in class.queue.values() {
                let there = self.tasks.get(t).is_some_and(|task| task.class == index);
                ensure!(there, "a queue holds {t:?}, which is gone or of another class");
            }
            let active = class.queue.values().any(|&t| matches!(self.tasks[t].state, State::Queued));
            ensure!(self.classes.active.contains(&index) == active, "{index:?} is active: {}", !active);
        }
        Ok(())
    }

    /// I2: an assigned task's worker is alive and lists it. I3: and lists no other.
    fn assignments_match(&self) -> Check {
        let mut assigned = 0;
        for (t, task) in self.tasks() {
            let Some(run) = task.run() else { continue };
            assigned += 1;
            let worker = self.workers.slab.get(run.worker).ok_or(format!("{} is on a dead worker", self.name(t)))?;
            let listed = worker.processing.get(run.slot as usize);
            ensure!(listed == Some(&t), "{} is not on {}'s list", self.name(t), worker.id);
        }
        let listed: usize = self.workers.slab.iter().map(|(_, worker)| worker.processing.len()).sum();
        ensure!(listed == assigned, "workers list {listed} tasks, but {assigned} are assigned");
        Ok(())
    }

    /// I4: a holder is alive, and lists what it holds. I5: in memory means that somebody holds it.
    fn replicas_match(&self) -> Check {
        let mut held = 0;
        for (t, task) in self.tasks() {
            let State::Memory { holders, .. } = &task.state else { continue };
            ensure!(!holders.is_empty(), "nobody holds {}", self.name(t));
            held += holders.len();
            let distinct: BTreeSet<_> = holders.iter().map(|holder| holder.worker).collect();
            ensure!(distinct.len() == holders.len(), "{} is held twice by one worker", self.name(t));
            for holder in holders {
                let worker = self.workers.slab.get(holder.worker);
                let listed = worker.and_then(|worker| worker.replicas.get(holder.slot as usize));
                ensure!(listed == Some(&t), "{} is not on the list of {:?}", self.name(t), holder.worker);
            }
        }
        let listed: usize = self.workers.slab.iter().map(|(_, worker)| worker.replicas.len()).sum();
        ensure!(listed == held, "workers list {listed} values, but {held} replicas are known");
        Ok(())
    }

    /// I6: each edge has two ends, and following dependencies ends.
    fn edges_match(&self) -> Check {
        let mut missing: BTreeMap<TaskIndex, usize> = BTreeMap::new();
        let mut free = Vec::new();
        for (t, task) in self.tasks() {
            for (i, edge) in task.dependencies.iter().enumerate() {
                let back = self.tasks.get(edge.task).and_then(|d| d.dependents.get(edge.slot as usize));
                let right = back.is_some_and(|back| back.task == t && back.slot as usize == i);
                ensure!(right, "{} depends on {:?}, which does not know", self.name(t), edge.task);
            }
            for (i, edge) in task.dependents.iter().enumerate() {
                let back = self.tasks.get(edge.task).and_then(|d| d.dependencies.get(edge.slot as usize));
                let right = back.is_some_and(|back| back.task == t && back.slot as usize == i);
                ensure!(right, "{} has a dependent {:?}, which does not know", self.name(t), edge.task);
            }
            missing.insert(t, task.dependencies.len());
            free.extend(task.dependencies.is_empty().then_some(t));
        }
        let mut reached = 0;
        while let Some(t) = free.pop() {
            reached += 1;
            for edge in &self.tasks[t].dependents {
                let left = missing.get_mut(&edge.task).ok_or("an edge leads nowhere")?;
                *left -= 1;
                free.extend((*left == 0).then_some(edge.task));
            }
        }
        ensure!(reached == self.tasks.len(), "{} tasks are in cycles", self.tasks.len() - reached);
        Ok(())
    }

    /// I7: a waiting task misses something, counts it, and all of it is on its way.
    fn waiting_counts(&self) -> Check {
        for (t, task) in self.tasks() {
            let State::Waiting { missing } = task.state else { continue };
            let states = task.dependencies.iter().map(|edge| &self.tasks[edge.task].state);
            let absent: Vec<_> = states.filter(|state| !matches!(state, State::Memory { .. })).collect();
            ensure!(missing > 0, "{} waits for nothing", self.name(t));
            ensure!(missing as usize == absent.len(), "{} counts {missing}, not {}", self.name(t), absent.len());
            let coming = absent.iter().all(|state| state.is_unfinished());
            ensure!(coming, "{} waits for what will not come", self.name(t));
        }
        Ok(())
    }

    /// I8: inputs are in memory, or the run has started and has pinned them.
    fn ready_have_inputs(&self) -> Check {
        for (t, task) in self.tasks() {
            let needs_all = match &task.state {
                State::Queued | State::NoWorker { .. } => true,
                State::Processing(run) => !run.started,
                _ => false,
            };
            let mut states = task.dependencies.iter().map(|edge| &self.tasks[edge.task].state);
            let has_all = states.all(|state| matches!(state, State::Memory { .. }));
            ensure!(has_all || !needs_all, "{} is {:?} without its inputs", self.name(t), task.state.name());
        }
        Ok(())
    }

    /// I9: waiters are the dependents that are on their way.
    fn waiters_count(&self) -> Check {
        for (t, task) in self.tasks() {
            let unfinished = |d: TaskIndex| self.tasks[d].state.is_unfinished();
            let waiters = task.dependents.iter().filter(|edge| unfinished(edge.task)).count();
            ensure!(waiters == task.waiters as usize, "{} counts {}, not {waiters}", self.name(t), task.waiters);
        }
        Ok(())
    }

    /// I10: a task exists as long as it is wanted, or something that exists depends on it.
    fn tasks_are_alive(&self) -> Check {
        let dead = self.tasks().find(|(_, task)| !task.is_alive());
        dead.map_or(Ok(()), |(t, _)| Err(format!("{} is kept for nobody", self.name(t))))
    }

    /// I11: unless it failed, a task is needed if and only if it is not merely lineage.
    fn needed_is_scheduled(&self) -> Check {
        for (t, task) in self.tasks().filter(|(_, task)| !matches!(task.state, State::Erred { .. })) {
            let released = matches!(task.state, State::Released);
            ensure!(task.is_needed() != released, "{} is {:?}", self.name(t), task.state.name());
            let ended = matches!(task.state, State::Memory { .. });
            ensure!(!(ended && task.detached), "{} is done and still detached", self.name(t));
        }
        Ok(())
    }

    /// I12: nothing that is on its way depends on what failed, and every failure says whose it was.
    fn failures_spread(&self) -> Check {
        for (t, task) in self.tasks() {
            let State::Erred { error, .. } = &task.state else { continue };
            ensure!(error.key().is_some() && task.waiters == 0 && !task.detached, "{}: {error}", self.name(t));
        }
        Ok(())
    }

    /// I13: the workers that may run a class are those that its demand means, and a task is in no-worker if and only if
    /// there are none.
    fn eligibility_is_right(&self) -> Check {
        for (index, class) in self.classes.slab.iter() {
            let eligible = self.classes.eligible(index);
            let expected = self.expected_eligible(class);
            ensure!(eligible.iter().copied().eq(expected.iter().copied()), "{index:?}: {eligible:?}, not {expected:?}");
            for &t in class.queue.values() {
                let nobody = matches!(self.tasks[t].state, State::NoWorker { .. });
                ensure!(nobody == eligible.is_empty(), "{} is {:?}", self.name(t), self.tasks[t].state.name());
            }
        }
        Ok(())
    }

    fn expected_eligible(&self, class: &Class) -> Vec<WorkerIndex> {
        let demand = &class.demand;
        let able = self
            .workers
            .in_order()
            .filter(|(_, worker)| worker.environment == class.environment && worker.declares(&demand.resources));
        let able: Vec<_> = able.collect();
        let named = able.iter().filter(|(_, worker)| {
            demand.workers.is_empty() || demand.workers.iter().any(|name| worker.answers_to(name))
        });
        let named: Vec<_> = named.map(|(w, _)| *w).collect();
        match named.is_empty() && demand.allow_other_workers {
            true => able.into_iter().map(|(w, _)| w).collect(),
            false => named,
        }
    }

    /// I14: a queued task stays queued only while no eligible worker is open and has the resources.
    fn room_is_used(&self) -> Check {
        for &class in &self.classes.active {
            let Demand { kind, resources, .. } = &self.classes.slab[class].demand;
            let kind = *kind;
            let idle = self.classes.eligible(class).iter().find(|&&w| {
                let worker = &self.workers[w];
                self.budget.is_open(worker, kind) && worker.has_left(resources)
            });
            ensure!(idle.is_none(), "{idle:?} is open beside queued tasks of {class:?}");
        }
        Ok(())
    }

    /// I15: no worker has more than its cap, and what is left of a resource and what is taken are what was declared. I16:
    /// the sums that are kept are the sums.
    fn workers_add_up(&self) -> Check {
        for (_, worker) in self.workers.slab.iter() {
            let id = worker.id;
            for kind in KINDS {
                let of_kind = |t: &&TaskIndex| self.classes.slab[self.tasks[**t].class].demand.kind == kind;
                let assigned = worker.processing.iter().filter(of_kind).count();
                ensure!(assigned == worker.assigned(kind), "{id} counts {} of {kind:?}", worker.assigned(kind));
                ensure!(assigned <= self.budget.cap(worker, kind), "{id} has {assigned} of {kind:?}");
            }
            let runs: Vec<_> = worker.processing.iter().filter_map(|&t| self.tasks[t].run()).collect();
            let occupancy: u64 = runs.iter().map(|run| run.estimate_ns).sum();
            ensure!(occupancy == worker.occupancy_ns, "{id}: occupancy {}, not {occupancy}", worker.occupancy_ns);
            let started = runs.iter().filter(|run| run.started).count();
            ensure!(started == worker.started as usize, "{id}: {} started, not {started}", worker.started);
            let bytes: u64 = worker.replicas.iter().map(|&t| self.tasks[t].nbytes()).fold(0, u64::saturating_add);
            ensure!(bytes == worker.bytes || bytes == u64::MAX, "{id}: {} bytes, not {bytes}", worker.bytes);
            let mut left = worker.available.clone();
            for &t in &worker.processing {
                for (name, amount) in &self.classes.slab[self.tasks[t].class].demand.resources {
                    let found = left.iter_mut().find(|(n, _)| n == name).ok_or(format!("{id} has no {name}"))?;
                    found.1.0 += amount.0;
                }
            }
            ensure!(left == super::class::summed(&worker.info.resources), "{id}: resources are {left:?}");
            let pool = &self.classes.environments[worker.environment].pool;
            ensure!(pool.lists_rightly(worker, self.budget), "{id} is listed under {:?}", worker.listed);
        }
        Ok(())
    }

    /// I18: no run is higher than the last one handed out, and no two are the same.
    fn runs_grow(&self) -> Check {
        let runs: Vec<_> = self.tasks().filter_map(|(_, task)| task.run().map(|run| run.id)).collect();
        let distinct: BTreeSet<_> = runs.iter().collect();
        ensure!(distinct.len() == runs.len(), "two tasks have one run");
        ensure!(runs.iter().all(|run| run.0 <= self.next_run), "a run was never handed out");
        Ok(())
    }

    /// I20: no list, set or timer names a peer, class or task that is gone.
    fn the_gone_are_forgotten(&self) -> Check {
        let is_worker = |w: WorkerIndex| self.workers.slab.get(w).is_some();
        let told =
            self.clients.slab.iter().map(|(_, c)| &c.knows).chain(self.workers.slab.iter().map(|(_, w)| &w.knows));
        for knows in told {
            ensure!(knows.iter().all(is_worker), "a peer is believed to know of a dead worker");
        }
        for (index, class) in self.classes.slab.iter() {
            let mut noticed = class.noticed.iter();
            ensure!(noticed.all(|&c| self.clients.slab.get(c).is_some()), "{index:?} remembers a dead client");
        }
        for (at, timer) in self.timers.iter() {
            let live = match timer {
                Timer::Expire(t) => self.tasks.get(t).is_some_and(|task| {
                    matches!(task.state, State::NoWorker { since } if since + self.config.no_worker_timeout == at)
                }),
                Timer::Notice(class) => self.classes.slab.get(class).is_some_and(|class| class.notice_at == Some(at)),
                Timer::Watch => self.watch_at == Some(at),
                Timer::Stop(environment) => self.programs.contains_key(&environment),
            };
            ensure!(live, "{timer:?} at {at} is for nothing");
        }
        self.classes_are_used()
    }

    /// I20, for classes and builds: the last user takes them along.
    fn classes_are_used(&self) -> Check {
        let mut tasks: BTreeMap<ClassIndex, u32> = BTreeMap::new();
        for (_, task) in self.tasks() {
            *tasks.entry(task.class).or_default() += 1;
        }
        ensure!(tasks.len() == self.classes.slab.len(), "{} classes for {}", self.classes.slab.len(), tasks.len());
        let mut used: BTreeSet<u32> = self.classes.slab.iter().map(|(_, class)| class.environment.as_u32()).collect();
        used.extend(self.clients.slab.iter().map(|(_, client)| client.environment.as_u32()));
        used.extend(self.workers.slab.iter().map(|(_, worker)| worker.environment.as_u32()));
        let known = self.classes.environments.len();
        ensure!(known == used.len(), "{known} builds are known, {} used", used.len());
        Ok(())
    }

    /// I21: a task knows a client's want if and only if the client lists the task. I24: and the client is alive.
    fn wants_match(&self) -> Check {
        let mut wants = 0;
        for (t, task) in self.tasks() {
            wants += task.wants.len();
            for want in &task.wants {
                let client = self.clients.slab.get(want.client);
                let listed = client.and_then(|client| client.wants.get(want.slot as usize));
                ensure!(listed == Some(&t), "{} is not on the list of {:?}", self.name(t), want.client);
            }
        }
        let listed: usize = self.clients.slab.iter().map(|(_, client)| client.wants.len()).sum();
        ensure!(listed == wants, "clients list {listed} wants, but tasks know {wants}");
        Ok(())
    }

    /// I25: what an open submission has named so far is held, by it and no other.
    fn holds_match(&self) -> Check {
        let mut holds: BTreeMap<TaskIndex, u32> = BTreeMap::new();
        let open = self.clients.slab.iter().flat_map(|(_, client)| client.open.values());
        for &t in open.flat_map(|open| &open.held) {
            *holds.entry(t).or_default() += 1;
        }
        for (t, task) in self.tasks() {
            let expected = holds.remove(&t).unwrap_or(0);
            ensure!(task.holds == expected, "{} is held {} times, not {expected}", self.name(t), task.holds);
        }
        ensure!(holds.is_empty(), "tasks are held that are gone");
        Ok(())
    }
}
