//! Sending tasks ahead: to the worker that is making their inputs, before those exist.
//!
//! A chain whose links were assigned one by one would cost a round trip a link. So a waiting task whose missing inputs are
//! all being made on one worker, and that may run there, is assigned to that worker already: it starts there the moment
//! its last input is made. Dask has nothing like it and pays the round trip; HyperQueue and Ray keep dependents of what a
//! worker runs close to it in similar ways ("prefilling", pipelined leases).
//!
//! Where else could it go? Inputs that are elsewhere are few bytes by rule, so nowhere could it start sooner, as long as
//! it finds a thread. That is what the budget is for: what is sent ahead counts against the same time and number as
//! every other task that waits for a thread. Beyond it each running task may have one *heir*, which takes over its thread,
//! so that a chain of long calls has no gaps either; of a fan-out the rest goes where there is room when it is ready. And
//! what is so long that a round trip is nothing beside it is [bound](super::binding) only where its inputs will be long.
//!
//! Each worker has a *frontier*: the tasks it was assigned whose dependents may follow. A task's dependents are looked at
//! in order, each once, while there is room. So a dependency is looked at once however many there are, and what is looked
//! at is looked at for no other reason than to be sent.

use brisk_core::message::{Priority, SchedulerToWorker};

use super::{
    Scheduler,
    class::Kind,
    slab::{TaskIndex, WorkerIndex},
    task::{Run, State},
};

/// Tasks with more inputs than this are not sent ahead: looking at all of them would cost too much each time, and one
/// round trip after so many tasks costs each of them nearly nothing.
const MAX_INPUTS: usize = 32;

/// So many tasks of a frontier are looked at for one that has no heir, once the time is used up.
const LOOKED_AT: usize = 8;

/// The inputs of a task, as one worker sees them.
#[derive(Clone, Copy, Debug, Default)]
struct Inputs {
    /// How many are being made there.
    awaited: u32,
    /// How long those are together that are in memory, but not there.
    bytes_elsewhere: u64,
}

impl Scheduler {
    /// Sends ahead what there is room for, on all workers of which that may have changed.
    pub(super) fn feed(&mut self) {
        if !self.work.nearly_ready.is_empty() {
            let mut next = 0;
            while let Some(&t) = self.work.nearly_ready.get(next) {
                self.follow_last(t);
                next += 1;
            }
            // Emptied, not taken: it keeps its memory for the next event.
            self.work.nearly_ready.clear();
        }
        while let Some(w) = self.work.feeding.pop() {
            // It may be gone by now.
            if self.workers.slab.get(w).is_none() {
                continue;
            }
            while self.send_ahead(w, None) {}
            self.workers[w].to_feed = false;
        }
    }

    /// Sends one more task ahead to a worker, if there is one, and there is room for it. If it would take the room of
    /// another task, it must be more urgent, and asked for by the same client: between clients it is not priorities that
    /// decide. Whether it did.
    pub(super) fn send_ahead(&mut self, w: WorkerIndex, before: Option<TaskIndex>) -> bool {
        let mut after = None;
        for _ in 0..LOOKED_AT {
            let Some((parent, child)) = self.next_in_frontier(w, after) else { return false };
            let urgent = before.is_none_or(|before| {
                let (child, before) = (&self.tasks[child], &self.tasks[before]);
                child.account == before.account && child.priority < before.priority
            });
            if urgent && self.may_follow(parent, child, w) {
                self.assign_after(parent, child, w);
                return true;
            }
            after = Some((self.tasks[parent].priority, parent));
        }
        false
    }

    /// A task has been assigned: its dependents may follow.
    pub(super) fn enter_frontier(&mut self, t: TaskIndex) {
        let task = &self.tasks[t];
        if self.config.send_ahead
            && let Some(run) = task.run()
            && (run.next as usize) < task.dependents.len()
        {
            let w = run.worker;
            self.workers[w].frontier.insert((task.priority, t));
            self.note_frontier(w);
        }
    }

    /// A worker may have room, or something to use it for.
    pub(super) fn note_frontier(&mut self, w: WorkerIndex) {
        let worker = &mut self.workers[w];
        if !worker.to_feed && !worker.frontier.is_empty() {
            worker.to_feed = true;
            self.work.feeding.push(w);
        }
    }

