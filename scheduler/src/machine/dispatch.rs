//! Handing out tasks: the ready ones, in the order of their priorities, as long as there is room.

use brisk_core::{
    id::WorkerId,
    message::{Assignment, DependencyInfo, SchedulerToWorker},
};
use smallvec::SmallVec;

use super::{
    Scheduler,
    class::{Class, Environment},
    placement::Place,
    slab::{ClassIndex, ClientIndex, TaskIndex, WorkerIndex},
    task::{Holder, State},
};

/// How many holders of a value a message names at most. More would not help who asks, and a value that many workers hold
/// would make every message about it long.
const HOLDERS: usize = 4;

impl Scheduler {
    /// Assigns what can be assigned: what became ready in this event, and what waited for room.
    pub(super) fn dispatch(&mut self) {
        let waits = self.is_gathering();
        if waits {
            self.work.destined.clear();
        }
        if !self.work.destined.is_empty() {
            self.assign_destined();
        }
        let queued = !self.work.ready.is_empty() && self.dispatch_ready(waits);
        let room = std::mem::take(&mut self.work.room);
        if waits {
            let withheld = self.forget_withheld();
            self.arm_withheld(withheld.into_iter());
        } else if room || queued {
            self.drain_queues();
        }
        self.work.roomy.clear();
        self.feed();
    }

    /// Assigns what became ready in this event, or puts it into queues: all of it if the scheduler still waits for others
    /// to come back. Whether anything was queued.
    fn dispatch_ready(&mut self, waits: bool) -> bool {
        let mut ready = std::mem::take(&mut self.work.ready);
        ready.sort_unstable();
        ready.dedup();
        let several = ready.len() > 1;
        let mut queued = false;
        for (_, t) in ready.drain(..) {
            let Some(task) = self.tasks.get(t) else { continue };
            if !matches!(task.state, State::Waiting { missing: 0 }) {
                continue;
            }
            if self.classes.slab[task.class].demand.memory > 0 {
                self.widen(t);
            }
            let class = self.tasks[t].class;
            let queues = waits || self.must_queue(t, class, several);
            let place = if queues { Place::Nowhere } else { self.place_in_turn(t) };
            match place {
                Place::On(w) => self.assign(t, w),
                Place::Nowhere if self.classes.eligible(class).is_empty() => self.enter_no_worker(t),
                Place::Nowhere => {
                    self.enter_queued(t);
                    queued = true;
                }
                Place::Unfit => {
                    self.refit(t);
                    if matches!(self.tasks[t].state, State::Waiting { .. }) {
                        self.enter_queued(t);
                        queued = true;
                    }
                }
            }
        }
        self.work.ready = ready;
        queued
    }

    /// Whether a ready task must go through the queue, though somebody may have room. Most never see one: if nothing waits,
    /// nothing can be overtaken. `several`: it is one of those that became ready at once.
    fn must_queue(&self, t: TaskIndex, class: ClassIndex, several: bool) -> bool {
        let Class { environment, demand, .. } = &self.classes.slab[class];
        let Environment { lanes, pool, .. } = &self.classes.environments[*environment];
        (several && (pool.paces.is_uneven() || self.is_to_be_kept_together(t)))
            || !lanes[demand.kind as usize].is_empty()
            || (pool.live.is_limited() && self.takes_too_much(t))
    }

    /// The worker for a task, once those that can be sent ahead and are more urgent were sent there.
    pub(super) fn place_in_turn(&mut self, t: TaskIndex) -> Place {
        loop {
            let place = self.place(t);
            let Place::On(w) = place else { return place };
            if self.workers[w].frontier.is_empty() || !self.send_ahead(w, Some(t)) {
                return place;
            }
        }
    }

    /// Gives a task to a worker.
    pub(super) fn assign(&mut self, t: TaskIndex, w: WorkerIndex) {
        let run = self.enter_processing(t, w);
        let mut dependencies = Vec::with_capacity(self.tasks[t].dependencies.len());
        for i in 0..self.tasks[t].dependencies.len() {
            let d = self.tasks[t].dependencies[i].task;
            let holders = self.holders_for_worker(d, w, run.0);
            let dependency = &self.tasks[d];
            dependencies.push(DependencyInfo { key: dependency.key, nbytes: dependency.nbytes(), holders });
        }
        let task = &self.tasks[t];
        let assignment = Assignment {
            task: self.name_of(task),
            run,
            attempt: task.attempt,
            priority: self.turn_at_worker(t),
            spec: task.spec.clone(),
            dependencies,
            resources: self.classes.slab[task.class].demand.asked().cloned().collect(),
            // An actor stays where it is, wherever its handle is.
            wanted: !task.wants.is_empty() && !task.is_pinned(),
            reproducible: task.is_reproducible(),
            timeout: task.options().and_then(|options| options.timeout),
        };
        self.tell_worker(w, SchedulerToWorker::Run(Box::new(assignment)));
    }

    /// Some of the workers that hold a value, as a worker is told of them: first that worker itself, if it does.
    pub(super) fn holders_for_worker(&mut self, t: TaskIndex, w: WorkerIndex, turn: u64) -> SmallVec<[WorkerId; 1]> {
        match self.tasks[t].holders() {
            [] => return SmallVec::new(),
            [only] if only.worker == w => return SmallVec::from_buf([self.workers[w].id]),
            _ => {}
        }
        let holders = self.some_holders(t, Some(w), turn);
        for &holder in holders.iter().filter(|&&holder| holder != w) {
            if self.workers[w].knows.insert(holder) {
                self.workers[holder].known_by.insert(w);
                let (worker, info) = (self.workers[holder].id, &self.workers[holder].info);
                let (address, host) = (info.address.clone(), info.host.clone());
                self.tell_worker(w, SchedulerToWorker::Worker { worker, address, host });
            }
        }
        holders.into_iter().map(|holder| self.workers[holder].id).collect()
    }

    /// Some of the workers that hold a value, as a client is told of them.
    pub(super) fn holders_for_client(&mut self, t: TaskIndex, c: ClientIndex, turn: u64) -> SmallVec<[WorkerId; 1]> {
        if let &[Holder { worker, .. }] = self.tasks[t].holders() {
            return SmallVec::from_buf([self.known_to_client(c, worker)]);
        }
        let holders = self.some_holders(t, None, turn);
        holders.into_iter().map(|holder| self.known_to_client(c, holder)).collect()
    }

    /// Some of the holders of a value: first the one that asks, then others in turn, so that not all who ask go to the
    /// same.
    fn some_holders(&self, t: TaskIndex, asker: Option<WorkerIndex>, turn: u64) -> SmallVec<[WorkerIndex; 4]> {
        let all = self.tasks[t].holders();
        if all.is_empty() {
            return SmallVec::new();
        }
        let here = asker.filter(|&w| self.tasks[t].is_held_by(w));
        let start = (turn % all.len() as u64) as usize;
        let turned = all[start..].iter().chain(&all[..start]).map(|holder| holder.worker);
        here.into_iter().chain(turned.filter(|&w| Some(w) != here)).take(HOLDERS).collect()
    }
}
