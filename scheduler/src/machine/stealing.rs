//! Taking back what was sent too far ahead.
//!
//! Short calls are sent ahead by the hundred, and one of them may turn out to take a minute: everything behind it would
//! wait, beside idle workers. So a worker that has more than its threads can run, and has ended nothing for a while, is
//! *stalled*: it is given nothing more, and if others have threads to spare it is asked for what it has not started. Only
//! the worker knows what that is; what it gives up goes back to the queue, from which whoever has room takes it.
//!
//! Nothing else is stolen: long calls are never sent ahead, so they are late-bound to begin with.

use std::collections::BTreeMap;

use brisk_core::{
    id::{RequestId, RunId},
    key::Key,
    message::SchedulerToWorker,
};

use super::{
    Scheduler,
    class::Kind,
    slab::{ClassIndex, TaskIndex, WorkerIndex},
    timers::Timer,
};

impl Scheduler {
    /// A worker was given more than its threads can run: it will be looked at after a while.
    pub(super) fn watch(&mut self, w: WorkerIndex) {
        if self.watch_at.is_none() && self.workers[w].has_work_ahead() {
            let at = self.now + self.config.steal_after;
            self.watch_at = Some(at);
            self.timers.insert(at, Timer::Watch);
        }
    }

    /// Looks at all workers that have work ahead, and takes it from those that are stalled. Their number bounds what this
    /// costs; it happens now and then, not with every task.
    pub(super) fn look_for_stalled(&mut self) {
        self.watch_at = None;
        let ahead = self.workers.in_order().filter(|(_, worker)| worker.has_work_ahead()).map(|(w, _)| w);
        for w in ahead.collect::<Vec<_>>() {
            if self.now.since(self.workers[w].last_progress) >= self.config.steal_after {
                self.workers[w].stalled = true;
                self.load_changed(w);
                self.steal_from(w);
            }
            self.watch(w);
        }
    }

    /// Asks a worker for what it has not started and others could start now.
    fn steal_from(&mut self, w: WorkerIndex) {
        let unanswered =
            self.workers[w].steal.is_some_and(|(_, since)| self.now.since(since) < self.config.steal_again_after);
        if unanswered {
            return;
        }
        let mut runs = Vec::new();
        // Tasks of one class are alike, and there are few classes.
        let mut elsewhere = BTreeMap::new();
        for &t in &self.workers[w].processing {
            let task = &self.tasks[t];
            // What was sent ahead could start nowhere else: its inputs are being made here.
            let Some(run) = task.run().filter(|run| !run.started && run.awaiting == 0) else { continue };
            if *elsewhere.entry(task.class).or_insert_with(|| self.could_start_elsewhere(task.class)) {
                runs.push((task.priority, task.key, run.id));
            }
        }
        if runs.is_empty() {
            return;
        }
        runs.sort_unstable();
        self.next_request += 1;
        let request = RequestId(self.next_request);
        self.workers[w].steal = Some((request, self.now));
        let runs = runs.into_iter().map(|(_, key, run)| (key, run)).collect();
        self.tell_worker(w, SchedulerToWorker::Steal { request, runs });
    }

    /// Whether some worker that may run tasks of a class has a thread for one.
    fn could_start_elsewhere(&self, class: ClassIndex) -> bool {
        let demand = &self.classes.slab[class].demand;
        demand.kind == Kind::Thread
            && self.classes.eligible(class).iter().any(|&other| {
                let worker = &self.workers[other];
                worker.takes_work()
                    && worker.runnable(Kind::Thread) < worker.threads()
                    && worker.has_left(&demand.resources)
            })
    }

    /// A worker has ended a run.
    pub(super) fn note_progress(&mut self, w: WorkerIndex, t: TaskIndex) {
        if self.classes.slab[self.tasks[t].class].demand.kind == Kind::Thread {
            self.workers[w].last_progress = self.now;
            self.workers[w].stalled = false;
        }
    }

    /// A worker has given up these runs. An answer that was not waited for any longer counts as well: the worker has
    /// forgotten the runs, and will not give them up a second time. Each is fenced by its own number.
    pub(super) fn stolen(&mut self, w: WorkerIndex, request: RequestId, runs: Vec<(Key, RunId)>) {
        if self.workers[w].steal.is_some_and(|(asked, _)| asked == request) {
            self.workers[w].steal = None;
        } else {
            self.counters.unasked_answers += 1;
            if request.0 > self.next_request {
                return;
            }
        }
        for (key, run) in runs {
            if let Some(t) = self.current(w, key, run).filter(|_| !planted!(self, DroppedStealAnswer)) {
                self.enter_waiting(t);
            }
        }
    }
}
