//! `cargo xtask sim`: runs seeds until one fails, or enough have passed.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use brisk_sim::{
    failure::FailureKind,
    faults::Options,
    simulation::{Failed, Report, Simulation},
    trace::Lines,
};

mod quality;
mod scale;

const HELP: &str = "\
cargo xtask sim [--seeds N] [--from S] [--minutes M]   runs N seeds from S on, or as many as fit into M minutes
cargo xtask sim --seed S [--quiet]                     runs one seed and prints everything that happens
cargo xtask sim --planted [--seeds N]                  plants bugs in the machines, and looks whether N seeds find each
cargo xtask sim --planted --count [--only NAME]        ... and how many of the N do; --only for bugs of this name

exit codes: 0 all passed, 1 wrong arguments, 2 something happened that must not, 3 something did not happen that must";

/// What to run.
struct Arguments {
    seeds: Option<u64>,
    from: u64,
    minutes: Option<u64>,
    seed: Option<u64>,
    quiet: bool,
    planted: bool,
    count: bool,
    only: String,
}

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let Some(code) = quality::run(&given) {
        return code;
    }
    match arguments(given.into_iter()) {
        Ok(Some(arguments)) if arguments.planted => planted(&arguments),
        Ok(Some(arguments)) => match arguments.seed {
            Some(seed) => one(seed, arguments.quiet),
            None => many(&arguments),
        },
        Ok(None) => {
            println!("{HELP}\n\n{}", quality::HELP);
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            eprintln!("{wrong}\n\n{HELP}");
            ExitCode::from(1)
        }
    }
}

/// `None`: help is wanted.
fn arguments(mut given: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let (seeds, minutes, seed, only) = (None, None, None, String::new());
    let mut arguments = Arguments { seeds, from: 0, minutes, seed, quiet: false, planted: false, count: false, only };
    while let Some(name) = given.next() {
        if name == "--only" {
            arguments.only = given.next().ok_or("--only needs a name")?;
            continue;
        }
        let mut number = || {
            let value = given.next().ok_or_else(|| format!("{name} needs a number"))?;
            value.parse().map_err(|_| format!("{name} needs a number, not `{value}`"))
        };
        match name.as_str() {
            "--seeds" => arguments.seeds = Some(number()?),
            "--from" => arguments.from = number()?,
            "--minutes" => arguments.minutes = Some(number()?),
            "--seed" => arguments.seed = Some(number()?),
            "--quiet" => arguments.quiet = true,
            "--planted" => arguments.planted = true,
            "--count" => arguments.count = true,
            "--help" | "-h" => return Ok(None),
            other => return Err(format!("`{other}` means nothing here")),
        }
    }
    Ok(Some(arguments))
}

fn one(seed: u64, quiet: bool) -> ExitCode {
    let options = Options::draw(seed);
    println!("{options}");
    let lines = if quiet { Lines::Kept } else { Lines::Printed };
    match Simulation::new(options).with_lines(lines).run() {
        Ok(report) => {
            println!("{report:?}");
            ExitCode::SUCCESS
        }
        Err(failed) => {
            println!("{}", failed.tail.join("\n"));
            tell(&failed)
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "people are told how fast seeds pass, in real time")]
fn many(arguments: &Arguments) -> ExitCode {
    let start = Instant::now();
    let limit = arguments.minutes.map(|minutes| Duration::from_secs(60 * minutes));
    let count = arguments.seeds.unwrap_or(if limit.is_some() { u64::MAX } else { 1_000 });
    let mut told = start;
    let (mut events, mut executions) = (0, 0);
    for done in 0..count {
        if limit.is_some_and(|limit| start.elapsed() > limit) {
            break;
        }
        match Simulation::new(Options::draw(arguments.from.wrapping_add(done))).run() {
            Ok(Report { events: e, executions: x, .. }) => (events, executions) = (events + e, executions + x),
            Err(failed) => return tell(&failed),
        }
        if told.elapsed() > Duration::from_secs(2) || done + 1 == count {
            told = Instant::now();
            let rate = (done + 1) as f64 / start.elapsed().as_secs_f64();
            println!("{} seeds, {events} events, {executions} runs: {rate:.0} seeds a second", done + 1);
        }
    }
    ExitCode::SUCCESS
}

/// Prints which seed and property found each bug.
#[cfg(feature = "planted")]
fn planted(arguments: &Arguments) -> ExitCode {
    use brisk_sim::planted::{Bug, SEEDS};
    // A broken machine may well panic. That is found like everything else, and need not be told twice.
    std::panic::set_hook(Box::new(|_| {}));
    let seeds = arguments.seeds.unwrap_or(SEEDS);
    let bugs = || Bug::all().filter(|bug| bug.to_string().contains(&arguments.only));
    if arguments.count {
        for bug in bugs() {
            println!("{:34} found by {:>5} of {seeds} seeds", bug.to_string(), bug.count(seeds));
        }
        return ExitCode::SUCCESS;
    }
    let mut missed = 0;
    println!("{:34} {:>5}  property", "bug", "seed");
    for bug in bugs() {
        let bug_name = bug.to_string();
        match bug.search(seeds) {
            Some(found) => {
                let words: String = found.words.chars().take(100).collect();
                println!("{bug_name:34} {:>5}  {}: {}", found.seed, found.property, words.replace('\n', " "));
            }
            None => {
                missed += 1;
                println!("{bug_name:34}     -  not found by {seeds} seeds");
            }
        }
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

#[cfg(not(feature = "planted"))]
fn planted(_: &Arguments) -> ExitCode {
    eprintln!("this simulator was built without the feature `planted`: use `cargo xtask sim --planted`");
    ExitCode::from(1)
}

fn tell(failed: &Failed) -> ExitCode {
    println!("\nseed {} failed: {}", failed.seed, failed.failure);
    println!("reproduce with: cargo xtask sim --seed {}", failed.seed);
    match failed.failure.kind {
        FailureKind::Safety => ExitCode::from(2),
        FailureKind::Liveness => ExitCode::from(3),
    }
}
