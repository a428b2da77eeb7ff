//! Writing a machine down.

use std::io::{self, Write};

use brisk_core::{lines::LineWriter, time::Moment};
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
    let mut lines = LineWriter::new(to);
    lines.add(&Line::Header { brisk_dump: FORMAT, version: env!("CARGO_PKG_VERSION"), scheduler: name, at })?;
    for part in machine.parts() {
        lines.add(&Line::Part(part))?;
    }
    for record in records {
        lines.add(&Line::Record { record })?;
    }
    lines.finish()
}
