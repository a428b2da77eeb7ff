//! Transitions: one function for each state that a task may enter.
//!
//! A transition takes the task out of the containers of its former state, puts it into those of the new one, and keeps
//! the counts of its neighbours right. What follows from it for other tasks is put on the lists of [`Work`], not done
//! here: a graph may be a hundred thousand tasks deep.

use std::sync::Arc;

use super::few::Few;
use brisk_core::{
    error::TaskError,
    id::{RunId, WorkerId},
    state::TaskState,
    task::TaskName,
};

use super::{
    Scheduler,
    class::{KINDS, Kind},
    functions::Presumed,
    quarantine::but_quarantine,
    record::What,
    rough::Rough,
    slab::{TaskIndex, WorkerIndex},
    task::{Hold, Holder, Run, Stage, State},
    timers::Timer,
    unrepeatable::Unrepeatable,
    work::Work,
};

impl Scheduler {
    /// Needed: the task waits for its dependencies, and is ready if it has them all. One that can't be computed fails.
    pub(super) fn enter_waiting(&mut self, t: TaskIndex) {
        let computed = planted!(self, ScatteredComputed);
        let task = &self.tasks[t];
        if let Some(why) = task.marks.unrepeatable().filter(|why| !computed || *why != Unrepeatable::Scattered) {
            return self.fail_for_good(t, why);
        }
        let (run, begins) = (task.run().copied(), !task.state.is_unfinished());
        if let Some(never_began) = run.filter(|run| !run.started()) {
            self.correct_charge(t, never_began.estimate_ns(), None);
        }
        self.leave(t);
        if begins {
            self.begin_to_wait(t);
        }
        let (mut missing, mut poisoned) = (0, false);
        let task = &self.tasks[t];
        let priority = task.priority;
        for edge in &task.dependencies {
            match self.tasks[edge.task].state {
                State::Memory { .. } => {}
                State::Erred { .. } => (missing, poisoned) = (missing + 1, true),
                _ => missing += 1,
            }
        }
        self.replace(t, State::Waiting { missing });
        if run.is_some() {
            self.strand_followers(t);
        }
        if poisoned {
            self.work.poisoned.push(t);
        } else if missing == 0 {
            self.work.ready.push((priority, t));
        } else {
            for i in 0..self.tasks[t].dependencies.len() {
                self.enter_frontier(self.tasks[t].dependencies[i].task);
            }
        }
    }

    /// Ready, but nobody has room.
    pub(super) fn enter_queued(&mut self, t: TaskIndex) {
        self.leave(t);
        self.replace(t, State::Queued);
        self.enqueue(t);
    }

    /// Ready, but no worker may run it.
    pub(super) fn enter_no_worker(&mut self, t: TaskIndex) {
        self.leave(t);
        self.replace(t, State::NoWorker { since: self.now });
        self.enqueue(t);
        self.timers.insert(self.now + self.config.no_worker_timeout, Timer::Expire(t));
        self.arm_notice(self.tasks[t].class);
    }

    /// Assigned: the task belongs to a worker, under a new run.
    pub(super) fn enter_processing(&mut self, t: TaskIndex, w: WorkerIndex) -> RunId {
        self.leave(t);
        self.next_run += u64::from(self.next_run == 0 || !planted!(self, RunNumberReused));
        let id = RunId(self.next_run);
        let effect = self.effect_of(t, w);
        let (task, worker) = (&mut self.tasks[t], &mut self.workers[w]);
        task.attempt += 1;
        let (account, leads_on) = (task.account, !task.dependents.is_empty());
        let awaiting = match task.state {
            State::Waiting { missing } => u8::try_from(missing).expect("tasks with many inputs are not sent ahead"),
            _ => 0,
        };
        let demand = &self.classes.slab[task.class].demand;
        let kind = demand.kind;
        // A call that takes no thread keeps no other waiting.
        let (step, budget_ns) = (worker.speed.step(), self.budget.time_ns());
        let Presumed { mean_ns, fed_ns } = match kind {
            Kind::Thread => self.functions.presume(task.function, self.config.unknown_duration, step, budget_ns),
            Kind::Async => Presumed { mean_ns: 0, fed_ns: 0 },
        };
        // As it will be taken back.
        let estimate = Rough::new(mean_ns);
        let estimate_ns = estimate.ns();
        let slot = worker.processing.len() as u32;
        worker.processing.push(t);
        worker.occupancy_ns += estimate_ns;
        worker.fed_ns += fed_ns;
        worker.async_tasks += u32::from(kind == Kind::Async);
        worker.awaiting += u32::from(awaiting > 0 && kind == Kind::Thread);
        if !worker.has_work_ahead() {
            worker.last_progress = self.now;
        }
        worker.take(&demand.resources);
        self.begin_effect(w, effect, estimate_ns);
        self.replace(
            t,
            State::Processing(Run {
                id,
                worker: w,
                slot,
                estimate,
                fed_ns: u32::try_from(fed_ns).expect("nothing counts for more than the budget, which is shorter"),
                next: 0,
                awaiting,
                effect,
                has_heir: false,
                stage: Stage::Given,
            }),
        );
        self.charge(account, kind, estimate_ns);
        if leads_on {
            self.enter_frontier(t);
        }
        self.load_changed_of(w, kind);
        self.watch(w);
        id
    }

