//! `cargo xtask tidy`: the repository against its own rules. `cargo test` runs it too.
//!
//! Each check is a function of plain data (files, packages, lists) that gives problems; this module gathers the data and
//! prints what is found. A problem says where it is and what to do.

mod code;
mod dependencies;
mod documents;
mod evidence;
mod files;
mod licence;
mod packages;
mod policy;
mod purity;

use std::fmt;

use anyhow::{Result, bail};

pub(crate) use files::Tree;
use packages::Metadata;
use policy::Policy;

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    /// A file, with a line if that helps; or a package.
    place: String,
    /// What is wrong there, and what to do.
    message: String,
}

impl Problem {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Problem { place: place.into(), message: message.into() }
    }

    fn at_line(file: &str, line: usize, message: impl Into<String>) -> Self {
        Problem::new(format!("{file}:{line}"), message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Runs every check.
pub(crate) fn run() -> Result<()> {
    let tree = Tree::read()?;
    let metadata = Metadata::read()?;
    let policy = Policy::read(&tree)?;

    let mut problems = Vec::new();
    problems.extend(dependencies::directions(&metadata));
    problems.extend(dependencies::pure_trees()?);
    problems.extend(policy.check(&metadata));
    problems.extend(purity::check(&tree));
    problems.extend(files::check(&tree));
    problems.extend(documents::check(&tree, &metadata));
    problems.extend(evidence::check(&tree));

    if problems.is_empty() {
        println!("tidy: {} files, {} packages, nothing to put right", tree.files.len(), metadata.packages.len());
        return Ok(());
    }
    problems.sort();
    for problem in &problems {
        eprintln!("{problem}");
    }
    bail!("{} things to put right", problems.len())
}
