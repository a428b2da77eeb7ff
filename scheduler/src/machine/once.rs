//! Tasks that are to be started once only.
//!
//! Such a task has effects that must not happen twice. The scheduler knows that a run has not been started only if its
//! worker says so, by handing it back or giving it up, or says goodbye. In every other case, the death of a worker
//! first of all, the run may have been started a moment before; so the task fails, and whoever asked for it decides. It
//! never waits in vain and never runs on a guess: at most once is what is promised, and not exactly once.

use brisk_core::error::{ErrorKind, Failure};

use super::{
    Scheduler,
    recovery::End,
    slab::{TaskIndex, WorkerIndex},
    task::Task,
    unrepeatable::Unrepeatable,
};

impl Task {
    /// Whether it is to be started once only.
    pub(super) fn is_once(&self) -> bool {
        self.options().is_some_and(|options| options.once)
    }

    /// Whether its value is an actor, which stays where it was made.
    pub(super) fn is_pinned(&self) -> bool {
        self.options().is_some_and(|options| options.pinned)
    }

    /// Whether its key says what its value is, whoever has made it: not so if a user chose the key, nor of an actor, whose state is
    /// what has become of it.
    pub(super) fn is_reproducible(&self) -> bool {
        !self.is_named() && !self.is_pinned()
    }
}

impl Scheduler {
    /// Takes a run from its worker, which goes on living: it is told to forget it, and the task waits again. One that is
    /// to be started once only, and perhaps was, fails instead.
    pub(super) fn take_back(&mut self, t: TaskIndex, why: &str) {
        let worker = self.tasks[t].run().map(|run| run.worker);
        self.cancel_run(t);
        match worker.filter(|_| self.tasks[t].is_once() && !planted!(self, OnceForgotten)) {
            Some(w) => self.fail_once(t, w, why),
            None => self.enter_waiting(t),
        }
    }

    /// The worker of a run is gone: the task waits again, unless it must not be started a second time. After a goodbye,
    /// and only then, it is known whether it was started a first time: all reports came before.
    pub(super) fn run_gone(&mut self, t: TaskIndex, w: WorkerIndex, cause: &str, end: End) {
        let task = &self.tasks[t];
        let may_have_started = end != End::Goodbye || task.run().is_some_and(|run| run.started());
        if task.is_once() && may_have_started && !planted!(self, OnceForgotten) {
            return self.fail_once(t, w, &format!("the worker was lost ({cause})"));
        }
        self.enter_waiting(t);
    }

    /// A task that stays known is needed no more. If it is to be started once only and has a run, that may have been it.
    pub(super) fn note_let_go(&mut self, t: TaskIndex) {
        let task = &mut self.tasks[t];
        if task.run().is_some() && task.is_once() {
            task.marks.set_unrepeatable(task.marks.unrepeatable().or(Some(Unrepeatable::Once)));
        }
    }

    fn fail_once(&mut self, t: TaskIndex, w: WorkerIndex, why: &str) {
        let started = match self.tasks[t].run() {
            Some(run) if run.started() => "it had been started",
            _ => "it may have been started",
        };
        let message = format!(
            "{why}. By then {started}, and it is to be started once only, so it is not run again: look whether it did what \
             it was to do before you try again"
        );
        let worker = self.workers[w].label();
        let error = self.error_of(t, Failure::new(ErrorKind::WorkerDied, message), Some(worker));
        self.enter_erred(t, error, None);
    }

    /// The value of a task exists. If it is to be started once only, that was it.
    pub(super) fn note_once(&mut self, t: TaskIndex) {
        if self.tasks[t].marks.unrepeatable().is_none() && self.tasks[t].is_once() && !planted!(self, OnceForgotten) {
            self.tasks[t].marks.set_unrepeatable(Some(Unrepeatable::Once));
        }
    }
}