    /// The value exists, on this worker.
    pub(super) fn enter_memory(&mut self, t: TaskIndex, nbytes: u64, w: WorkerIndex) {
        let maker = self.tasks[t].run().map(|run| run.worker);
        self.leave(t);
        if self.tasks[t].state.is_unfinished() {
            self.end_to_wait(t);
        }
        let worker = &mut self.workers[w];
        let slot = worker.replicas.len() as u32;
        worker.replicas.push(t);
        let bytes = worker.bytes.saturating_add(nbytes);
        self.set_bytes(w, bytes);
        self.replace(t, State::Memory { nbytes, holders: Few::of(Holder { worker: w, slot }) });
        if self.config.records {
            self.record(What::ReplicaAdded { key: self.tasks[t].key, worker: self.workers[w].id, holders: 1 });
        }
        let task = &mut self.tasks[t];
        task.marks.set_detached(false);
        let (has_inputs, leads_on) = (!task.dependencies.is_empty(), !task.dependents.is_empty());
        self.note_once(t);
        if has_inputs {
            self.note_depth(t);
        }
        if leads_on {
            self.tell_dependents(t, w, maker);
        }
        if !self.tasks[t].is_needed() {
            self.work.unneeded.push(t);
        }
        self.value_came(t, w);
        self.confirm_holder(t, w);
    }

    /// A value exists, on `w`. `maker`: the worker that its task was assigned to, if it was.
    fn tell_dependents(&mut self, t: TaskIndex, w: WorkerIndex, maker: Option<WorkerIndex>) {
        let (mut followed, mut runnable) = (false, false);
        for i in 0..self.tasks[t].dependents.len() {
            let dependent = self.tasks[t].dependents[i].task;
            match &mut self.tasks[dependent].state {
                State::Waiting { missing } => {
                    *missing -= 1;
                    match *missing {
                        0 => self.work.ready.push((self.tasks[dependent].priority, dependent)),
                        1 => self.work.nearly_ready.push(dependent),
                        _ => {}
                    }
                }
                State::Processing(run) if run.awaiting > 0 => {
                    let run = *run;
                    followed = true;
                    runnable |= self.one_input_less(dependent, run);
                }
                _ => {}
            }
        }
        if let Some(maker) = maker.filter(|_| followed) {
            if maker != w {
                self.tell_where_it_is(t, maker);
            }
            if runnable {
                self.load_changed(maker);
                self.watch(maker);
            }
        }
    }

    /// Failed, by itself or for a dependency; `path` leads from the task that failed to this one.
    pub(super) fn enter_erred(&mut self, t: TaskIndex, error: TaskError, path: Option<Arc<[TaskName]>>) {
        self.leave(t);
        if self.tasks[t].state.is_unfinished() {
            self.end_to_wait(t);
        }
        self.value_failed(t);
        self.replace(t, State::Erred { error, path });
        self.tasks[t].marks.set_detached(false);
        let unfinished = self.tasks[t].dependents.iter().map(|edge| edge.task).filter(|_| !planted!(self, FailureKept));
        self.work.poisoned.extend(unfinished.filter(|&d| self.tasks[d].state.is_unfinished()));
        self.tell_of_error(t);
        if !self.tasks[t].is_alive() {
            self.work.unneeded.push(t);
        }
    }

    /// Not needed now, but perhaps again: known for its lineage.
    pub(super) fn enter_released(&mut self, t: TaskIndex) {
        self.leave(t);
        if self.tasks[t].state.is_unfinished() {
            self.end_to_wait(t);
        }
        self.value_unneeded(t);
        self.replace(t, State::Released);
    }

