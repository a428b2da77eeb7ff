//! What the workers of a cluster know at one moment, in a file: behind the scheduler's own dump, from the same call of a client.
//!
//! Text, with an object of JSON on each line. First come the workers' names, then a section for each: its name, then the parts
//! of its machine, with a line for each task, run, value, peer and fetch, and a hash of all. Of a worker that could not be asked
//! there is the reason. Neither calls nor values are in it, but their lengths, as with the scheduler's.
//!
//! Each worker is asked for itself, and a moment after the scheduler: what one says of the other may have changed meanwhile. A
//! machine that is [read](Dumps) from its section can have its invariants checked, and be fed with events.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use brisk_core::lines::{LineReader, LineWriter, Next};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::machine::{Assembly, Part, ReadPart, Worker};

/// The format's version; it grows when the format changes.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Names<N> {
    brisk_workers: u32,
    version: String,
    workers: Vec<N>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    worker: String,
    /// Why there is nothing more of it.
    absent: Option<String>,
}

/// Writes whose tables follow.
///
/// # Errors
/// If `to` fails.
pub fn write_names<N: AsRef<str>>(names: impl IntoIterator<Item = N>, to: impl Write) -> io::Result<()> {
    let workers = names.into_iter().map(|name| name.as_ref().to_owned()).collect::<Vec<_>>();
    let mut lines = LineWriter::new(to);
    lines.add(&Names { brisk_workers: FORMAT, version: env!("CARGO_PKG_VERSION").to_owned(), workers })?;
    lines.finish()
}

/// Writes a machine between two events.
///
/// # Errors
/// If `to` fails.
pub fn write(machine: &Worker, name: &str, to: impl Write) -> io::Result<()> {
    let mut lines = LineWriter::new(to);
    lines.add(&Header { worker: name.to_owned(), absent: None })?;
    for part in machine.parts() {
        let part: Part<'_> = part;
        lines.add(&part)?;
    }
    lines.finish()
}

/// Writes why there is nothing of a worker.
///
/// # Errors
/// If `to` fails.
pub fn write_absent(name: &str, why: &str, to: impl Write) -> io::Result<()> {
    let mut lines = LineWriter::new(to);
    lines.add(&Header { worker: name.to_owned(), absent: Some(why.to_owned()) })?;
    lines.finish()
}

/// What is in a file of one worker.
#[derive(Debug)]
pub struct Dump {
    /// The worker's name.
    pub worker: String,
    /// What it knew, or why that could not be had. Whether its invariants hold is another question.
    pub machine: Result<Worker, String>,
}

/// Reads workers from a file, one at a time: all of them may be more than memory has room for.
pub struct Dumps<R> {
    lines: LineReader<R>,
    path: PathBuf,
    /// How many are still to come.
    missing: usize,
}

