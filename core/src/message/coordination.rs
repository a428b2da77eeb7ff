//! What clients ask of the primitives that they share by name.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::Fence;

/// What is asked of a primitive. It comes with a request, whose [`Answer`](super::Answer) says what came of it: what is
/// against the rules, or beyond a limit, is answered with [`Answer::Refused`](super::Answer::Refused).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Operation {
    /// Take permits of a semaphore. Answered with [`Answer::Granted`](super::Answer::Granted) once they are free, in the order
    /// of asking; or at once with [`Answer::Flag`](super::Answer::Flag), `false`, if they are not and nobody is to wait.
    Acquire {
        /// The semaphore.
        name: Arc<str>,
        /// How many permits it has. All who use it at one time must say the same.
        limit: u32,
        /// How many are taken.
        count: u32,
        /// Whether to wait until so many are free.
        wait: bool,
    },
    /// Give back what was granted. Answered with [`Answer::Done`](super::Answer::Done).
    Release {
        /// The semaphore.
        name: Arc<str>,
        /// The grant.
        fence: Fence,
    },
    /// The client was granted this over a connection that was lost, and goes on using it. Answered with
    /// [`Answer::Done`](super::Answer::Done), or with [`LeaseLost`](super::SchedulerToClient::LeaseLost).
    Keep {
        /// The semaphore.
        name: Arc<str>,
        /// The grant.
        fence: Fence,
    },
}

impl Operation {
    /// Whether it may be asked again of the same scheduler if it was not heard what came of it the first time.
    pub fn may_be_repeated(&self) -> bool {
        !matches!(self, Self::Release { .. })
    }
}
