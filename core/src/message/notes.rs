//! What a run says of itself while it goes on: how far it is, lines of its log, and facts under names.
//!
//! It says so to the worker's shell, which sends it on now and then, and the scheduler's shell keeps it for those who ask.
//! Neither machine is concerned.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{id::RunId, key::Key};

/// What a run has said since it was last sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunNotes {
    /// The task.
    pub key: Key,
    /// The run. What comes of any but the current run of the task is dropped. Calls of an actor say what they say under
    /// [`RunNotes::CALL`].
    pub run: RunId,
    /// The number of the worker's thread that it holds; none for an asynchronous one.
    pub thread: Option<u32>,
    /// How far it is, if it has said so.
    pub progress: Option<TaskProgress>,
    /// Lines of its log, the oldest first.
    pub log: Vec<LogLine>,
    /// How many lines were left out before these, since there were too many.
    pub left_out: u64,
    /// Facts that are new or have changed.
    pub metadata: Vec<(Arc<str>, Arc<str>)>,
}

/// A line of a run's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How long before the message it was said.
    pub ago: Duration,
    /// The line.
    pub text: Arc<str>,
}

/// How far a task is, by its own word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskProgress {
    /// How much is done.
    pub extent: Extent,
    /// What it is at; empty if it did not say.
    pub message: Arc<str>,
    /// How long ago it said so.
    pub ago: Duration,
}

/// How much of something is done: `0.5.into()`, or `(3, 10).into()` for three of ten.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Extent {
    /// A share of it, from 0 to 1.
    Fraction(f64),
    /// So many of so many.
    Of {
        /// How many are done.
        done: u64,
        /// How many there are.
        total: u64,
    },
}

impl RunNotes {
    /// Stands for a run where calls of an actor speak, under the key of the task that has made it: they are no runs of the
    /// scheduler's, which counts those from 1. They are listened to while the actor lives on the worker that says so.
    pub const CALL: RunId = RunId(0);
    /// The longest message beside a progress, in bytes; a longer one is cut.
    pub const MAX_MESSAGE_BYTES: usize = 200;
    /// The longest line of a log, in bytes; a longer one is cut.
    pub const MAX_LINE_BYTES: usize = 1_000;
    /// Lines of one run in one message.
    pub const MAX_LINES: usize = 100;
    /// Facts of one run.
    pub const MAX_FACTS: usize = 32;
    /// The longest name of a fact, in bytes.
    pub const MAX_FACT_NAME_BYTES: usize = 100;
    /// The longest fact, in bytes.
    pub const MAX_FACT_BYTES: usize = 1_000;

    /// Of a run that has said nothing yet.
    pub fn new(key: Key, run: RunId) -> Self {
        RunNotes { key, run, thread: None, progress: None, log: Vec::new(), left_out: 0, metadata: Vec::new() }
    }

    /// Whether it keeps to the limits. A worker's does.
    pub fn is_within_limits(&self) -> bool {
        // What was cut has a mark at its end.
        const MARK: usize = "…".len();
        let message = self.progress.as_ref().map_or(0, |progress| progress.message.len());
        message <= Self::MAX_MESSAGE_BYTES + MARK
            && self.log.len() <= Self::MAX_LINES
            && self.log.iter().all(|line| line.text.len() <= Self::MAX_LINE_BYTES + MARK)
            && self.metadata.len() <= Self::MAX_FACTS
            && self
                .metadata
                .iter()
                .all(|(name, fact)| name.len() <= Self::MAX_FACT_NAME_BYTES && fact.len() <= Self::MAX_FACT_BYTES)
    }

    /// Its length on a wire, roughly, in bytes.
    pub fn nbytes(&self) -> usize {
        let message = self.progress.as_ref().map_or(0, |progress| 32 + progress.message.len());
        let log: usize = self.log.iter().map(|line| 16 + line.text.len()).sum();
        let facts: usize = self.metadata.iter().map(|(name, fact)| 8 + name.len() + fact.len()).sum();
        64 + message + log + facts
    }

    /// `text` up to a length in bytes, with a mark if it is cut.
    pub fn cut(text: &str, limit: usize) -> Arc<str> {
        if text.len() <= limit {
            return text.into();
        }
        format!("{}…", &text[..text.floor_char_boundary(limit)]).into()
    }
}

impl Extent {
    /// The share that is done, from 0 to 1.
    pub fn fraction(self) -> f64 {
        match self {
            Extent::Fraction(fraction) if fraction >= 0.0 => fraction.min(1.0),
            // Less than nothing, or no number.
            Extent::Fraction(_) => 0.0,
            Extent::Of { total: 0, .. } => 1.0,
            Extent::Of { done, total } => (done as f64 / total as f64).min(1.0),
        }
    }
}

impl From<f64> for Extent {
    fn from(fraction: f64) -> Self {
        Extent::Fraction(Extent::Fraction(fraction).fraction())
    }
}

impl From<(u64, u64)> for Extent {
    fn from((done, total): (u64, u64)) -> Self {
        Extent::Of { done, total }
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Extent::Fraction(_) => write!(f, "{:.0} %", 100.0 * self.fraction()),
            Extent::Of { done, total } => write!(f, "{done} of {total}"),
        }
    }
}

/// As in `3 of 10, reading the second file (1.2s ago)`.
impl fmt::Display for TaskProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comma = if self.message.is_empty() { "" } else { ", " };
        write!(f, "{}{comma}{} ({:.1?} ago)", self.extent, self.message, self.ago)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_between_nothing_and_all() {
        let shares = [-1.0, f64::NAN, 0.25, 7.0, f64::INFINITY].map(|share| Extent::from(share).fraction());
        assert_eq!(shares, [0.0, 0.0, 0.25, 1.0, 1.0]);
        let counts = [(0, 0), (1, 4), (9, 3)].map(|count| Extent::from(count).fraction());
        assert_eq!(counts, [1.0, 0.25, 1.0]);
    }

    #[test]
    fn what_was_cut_is_within_the_limits_and_shows_it() {
        let mut notes = RunNotes::new(Key::from_u128(1), RunId(1));
        let text = RunNotes::cut(&"ü".repeat(RunNotes::MAX_LINE_BYTES), RunNotes::MAX_LINE_BYTES);
        assert!(text.ends_with("ü…"));
        notes.log = vec![LogLine { ago: Duration::ZERO, text }; RunNotes::MAX_LINES];
        assert!(notes.is_within_limits() && notes.nbytes() > RunNotes::MAX_LINES * RunNotes::MAX_LINE_BYTES);
        notes.log.push(LogLine { ago: Duration::ZERO, text: "one more".into() });
        assert!(!notes.is_within_limits());
    }

    #[test]
    fn progress_is_shown_in_words() {
        let shown = |extent: Extent, message: &str| {
            TaskProgress { extent, message: message.into(), ago: Duration::from_millis(1_234) }.to_string()
        };
        assert_eq!(shown((3, 10).into(), "reading"), "3 of 10, reading (1.2s ago)");
        assert_eq!(shown(0.456.into(), ""), "46 % (1.2s ago)");
    }
}
