//! Values that can't be computed again, and what is said when one of them is gone.
//!
//! Recomputing answers every loss but these: a value that a client has put into workers' stores has no function, a task
//! that is to be started once only has been, and a task at the end of a cut lineage has nothing left to compute it from.
//! Whoever needs such a value fails at once and by name; nothing waits for it.

use brisk_core::error::{ErrorKind, Failure, TaskError};
use serde::{Deserialize, Serialize};

use super::{
    Scheduler,
    slab::{TaskIndex, WorkerIndex},
};

/// Why a value can't be computed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Unrepeatable {
    /// It was scattered: there is no function.
    Scattered,
    /// Its task was started, and is to be started once only.
    Once,
    /// What it was computed from was forgotten; see [`lineage`](super::lineage).
    Cut,
}

impl Scheduler {
    /// The task is needed, but can't be computed again: it fails.
    pub(super) fn fail_for_good(&mut self, t: TaskIndex, why: Unrepeatable) {
        let error = self.lost_for_good(t, why, "it was not kept while nobody needed it");
        self.enter_erred(t, error, None);
    }

    /// The last holder of a value that can't be computed again is gone.
    pub(super) fn lost_with(&self, t: TaskIndex, why: Unrepeatable, w: WorkerIndex, how: &str) -> TaskError {
        let worker = self.workers[w].label();
        let error = self.lost_for_good(t, why, &format!("worker {worker} was the last to hold it: {how}"));
        error.with(|report| report.worker = Some(worker))
    }

    fn lost_for_good(&self, t: TaskIndex, why: Unrepeatable, how: &str) -> TaskError {
        let (kind, message) = match why {
            Unrepeatable::Scattered => (
                ErrorKind::DataLost,
                format!(
                    "this scattered value is lost, and nothing can compute it again: {how}. Scatter it again, keep its \
                     handle for as long as it may be needed, or have more copies kept"
                ),
            ),
            Unrepeatable::Once if self.tasks[t].is_pinned() => {
                (ErrorKind::ActorLost, format!("this actor is gone, and its state with it: {how}. Start a new one"))
            }
            Unrepeatable::Once => (
                ErrorKind::DataLost,
                format!(
                    "its value is lost, and it is to be started once only, so it is not computed again: {how}. Have more \
                     copies kept, or allow it to run again"
                ),
            ),
            Unrepeatable::Cut => (
                ErrorKind::LineageCut,
                format!(
                    "its value is lost, and what it was computed from was forgotten, at a checkpoint or being more than {} \
                     tasks deep: {how}. Have more copies kept (client.checkpoint(…).copies(n)), put checkpoints into files and \
                     restore them, or raise the scheduler's bound on lineage",
                    self.config.max_lineage
                ),
            ),
        };
        self.error_of(t, Failure::new(kind, message), None)
    }
}
