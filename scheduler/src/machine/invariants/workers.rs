//! Workers: what is assigned to each, what each holds, and the sums that are kept of both.

use std::collections::BTreeSet;

use super::{Check, ensure};
use crate::machine::{
    Scheduler,
    class::{Class, Demand, KINDS, Kind},
    quarantine::is_place,
    slab::{TaskIndex, WorkerIndex},
    speed::Paces,
    task::{Hold, State},
};

impl Scheduler {
    /// I2: an assigned task's worker is alive and has it on its list.
    pub(super) fn i02_assigned_to_one_live_worker(&self) -> Check {
        for (t, task) in self.tasks() {
            let Some(run) = task.run() else { continue };
            let worker = self.workers.slab.get(run.worker).ok_or(format!("{} is on a dead worker", self.name(t)))?;
            let listed = worker.processing.get(run.slot as usize);
            ensure!(listed == Some(&t), "{} is not on {}'s list", self.name(t), worker.id);
        }
        Ok(())
    }

    /// I3: a worker lists no task that is not assigned to it. Each that is has its own place, by I2: so counting is enough.
    pub(super) fn i03_lists_hold_only_what_is_assigned(&self) -> Check {
        let assigned = self.tasks().filter(|(_, task)| task.run().is_some()).count();
        let listed: usize = self.workers.slab.iter().map(|(_, worker)| worker.processing.len()).sum();
        ensure!(listed == assigned, "workers list {listed} tasks, but {assigned} are assigned");
        Ok(())
    }

