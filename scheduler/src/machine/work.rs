//! Lists of what follows from an event, which are worked off before it ends. They take the place of recursion.

use brisk_core::{key::Key, message::Priority};

use super::slab::{TaskIndex, WorkerIndex};

/// All empty between two events. A task may stand in a list more than once, or be gone, or have changed since: whoever
/// takes it off looks first.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Tasks with a dependency that failed.
    pub(super) poisoned: Vec<TaskIndex>,
    /// Tasks that were sent ahead, of whose inputs one is no longer being made where they are.
    pub(super) stranded: Vec<TaskIndex>,
    /// Released tasks that somebody needs.
    pub(super) needed: Vec<TaskIndex>,
    /// Tasks that perhaps nobody needs any more.
    pub(super) unneeded: Vec<TaskIndex>,
    /// Tasks that have all their dependencies.
    pub(super) ready: Vec<(Priority, TaskIndex)>,
    /// Tasks that miss one dependency only, after having missed more.
    pub(super) nearly_ready: Vec<TaskIndex>,
    /// Tasks that were taken from a worker for another, and for which.
    pub(super) destined: Vec<(TaskIndex, WorkerIndex)>,
    /// Whether workers with work ahead are to be looked at.
    pub(super) look: bool,
    /// Workers that may be sent dependents of what they run. Each is marked, and stands here once.
    pub(super) feeding: Vec<WorkerIndex>,
    /// Workers that are to drop values.
    pub(super) freeing: Vec<WorkerIndex>,
    /// Workers that are to confirm that they hold a value.
    pub(super) confirming: Vec<(WorkerIndex, Key)>,
    /// Whether the threads of runs that are cancelled now are to be given to others at once.
    pub(super) abandons: bool,
    /// Whether some worker may have room for a queued task.
    pub(super) room: bool,
    /// Workers that may have room for classes that wait for them. If there are many, some stand here twice.
    pub(super) roomy: Vec<WorkerIndex>,
}

impl Work {
    /// Whether nothing follows any more but messages and assignments.
    pub(super) fn is_settled(&self) -> bool {
        self.poisoned.is_empty() && self.stranded.is_empty() && self.needed.is_empty() && self.unneeded.is_empty()
    }
}