    /// A task waits no longer, and was not assigned: other dependents of its inputs stood behind it.
    pub(super) fn make_way(&mut self, t: TaskIndex) {
        for i in 0..self.tasks[t].dependencies.len() {
            let input = self.tasks[t].dependencies[i].task;
            if let Some(run) = self.tasks[input].run() {
                self.note_frontier(run.worker);
            }
        }
    }

    /// A task is no longer being made where it was: what was sent after it must not wait for it there.
    pub(super) fn strand_followers(&mut self, t: TaskIndex) {
        for edge in &self.tasks[t].dependents {
            if self.tasks[edge.task].run().is_some_and(|run| run.awaiting > 0) {
                self.work.stranded.push(edge.task);
            }
        }
    }

    /// One of the inputs that a task was sent ahead of is perhaps no longer being made on its worker, or has turned out to
    /// be too long for that: if so, the task is taken back.
    pub(super) fn take_back_if_stranded(&mut self, t: TaskIndex) {
        let Some(run) = self.tasks.get(t).and_then(|task| task.run()).filter(|run| !run.started()).copied() else {
            return;
        };
        let stranded = match run.awaiting {
            0 => self.input_bytes(t) > self.limit(run.worker),
            _ => self.inputs_for(t, run.worker).is_none(),
        };
        if stranded {
            self.cancel_run(t);
            self.enter_waiting(t);
        }
    }

    /// An input of a task that was sent ahead exists. Whether the task can run now.
    pub(super) fn one_input_less(&mut self, t: TaskIndex, mut run: Run) -> bool {
        run.awaiting -= 1;
        let runnable = run.awaiting == 0;
        if runnable {
            self.await_no_more(t, run.worker);
            if self.limit(run.worker) < u64::MAX {
                self.work.stranded.push(t);
            }
        }
        self.tasks[t].state = State::Processing(run);
        runnable
    }

    /// A task that was sent ahead is so no longer: takes it out of its worker's count.
    pub(super) fn await_no_more(&mut self, t: TaskIndex, w: WorkerIndex) {
        let kind = self.classes.slab[self.tasks[t].class].demand.kind;
        self.workers[w].awaiting -= u32::from(kind == Kind::Thread);
    }

    /// Dependents of a task are no longer to be made to wait for it on this worker, since its value is elsewhere.
    pub(super) fn tell_where_it_is(&mut self, t: TaskIndex, w: WorkerIndex) {
        let (key, holders) = (self.tasks[t].key, self.holders_for_worker(t, w, self.next_run));
        self.tell_worker(w, SchedulerToWorker::Holders { key, holders });
    }

    /// The most urgent task of a worker's frontier after `after`, and the dependent of it that could follow next.
    fn next_in_frontier(
        &mut self,
        w: WorkerIndex,
        after: Option<(Priority, TaskIndex)>,
    ) -> Option<(TaskIndex, TaskIndex)> {
        use std::ops::Bound;
        loop {
            let frontier = &self.workers[w].frontier;
            let &(priority, parent) = match after {
                None => frontier.first()?,
                Some(after) => frontier.range((Bound::Excluded(after), Bound::Unbounded)).next()?,
            };
            while let Some(next) = self.tasks[parent].run().map(|run| run.next as usize)
                && let Some(edge) = self.tasks[parent].dependents.get(next).copied()
            {
                if self.could_follow(edge.task, w) {
                    return Some((parent, edge.task));
                }
                self.advance(parent, false);
            }
            self.workers[w].frontier.remove(&(priority, parent));
        }
    }

    /// Looks at a task's next dependent from now on.
    fn advance(&mut self, parent: TaskIndex, has_heir: bool) {
        if let State::Processing(run) = &mut self.tasks[parent].state {
            run.next += 1;
            run.has_heir |= has_heir;
        }
    }

    fn assign_after(&mut self, parent: TaskIndex, child: TaskIndex, w: WorkerIndex) {
        self.advance(parent, true);
        self.assign(child, w);
    }

