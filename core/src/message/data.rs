//! The data link: values, straight from the worker that holds them.

use serde::{Deserialize, Serialize};

use crate::{error::Failure, id::RequestId, key::Key, payload::Payload};

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

impl DataMessage {
    pub(super) fn payloads(&self) -> impl Iterator<Item = &Payload> {
        let (answers, put) = match self {
            Self::Values { values, .. } => (values.as_slice(), [].as_slice()),
            Self::Put { values, .. } => ([].as_slice(), values.as_slice()),
            Self::Fetch { .. } | Self::Stored { .. } => ([].as_slice(), [].as_slice()),
        };
        let answers = answers.iter().filter_map(|(_, outcome)| match outcome {
            FetchOutcome::Value(payload) => Some(payload),
            _ => None,
        });
        answers.chain(put.iter().map(|(_, _, payload)| payload))
    }

    pub(super) fn payloads_mut(&mut self) -> impl Iterator<Item = &mut Payload> {
        let (answers, put) = match self {
            Self::Values { values, .. } => (values.as_mut_slice(), [].as_mut_slice()),
            Self::Put { values, .. } => ([].as_mut_slice(), values.as_mut_slice()),
            Self::Fetch { .. } | Self::Stored { .. } => ([].as_mut_slice(), [].as_mut_slice()),
        };
        let answers = answers.iter_mut().filter_map(|(_, outcome)| match outcome {
            FetchOutcome::Value(payload) => Some(payload),
            _ => None,
        });
        answers.chain(put.iter_mut().map(|(_, _, payload)| payload))
    }
}
