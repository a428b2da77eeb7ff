//! Asking back what was sent, as a handshake.
//!
//! Only a worker knows what it has not started. So it is asked for some of its runs, and answers with those that it has
//! forgotten; each is fenced by its number, so that no start, end or loss that crosses the question is undone. A worker is
//! asked one *question* at a time, and a task is assigned to one worker, so at most one question is about it. The task
//! leaves the question when it leaves the worker, and is promised to nobody any more when its thief goes.
//!
//! There are two reasons to ask. [`balance`](super::balance) moves some runs from workers with much ahead to others with
//! little. And a call may turn out to take a minute with hundreds of short ones behind it: a worker that has more than its
//! threads can run, and has ended nothing for a while, is *stalled*. It is given nothing more, and if others have threads
//! to spare it is asked for all that it has not started, which goes back to the queue.
//!
//! How often a task moves is bounded, by rule and not by luck (Dask's tasks could go to and fro for ever, distributed#5243):
//! to balance, a few times, and never back to a worker that it was taken from; out of a stall, where waiting may mean
//! for ever, more often.

use std::collections::BTreeMap;

use brisk_core::{
    id::{RequestId, RunId, WorkerId},
    key::Key,
    message::SchedulerToWorker,
    time::Moment,
};
use serde::{Deserialize, Serialize};

use super::{
    Scheduler,
    class::Kind,
    slab::{ClassIndex, TaskIndex, WorkerIndex},
    task::{State, Task},
    timers::Timer,
};

/// So often a task may be moved to balance.
pub(super) const MOVES: u8 = 3;

/// So often a task may be moved at all.
pub(super) const RESCUES: u8 = 16;

/// What a worker was asked to give up and has not answered.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) request: RequestId,
    since: Moment,
    /// All and only the runs of the question that are still on the worker and not known to have started.
    pub(super) thefts: BTreeMap<TaskIndex, Theft>,
}

/// One run that a worker was asked for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Theft {
    pub(super) run: RunId,
    /// Whom it is for, if for anybody in particular who is still there, and what that one was promised.
    pub(super) thief: Option<WorkerIndex>,
    pub(super) kind: Kind,
    pub(super) estimate_ns: u64,
}

/// Runs that a worker is to get if others give them up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Promised {
    /// By kind.
    pub(super) runs: [u32; 2],
    pub(super) ns: u64,
}

impl Promised {
    pub(super) fn add(&mut self, theft: &Theft) {
        self.runs[theft.kind as usize] += 1;
        self.ns += theft.estimate_ns;
    }

    fn remove(&mut self, theft: &Theft) {
        self.runs[theft.kind as usize] -= 1;
        self.ns -= theft.estimate_ns;
    }
}

impl Task {
    /// How often it was moved so far.
    pub(super) fn moves(&self) -> u8 {
        self.past().map_or(0, |history| history.moves)
    }

    /// Whether it was taken from this worker before.
    pub(super) fn was_taken_from(&self, worker: WorkerId) -> bool {
        self.past().is_some_and(|history| history.taken_from.contains(&worker))
    }
}

impl Scheduler {
    /// A worker was given more than it can run: it will be looked at after a while.
    pub(super) fn watch(&mut self, w: WorkerIndex) {
        if self.watch_at.is_none() && self.workers[w].is_behind() {
            let at = self.now + self.config.steal_after;
            self.watch_at = Some(at);
            self.timers.insert(at, Timer::Watch);
        }
    }

    /// Looks at all workers that have work ahead, and takes it from those that are stalled. Their number bounds what this
    /// costs; it happens now and then, not with every task.
    pub(super) fn look_for_stalled(&mut self) {
        self.watch_at = None;
        self.work.look = true;
        let behind = self.workers.in_order().filter(|(_, worker)| worker.is_behind()).map(|(w, _)| w);
        for w in behind.collect::<Vec<_>>() {
            let idle = self.now.since(self.workers[w].last_progress);
            if self.workers[w].has_work_ahead() && idle >= self.config.steal_after {
                self.workers[w].stalled = true;
                self.load_changed(w);
                self.rescue_from(w);
            }
            self.watch(w);
        }
    }

