//! `cargo xtask mutants`: changes the machines in small ways, and looks whether a test fails.
//!
//! What is changed is what `cargo mutants` would change. It builds everything anew for each mutant; here all are compiled
//! into one set of programs, each behind a switch ([`rewrite`]), and those that don't compile are left out ([`build`]). The
//! tests are run once to see which of them come by which mutant; then for each mutant those of its own package that do, and
//! where they pass the simulator's tests, and seeds ([`mod@run`]).
//!
//! What is in constants and constant functions can't be switched: that is left to `cargo mutants`.

mod build;
mod list;
mod report;
mod rewrite;
mod run;
mod sites;
mod tree;

use std::{
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::{Context, Result, ensure};

use crate::process;
use list::Mutant;
use report::{Report, Verdict};
use run::{Outcome, Suite};

/// Whose tests come second.
const SIMULATOR: &str = "brisk-sim";

/// The program of the simulator that runs seeds.
const SEEDS: &str = "sim";

/// What to change.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The package whose machine is changed; may be given several times
    #[arg(long, default_values_t = ["brisk-scheduler".to_owned(), "brisk-worker".to_owned()])]
    package: Vec<String>,
    /// Only files that match, such as `**/machine/copies.rs`; may be given several times
    #[arg(long, default_values_t = ["**/src/machine/**".to_owned(), "**/src/machine.rs".to_owned()])]
    file: Vec<String>,
    /// Only mutants whose name holds this
    #[arg(long)]
    only: Option<String>,
    /// Only mutants that nothing caught the last time
    #[arg(long)]
    again: bool,
    /// How many mutants are tried at a time
    #[arg(long, default_value_t = 1)]
    jobs: usize,
}

/// Tries all mutants, and prints those that nothing catches.
pub(crate) fn run(options: Options) -> Result<()> {
    let folder = process::target_directory()?.join("mutants");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let report_path = folder.join("report.txt");
    let mutants = chosen(&options, &report_path)?;
    ensure!(!mutants.is_empty(), "there is no such mutant");
    eprintln!("{} mutants", mutants.len());
    // Zero is no mutant.
    let numbered: Vec<(u32, &Mutant)> = (1..).zip(mutants.iter().map(|(_, mutant)| mutant)).collect();

    let scratch = tree::Scratch::new(folder.join("tree"))?;
    let packages: Vec<String> = options.package.iter().cloned().chain([SIMULATOR.to_owned()]).collect();
    let folders: Vec<String> = options.package.iter().map(|package| folder_of(package)).collect();
    let built = build::build(&scratch, &folder.join("build"), &packages, &folders, &numbered)?;
    let suites = suites(&built, &folder.join("reached.txt"))?;

    let mut report = Report::new(&report_path)?;
    let mut waiting = Vec::new();
    for (number, mutant) in &numbered {
        if built.unviable.contains(number) {
            report.add(mutant, Verdict::Unviable)?;
        } else if built.left.contains(number) {
            report.add(mutant, Verdict::Left)?;
        } else {
            waiting.push(Numbered { number: *number, package: &mutants[*number as usize - 1].0, mutant });
        }
    }
    // Evenly over all files, so that a run that is ended early has seen something of each.
    waiting.sort_by_key(|waiting| (waiting.number % 8, waiting.number));
    try_all(&waiting, &suites, &mut report, options.jobs)?;
    println!("{}", report.summary());
    println!("each mutant's fate: {}", report_path.display());
    Ok(())
}

/// The mutants that are asked for, with their packages.
fn chosen(options: &Options, report: &Path) -> Result<Vec<(String, Mutant)>> {
    let mut mutants = Vec::new();
    for package in &options.package {
        mutants.extend(list::list(package, &options.file)?.into_iter().map(|mutant| (package.clone(), mutant)));
    }
    if let Some(only) = &options.only {
        mutants.retain(|(_, mutant)| mutant.name.contains(only));
    }
    if options.again {
        let missed = report::missed(report)?;
        mutants.retain(|(_, mutant)| missed.contains(&mutant.name));
    }
    Ok(mutants)
}

