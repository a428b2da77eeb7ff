//! Which mutants there are: what `cargo mutants --list` says.

use std::ops::Range;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process::{cargo, output};

/// Not mutated: a check that is weakened fails nothing as long as the code is right, tests are what is tested, and planted
/// bugs are not there.
const EXCLUDED: &[&str] = &["**/machine/invariants*", "**/machine/invariants/**", "**/tests/**", "**/planted.rs"];

/// One small change of the code.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Mutant {
    /// From the repository's root.
    pub(super) file: String,
    pub(super) genre: Genre,
    /// Where it is and what it does, for people.
    pub(super) name: String,
    /// What stands in the text's place.
    pub(super) replacement: String,
    span: Span,
}

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub(super) enum Genre {
    /// A function's body.
    FnValue,
    /// An operator between two operands, those that assign included.
    BinaryOperator,
    /// An operator in front of an operand.
    UnaryOperator,
    /// An arm of a `match`, which goes.
    MatchArm,
    /// The condition of such an arm.
    MatchArmGuard,
    /// A field of a literal, in front of `..base`.
    StructField,
    /// Something that a newer `cargo mutants` does.
    #[serde(other)]
    Other,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Span {
    start: Place,
    end: Place,
}

/// Lines and columns count from one; columns are characters.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Place {
    line: usize,
    column: usize,
}

impl Mutant {
    /// The bytes of its file's text that are replaced.
    pub(super) fn range(&self, text: &str) -> Option<Range<usize>> {
        let range = offset(text, self.span.start)?..offset(text, self.span.end)?;
        (range.start <= range.end).then_some(range)
    }
}

fn offset(text: &str, place: Place) -> Option<usize> {
    let line = text.split_inclusive('\n').nth(place.line.checked_sub(1)?)?;
    let before: usize = text.split_inclusive('\n').take(place.line - 1).map(str::len).sum();
    let column = place.column.checked_sub(1)?;
    let within = line.char_indices().map(|(at, _)| at).chain([line.len()]).nth(column)?;
    Some(before + within)
}

/// The mutants of a package's files that match one of the globs.
pub(super) fn list(package: &str, files: &[String]) -> Result<Vec<Mutant>> {
    let mut command = cargo();
    command.args(["mutants", "--list", "--json", "--package", package]);
    for file in files {
        command.args(["--file", file]);
    }
    for excluded in EXCLUDED {
        command.args(["--exclude", excluded]);
    }
    let text = output(&mut command).context("is cargo-mutants installed? `cargo install --locked cargo-mutants`")?;
    serde_json::from_str(&text).context("`cargo mutants --list --json` printed something else")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters_and_count_from_one() {
        let text = "a\n  äö == c\n";
        let at = |line, column| offset(text, Place { line, column });
        assert_eq!(at(1, 1), Some(0));
        assert_eq!(at(2, 6).map(|start| &text[start..]), Some("== c\n"));
        assert_eq!((at(0, 1), at(1, 0), at(9, 1), at(1, 9)), (None, None, None, None));
    }
}
