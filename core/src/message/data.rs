//! The data link: values, straight from the worker that holds them.

use serde::{Deserialize, Serialize};

use crate::{error::Failure, id::RequestId, key::Key, payload::Payload, task::TaskName};

/// What is said on a data link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DataMessage {
    /// Asks for values.
    Fetch {
        /// The request.
        request: RequestId,
        /// The keys.
        keys: Vec<Key>,
    },
    /// Answers some keys of a request. Every key is answered once; the answers may come in several messages.
    Values {
        /// The request.
        request: RequestId,
        /// The answers.
        values: Vec<(Key, FetchOutcome)>,
    },
    /// Puts a client's values into the store of the worker. What nobody then claims at the scheduler is dropped again.
    Put {
        /// The request.
        request: RequestId,
        /// The values, each with the memory that it takes.
        values: Vec<(Key, u64, Payload)>,
    },
    /// Answers a [`Put`](DataMessage::Put): which of its values are held now. For the others the worker has no room, or it
    /// is about to leave.
    Stored {
        /// The request.
        request: RequestId,
        /// The keys held.
        keys: Vec<Key>,
    },
    /// Calls a method of an actor that lives on the worker.
    Call {
        /// The request.
        request: RequestId,
        /// How many calls went over this link before. A transport may deliver one message before another; calls are made in
        /// the order of their numbers.
        number: u64,
        /// The actor: the key of the task that made it.
        actor: Key,
        /// The method and its arguments, the first of which is the actor.
        spec: Payload,
    },
    /// Answers a [`Call`](DataMessage::Call) with what the method came to.
    Called {
        /// The request.
        request: RequestId,
        /// The result; [`Missing`](FetchOutcome::Missing) if the actor is not here, [`Busy`](FetchOutcome::Busy) if too many
        /// calls wait for it. It was not called in these two cases.
        outcome: FetchOutcome,
    },
    /// Asks for a call to be made here and now, beside all tasks. Only clients may.
    Run {
        /// The request.
        request: RequestId,
        /// What the call is named in errors.
        task: TaskName,
        /// The call. All its arguments are in it.
        call: Payload,
    },
    /// Answers a [`Run`](DataMessage::Run) or [`Tables`](DataMessage::Tables): what came of it. `Busy` if too many such calls are
    /// being made.
    Ran {
        /// The request.
        request: RequestId,
        /// The value, or why there is none.
        outcome: FetchOutcome,
    },
    /// Asks for everything that the worker's machine knows, as text. Answered by a [`Ran`](DataMessage::Ran) with the bytes.
    Tables {
        /// The request.
        request: RequestId,
    },
}

/// What a holder answers for one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FetchOutcome {
    /// The value.
    Value(Payload),
    /// It is not, or no longer, held here.
    Missing,
    /// Too many values are on their way out: ask again, here or elsewhere.
    Busy,
    /// It is here but can't leave this process.
    Failed(Box<Failure>),
}

impl FetchOutcome {
    fn payload(&self) -> Option<&Payload> {
        match self {
            FetchOutcome::Value(payload) => Some(payload),
            _ => None,
        }
    }

    fn payload_mut(&mut self) -> Option<&mut Payload> {
        match self {
            FetchOutcome::Value(payload) => Some(payload),
            _ => None,
        }
    }
}

impl DataMessage {
    pub(super) fn payloads(&self) -> impl Iterator<Item = &Payload> {
        let (answers, put, one) = match self {
            Self::Values { values, .. } => (values.as_slice(), [].as_slice(), None),
            Self::Put { values, .. } => ([].as_slice(), values.as_slice(), None),
            Self::Call { spec, .. } | Self::Run { call: spec, .. } => ([].as_slice(), [].as_slice(), Some(spec)),
            Self::Called { outcome, .. } | Self::Ran { outcome, .. } => {
                ([].as_slice(), [].as_slice(), outcome.payload())
            }
            Self::Fetch { .. } | Self::Stored { .. } | Self::Tables { .. } => ([].as_slice(), [].as_slice(), None),
        };
        let answers = answers.iter().filter_map(|(_, outcome)| outcome.payload());
        answers.chain(put.iter().map(|(_, _, payload)| payload)).chain(one)
    }

    pub(super) fn payloads_mut(&mut self) -> impl Iterator<Item = &mut Payload> {
        let (answers, put, one) = match self {
            Self::Values { values, .. } => (values.as_mut_slice(), [].as_mut_slice(), None),
            Self::Put { values, .. } => ([].as_mut_slice(), values.as_mut_slice(), None),
            Self::Call { spec, .. } | Self::Run { call: spec, .. } => {
                ([].as_mut_slice(), [].as_mut_slice(), Some(spec))
            }
            Self::Called { outcome, .. } | Self::Ran { outcome, .. } => {
                ([].as_mut_slice(), [].as_mut_slice(), outcome.payload_mut())
            }
            Self::Fetch { .. } | Self::Stored { .. } | Self::Tables { .. } => {
                ([].as_mut_slice(), [].as_mut_slice(), None)
            }
        };
        let answers = answers.iter_mut().filter_map(|(_, outcome)| outcome.payload_mut());
        answers.chain(put.iter_mut().map(|(_, _, payload)| payload)).chain(one)
    }
}
