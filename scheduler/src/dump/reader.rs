//! Reading a machine that was written down.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use brisk_core::{
    lines::{LineReader, Next},
    time::Moment,
};
use serde::Deserialize;
use thiserror::Error;

use super::FORMAT;
use crate::machine::{Assembly, ReadPart, Record, Scheduler};

/// Whose dump it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version of this crate that wrote it.
    pub version: String,
    /// The scheduler's name.
    pub scheduler: String,
    /// When it was written, by the scheduler's clock.
    pub at: Moment,
}

/// A dump that was read.
#[derive(Debug)]
pub struct Dump {
    /// Whose it is.
    pub header: Header,
    /// What the scheduler knew. Whether its invariants hold is another question: it may have been dumped because they don't.
    pub machine: Scheduler,
    /// What was recorded of it lately, the oldest first.
    pub records: Vec<Record>,
}

/// Why a dump can't be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DumpError {
    /// The file can't be opened or read.
    #[error("can't read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is something else.
    #[error("this is no dump of a scheduler: it does not begin with {{\"brisk_dump\":…")]
    NoDump,
    /// Its format is another one.
    #[error(
        "the dump's format is {format}, written by version {version}; this is version {} and reads format {FORMAT}: use \
         the `brisk` of that version", env!("CARGO_PKG_VERSION")
    )]
    OtherFormat {
        /// The format's version.
        format: u32,
        /// The version that wrote it.
        version: String,
    },
    /// It stops in the middle.
    #[error("the dump is cut off after line {0}: it was not written to its end, or not copied whole")]
    Cut(u64),
    /// Something in it was changed.
    #[error("the dump is damaged, or was edited: {0}")]
    Damaged(String),
}

#[derive(Deserialize)]
struct HeaderLine {
    version: String,
    scheduler: String,
    at: Moment,
}

/// As much of a header of any format as is needed to say which one it is.
#[derive(Deserialize)]
struct AnyHeader {
    brisk_dump: u32,
    version: String,
}

#[derive(Deserialize)]
struct RecordLine {
    record: Record,
}

impl Dump {
    /// Opens a dump.
    ///
    /// # Errors
    /// If the file can't be read, is none, is of another format, is not whole, or is not as it was written.
    pub fn open(path: &Path) -> Result<Dump, DumpError> {
        let io = |source| DumpError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        Dump::read_from(BufReader::with_capacity(1 << 20, file), io)
    }

    /// Reads a dump that is in memory.
    ///
    /// # Errors
    /// As [`open`](Dump::open).
    pub fn read(bytes: &[u8]) -> Result<Dump, DumpError> {
        Dump::read_from(bytes, |source| DumpError::Io { path: PathBuf::new(), source })
    }

    fn read_from(from: impl BufRead, io: impl Fn(io::Error) -> DumpError) -> Result<Dump, DumpError> {
        let mut lines = LineReader::new(from);
        let header = match lines.next_line() {
            Ok(Next::Line) => read_header(lines.line())?,
            Ok(Next::End { .. } | Next::Nothing) => return Err(DumpError::NoDump),
            Err(error) => return Err(io(error)),
        };
        let (mut assembly, mut records) = (Assembly::default(), Vec::new());
        loop {
            match lines.next_line().map_err(&io)? {
                Next::Nothing => return Err(DumpError::Cut(lines.count())),
                Next::End { sound: true } => break,
                Next::End { sound: false } => {
                    let what = "its hash is not that of what stands before it";
                    return Err(DumpError::Damaged(lines.in_line(what)));
                }
                Next::Line if lines.line().starts_with(b"{\"record\":") => {
                    let line: RecordLine = lines.parse().map_err(DumpError::Damaged)?;
                    records.push(line.record);
                }
                Next::Line => {
                    let part: ReadPart = lines.parse().map_err(DumpError::Damaged)?;
                    assembly.add(part).map_err(|error| DumpError::Damaged(lines.in_line(error)))?;
                }
            }
        }
        let machine = assembly.finish().map_err(DumpError::Damaged)?;
        Ok(Dump { header, machine, records })
    }
}

fn read_header(line: &[u8]) -> Result<Header, DumpError> {
    let any: AnyHeader = serde_json::from_slice(line).map_err(|_| DumpError::NoDump)?;
    if any.brisk_dump != FORMAT {
        return Err(DumpError::OtherFormat { format: any.brisk_dump, version: any.version });
    }
    let header = serde_json::from_slice(line).map_err(|error| DumpError::Damaged(format!("line 1: {error}")))?;
    let HeaderLine { version, scheduler, at } = header;
    Ok(Header { version, scheduler, at })
}
