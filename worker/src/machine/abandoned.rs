//! Runs that nobody waits for, whose bodies go on all the same.
//!
//! A thread can't be stopped from outside, so a body that never asks whether it was cancelled goes on to its end. Its run keeps
//! its slot until then, since it takes the time that goes with it. Where the time of a task is up, or its client says so, the slot
//! is given to others all the same: another thread takes the place of this one, which ends with its body.
//!
//! The other way would be to end the process. That would take every other run of the worker along, and all values that
//! it holds, for the sake of one thread; a worker of threads could not do it at all. What is abandoned still takes a core, or memory, so
//! there is a limit: beyond it runs keep their slots. `restart` of a local cluster ends what is stuck for good.

use brisk_core::{id::RunId, key::Key};

use super::{
    Action, Worker,
    state::{Hold, Owner},
};

impl Worker {
    /// The scheduler does not want a run any more, and its thread is to be free at once.
    pub(super) fn on_abandon(&mut self, key: Key, run: RunId) {
        self.on_cancel(key, run);
        self.abandon(run);
    }

    /// Gives the slot of a run away that nobody waits for any more. If it holds none just now, it gets none again.
    pub(super) fn abandon(&mut self, run: RunId) {
        let limit = self.config.max_abandoned;
        let Some(execution) = self.executions.get_mut(&run) else { return };
        if matches!(execution.owner, Owner::Task(_)) {
            return;
        }
        execution.abandoned = true;
        if execution.hold.is_thread() && self.slots.abandoned < limit {
            let before = std::mem::replace(&mut execution.hold, Hold::Abandoned);
            self.let_go(before);
            self.slots.abandoned += 1;
            self.actions.push_back(Action::Abandon { run });
        }
    }

    /// There is no thread to take the place of an abandoned one: it holds its slot after all.
    pub(super) fn on_kept(&mut self, run: RunId) {
        let Some(execution) = self.executions.get_mut(&run).filter(|execution| execution.hold == Hold::Abandoned)
        else {
            self.counters.stale_runs += 1;
            return;
        };
        execution.hold = Hold::Back;
        self.let_go(Hold::Abandoned);
        self.slots.threads += 1;
        self.slots.back += 1;
    }
}
