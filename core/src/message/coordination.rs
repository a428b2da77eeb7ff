//! What clients ask of the primitives that they share by name.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{id::Fence, key::Key, payload::Payload};

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
    /// Set an event: whoever waits for it goes on. Answered with [`Answer::Done`](super::Answer::Done).
    SetEvent {
        /// The event.
        name: Arc<str>,
    },
    /// Clear an event. Answered with [`Answer::Done`](super::Answer::Done).
    ClearEvent {
        /// The event.
        name: Arc<str>,
    },
    /// Answered with [`Answer::Flag`](super::Answer::Flag): whether the event is set.
    IsEventSet {
        /// The event.
        name: Arc<str>,
    },
    /// Answered with [`Answer::Done`](super::Answer::Done) once the event is set.
    WaitForEvent {
        /// The event.
        name: Arc<str>,
    },
    /// Set a variable. Answered with [`Answer::Done`](super::Answer::Done).
    SetVariable {
        /// The variable.
        name: Arc<str>,
        /// What it holds, in words. All who use it must say the same for as long as it holds something or is waited for.
        shape: Arc<str>,
        /// What it is set to.
        value: Shared,
    },
    /// Answered with [`Answer::Shared`](super::Answer::Shared), what the variable holds, once it holds something; or at once,
    /// with nothing, if it does not and nobody is to wait. What comes is to be [confirmed](super::ClientToScheduler::Confirm).
    GetVariable {
        /// The variable.
        name: Arc<str>,
        /// What it holds, in words.
        shape: Arc<str>,
        /// Whether to wait until it is set.
        wait: bool,
    },
    /// Let the variable hold nothing. Answered with [`Answer::Flag`](super::Answer::Flag): whether it held something.
    DeleteVariable {
        /// The variable.
        name: Arc<str>,
    },
    /// Put an item behind all others of a queue. Answered with [`Answer::Done`](super::Answer::Done) once there is room, in the
    /// order of asking; or at once with [`Answer::Flag`](super::Answer::Flag), `false`, if there is none and nobody is to wait.
    Put {
        /// The queue.
        name: Arc<str>,
        /// What it holds, in words. All who use it at one time must say the same.
        shape: Arc<str>,
        /// How many items it may hold; 0 for any number. All who put items in at one time must say the same.
        limit: u32,
        /// The item.
        item: Shared,
        /// Whether to wait for room.
        wait: bool,
    },
    /// Take items off the front of a queue. Answered with [`Answer::Shared`](super::Answer::Shared) once there is one, in the
    /// order of asking; or at once, with nothing, if there is none and nobody is to wait. What comes is to be
    /// [confirmed](super::ClientToScheduler::Confirm): until then it goes back to its place if the client goes.
    Get {
        /// The queue.
        name: Arc<str>,
        /// What it holds, in words.
        shape: Arc<str>,
        /// How many at most. Fewer come if there are fewer, or if they are long.
        most: u32,
        /// Whether to wait for one.
        wait: bool,
    },
    /// Answered with [`Answer::Count`](super::Answer::Count): how many items a queue holds.
    Length {
        /// The queue.
        name: Arc<str>,
    },
    /// Drop all items of a queue. Answered with [`Answer::Count`](super::Answer::Count): how many.
    Clear {
        /// The queue.
        name: Arc<str>,
    },
}

/// What a queue or variable holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Shared {
    /// The value of a task, which is wanted for as long.
    Key(Key),
    /// A short value itself, encoded.
    Value(Payload),
}

impl Shared {
    pub(super) fn payload(&self) -> Option<&Payload> {
        match self {
            Self::Key(_) => None,
            Self::Value(value) => Some(value),
        }
    }

    pub(super) fn payload_mut(&mut self) -> Option<&mut Payload> {
        match self {
            Self::Key(_) => None,
            Self::Value(value) => Some(value),
        }
    }
}

impl Operation {
    /// The name of the primitive.
    pub fn name(&self) -> &Arc<str> {
        match self {
            Self::Acquire { name, .. }
            | Self::Release { name, .. }
            | Self::Keep { name, .. }
            | Self::SetEvent { name }
            | Self::ClearEvent { name }
            | Self::IsEventSet { name }
            | Self::WaitForEvent { name }
            | Self::SetVariable { name, .. }
            | Self::GetVariable { name, .. }
            | Self::DeleteVariable { name }
            | Self::Put { name, .. }
            | Self::Get { name, .. }
            | Self::Length { name }
            | Self::Clear { name } => name,
        }
    }

    pub(super) fn payload(&self) -> Option<&Payload> {
        match self {
            Self::SetVariable { value: shared, .. } | Self::Put { item: shared, .. } => shared.payload(),
            _ => None,
        }
    }

    pub(super) fn payload_mut(&mut self) -> Option<&mut Payload> {
        match self {
            Self::SetVariable { value: shared, .. } | Self::Put { item: shared, .. } => shared.payload_mut(),
            _ => None,
        }
    }

    /// Whether it may be asked again of the same scheduler if it was not heard what came of it the first time.
    pub fn may_be_repeated(&self) -> bool {
        !matches!(self, Self::Release { .. } | Self::Put { .. })
    }
}
