//! Tasks that ask to be placed again: they can't go on where they are, or not yet.
//!
//! That is no failure of theirs: no retry is used up, and how long such a run took says nothing of the function. The task goes
//! back among those that wait, with a pause before its next run, so that it does not spin; which worker that is on is decided
//! anew. But nobody waits for ever for one that always asks, as for Dask's `Reschedule`: after a number of times it fails.

use std::time::Duration;

use brisk_core::error::{ErrorKind, Failure};

use super::{
    Scheduler,
    backoff::pause,
    functions::nanos,
    slab::{TaskIndex, WorkerIndex},
};

/// The pause after the first time. It doubles with each.
const FIRST: Duration = Duration::from_millis(10);

/// So often it doubles: to ten seconds.
const DOUBLINGS: u32 = 10;

impl Scheduler {
    /// A run has ended by asking that its task be placed again.
    pub(super) fn rescheduled(&mut self, t: TaskIndex, w: WorkerIndex, failure: Failure, took: Duration) {
        if let Some(run) = self.tasks[t].run() {
            self.correct_charge(t, run.estimate_ns(), Some(nanos(took)));
        }
        let allowed = self.config.allowed_reschedules;
        let history = self.tasks[t].history();
        history.reschedules = history.reschedules.saturating_add(1);
        let times = history.reschedules;
        let why = match () {
            () if self.tasks[t].is_once() => "it may be started once only".to_owned(),
            () if times > allowed => format!("it has asked {times} times, and {allowed} are allowed"),
            () => return self.run_after(t, pause(FIRST, times.min(DOUBLINGS + 1), self.tasks[t].key)),
        };
        let message = format!("{}; {why}", failure.message);
        let failure = Failure { cause: failure.cause, ..Failure::new(ErrorKind::Rescheduled, message) };
        let error = self.run_error(t, w, failure);
        self.enter_erred(t, error, None);
    }
}