    /// Nobody will ever ask for it again.
    pub(super) fn forget(&mut self, t: TaskIndex) {
        self.leave(t);
        if self.tasks[t].state.is_unfinished() {
            self.end_to_wait(t);
        }
        self.value_unneeded(t);
        if self.config.records {
            let (from, run) = (self.tasks[t].state.name(), self.run_of(&self.tasks[t].state));
            self.note_transition(t, from, TaskState::Forgotten, run);
        }
        self.functions.task_went(self.tasks[t].function, self.tasks[t].state.name());
        let (dependencies, class) = self.tasks.remove(t);
        let dead = dependencies.iter().map(|edge| edge.task);
        self.work.unneeded.extend(dead.filter(|&d| !self.tasks[d].is_alive()));
        self.classes.part(class);
    }

    /// Sets the state, which the table of transitions must allow.
    #[inline(always)]
    fn replace(&mut self, t: TaskIndex, state: State) {
        let (from, to) = (self.tasks[t].state.name(), state.name());
        if !from.may_become(to) || self.config.records {
            self.note_replaced(t, from, &state);
        }
        let task = &mut self.tasks[t];
        task.state = state;
        self.functions.task_moved(task.function, from, to);
    }

    /// What few transitions need: words for one that there must not be, and a record.
    #[cold]
    fn note_replaced(&mut self, t: TaskIndex, from: TaskState, state: &State) {
        let to = state.name();
        assert!(from.may_become(to), "{} can't go from {from:?} to {to:?}", self.name(t));
        let run = self.run_of(state).or_else(|| self.run_of(&self.tasks[t].state));
        self.note_transition(t, from, to, run);
    }

    /// Takes the task out of the containers of its state.
    fn leave(&mut self, t: TaskIndex) {
        let task = &mut self.tasks[t];
        let alarmed = task.past().is_some();
        match task.state {
            State::Released | State::Erred { .. } => {}
            State::Waiting { .. } if !alarmed => {}
            State::Waiting { .. } => self.clear_alarm(t),
            State::Queued => self.leave_queue(t),
            State::NoWorker { since } => {
                self.timers.remove(since + self.config.no_worker_timeout, Timer::Expire(t));
                self.leave_queue(t);
            }
            State::Processing(run) => {
                if alarmed {
                    self.clear_alarm(t);
                }
                self.leave_worker(t, run);
            }
            State::Memory { .. } => {
                task.marks.set_checkpoint(false);
                self.leave_holders(t);
            }
        }
    }

    fn leave_holders(&mut self, t: TaskIndex) {
        while let State::Memory { nbytes, holders } = &mut self.tasks[t].state
            && let Some(holder) = holders.pop()
        {
            let (nbytes, left) = (*nbytes, holders.len());
            self.holder_gone(t, nbytes, holder, left);
        }
    }

    fn leave_queue(&mut self, t: TaskIndex) {
        self.dequeue(t);
        let class = self.tasks[t].class;
        if self.classes.slab[class].queue.is_empty() {
            self.disarm_notice(class);
        }
    }

    fn leave_worker(&mut self, t: TaskIndex, run: Run) {
        self.end_effect(run.worker, run.effect);
        let (task, worker) = (&self.tasks[t], &mut self.workers[run.worker]);
        worker.processing.swap_remove(run.slot as usize);
        worker.started -= u32::from(run.started());
        if !worker.frontier.is_empty() {
            worker.frontier.remove(&(task.priority, t));
        }
        let kind = self.classes.slab[task.class].demand.kind;
        if run.hold() == Hold::Away {
            worker.away -= 1;
        } else {
            worker.async_tasks -= u32::from(kind == Kind::Async);
            if !planted!(self, LeakedOccupancy) {
                worker.occupancy_ns -= run.estimate_ns();
            }
            worker.fed_ns -= u64::from(run.fed_ns);
        }
        let demand = &self.classes.slab[task.class].demand;
        worker.awaiting -= u32::from(run.awaiting > 0 && kind == Kind::Thread);
        if run.hold() != Hold::Thread {
            worker.give_back(but_quarantine(&demand.resources));
        } else if !planted!(self, LeakedSlot) {
            worker.give_back(&demand.resources);
        }
        if let Some(&moved) = worker.processing.get(run.slot as usize)
            && let State::Processing(other) = &mut self.tasks[moved].state
        {
            other.slot = run.slot;
        }
        if worker.question.is_some() {
            self.drop_theft(t, run.worker);
        }
        self.load_changed_of(run.worker, kind);
        self.note_room(run.worker);
        self.note_spare(run.worker);
    }

    /// Takes a worker from the holders of a value. The caller sees to it that a value without holders is no more.
    pub(super) fn remove_replica(&mut self, t: TaskIndex, w: WorkerIndex) {
        let State::Memory { nbytes, holders } = &mut self.tasks[t].state else { return };
        let Some(position) = holders.iter().position(|holder| holder.worker == w) else { return };
        let holder = holders.swap_remove(position);
        let (nbytes, left) = (*nbytes, holders.len());
        self.holder_gone(t, nbytes, holder, left);
    }

