//! A chain of causes: an `Error` whose `source()` is the next.

use std::{error::Error, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::cut;

/// One cause of a failure, and the cause of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    message: String,
    next: Option<Box<Cause>>,
}

/// A longer chain is cut: it is a loop or a mistake.
const MAX_CAUSES: usize = 32;

impl Cause {
    /// The chain of these messages, the first outermost; `None` if there are none.
    pub fn chain(messages: Vec<String>) -> Option<Cause> {
        let kept = messages.into_iter().take(MAX_CAUSES).collect::<Vec<_>>();
        kept.into_iter().rev().fold(None, |next, mut message| {
            cut(&mut message);
            Some(Cause { message, next: next.map(Box::new) })
        })
    }

    /// The cause of this one.
    pub fn next(&self) -> Option<&Cause> {
        self.next.as_deref()
    }

    fn messages(&self) -> Vec<&str> {
        std::iter::successors(Some(self), |cause| cause.next()).map(|cause| cause.message.as_str()).collect()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.next.as_deref().map(|next| next as &(dyn Error + 'static))
    }
}

/// Travels as a list: nested it would let a peer choose how deep the decoder recurses.
impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.messages().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Cause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let messages = Vec::deserialize(deserializer)?;
        Cause::chain(messages).ok_or_else(|| serde::de::Error::custom("a chain of causes can't be empty"))
    }
}
