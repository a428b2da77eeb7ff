//! Compiles all mutants at once, less those that don't.

use std::{collections::BTreeSet, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{
    list::Mutant,
    tree::{Scratch, Source},
};
use crate::process::cargo;

/// The compiler looks for errors in several passes, of which a later one runs only when the former found none.
const ROUNDS: usize = 40;

/// Without these some tests are not built: the properties of the scheduler's machine read and write it.
const FEATURES: &[(&str, &str)] = &[("brisk-scheduler", "dump")];

/// What is built.
pub(super) struct Build {
    pub(super) binaries: Vec<Binary>,
    /// Mutants that don't compile.
    pub(super) unviable: BTreeSet<u32>,
    /// Mutants that the compiler evaluates, or that stand in the middle of a chain: there can be no switch.
    pub(super) left: BTreeSet<u32>,
}

/// A program that was built.
#[derive(Clone, Debug)]
pub(super) struct Binary {
    pub(super) package: String,
    /// The crate's, the test's or the program's own.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// Its package's, in which it is to run.
    pub(super) folder: PathBuf,
    /// Whether it is made of tests.
    pub(super) is_test: bool,
}

/// Compiles the tests and programs of `packages` with all of these mutants in the crates of `folders`. If there is only to be
/// what is `quick`, unit tests and nothing else, that takes a third of the time: what tries each mutant for a blink need not
/// be optimised.
pub(super) fn build(
    scratch: &Scratch,
    target: &std::path::Path,
    (packages, quick): (&[String], bool),
    folders: &[String],
    mutants: &[(u32, &Mutant)],
) -> Result<Build> {
    let mut unviable = BTreeSet::new();
    for round in 1..=ROUNDS {
        let rest: Vec<_> = mutants.iter().filter(|(number, _)| !unviable.contains(number)).copied().collect();
        let (sources, left) = scratch.mutate(&rest, folders)?;
        let mut command = cargo();
        command.current_dir(&scratch.root).env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
        command.args(["test", "--no-run", "--locked", "--no-default-features", "--lib"]);
        if !quick {
            command.args(["--bins", "--tests"]);
        }
        command.args(["--message-format", "json", "--target-dir"]).arg(target);
        for package in packages {
            command.args(["--package", package]);
            if quick {
                command.args(["--config", &format!("profile.dev.package.{package}.opt-level=0")]);
            }
        }
        for (package, feature) in FEATURES.iter().filter(|(package, _)| packages.iter().any(|p| p == package)) {
            command.args(["--features", &format!("{package}/{feature}")]);
        }
        let (succeeded, messages) = run(&mut command)?;
        if succeeded {
            let binaries = messages.into_iter().filter_map(Message::binary).collect();
            return Ok(Build { binaries, unviable, left: left.into_iter().collect() });
        }
        let before = unviable.len();
        for diagnostic in messages.iter().filter_map(Message::error) {
            let guilty = guilty(diagnostic, &sources);
            if guilty.is_empty() && diagnostic.spans.iter().any(|span| span.is_primary) {
                bail!("this is no mutant's fault:\n{}", diagnostic.rendered.as_deref().unwrap_or_default());
            }
            unviable.extend(guilty);
        }
        eprintln!("  round {round}: {} mutants don't compile", unviable.len());
        if unviable.len() == before {
            bail!("`cargo test --no-run` failed in {} without saying where", scratch.root.display());
        }
    }
    bail!("after {ROUNDS} rounds there are still mutants that don't compile")
}

fn run(command: &mut Command) -> Result<(bool, Vec<Message>)> {
    let output = command.output().context("cargo could not be started")?;
    let text = String::from_utf8(output.stdout).context("cargo printed no UTF-8")?;
    let messages: Vec<Message> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if !output.status.success() && !messages.iter().any(|message| message.error().is_some()) {
        bail!("cargo failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok((output.status.success(), messages))
}

/// The mutants that an error comes from: those whose code it points at; else those whose code it mentions; else all of the
/// smallest expression with mutants around it.
fn guilty(diagnostic: &Diagnostic, sources: &[Source]) -> Vec<u32> {
    let at = |span: &Span| (span.file_name.clone(), span.byte_start, span.byte_end);
    let (primary, mentioned): (Vec<_>, Vec<_>) = diagnostic.spans.iter().partition(|span| span.is_primary);
    for spans in [&primary, &mentioned] {
        let own = spans.iter().flat_map(|span| {
            let (file, start, end) = at(span);
            let branches = sources.iter().filter(move |source| source.path == file).flat_map(|source| &source.branches);
            branches
                .filter(move |branch| branch.own.start <= start && end <= branch.own.end)
                .map(|branch| branch.mutant)
        });
        let own: Vec<u32> = own.collect();
        if !own.is_empty() {
            return own;
        }
    }
    let around = primary.iter().flat_map(|span| {
        let (file, start, end) = at(span);
        let branches = sources.iter().filter(move |source| source.path == file).flat_map(|source| &source.branches);
        branches.filter(move |branch| branch.whole.start <= start && end <= branch.whole.end)
    });
    let around: Vec<_> = around.collect();
    let smallest = around.iter().map(|branch| branch.whole.len()).min();
    around.iter().filter(|branch| Some(branch.whole.len()) == smallest).map(|branch| branch.mutant).collect()
}

/// A line of what cargo prints.
#[derive(Deserialize)]
#[serde(tag = "reason")]
enum Message {
    #[serde(rename = "compiler-message")]
    Said { message: Diagnostic },
    #[serde(rename = "compiler-artifact")]
    Made { manifest_path: PathBuf, target: Target, profile: Profile, executable: Option<PathBuf> },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// What the compiler says.
#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    spans: Vec<Span>,
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
}

impl Message {
    fn error(&self) -> Option<&Diagnostic> {
        match self {
            Message::Said { message } if message.level == "error" => Some(message),
            _ => None,
        }
    }

    fn binary(self) -> Option<Binary> {
        let Message::Made { manifest_path, target, profile, executable: Some(path) } = self else {
            return None;
        };
        let folder = manifest_path.parent()?.to_owned();
        // Packages are called after their folders.
        let package = format!("brisk-{}", folder.file_name()?.to_str()?);
        Some(Binary { package, name: target.name, path, folder, is_test: profile.test })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::rewrite::Branch;

    #[test]
    fn an_error_is_the_fault_of_what_it_points_at_or_mentions_or_is_within() {
        let branches = vec![
            Branch { mutant: 1, own: 10..20, whole: 0..100 },
            Branch { mutant: 2, own: 30..40, whole: 25..60 },
            Branch { mutant: 3, own: 42..48, whole: 25..60 },
        ];
        let sources = [Source { path: "a.rs".into(), branches }];
        let guilty_at = |spans: &[(usize, usize, bool)]| {
            let span = |&(byte_start, byte_end, is_primary): &(usize, usize, bool)| Span {
                file_name: "a.rs".into(),
                byte_start,
                byte_end,
                is_primary,
            };
            let spans = spans.iter().map(span).collect();
            guilty(&Diagnostic { level: "error".into(), spans, rendered: None }, &sources)
        };
        assert_eq!(guilty_at(&[(32, 33, true), (12, 13, false)]), [2]);
        assert_eq!(guilty_at(&[(50, 55, true), (12, 13, false)]), [1]);
        assert_eq!(guilty_at(&[(50, 55, true)]), [2, 3]);
        assert_eq!(guilty_at(&[(80, 85, true)]), [1]);
        assert_eq!(guilty_at(&[(180, 185, true)]), [0; 0]);
    }
}
