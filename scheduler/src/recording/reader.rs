//! Reading a recording: nothing in the file is believed.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use brisk_core::time::Moment;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::format::{CHECKSUM, Frame, Header, MARK, MAX_FRAME, checksum};
use crate::machine::Event;

/// Why a recording can't be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file can't be opened or read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The file is something else.
    #[error("{} is not a recording of a scheduler, or of a format that this version does not know", path.display())]
    NotARecording {
        /// The file.
        path: PathBuf,
    },
    /// Another version's machine may decide otherwise.
    #[error(
        "{} was recorded by version {recorded}, and this is {}: replay it with the version that recorded it",
        path.display(),
        env!("CARGO_PKG_VERSION")
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Who wrote it.
        recorded: String,
    },
    /// Some bytes are not what was written.
    #[error("{} is damaged at byte {at}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where, from the file's beginning.
        at: u64,
        /// What is wrong.
        what: String,
    },
}

/// An event of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number, from 1.
    pub number: u64,
    /// When it was handled, by the scheduler's clock.
    pub at: Moment,
    /// The hash of all actions before it.
    pub before: u64,
    /// What happened.
    pub event: Event,
}

/// A recording that is being read, from its beginning.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    file: BufReader<File>,
    header: Header,
    at: u64,
    number: u64,
    end: Option<End>,
}

/// How a recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// In order: the scheduler was shut down, having asked for these actions.
    Shutdown { actions: u64 },
    /// In the middle: the process was killed, or it has not ended yet.
    Cut,
}

impl Recording {
    /// Opens a recording.
    ///
    /// # Errors
    /// If there is no such file, it is no recording, or one of another version.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let io = |error| RecordingError::Io { path: path.to_owned(), error };
        let mut file = BufReader::new(File::open(path).map_err(io)?);
        let mut mark = Vec::new();
        (&mut file).take(MARK.len() as u64).read_to_end(&mut mark).map_err(io)?;
        if mark != MARK {
            return Err(RecordingError::NotARecording { path: path.to_owned() });
        }
        let mut reader = Reader { path, file: &mut file, at: MARK.len() as u64 };
        let header: Option<Header> = reader.frame()?;
        let at = reader.at;
        let Some(header) = header else { return Err(RecordingError::NotARecording { path: path.to_owned() }) };
        if header.version != env!("CARGO_PKG_VERSION") {
            return Err(RecordingError::OtherVersion { path: path.to_owned(), recorded: header.version });
        }
        Ok(Recording { path: path.to_owned(), file, header, at, number: 0, end: None })
    }

    /// Whose recording it is.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// If the file can't be read on, or is damaged. A file that simply stops is not: see [`is_cut`](Self::is_cut).
    pub fn next_entry(&mut self) -> Result<Option<Entry>, RecordingError> {
        if self.end.is_some() {
            return Ok(None);
        }
        let mut reader = Reader { path: &self.path, file: &mut self.file, at: self.at };
        let frame = reader.frame()?;
        self.at = reader.at;
        match frame {
            Some(Frame::Event { now, before, event }) => {
                self.number += 1;
                Ok(Some(Entry { number: self.number, at: now, before, event: *event }))
            }
            Some(Frame::End { actions }) => {
                self.end = Some(End::Shutdown { actions });
                Ok(None)
            }
            None => {
                self.end = Some(End::Cut);
                Ok(None)
            }
        }
    }

    /// Whether the recording was read to its end, and that is in the middle: the process was killed, or is still running.
    pub fn is_cut(&self) -> bool {
        self.end == Some(End::Cut)
    }

    /// The hash of all actions, if the recording was read to its end in order.
    pub fn all_actions(&self) -> Option<u64> {
        match self.end {
            Some(End::Shutdown { actions }) => Some(actions),
            _ => None,
        }
    }
}

/// Reads frames, and counts bytes for errors.
struct Reader<'a> {
    path: &'a Path,
    file: &'a mut BufReader<File>,
    at: u64,
}

impl Reader<'_> {
    /// The next frame; `None` if the file ends before or in it.
    fn frame<T: DeserializeOwned>(&mut self) -> Result<Option<T>, RecordingError> {
        let Some(len) = self.bytes(4)? else { return Ok(None) };
        let len = u32::from_le_bytes([len[0], len[1], len[2], len[3]]);
        if len > MAX_FRAME {
            return Err(self.damaged(format!("a frame of {len} bytes is longer than any that is written")));
        }
        let Some(body) = self.bytes(len as usize)? else { return Ok(None) };
        let Some(sum) = self.bytes(CHECKSUM)? else { return Ok(None) };
        if sum != checksum(&body) {
            return Err(self.damaged("the checksum is wrong".to_owned()));
        }
        let content = postcard::from_bytes(&body).map_err(|error| self.damaged(error.to_string()))?;
        self.at += 4 + u64::from(len) + CHECKSUM as u64;
        Ok(Some(content))
    }

    /// So many bytes; `None` if there are fewer. Memory is taken as they come, not as the length says.
    fn bytes(&mut self, len: usize) -> Result<Option<Vec<u8>>, RecordingError> {
        let mut bytes = Vec::new();
        let read = (&mut *self.file).take(len as u64).read_to_end(&mut bytes);
        read.map_err(|error| RecordingError::Io { path: self.path.to_owned(), error })?;
        Ok((bytes.len() == len).then_some(bytes))
    }

    fn damaged(&self, what: String) -> RecordingError {
        RecordingError::Damaged { path: self.path.to_owned(), at: self.at, what }
    }
}
