//! What workers report: runs that start and end, and values that come and go.
//!
//! A report names its run. One that is not about the current run of its task on that worker is dropped; the value that it
//! may tell of is freed.

use std::time::Duration;

use brisk_core::{
    error::{ErrorKind, Failure},
    id::{RunId, WorkerId},
    key::Key,
    message::{SchedulerToWorker, WorkerToScheduler},
    payload::Payload,
};

use super::{
    Action, Scheduler,
    errors::returned,
    record::What,
    recovery::End,
    slab::{TaskIndex, WorkerIndex},
    task::{Stage, State},
};

impl Scheduler {
    pub(super) fn hear_worker(&mut self, w: WorkerIndex, message: WorkerToScheduler) {
        match message {
            WorkerToScheduler::Started { key, run } => self.started(w, key, run),
            WorkerToScheduler::Finished { key, run, nbytes, took, value } => {
                self.finished(w, key, run, (nbytes, value), took);
            }
            WorkerToScheduler::Failed { key, run, failure, took } => self.failed(w, key, run, *failure, took),
            WorkerToScheduler::Returned { key, run, reason } => self.returned(w, key, run, &reason),
            WorkerToScheduler::Added(values) => values.into_iter().for_each(|(key, nbytes)| self.added(w, key, nbytes)),
            WorkerToScheduler::Offered(values) => self.offered(w, values),
            WorkerToScheduler::Received(values) => self.received(w, values),
            WorkerToScheduler::Dropped(keys) => {
                for t in keys.into_iter().filter_map(|key| self.tasks.find(key)).collect::<Vec<_>>() {
                    self.drop_replica(t, w, "it does not have it any more");
                }
            }
            WorkerToScheduler::Missing { key, holders } => self.worker_misses(w, key, &holders),
            WorkerToScheduler::Stolen { request, runs } => self.stolen(w, request, runs),
            WorkerToScheduler::Paused(paused) => self.paused(w, paused),
            WorkerToScheduler::Health { bytes, .. } => self.workers[w].reported_bytes = bytes,
            WorkerToScheduler::Transfers(transfers) => self.transfers_measured(w, &transfers),
            WorkerToScheduler::Retiring(reason) => self.retire_worker(self.workers[w].id, reason, true),
            WorkerToScheduler::Seceded { key, run } => self.seceded(w, key, run),
            WorkerToScheduler::Rejoined { key, run } => self.rejoined(w, key, run),
            WorkerToScheduler::Goodbye(reason) => {
                let worker = self.workers[w].id;
                self.lose_worker(w, &reason, End::Goodbye);
                self.act(Action::CloseWorker { worker, reason: "".into() });
            }
            // What runs say of themselves changes nothing.
            WorkerToScheduler::Notes(_) => {}
            // A newer worker than this scheduler: the handshake's protocol version makes this impossible.
            _ => {
                let (worker, reason) =
                    (self.workers[w].id, "it sent a message that this scheduler does not know".into());
                self.lose_worker(w, &reason, End::Intended);
                self.act(Action::CloseWorker { worker, reason });
            }
        }
    }

    /// The task whose current run this is.
    pub(super) fn current(&mut self, w: WorkerIndex, key: Key, run: RunId) -> Option<TaskIndex> {
        let is_current = |t: &TaskIndex| {
            self.tasks[*t].run().is_some_and(|r| r.worker == w && (r.id == run || planted!(self, RunFence)))
        };
        let found = self.tasks.find(key).filter(is_current);
        self.counters.stale_runs += u64::from(found.is_none());
        found
    }

    fn started(&mut self, w: WorkerIndex, key: Key, run: RunId) {
        if let Some(t) = self.current(w, key, run) {
            self.has_started(t, w, run);
        }
    }

    pub(super) fn has_started(&mut self, t: TaskIndex, w: WorkerIndex, run: RunId) {
        if let State::Processing(current) = &mut self.tasks[t].state
            && !current.started()
        {
            current.stage = Stage::Started;
            // It has found its inputs, even if their reports are yet to come.
            if std::mem::take(&mut current.awaiting) > 0 {
                self.await_no_more(t, w);
                self.load_changed(w);
                self.watch(w);
            }
            self.workers[w].started += 1;
            self.drop_theft(t, w);
            let (key, function, worker) = (self.tasks[t].key, self.tasks[t].function, self.workers[w].id);
            self.record(What::Started { key, function, worker, run });
            self.watch_limit(t);
        }
    }

    fn finished(
        &mut self,
        w: WorkerIndex,
        key: Key,
        run: RunId,
        (nbytes, value): (u64, Option<Payload>),
        took: Duration,
    ) {
        let Some(t) = self.current(w, key, run) else {
            // What this run has made goes, and nothing else: a copy of the same value may be on its way to a later run
            // there, or held for one, and the report of that not have come yet.
            if !self.is_there_by_right(w, key) {
                self.tell_worker(w, SchedulerToWorker::Cancel { key, run });
            }
            return;
        };
        // It may not have said so: the end tells it too.
        self.has_started(t, w, run);
        self.learn_speed(t, w, took);
        self.functions.measure_value(self.tasks[t].function, nbytes);
        self.measure(t, took);
        self.note_progress(w, t);
        self.enter_memory(t, nbytes, w);
        self.tell_all_of_memory(t, value);
    }

