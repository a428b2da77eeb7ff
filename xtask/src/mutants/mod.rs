//! `cargo xtask mutants`: changes the machines in small ways, and looks whether a test fails.
//!
//! What is changed is what `cargo mutants` would change. It builds everything anew for each mutant; here all are compiled
//! into one set of programs, each behind a switch ([`rewrite`]), and those that don't compile are left out ([`build`]). The
//! tests are run once to see which of them come by which mutant; then for each mutant those of its own package that do, and
//! where they pass the simulator's tests, and seeds ([`mod@run`]). What becomes of each is written down at once, so that
//! what was ended early can be gone on with ([`report`]).
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
    /// What is tried first: files whose path ends so; may be given several times
    #[arg(long)]
    first: Vec<String>,
    /// Only mutants whose name holds this
    #[arg(long)]
    only: Option<String>,
    /// Only mutants that nothing caught the last time
    #[arg(long)]
    again: bool,
    /// Only mutants that were not tried the last time, since it was ended
    #[arg(long, conflicts_with = "again")]
    rest: bool,
    /// With which tests
    #[arg(long, value_enum, default_value_t = Tests::All)]
    tests: Tests,
    /// How many mutants are tried at a time
    #[arg(long, default_value_t = 1)]
    jobs: usize,
}

/// How many tests a mutant has to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
enum Tests {
    /// The quick unit tests of its own package
    Quick,
    /// Besides, the slow ones and the others of its own package
    Own,
    /// Those, the simulator's, and its seeds
    All,
}

/// Tries all mutants, and prints those that nothing catches.
pub(crate) fn run(options: Options) -> Result<()> {
    let folder = process::target_directory()?.join("mutants");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let mut report = Report::new(&folder.join("report.txt"), options.again || options.rest)?;
    let mutants = chosen(&options, &report)?;
    ensure!(!mutants.is_empty(), "there is no such mutant");
    eprintln!("{} mutants", mutants.len());
    // Zero is no mutant.
    let numbered: Vec<(u32, &Mutant)> = (1..).zip(mutants.iter().map(|(_, mutant)| mutant)).collect();

    let scratch = tree::Scratch::new(folder.join("tree"))?;
    let simulator = (options.tests == Tests::All).then(|| SIMULATOR.to_owned());
    let packages: Vec<String> = options.package.iter().cloned().chain(simulator).collect();
    let folders: Vec<String> = options.package.iter().map(|package| folder_of(package)).collect();
    let what = (packages.as_slice(), options.tests == Tests::Quick);
    let built = build::build(&scratch, &folder.join("build"), what, &folders, &numbered)?;
    let suites = suites(&built, &folder.join("reached.txt"))?;

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
    let report = Mutex::new(report);
    try_all(waiting, &suites, &report, &options)?;
    let report = report.into_inner().expect("nobody panicked with it");
    println!("{}", report.summary());
    println!("each mutant's fate: {}", folder.join("report.txt").display());
    Ok(())
}

/// The mutants that are asked for, with their packages.
fn chosen(options: &Options, report: &Report) -> Result<Vec<(String, Mutant)>> {
    let mut mutants = Vec::new();
    for package in &options.package {
        mutants.extend(list::list(package, &options.file)?.into_iter().map(|mutant| (package.clone(), mutant)));
    }
    if let Some(only) = &options.only {
        mutants.retain(|(_, mutant)| mutant.name.contains(only));
    }
    if options.again {
        mutants.retain(|(_, mutant)| report.has_missed(mutant));
    }
    if options.rest {
        mutants.retain(|(_, mutant)| !report.knows(mutant));
    }
    let place = |mutant: &Mutant| options.first.iter().position(|end| mutant.file.ends_with(end));
    mutants.sort_by_key(|(_, mutant)| place(mutant).unwrap_or(usize::MAX));
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

/// Tries all the mutants with the quick tests of their own packages, then those that pass with the slow ones, and then with
/// the simulator's.
fn try_all(mutants: Vec<Numbered<'_>>, suites: &[Suite], report: &Mutex<Report>, options: &Options) -> Result<()> {
    let all = mutants.len();
    let mut waiting = mutants;
    for stage in [Tests::Quick, Tests::Own, Tests::All].into_iter().filter(|stage| *stage <= options.tests) {
        let counts = |suite: &Suite, package: &str| match stage {
            Tests::Quick => suite.binary.package == package && !suite.is_slow,
            Tests::Own => suite.binary.package == package && suite.is_slow,
            Tests::All => suite.binary.package == SIMULATOR,
        };
        let which = match stage {
            Tests::Quick => "quick tests of their own packages",
            Tests::Own => "slow ones",
            Tests::All => "simulator's",
        };
        eprintln!("the {which}, for {}:", waiting.len());
        waiting = passing(&waiting, suites, counts, report, options.jobs)?;
    }
    // Something is wrong with the switch if nothing that is switched on makes a difference.
    let works = all < 100 || waiting.len() < all;
    ensure!(works, "not one mutant was caught: are they switched on at all?");
    Ok(())
}

/// Those that pass the suites that `counts` of; several are tried at a time, and what comes of each is reported.
fn passing<'a>(
    mutants: &[Numbered<'a>],
    suites: &[Suite],
    counts: impl Fn(&Suite, &str) -> bool + Sync,
    report: &Mutex<Report>,
    jobs: usize,
) -> Result<Vec<Numbered<'a>>> {
    let next = AtomicUsize::new(0);
    let passed: Mutex<Vec<usize>> = Mutex::default();
    let work = || -> Result<()> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(Numbered { number, package, mutant }) = mutants.get(at) else { return Ok(()) };
            let theirs = suites.iter().filter(|suite| counts(suite, package));
            let outcome = run::try_mutant(theirs, *number)?;
            if matches!(outcome, Outcome::Missed | Outcome::Unreached) {
                eprintln!("  passes: {}", mutant.name);
                passed.lock().expect("nobody panics with it").push(at);
            }
            if (at + 1).is_multiple_of(100) {
                eprintln!("  {} of {}", at + 1, mutants.len());
            }
            report.lock().expect("nobody panics with it").add(mutant, Verdict::Tried(outcome))?;
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("it does not panic"))
    })?;
    let mut passed = passed.into_inner().expect("nobody panicked with it");
    passed.sort_unstable();
    Ok(passed.into_iter().map(|at| mutants[at]).collect())
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