    /// All inputs of a task but one are there: it may follow that one, wherever it is being made.
    fn follow_last(&mut self, t: TaskIndex) {
        let Some(task) = self.tasks.get(t).filter(|task| matches!(task.state, State::Waiting { missing: 1 })) else {
            return;
        };
        let mut inputs = task.dependencies.iter().map(|edge| edge.task);
        let last = inputs.find_map(|d| self.tasks[d].run().map(|run| (d, run.worker)));
        if let Some((parent, w)) = last
            && self.config.send_ahead
            && self.could_follow(t, w)
            && self.may_follow(parent, t, w)
        {
            if let State::Processing(run) = &mut self.tasks[parent].state {
                run.has_heir = true;
            }
            self.assign(t, w);
        }
    }

    /// Whether a worker has room for a dependent of one of its tasks.
    fn may_follow(&self, parent: TaskIndex, child: TaskIndex, w: WorkerIndex) -> bool {
        let kind = self.classes.slab[self.tasks[child].class].demand.kind;
        // A chain of long calls is sent link by link; one that takes no thread may go at once.
        let heir = |run: &Run| !run.has_heir && (run.awaiting == 0 || kind == Kind::Async);
        let Some(run) = self.tasks[parent].run() else { return false };
        self.budget.may_send_ahead(&self.workers[w], kind, heir(run), run.estimate_ns())
            && (kind == Kind::Async || self.is_worth_binding(parent, child, w))
    }

    /// Whether a task may run on a worker, and all its inputs are there, on their way, or short.
    fn could_follow(&self, t: TaskIndex, w: WorkerIndex) -> bool {
        let task = &self.tasks[t];
        let State::Waiting { missing } = task.state else { return false };
        // What takes resources is admitted when it can run: until then others can use them. And what is to be started once
        // only could not be taken back without asking whether it was.
        task.dependencies.len() <= MAX_INPUTS
            && !task.is_once()
            && !self.awaits_a_chosen_key(t)
            && self.classes.slab[task.class].demand.resources.is_empty()
            && self.classes.may_run(task.class, &self.workers[w])
            // A task that has failed may wait for more than its inputs.
            && self.inputs_for(t, w).is_some_and(|inputs| {
                inputs.awaited == missing && (inputs.bytes_elsewhere == 0 || self.is_short(inputs.bytes_elsewhere, w))
            })
    }

    /// Whether a task waits for a value whose key a user chose. A worker may still hold another value under such a key, which
    /// it is told to drop, and which a task that is to use the new one would keep there.
    fn awaits_a_chosen_key(&self, t: TaskIndex) -> bool {
        let mut inputs = self.tasks[t].dependencies.iter().map(|edge| &self.tasks[edge.task]);
        inputs.any(|input| input.is_named() && !matches!(input.state, State::Memory { .. }))
    }

    /// Whether inputs of this length can be moved to a worker while those that it makes are awaited, and leave room there:
    /// half of what it may hold.
    fn is_short(&self, bytes: u64, w: WorkerIndex) -> bool {
        u128::from(self.links.far.moving_ns(bytes)) <= self.config.prefetch_time.as_nanos()
            && self.workers[w].bytes.saturating_add(bytes) <= self.limit(w) / 2
    }

    /// What could be sent ahead to a worker and was not, of the dependents of its most urgent task.
    pub(super) fn could_send_ahead(&self, w: WorkerIndex) -> Option<TaskIndex> {
        let (_, parent) = *self.workers[w].frontier.first()?;
        let next = self.tasks[parent].run()?.next;
        let child = self.tasks[parent].dependents.get(next as usize)?.task;
        let could = self.could_follow(child, w) && self.may_follow(parent, child, w);
        // A long call that may follow now perhaps could not when it was looked at.
        (could && !self.functions.was_long(self.tasks[child].function)).then_some(child)
    }

    /// What a task's inputs mean to a worker; `None` if one is neither there nor in memory elsewhere, nor being made on
    /// that worker.
    fn inputs_for(&self, t: TaskIndex, w: WorkerIndex) -> Option<Inputs> {
        let mut inputs = Inputs::default();
        for edge in &self.tasks[t].dependencies {
            let input = &self.tasks[edge.task];
            match &input.state {
                State::Memory { nbytes, .. } if !input.is_held_by(w) => {
                    inputs.bytes_elsewhere = inputs.bytes_elsewhere.saturating_add(*nbytes);
                }
                State::Memory { .. } => {}
                State::Processing(run) if run.worker == w => inputs.awaited += 1,
                _ => return None,
            }
        }
        Some(inputs)
    }
}
