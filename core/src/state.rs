//! The states of a task at the scheduler, and the one table of legal transitions.

use serde::{Deserialize, Serialize};

/// Where a task is in its life, as the scheduler sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaskState {
    /// Known for its lineage only: no value, and nobody needs one.
    Released,
    /// Needed, and waiting for its dependencies.
    Waiting,
    /// Ready, but no worker may run it.
    NoWorker,
    /// Ready, and held back until a worker has room.
    Queued,
    /// Assigned to one worker, under one run.
    Processing,
    /// Its value is held by at least one worker.
    Memory,
    /// It failed, or a task it depends on did.
    Erred,
    /// No longer known. The end of every life.
    Forgotten,
}

impl TaskState {
    /// All states, in the order of a life.
    pub const ALL: [TaskState; 8] = [
        Self::Released,
        Self::Waiting,
        Self::NoWorker,
        Self::Queued,
        Self::Processing,
        Self::Memory,
        Self::Erred,
        Self::Forgotten,
    ];

    /// Whether a task may go from this state to `next`. Everything else is a bug of the scheduler.
    pub fn may_become(self, next: TaskState) -> bool {
        use TaskState::*;
        match self {
            // Needed, poisoned by an erred dependency, or no longer lineage of anything. Scattered data starts in memory.
            Released => matches!(next, Waiting | Memory | Erred | Forgotten),
            // The last dependency arrived; or one erred; or nobody needs it any more. A replica may be offered to it.
            Waiting => matches!(next, NoWorker | Queued | Processing | Memory | Erred | Released | Forgotten),
            // A worker came; an input was lost; waited too long; not needed.
            NoWorker => matches!(next, Queued | Processing | Waiting | Memory | Erred | Released | Forgotten),
            // A slot opened; the last eligible worker left; an input was lost; not needed.
            Queued => matches!(next, Processing | NoWorker | Waiting | Memory | Erred | Released | Forgotten),
            // Done; failed; to be run again; its worker or an input was lost; not needed.
            Processing => matches!(next, Memory | Erred | Waiting | Queued | NoWorker | Released | Forgotten),
            // The last replica was lost, or nobody needs it.
            Memory => matches!(next, Released | Waiting | Erred | Forgotten),
            // Retried by hand, or dropped by everybody.
            Erred => matches!(next, Waiting | Released | Forgotten),
            Forgotten => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_state_becomes_itself_and_forgotten_is_the_end() {
        for state in TaskState::ALL {
            assert!(!state.may_become(state));
            assert!(!TaskState::Forgotten.may_become(state));
        }
    }

    #[test]
    fn every_life_can_end() {
        for state in TaskState::ALL.into_iter().filter(|s| *s != TaskState::Forgotten) {
            assert!(state.may_become(TaskState::Forgotten));
        }
    }
}