    /// Asks a stalled worker for what it has not started and others could start now.
    fn rescue_from(&mut self, w: WorkerIndex) {
        if self.owes_an_answer(w) {
            return;
        }
        let mut runs = Vec::new();
        // Tasks of one class are alike, and there are few classes.
        let mut elsewhere = BTreeMap::new();
        for &t in &self.workers[w].processing {
            let task = &self.tasks[t];
            // What was sent ahead could start nowhere else: its inputs are being made here.
            let Some(run) = task.run().filter(|run| !run.started() && run.awaiting == 0) else { continue };
            if task.moves() < RESCUES
                && *elsewhere.entry(task.class).or_insert_with(|| self.could_start_elsewhere(task.class))
            {
                let kind = self.classes.slab[task.class].demand.kind;
                let theft = Theft { run: run.id, thief: None, kind, estimate_ns: run.estimate_ns() };
                runs.push((task.priority, t, theft));
            }
        }
        runs.sort_unstable_by_key(|&(priority, t, _)| (priority, t));
        self.ask(w, runs.into_iter().map(|(_, t, theft)| (t, theft)).collect());
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

    /// Whether a worker was asked a while ago and has not answered. One that was asked long ago may be asked again.
    pub(super) fn owes_an_answer(&self, w: WorkerIndex) -> bool {
        let question = self.workers[w].question.as_ref();
        question.is_some_and(|question| self.now.since(question.since) < self.config.steal_again_after)
    }

    /// Asks a worker for runs, instead of whatever it was asked for before.
    pub(super) fn ask(&mut self, w: WorkerIndex, runs: Vec<(TaskIndex, Theft)>) {
        if runs.is_empty() {
            return;
        }
        self.drop_question(w);
        self.next_request += 1;
        let request = RequestId(self.next_request);
        for (_, theft) in &runs {
            if let Some(thief) = theft.thief {
                self.workers[thief].promised.add(theft);
            }
        }
        let named = runs.iter().map(|&(t, theft)| (self.tasks[t].key, theft.run)).collect();
        let thefts = runs.into_iter().collect();
        self.workers[w].question = Some(Question { request, since: self.now, thefts });
        self.tell_worker(w, SchedulerToWorker::Steal { request, runs: named });
    }

    /// No answer to what a worker was asked is waited for any longer.
    pub(super) fn drop_question(&mut self, w: WorkerIndex) -> BTreeMap<TaskIndex, Theft> {
        let Some(question) = self.workers[w].question.take() else { return BTreeMap::new() };
        for theft in question.thefts.values() {
            self.break_promise(theft);
        }
        question.thefts
    }

    /// A task leaves a worker, or has started there.
    pub(super) fn drop_theft(&mut self, t: TaskIndex, w: WorkerIndex) {
        let question = self.workers[w].question.as_mut();
        if let Some(theft) = question.and_then(|question| question.thefts.remove(&t)) {
            self.break_promise(&theft);
        }
    }

    fn break_promise(&mut self, theft: &Theft) {
        if let Some(thief) = theft.thief {
            self.workers[thief].promised.remove(theft);
        }
    }

    /// A worker goes: it gives nothing up, and what others give up is not for it.
    pub(super) fn forget_thefts(&mut self, w: WorkerIndex) {
        self.drop_question(w);
        if std::mem::take(&mut self.workers[w].promised) == Promised::default() {
            return;
        }
        for victim in self.workers.slab.indices().collect::<Vec<_>>() {
            let question = self.workers[victim].question.as_mut();
            for theft in question.into_iter().flat_map(|question| question.thefts.values_mut()) {
                theft.thief = theft.thief.filter(|&thief| thief != w);
            }
        }
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
        let mut thefts = BTreeMap::new();
        if self.workers[w].question.as_ref().is_some_and(|question| question.request == request) {
            thefts = self.drop_question(w);
        } else {
            self.counters.unasked_answers += 1;
            if request.0 > self.next_request {
                return;
            }
        }
        for (key, run) in runs {
            if let Some(t) = self.current(w, key, run).filter(|_| !planted!(self, DroppedStealAnswer)) {
                let thief = thefts.get(&t).and_then(|theft| theft.thief);
                self.note_move(t, w, thief.is_some());
                self.enter_waiting(t);
                self.work.destined.extend(thief.map(|thief| (t, thief)));
            }
        }
    }

    /// A task has been given up, so that it does not go to and fro. What a worker gives up because it retires was not taken.
    fn note_move(&mut self, t: TaskIndex, w: WorkerIndex, to_balance: bool) {
        if self.workers[w].retiring {
            return;
        }
        let worker = self.workers[w].id;
        let history = self.tasks[t].history();
        history.moves = (history.moves + 1).min(RESCUES);
        if to_balance && !history.taken_from.contains(&worker) {
            history.taken_from.push(worker);
        }
    }

    /// Gives what was given up to those whom it was taken for, if they can still take it. Else it goes where there is room.
    pub(super) fn assign_destined(&mut self) {
        for (t, thief) in std::mem::take(&mut self.work.destined) {
            let ready = self.tasks.get(t).is_some_and(|task| matches!(task.state, State::Waiting { missing: 0 }));
            if ready
                && self.workers.slab.get(thief).is_some()
                && self.may_take(t, thief)
                && self.workers[thief].could_hold(self.input_bytes(t))
            {
                self.assign(t, thief);
            }
        }
    }
}
