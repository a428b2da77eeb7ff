//! What the file looks like: a mark, then frames.
//!
//! A frame is a length, so many bytes of postcard, and a checksum of them. An event's frame carries the hash of all actions
//! before it, so it can be written before the event is handled: an event that makes the machine panic is in the file.

use std::io;

use brisk_core::{id::Epoch, time::Moment};
use serde::{Deserialize, Serialize};

use crate::machine::{Action, Config, Event};

/// What every recording begins with. The last byte is the format's version.
pub(super) const MARK: [u8; 8] = *b"brisk\0r\x01";

/// The longest frame that is read. An event comes from one message, whose frame on the wire is shorter than this.
pub(super) const MAX_FRAME: u32 = 64 << 20;

/// Bytes of checksum behind a frame.
pub(super) const CHECKSUM: usize = 4;

/// Whose recording it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The version of this crate that wrote it. Another version's machine may decide otherwise, so it is not replayed.
    pub version: String,
    /// The scheduler's name.
    pub name: String,
    /// The scheduler's life.
    pub epoch: Epoch,
    /// The machine's settings.
    pub config: Config,
}

/// One frame after the header.
#[derive(Debug, Deserialize)]
pub(super) enum Frame {
    /// An event, about to be handled.
    Event {
        /// When.
        now: Moment,
        /// The hash of all actions before it.
        before: u64,
        /// What.
        event: Box<Event>,
    },
    /// The scheduler was shut down.
    End {
        /// The hash of all actions.
        actions: u64,
    },
}

/// The same frame, of borrowed parts.
#[derive(Serialize)]
enum FrameRef<'a> {
    Event { now: Moment, before: u64, event: &'a Event },
    End { actions: u64 },
}

impl Header {
    /// The header of a recording that is written by this version.
    pub fn new(name: &str, epoch: Epoch, config: Config) -> Self {
        Header { version: env!("CARGO_PKG_VERSION").to_owned(), name: name.to_owned(), epoch, config }
    }
}

/// A hash of all actions so far, but for records, which are for those who watch.
#[derive(Clone, Debug, Default)]
pub struct ActionHash {
    hash: u64,
    scratch: Vec<u8>,
}

impl ActionHash {
    /// Adds an action.
    pub fn note(&mut self, action: &Action) {
        if matches!(action, Action::Record(_)) {
            return;
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(&self.hash.to_le_bytes());
        let mut scratch = std::mem::take(&mut self.scratch);
        // Actions are plain data; what postcard refuses is a sequence of unknown length, which they don't have.
        scratch = postcard::to_extend(action, scratch).unwrap_or_default();
        self.hash = short_hash(&scratch);
        self.scratch = scratch;
    }

    /// The hash.
    pub fn get(&self) -> u64 {
        self.hash
    }
}

/// Encodes frames. Where the bytes go is the caller's business: to a file, or to a thread that writes one.
#[derive(Debug, Default)]
pub struct Writer {
    actions: ActionHash,
}

impl Writer {
    /// A writer, and what a recording of this scheduler begins with.
    ///
    /// # Errors
    /// If the header can't be encoded.
    pub fn new(header: &Header) -> io::Result<(Self, Vec<u8>)> {
        let mut bytes = MARK.to_vec();
        frame(&mut bytes, header)?;
        Ok((Writer::default(), bytes))
    }

    /// Adds the frame of an event that is about to be handled.
    ///
    /// # Errors
    /// If it is longer than a frame may be, or can't be encoded.
    pub fn event(&mut self, bytes: &mut Vec<u8>, now: Moment, event: &Event) -> io::Result<()> {
        frame(bytes, &FrameRef::Event { now, before: self.actions.get(), event })
    }

    /// Notes an action that came of the latest event.
    pub fn action(&mut self, action: &Action) {
        self.actions.note(action);
    }

    /// Adds the last frame.
    ///
    /// # Errors
    /// If it can't be encoded.
    pub fn end(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        frame(bytes, &FrameRef::End { actions: self.actions.get() })
    }
}

/// Adds a frame; or, if it can't be, nothing.
fn frame(bytes: &mut Vec<u8>, content: &impl Serialize) -> io::Result<()> {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    let encoded = append(bytes, content).and_then(|()| {
        let len = u32::try_from(bytes.len() - start - 4).ok().filter(|len| *len <= MAX_FRAME);
        len.ok_or_else(|| io::Error::other("an event is longer than a frame of a recording may be"))
    });
    match encoded {
        Ok(len) => {
            bytes[start..start + 4].copy_from_slice(&len.to_le_bytes());
            let sum = checksum(&bytes[start + 4..]);
            bytes.extend_from_slice(&sum);
            Ok(())
        }
        Err(error) => {
            bytes.truncate(start);
            Err(error)
        }
    }
}

fn append(bytes: &mut Vec<u8>, content: &impl Serialize) -> io::Result<()> {
    /// Writes to the end of a vector.
    struct Tail<'a>(&'a mut Vec<u8>);
    impl Extend<u8> for Tail<'_> {
        fn extend<T: IntoIterator<Item = u8>>(&mut self, iter: T) {
            self.0.extend(iter);
        }
    }
    postcard::to_extend(content, Tail(bytes)).map(|_| ()).map_err(io::Error::other)
}

pub(super) fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut sum = [0; CHECKSUM];
    sum.copy_from_slice(&blake3::hash(bytes).as_bytes()[..CHECKSUM]);
    sum
}

fn short_hash(bytes: &[u8]) -> u64 {
    let mut short = [0; 8];
    short.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
    u64::from_le_bytes(short)
}