/// Why workers can't be read.
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
    /// Its format is another one.
    #[error(
        "the workers' part of the dump was written by version {version}, in another format than that of version {}: use the `brisk` \
         of that version",
        env!("CARGO_PKG_VERSION")
    )]
    OtherFormat {
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

impl Dumps<BufReader<File>> {
    /// Opens a dump, and goes to where the workers begin. Of a file that has none nothing is read.
    ///
    /// # Errors
    /// If the file can't be read, is not whole or not as it was written, or is of another format.
    pub fn open(path: &Path) -> Result<Self, DumpError> {
        let file = File::open(path).map_err(|source| DumpError::Io { path: path.to_owned(), source })?;
        Dumps::after_scheduler(BufReader::with_capacity(1 << 20, file), path.to_owned())
    }
}

impl<R: BufRead> Dumps<R> {
    /// Reads a dump that begins with that of a scheduler.
    fn after_scheduler(from: R, path: PathBuf) -> Result<Self, DumpError> {
        let mut dumps = Dumps { lines: LineReader::new(from), path, missing: 0 };
        while dumps.line()? {}
        if dumps.next_line()? == Next::Nothing {
            return Ok(dumps);
        }
        let names: Names<String> = dumps.lines.parse().map_err(DumpError::Damaged)?;
        if names.brisk_workers != FORMAT {
            return Err(DumpError::OtherFormat { version: names.version });
        }
        dumps.end()?;
        dumps.missing = names.workers.len();
        Ok(dumps)
    }

    fn next_line(&mut self) -> Result<Next, DumpError> {
        self.lines.next_line().map_err(|source| DumpError::Io { path: self.path.clone(), source })
    }

    /// Reads a line of a section. Not if the section is at its end.
    fn line(&mut self) -> Result<bool, DumpError> {
        match self.next_line()? {
            Next::Line => Ok(true),
            Next::End { sound: true } => Ok(false),
            Next::End { sound: false } => {
                Err(DumpError::Damaged(self.lines.in_line("its hash is not that of what stands before it")))
            }
            Next::Nothing => Err(DumpError::Cut(self.lines.count())),
        }
    }

    /// Reads the end of a section.
    fn end(&mut self) -> Result<(), DumpError> {
        if self.line()? {
            return Err(DumpError::Damaged(self.lines.in_line("there is more than there should be")));
        }
        Ok(())
    }

    fn worker(&mut self) -> Result<Dump, DumpError> {
        if !self.line()? {
            return Err(DumpError::Damaged(self.lines.in_line("a worker's name is missing")));
        }
        let Header { worker, absent } = self.lines.parse().map_err(DumpError::Damaged)?;
        if let Some(why) = absent {
            self.end()?;
            return Ok(Dump { worker, machine: Err(why) });
        }
        let mut assembly = Assembly::default();
        while self.line()? {
            let part: ReadPart = self.lines.parse().map_err(DumpError::Damaged)?;
            assembly.add(part).map_err(|error| DumpError::Damaged(self.lines.in_line(error)))?;
        }
        let machine = assembly.finish().map_err(|error| DumpError::Damaged(self.lines.in_line(error)))?;
        Ok(Dump { worker, machine: Ok(machine) })
    }
}

impl<R: BufRead> Iterator for Dumps<R> {
    type Item = Result<Dump, DumpError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.missing = self.missing.checked_sub(1)?;
        let dump = self.worker();
        if dump.is_err() {
            // Nothing behind it can be told apart.
            self.missing = 0;
        }
        Some(dump)
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::id::{Epoch, Incarnation, WorkerId};

    use super::*;
    use crate::machine::Config;

    fn read(bytes: &[u8]) -> Result<Vec<Dump>, DumpError> {
        Dumps::after_scheduler(bytes, PathBuf::new())?.collect()
    }

    fn schedulers() -> Vec<u8> {
        let mut written = Vec::new();
        let mut lines = LineWriter::new(&mut written);
        lines.add(&"of a scheduler").unwrap();
        lines.finish().unwrap();
        written
    }

    #[test]
    fn workers_are_read_behind_a_scheduler_and_what_is_wrong_is_said() {
        let mut written = schedulers();
        assert!(read(&written).unwrap().is_empty());
        let worker = Worker::new(Config::new(2, 0), WorkerId(Incarnation(5)), Epoch(3));
        write_names(["one", "two"], &mut written).unwrap();
        write(&worker, "one", &mut written).unwrap();
        write_absent("two", "it was lost", &mut written).unwrap();
        let dumps = read(&written).unwrap();
        let told: Vec<_> = dumps.iter().map(|dump| (&*dump.worker, dump.machine.as_ref().map(Worker::id))).collect();
        assert_eq!(told, [("one", Ok(worker.id())), ("two", Err(&"it was lost".to_owned()))]);

        // Wherever it is cut behind the scheduler, it is known to be cut.
        let ends = written.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        for end in ends.filter(|end| *end > schedulers().len() && *end < written.len()) {
            let error = read(&written[..end]).unwrap_err();
            assert!(matches!(error, DumpError::Cut(_)), "{end}: {error}");
        }
        // Whatever is changed in a name or number is known to be changed.
        let text = String::from_utf8(written).unwrap();
        for (was, is) in [("one", "onz"), ("\"epoch\":3", "\"epoch\":4"), ("it was", "it is")] {
            let error = read(text.replace(was, is).as_bytes()).unwrap_err();
            assert!(matches!(error, DumpError::Damaged(_)), "{was}: {error}");
        }
        let later = read(text.replace("brisk_workers\":1", "brisk_workers\":2").as_bytes()).unwrap_err();
        assert!(matches!(later, DumpError::OtherFormat { .. }), "{later}");
    }
}