    /// Frees a value that a worker holds and should not; not what it holds by right, or is making anew: that run's value
    /// would be freed with it.
    pub(super) fn free_stray(&mut self, w: WorkerIndex, key: Key) {
        if !self.is_there_by_right(w, key) {
            self.free(w, key);
        }
    }

    fn is_there_by_right(&self, w: WorkerIndex, key: Key) -> bool {
        let by_right = |t: TaskIndex| {
            let task = &self.tasks[t];
            task.is_held_by(w) || task.run().is_some_and(|run| run.worker == w)
        };
        self.tasks.find(key).is_some_and(by_right)
    }

    /// A run failed by its own doing.
    fn failed(&mut self, w: WorkerIndex, key: Key, run: RunId, failure: Failure, took: Duration) {
        let Some(t) = self.current(w, key, run) else { return };
        self.note_progress(w, t);
        if failure.kind == ErrorKind::Rescheduled {
            return self.rescheduled(t, w, failure, took);
        }
        self.measure(t, took);
        self.run_failed(t, w, failure);
    }

    /// A run was handed back, by nobody's doing in particular.
    fn returned(&mut self, w: WorkerIndex, key: Key, run: RunId, reason: &str) {
        let Some(t) = self.current(w, key, run) else { return };
        self.note_progress(w, t);
        // That a worker which retires gives something back says nothing of the task.
        if !self.workers[w].retiring && self.counts_as_lost_too_often(t) {
            let error = self.lost_too_often(t, &returned(run, &self.workers[w].label(), reason));
            return self.enter_erred(t, error, None);
        }
        self.enter_waiting(t);
    }

    /// A worker has fetched a copy. A copy of a pure value is the value, whoever made it, so it may end a computation that
    /// was begun because all known copies were lost; the copy of a value under a chosen name may be another's.
    pub(super) fn added(&mut self, w: WorkerIndex, key: Key, nbytes: u64) {
        let task = self.tasks.find(key);
        match task.map(|t| (t, &self.tasks[t])) {
            Some((_, task)) if task.is_held_by(w) => {}
            // Lengths are of memory: a value that came as bytes takes another than the one that was made. Only under a chosen
            // name may another length be another value.
            Some((t, task))
                if !task.is_pinned()
                    && matches!(task.state, State::Memory { nbytes: known, .. } if known == nbytes || !task.is_named()) =>
            {
                self.add_replica(t, w);
            }
            Some((t, task)) if task.state.is_unfinished() && task.is_reproducible() => {
                self.cancel_run(t);
                self.enter_memory(t, nbytes, w);
                self.tell_all_of_memory(t, None);
            }
            Some((t, task)) if task.run().is_some_and(|run| run.worker == w) => {
                // A message to drop this copy could meet what the run there makes. So that goes too.
                self.counters.strange_replicas += 1;
                self.take_back(t, "its worker holds an older value under its key");
                self.free(w, key);
            }
            _ => {
                self.counters.strange_replicas += 1;
                self.free_stray(w, key);
            }
        }
    }

    /// A worker can't get an input of one of its runs.
    fn worker_misses(&mut self, w: WorkerIndex, key: Key, holders: &[WorkerId]) {
        let found = self.tasks.find(key);
        let copy = found.filter(|&t| self.copies.is_pending(t, w));
        if let Some(t) = copy {
            // Not a word against the holders: who keeps a copy for its own sake may try again, at no cost. Were the only
            // holder's copy dropped for it, a value would be lost because two workers could not reach each other.
            self.copy_failed(t, w);
        }
        let Some(t) = found.filter(|&t| self.awaits(w, t)) else {
            if copy.is_some() {
                return;
            }
            self.counters.stale_runs += 1;
            return;
        };
        if !matches!(self.tasks[t].state, State::Memory { .. }) {
            return;
        }
        let here = [self.workers[w].id];
        let suspects: Vec<_> = holders.iter().chain(&here).copied().collect();
        self.disbelieve(t, &suspects, "a worker could not fetch it");
        if matches!(self.tasks[t].state, State::Memory { .. }) {
            let holders = self.holders_for_worker(t, w, self.next_run);
            self.tell_worker(w, SchedulerToWorker::Holders { key, holders });
        }
    }

    /// Whether a run on this worker needs this value.
    fn awaits(&self, w: WorkerIndex, t: TaskIndex) -> bool {
        let mut dependents = self.tasks[t].dependents.iter();
        dependents.any(|edge| self.tasks[edge.task].run().is_some_and(|run| run.worker == w))
    }
}
