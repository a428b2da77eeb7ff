//! What came of each mutant: a line in a file as soon as it is known, and a summary.
//!
//! One that passes some tests, and is caught by others that come later, has a line for each: the last is true.

use std::{
    collections::BTreeMap,
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
    /// By the mutant's name.
    fates: BTreeMap<String, Fate>,
}

struct Fate {
    /// One of those below.
    word: String,
    /// The tests that caught it, or nothing.
    by: String,
}

const CAUGHT: &str = "caught";
const ENDLESS: &str = "endless";
const MISSED: &str = "missed";
const UNREACHED: &str = "unreached";
const UNVIABLE: &str = "unviable";
const LEFT: &str = "left";

impl Report {
    /// A file for what comes; what it has in it already is gone on with, or goes.
    pub(super) fn new(path: &Path, goes_on: bool) -> Result<Self> {
        let named = || path.display().to_string();
        if !goes_on {
            return Ok(Report { file: File::create(path).with_context(named)?, fates: BTreeMap::new() });
        }
        let text = fs::read_to_string(path).with_context(|| format!("{}: is there a former run?", named()))?;
        Ok(Report { file: File::options().append(true).open(path).with_context(named)?, fates: read(&text) })
    }

    pub(super) fn add(&mut self, mutant: &Mutant, verdict: Verdict) -> Result<()> {
        let (word, by) = match verdict {
            Verdict::Unviable => (UNVIABLE, String::new()),
            Verdict::Left => (LEFT, String::new()),
            Verdict::Tried(Outcome::Caught(by)) => (CAUGHT, by),
            Verdict::Tried(Outcome::Endless(by)) => (ENDLESS, by),
            Verdict::Tried(Outcome::Missed) => (MISSED, String::new()),
            // Others come by it, and pass.
            Verdict::Tried(Outcome::Unreached) if self.has_missed(mutant) => return Ok(()),
            Verdict::Tried(Outcome::Unreached) => (UNREACHED, String::new()),
        };
        writeln!(self.file, "{word}\t{by}\t{}", mutant.name)?;
        self.fates.insert(mutant.name.clone(), Fate { word: word.to_owned(), by });
        Ok(())
    }

    /// Whether it was tried, or can't be.
    pub(super) fn knows(&self, mutant: &Mutant) -> bool {
        self.fates.contains_key(&mutant.name)
    }

    /// Whether it was tried, and nothing caught it.
    pub(super) fn has_missed(&self, mutant: &Mutant) -> bool {
        self.fates.get(&mutant.name).is_some_and(|fate| [MISSED, UNREACHED].contains(&fate.word.as_str()))
    }

    fn count(&self, word: &str) -> usize {
        self.fates.values().filter(|fate| fate.word == word).count()
    }

    /// For people.
    pub(super) fn summary(&self) -> String {
        let mut text = String::new();
        let mut by: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, fate) in &self.fates {
            match fate.word.as_str() {
                MISSED => _ = writeln!(text, "missed: {name}"),
                UNREACHED => _ = writeln!(text, "missed: {name}   (no test comes by it)"),
                CAUGHT | ENDLESS => *by.entry(&fate.by).or_default() += 1,
                _ => {}
            }
        }
        let tried = self.fates.len() - self.count(UNVIABLE) - self.count(LEFT);
        let _ = write!(
            text,
            "\n{tried} tried: {} caught by a test that failed, {} by one that did not end; {} missed, and {} no test comes by; \
             besides {} that don't compile, and {} for `cargo mutants` itself, in constants\n",
            self.count(CAUGHT),
            self.count(ENDLESS),
            self.count(MISSED),
            self.count(UNREACHED),
            self.count(UNVIABLE),
            self.count(LEFT),
        );
        for (by, count) in &by {
            let _ = writeln!(text, "{count:6} by {by}");
        }
        text
    }
}

/// The lines of a former report; of one that was cut off in the middle of a line, those before.
fn read(text: &str) -> BTreeMap<String, Fate> {
    let lines = text.split_inclusive('\n').filter_map(|line| {
        let mut columns = line.strip_suffix('\n')?.splitn(3, '\t');
        let (word, by, name) = (columns.next()?, columns.next()?, columns.next()?);
        Some((name.to_owned(), Fate { word: word.to_owned(), by: by.to_owned() }))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_lines_of_a_mutant_the_last_is_true() {
        let fates = read("missed\t\ta\nmissed\t\tb\ncaught\tunits\ta\ncaught\tun");
        let told: Vec<_> =
            fates.iter().map(|(name, fate)| (name.as_str(), fate.word.as_str(), fate.by.as_str())).collect();
        assert_eq!(told, [("a", CAUGHT, "units"), ("b", MISSED, "")]);
    }
}