/// The tests of the mutated packages, then the simulator's, then its seeds.
fn suites(built: &build::Build, notes: &Path) -> Result<Vec<Suite>> {
    let mut binaries = built.binaries.clone();
    // Of programs, only the one that runs seeds says whether all is well.
    binaries.retain(|binary| binary.is_test || binary.name == SEEDS);
    binaries.sort_by_key(|binary| {
        let comes_late = (binary.package == SIMULATOR, !binary.is_test, binary.name == "properties");
        (comes_late, binary.package.clone(), binary.name.clone())
    });
    let mut suites = Vec::new();
    for binary in binaries {
        for suite in Suite::of(&binary, notes)?.into_iter().filter(|suite| suite.reach() > 0) {
            eprintln!("  {} comes by {} mutants", suite.name(), suite.reach());
            suites.push(suite);
        }
    }
    Ok(suites)
}

/// Tries all the mutants with the quick tests of their own packages, and then those that pass with the others and the
/// simulator's.
fn try_all(mutants: &[Numbered<'_>], suites: &[Suite], report: &mut Report, jobs: usize) -> Result<()> {
    let own = |suite: &Suite, package: &str| suite.binary.package == package;
    let quick = |suite: &Suite, package: &str| own(suite, package) && !suite.is_slow;
    let others =
        |suite: &Suite, package: &str| suite.binary.package == SIMULATOR || (own(suite, package) && suite.is_slow);
    eprintln!("the quick tests of their own packages:");
    let mut passed = Vec::new();
    for (mutant, outcome) in mutants.iter().zip(try_each(mutants, suites, quick, jobs)?) {
        match outcome {
            Outcome::Missed | Outcome::Unreached => passed.push((*mutant, outcome)),
            caught => report.add(mutant.mutant, Verdict::Tried(caught))?,
        }
    }
    eprintln!("the others and the simulator, for {} that pass them:", passed.len());
    let left: Vec<_> = passed.iter().map(|(mutant, _)| *mutant).collect();
    for ((mutant, first), second) in passed.into_iter().zip(try_each(&left, suites, others, jobs)?) {
        let outcome = if second == Outcome::Unreached { first } else { second };
        report.add(mutant.mutant, Verdict::Tried(outcome))?;
    }
    // Something is wrong with the switch if nothing that is switched on makes a difference.
    let works = mutants.len() < 100 || report.caught() > 0;
    ensure!(works, "not one mutant was caught: are they switched on at all?");
    Ok(())
}

/// What the suites that `counts` of make of each mutant; several are tried at a time.
fn try_each(
    mutants: &[Numbered<'_>],
    suites: &[Suite],
    counts: impl Fn(&Suite, &str) -> bool + Sync,
    jobs: usize,
) -> Result<Vec<Outcome>> {
    let next = AtomicUsize::new(0);
    let outcomes: Mutex<Vec<Option<Outcome>>> = Mutex::new(vec![None; mutants.len()]);
    let work = || -> Result<()> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(Numbered { number, package, mutant }) = mutants.get(at) else { return Ok(()) };
            let theirs = suites.iter().filter(|suite| counts(suite, package));
            let outcome = run::try_mutant(theirs, *number)?;
            if matches!(outcome, Outcome::Missed | Outcome::Unreached) {
                eprintln!("  passes: {}", mutant.name);
            }
            if (at + 1).is_multiple_of(100) {
                eprintln!("  {} of {}", at + 1, mutants.len());
            }
            outcomes.lock().expect("nobody panics with it")[at] = Some(outcome);
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("it does not panic"))
    })?;
    let outcomes = outcomes.into_inner().expect("nobody panicked with it");
    Ok(outcomes.into_iter().map(|outcome| outcome.expect("each was tried")).collect())
}

/// A mutant to be tried.
#[derive(Clone, Copy)]
struct Numbered<'a> {
    number: u32,
    package: &'a str,
    mutant: &'a Mutant,
}

/// Packages are called after their folders.
fn folder_of(package: &str) -> String {
    package.strip_prefix("brisk-").unwrap_or(package).to_owned()
}
