//! What came of each mutant: a line in a file as soon as it is known, and a summary.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs::{self, File},
    io::Write as _,
    path::Path,
};

use anyhow::{Context, Result};

use super::{list::Mutant, run::Outcome};

/// What is known of a mutant.
pub(super) enum Verdict {
    /// It does not compile.
    Unviable,
    /// It can't be switched.
    Left,
    /// It was tried.
    Tried(Outcome),
}

/// What is known so far.
pub(super) struct Report {
    file: File,
    tried: usize,
    counts: BTreeMap<&'static str, usize>,
    /// By which tests mutants were caught.
    by: BTreeMap<String, usize>,
    missed: Vec<String>,
}

const CAUGHT: &str = "caught";
const ENDLESS: &str = "endless";
const MISSED: &str = "missed";
const UNREACHED: &str = "unreached";
const UNVIABLE: &str = "unviable";
const LEFT: &str = "left";

impl Report {
    pub(super) fn new(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        Ok(Report { file, tried: 0, counts: BTreeMap::new(), by: BTreeMap::new(), missed: Vec::new() })
    }

    pub(super) fn add(&mut self, mutant: &Mutant, verdict: Verdict) -> Result<()> {
        self.tried += usize::from(matches!(verdict, Verdict::Tried(_)));
        let (word, by) = match verdict {
            Verdict::Unviable => (UNVIABLE, String::new()),
            Verdict::Left => (LEFT, String::new()),
            Verdict::Tried(Outcome::Caught(by)) => (CAUGHT, by),
            Verdict::Tried(Outcome::Endless(by)) => (ENDLESS, by),
            Verdict::Tried(Outcome::Missed) => (MISSED, String::new()),
            Verdict::Tried(Outcome::Unreached) => (UNREACHED, String::new()),
        };
        writeln!(self.file, "{word}\t{by}\t{}", mutant.name)?;
        *self.counts.entry(word).or_default() += 1;
        if !by.is_empty() {
            *self.by.entry(by).or_default() += 1;
        }
        if [MISSED, UNREACHED].contains(&word) {
            let note = if word == UNREACHED { "   (no test comes by it)" } else { "" };
            self.missed.push(format!("{}{note}", mutant.name));
        }
        Ok(())
    }

    pub(super) fn caught(&self) -> usize {
        self.count(CAUGHT) + self.count(ENDLESS)
    }

    fn count(&self, word: &str) -> usize {
        self.counts.get(word).copied().unwrap_or(0)
    }

    /// For people.
    pub(super) fn summary(&self) -> String {
        let mut text = String::new();
        for line in &self.missed {
            let _ = writeln!(text, "missed: {line}");
        }
        let _ = write!(
            text,
            "\n{} tried: {} caught by a test that failed, {} by one that did not end; {} missed, and {} no test comes by; \
             besides {} that don't compile, and {} for `cargo mutants` itself, in constants\n",
            self.tried,
            self.count(CAUGHT),
            self.count(ENDLESS),
            self.count(MISSED),
            self.count(UNREACHED),
            self.count(UNVIABLE),
            self.count(LEFT),
        );
        for (by, count) in &self.by {
            let _ = writeln!(text, "{count:6} by {by}");
        }
        text
    }
}

/// The mutants that a former report has as missed.
pub(super) fn missed(path: &Path) -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("{}: is there a former run?", path.display()))?;
    let lines = text.lines().filter_map(|line| {
        let mut columns = line.splitn(3, '\t');
        let word = columns.next()?;
        [MISSED, UNREACHED].contains(&word).then(|| columns.nth(1).map(str::to_owned))?
    });
    Ok(lines.collect())
}