    /// I4: a holder is alive, and lists what it holds, and lists nothing else.
    pub(super) fn i04_holders_are_symmetrical(&self) -> Check {
        let mut held = 0;
        for (t, task) in self.tasks() {
            let State::Memory { holders, .. } = &task.state else { continue };
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

    /// I5: what is in memory has a holder. Nothing else can have one: the list of holders is a part of that state.
    pub(super) fn i05_in_memory_is_held(&self) -> Check {
        for (t, task) in self.tasks() {
            let State::Memory { holders, .. } = &task.state else { continue };
            ensure!(!holders.is_empty(), "nobody holds {}", self.name(t));
        }
        Ok(())
    }

    /// I13: the workers that may run a class are those that its demand means, and a task is in no-worker if and only if
    /// there are none.
    pub(super) fn i13_no_worker_means_nobody_eligible(&self) -> Check {
        for (index, class) in self.classes.slab.iter() {
            let eligible = self.classes.eligible(index);
            let expected = self.expected_eligible(class);
            ensure!(eligible.iter().copied().eq(expected.iter().copied()), "{index:?}: {eligible:?}, not {expected:?}");
            for t in class.queue.iter() {
                let nobody = matches!(self.tasks[t].state, State::NoWorker { .. });
                ensure!(nobody == eligible.is_empty(), "{} is {:?}", self.name(t), self.tasks[t].state.name());
            }
        }
        Ok(())
    }

    fn expected_eligible(&self, class: &Class) -> Vec<WorkerIndex> {
        let demand = &class.demand;
        let of_build = self.workers.in_order().filter(|(_, worker)| worker.environment == class.environment);
        let able: Vec<_> = of_build
            .filter(|(_, worker)| worker.declares(&demand.resources) && worker.could_hold(demand.memory))
            .collect();
        let named = able.iter().filter(|(_, worker)| {
            demand.workers.is_empty() || demand.workers.iter().any(|name| worker.answers_to(name))
        });
        let named: Vec<_> = named.map(|(w, _)| *w).collect();
        match named.is_empty() && demand.allow_other_workers {
            true => able.into_iter().map(|(w, _)| w).collect(),
            false => named,
        }
    }

    /// I14: a queued task stays queued only while no eligible worker is open and has the resources, or those who survived
    /// the last scheduler are waited for.
    pub(super) fn i14_no_open_worker_beside_queued_work(&self) -> Check {
        if self.is_gathering() {
            return Ok(());
        }
        let queued = |class: &Class| class.queue.iter().any(|t| matches!(self.tasks[t].state, State::Queued));
        for (class, Class { demand, environment, .. }) in self.classes.slab.iter().filter(|(_, class)| queued(class)) {
            let Demand { kind, resources, .. } = demand;
            let kind = *kind;
            let idle = self.classes.eligible(class).iter().find(|&&w| {
                let worker = &self.workers[w];
                self.budget.is_open(worker, kind) && worker.has_left(resources)
            });
            // Or while it was set aside for the memory that it would take.
            let idle = idle.filter(|_| !self.is_waiting_for_memory(*environment));
            ensure!(idle.is_none(), "{idle:?} is open beside queued tasks of {class:?}");
        }
        Ok(())
    }

    /// I15: no worker has more than its cap, and what is left of a resource and what is taken are what was declared.
    pub(super) fn i15_slots_and_resources_add_up(&self) -> Check {
        for (_, worker) in self.workers.slab.iter() {
            let id = worker.id;
            for kind in KINDS {
                let of_kind = |t: &&TaskIndex| self.classes.slab[self.tasks[**t].class].demand.kind == kind;
                let holds = worker.processing.iter().filter(of_kind).filter_map(|&t| self.tasks[t].run());
                let assigned = holds.clone().filter(|run| run.hold() != Hold::Away).count();
                ensure!(assigned == worker.assigned(kind), "{id} counts {} of {kind:?}", worker.assigned(kind));
                // Those that came back took a thread whether or not there was one.
                let given = holds.filter(|run| run.hold() == Hold::Thread).count();
                ensure!(given <= self.budget.cap(worker, kind), "{id} has {given} of {kind:?}");
            }
            let runs = || worker.processing.iter().filter_map(|&t| self.tasks[t].run());
            let away = runs().filter(|run| run.hold() == Hold::Away).count();
            ensure!(away == worker.away as usize, "{id}: {} are away, not {away}", worker.away);
            ensure!(runs().all(|run| run.started() || run.hold() == Hold::Thread), "{id}: who seceded has started");
            let awaits = |t: &&TaskIndex| {
                self.classes.slab[self.tasks[**t].class].demand.kind == Kind::Thread
                    && self.tasks[**t].run().is_some_and(|run| run.awaiting > 0)
            };
            let awaiting = worker.processing.iter().filter(awaits).count();
            ensure!(awaiting == worker.awaiting as usize, "{id}: {} sent ahead, not {awaiting}", worker.awaiting);
            let started = worker.processing.iter().filter_map(|&t| self.tasks[t].run()).filter(|run| run.started());
            let started = started.count();
            ensure!(started == worker.started as usize, "{id}: {} started, not {started}", worker.started);
            let mut left = worker.available.clone();
            for &t in &worker.processing {
                let stayed = self.tasks[t].run().is_some_and(|run| run.hold() == Hold::Thread);
                let asked = self.classes.slab[self.tasks[t].class].demand.resources.iter();
                for (name, amount) in asked.filter(|resource| stayed || !is_place(resource)) {
                    let found = left.iter_mut().find(|(n, _)| n == name).ok_or(format!("{id} has no {name}"))?;
                    found.1.0 += amount.0;
                }
            }
            ensure!(left == crate::machine::class::summed(&worker.info.resources), "{id}: resources are {left:?}");
        }
        Ok(())
    }

    /// I15: a worker's frontier holds what is assigned to it and has dependents that could be looked at, and none of them
    /// is passed over while there is room.
    pub(super) fn i15_frontiers_are_used(&self) -> Check {
        for (w, worker) in self.workers.slab.iter() {
            for &(priority, t) in &worker.frontier {
                let here = self
                    .tasks
                    .get(t)
                    .is_some_and(|task| task.priority == priority && task.run().is_some_and(|run| run.worker == w));
                ensure!(here, "{t:?} is in the frontier of {}, and not assigned to it", worker.id);
            }
            for &t in &worker.processing {
                let task = &self.tasks[t];
                let next = task.run().map_or(0, |run| run.next as usize);
                let mut left = task.dependents.iter().skip(next).map(|edge| &self.tasks[edge.task].state);
                let listed = worker.frontier.contains(&(task.priority, t));
                let could = left.any(|state| matches!(state, State::Waiting { .. }));
                ensure!(
                    listed || !could || !self.config.send_ahead,
                    "{} is not in the frontier of {}",
                    self.name(t),
                    worker.id
                );
            }
            ensure!(self.could_send_ahead(w).is_none(), "{:?} is not sent ahead", self.could_send_ahead(w));
        }
        Ok(())
    }

    /// I16: the sums that are kept of a worker are the sums, and its place in the order of its pool is by them.
    pub(super) fn i16_occupancy_and_bytes_add_up(&self) -> Check {
        for (w, worker) in self.workers.slab.iter() {
            let id = worker.id;
            let runs = worker.processing.iter().filter_map(|&t| self.tasks[t].run());
            let runs = runs.filter(|run| run.hold() != Hold::Away);
            let occupancy: u64 = runs.clone().map(|run| run.estimate_ns()).sum();
            ensure!(occupancy == worker.occupancy_ns, "{id}: occupancy {}, not {occupancy}", worker.occupancy_ns);
            let fed: u64 = runs.map(|run| u64::from(run.fed_ns)).sum();
            ensure!(fed == worker.fed_ns, "{id}: fed for {}, not {fed}", worker.fed_ns);
            let bytes: u64 = worker.replicas.iter().map(|&t| self.tasks[t].nbytes()).fold(0, u64::saturating_add);
            ensure!(bytes == worker.bytes || bytes == u64::MAX, "{id}: {} bytes, not {bytes}", worker.bytes);
            let pool = &self.classes.environments[worker.environment].pool;
            ensure!(pool.lists_rightly(w, worker, self.budget), "{id} is listed under {:?}", worker.listed);
        }
        Ok(())
    }

    /// I16: a pool counts the paces, threads and memory limits of its workers, and of no others; and how many of them are open.
    pub(super) fn i16_paces_are_those_of_workers(&self) -> Check {
        for (index, environment) in self.classes.environments.iter() {
            let mut paces = Paces::default();
            environment.pool.workers.iter().for_each(|&w| paces.enter(self.workers[w].speed.step()));
            ensure!(paces == environment.pool.paces, "{index:?}: paces are {:?}", environment.pool.paces);
            ensure!(environment.pool.sums_up(&self.workers), "{index:?} counts threads or limits of other workers");
            ensure!(environment.pool.counts_open(&self.workers), "{index:?} counts other workers than those open");
        }
        Ok(())
    }

    /// I18: no run is higher than the last one handed out, and no two are the same.
    pub(super) fn i18_runs_grow(&self) -> Check {
        let runs: Vec<_> = self.tasks().filter_map(|(_, task)| task.run().map(|run| run.id)).collect();
        let distinct: BTreeSet<_> = runs.iter().collect();
        ensure!(distinct.len() == runs.len(), "two tasks have one run");
        ensure!(runs.iter().all(|run| run.0 <= self.next_run), "a run was never handed out");
        Ok(())
    }
}
