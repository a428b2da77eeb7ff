//! Recordings: everything that happened to a scheduler, so that it can happen again.
//!
//! The machine is a function of its settings and its events. A recording holds both, and the hash of the actions up to
//! each event; so a [`Replay`] gives every action of the original once more, and knows that it does. What went wrong on a
//! cluster is then looked at on a desk: the story of one task, or the first event after which an invariant is broken.
//!
//! A recording holds names, keys, lengths, addresses and the texts of errors, but neither arguments nor results: those are
//! not part of events.
//!
//! The file is a list of frames, each with its length and a checksum, that is written as things happen: what is cut off by
//! a kill is the last moment only. TigerBeetle and FoundationDB replay incidents the same way.

// In reading order.
mod format;
mod reader;
mod replay;
mod story;
mod verify;

pub use format::{ActionHash, Header, Writer};
pub use reader::{Entry, Recording, RecordingError};
pub use replay::{Replay, ReplayError, Step};
pub use story::{Story, TaskQuery, UnknownTask};
pub use verify::{Checks, Summary, verify};