    /// A holder was taken out of those of a value; so many are left.
    fn holder_gone(&mut self, t: TaskIndex, nbytes: u64, Holder { worker: w, slot }: Holder, left: usize) {
        let worker = &mut self.workers[w];
        worker.replicas.swap_remove(slot as usize);
        let bytes = worker.bytes.saturating_sub(nbytes);
        if let Some(&moved) = worker.replicas.get(slot as usize)
            && let State::Memory { holders, .. } = &mut self.tasks[moved].state
            && let Some(holder) = holders.iter_mut().find(|holder| holder.worker == w)
        {
            holder.slot = slot;
        }
        self.set_bytes(w, bytes);
        if self.config.records {
            let holders = left as u32;
            self.record(What::ReplicaLost { key: self.tasks[t].key, worker: self.workers[w].id, holders });
        }
        self.copies_changed(t, None, left);
    }

    /// Adds a worker to the holders of a value.
    pub(super) fn add_replica(&mut self, t: TaskIndex, w: WorkerIndex) {
        let State::Memory { nbytes, holders } = &mut self.tasks[t].state else { return };
        let worker = &mut self.workers[w];
        holders.push(Holder { worker: w, slot: worker.replicas.len() as u32 });
        worker.replicas.push(t);
        let (bytes, count) = (worker.bytes.saturating_add(*nbytes), holders.len());
        self.set_bytes(w, bytes);
        let holders = count as u32;
        self.record(What::ReplicaAdded { key: self.tasks[t].key, worker: self.workers[w].id, holders });
        self.copies_changed(t, Some(w), count);
        self.confirm_holder(t, w);
    }

    /// The task becomes unfinished: it waits for its dependencies, which are needed from now on.
    fn begin_to_wait(&mut self, t: TaskIndex) {
        self.begin_account(t);
        for i in 0..self.tasks[t].dependencies.len() {
            let d = self.tasks[t].dependencies[i].task;
            self.tasks[d].waiters += if planted!(self, WaiterCountedTwice) { 2 } else { 1 };
            if matches!(self.tasks[d].state, State::Released) && !planted!(self, ReleasedNotNeeded) {
                self.work.needed.push(d);
            }
        }
    }

    /// The task is unfinished no longer.
    fn end_to_wait(&mut self, t: TaskIndex) {
        self.end_account(t);
        for i in 0..self.tasks[t].dependencies.len() {
            let d = self.tasks[t].dependencies[i].task;
            self.tasks[d].waiters -= 1;
            if self.tasks[d].holders().len() > 1 {
                self.copies.surplus.note(d);
            }
            if !self.tasks[d].is_needed() {
                self.work.unneeded.push(d);
            }
        }
    }

    /// A worker has more or less to do, or may be given more or less.
    pub(super) fn load_changed(&mut self, w: WorkerIndex) {
        KINDS.into_iter().for_each(|kind| self.load_changed_of(w, kind));
    }

    /// The same, of one kind: what takes a thread changes nothing for what takes none, nor the other way round.
    pub(super) fn load_changed_of(&mut self, w: WorkerIndex, kind: Kind) {
        let worker = &mut self.workers[w];
        self.classes.environments[worker.environment].pool.update(w, worker, self.budget, kind);
        self.note_frontier(w);
    }

    fn run_of(&self, state: &State) -> Option<(WorkerId, RunId)> {
        match state {
            State::Processing(run) => Some((self.workers[run.worker].id, run.id)),
            _ => None,
        }
    }

    fn note_transition(&mut self, t: TaskIndex, from: TaskState, to: TaskState, run: Option<(WorkerId, RunId)>) {
        let (key, function) = (self.tasks[t].key, self.tasks[t].function);
        self.record(What::Transition { key, function, from, to, run });
    }
}

/// What follows from the transitions so far, until nothing does.
impl Scheduler {
    pub(super) fn settle(&mut self) {
        loop {
            if let Some(t) = self.work.poisoned.pop() {
                self.poison(t);
            } else if let Some(t) = self.work.stranded.pop() {
                self.take_back_if_stranded(t);
            } else if let Some(t) = self.work.needed.pop() {
                if matches!(self.tasks.get(t), Some(task) if task.is_needed() && matches!(task.state, State::Released))
                    && !self.adopt(t)
                {
                    self.enter_waiting(t);
                }
            } else if let Some(t) = self.work.unneeded.pop() {
                self.drop_unneeded(t);
            } else {
                break;
            }
        }
        debug_assert!(Work::is_settled(&self.work));
    }
}
