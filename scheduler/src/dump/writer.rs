//! Writing a machine down.

use std::io::{self, Write};

use brisk_core::time::Moment;
use serde::Serialize;

use super::FORMAT;
use crate::machine::{Part, Record, Scheduler};

/// A line.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Header { brisk_dump: u32, version: &'a str, scheduler: &'a str, at: Moment },
    Part(Part<'a>),
    Record { record: &'a Record },
    End { lines: u64, hash: String },
}

/// Writes the dump of a machine between two events, with what was recorded of it lately. `name` is the scheduler's, `at` the
/// present. Calls `to` for a few bytes at a time: it had better be buffered.
///
/// # Errors
/// If `to` fails.
pub fn write<'a>(
    machine: &'a Scheduler,
    records: impl IntoIterator<Item = &'a Record>,
    (name, at): (&'a str, Moment),
    to: impl Write,
) -> io::Result<()> {
    let mut lines = Lines { to, hasher: blake3::Hasher::new(), count: 0 };
    lines.add(&Line::Header { brisk_dump: FORMAT, version: env!("CARGO_PKG_VERSION"), scheduler: name, at })?;
    for part in machine.parts() {
        lines.add(&Line::Part(part))?;
    }
    for record in records {
        lines.add(&Line::Record { record })?;
    }
    let end = Line::End { lines: lines.count, hash: lines.hasher.finalize().to_string() };
    lines.add(&end)?;
    lines.to.flush()
}

/// Lines, and the hash of those so far.
struct Lines<W> {
    to: W,
    hasher: blake3::Hasher,
    count: u64,
}

impl<W: Write> Lines<W> {
    fn add(&mut self, line: &Line<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut *self, line).map_err(io::Error::from)?;
        self.count += 1;
        self.write_all(b"\n")
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
