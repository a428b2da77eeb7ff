//! `cargo xtask bench instructions`: what a task costs in instructions, case by case, beside the figures that were agreed on.
//!
//! Times depend on the machine and on what else runs there; instructions hardly do, so a change that makes something dearer
//! is seen at once, and anywhere. The `cost` program of `brisk-sim` prepares each case and runs it inside one function;
//! valgrind's callgrind counts what is executed there, and nothing else.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    thread,
};

use anyhow::{Context, Result, bail};

use crate::process::{self, cargo, program, root};

/// Where the agreed figures are.
const FILE: &str = "xtask/instructions.toml";

/// A figure may grow by so many percent before it is too much.
const TOLERANCE_PERCENT: u64 = 5;

/// The function inside which is counted, as callgrind matches names.
const MEASURED: &str = "--toggle-collect=cost::cases::measured*";

/// How to count, and what to do with the figures.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Fail if a figure is more than 5 % above the agreed one
    #[arg(long)]
    check: bool,
    /// Agree on the figures as they are now
    #[arg(long, conflicts_with = "check")]
    bless: bool,
    /// Count only cases whose names have this in them
    #[arg(long, conflicts_with = "bless")]
    only: Option<String>,
}

/// What was counted, by case.
type Figures = BTreeMap<String, u64>;

/// Counts, and compares or agrees.
pub(crate) fn run(options: &Options) -> Result<()> {
    if process::output(program("valgrind").arg("--version")).is_err() {
        bail!("there is no valgrind, which counts instructions: install the package `valgrind`");
    }
    let counter = build()?;
    let cases = process::output(Command::new(&counter).arg("cases"))?;
    let only = options.only.as_deref().unwrap_or_default();
    let cases: Vec<&str> = cases.lines().filter(|case| case.contains(only)).collect();
    let figures = count_all(&counter, &cases)?;
    let path = root().join(FILE);
    let agreed = parse(&fs::read_to_string(&path).unwrap_or_default()).with_context(|| format!("in {FILE}"))?;
    let mut grown = Vec::new();
    for case in &cases {
        let now = figures[*case];
        println!("{now:>9}  {:>9}  {case}", difference(now, agreed.get(*case).copied()));
        if is_too_much(now, agreed.get(*case).copied()) {
            grown.push(*case);
        }
    }
    if options.bless {
        fs::write(&path, written(&figures)).with_context(|| format!("{FILE} can't be written"))?;
        println!("These are the agreed figures from now on: {FILE}.");
    } else if options.check && !grown.is_empty() {
        bail!(
            "more instructions than agreed, by more than {TOLERANCE_PERCENT} %, or never agreed on: {}. If that is what you \
             want, agree on it with `cargo xtask bench instructions --bless`, and say why in the commit",
            grown.join("; ")
        );
    }
    Ok(())
}

/// Builds the program that runs the cases.
fn build() -> Result<PathBuf> {
    let mut command = cargo();
    process::run(command.args(["build", "--quiet", "--release", "--package", "brisk-sim", "--bin", "cost"]))?;
    Ok(process::target_directory()?.join("release/cost"))
}

/// Counts all cases, as many at once as there are processors.
fn count_all(counter: &Path, cases: &[&str]) -> Result<Figures> {
    let left = Mutex::new(cases.iter());
    let next = || left.lock().ok()?.next().copied();
    let counting = || -> Result<Vec<(String, u64)>> {
        let mut counted = Vec::new();
        while let Some(case) = next() {
            counted.push((case.to_owned(), count(counter, case).with_context(|| format!("the case `{case}`"))?));
        }
        Ok(counted)
    };
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..processors).map(|_| scope.spawn(counting)).collect();
        let mut figures = Figures::new();
        for thread in threads {
            match thread.join() {
                Ok(counted) => figures.extend(counted?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(figures)
    })
}

/// Instructions of one case, a task. The program is given no environment, so that it is everywhere the same.
fn count(counter: &Path, case: &str) -> Result<u64> {
    let mut command = program("valgrind");
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no", MEASURED]);
    command.args([counter.as_os_str(), OsStr::new("case"), OsStr::new(case)]).stdin(Stdio::null());
    let output = command.output().context("valgrind can't be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("valgrind ended with {}:\n{}", output.status, said.trim_end());
    }
    let total = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse::<u64>().ok());
    let tasks = String::from_utf8_lossy(&output.stdout).trim().parse::<u64>().ok();
    match total.zip(tasks) {
        Some((total, tasks)) if total > 0 && tasks > 0 => Ok(total / tasks),
        _ => bail!("nothing was counted; valgrind said:\n{}", said.trim_end()),
    }
}

fn is_too_much(now: u64, agreed: Option<u64>) -> bool {
    agreed.is_none_or(|agreed| now * 100 > agreed * (100 + TOLERANCE_PERCENT))
}

fn difference(now: u64, agreed: Option<u64>) -> String {
    match agreed {
        None | Some(0) => "new".to_owned(),
        Some(agreed) => format!("{:+.1} %", (now as f64 / agreed as f64 - 1.0) * 100.0),
    }
}

fn written(figures: &Figures) -> String {
    let mut text = "# Instructions a task, or a worker, as `cargo xtask bench instructions` counts them. Continuous integration fails\n\
                    # if one grows by more than 5 %; `cargo xtask bench instructions --bless` writes this file.\n"
        .to_owned();
    for (case, figure) in figures {
        text.push_str(&format!("\"{case}\" = {figure}\n"));
    }
    text
}

fn parse(text: &str) -> Result<Figures> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let figures = lines.map(|line| {
        let (name, figure) = line.split_once(" = ").with_context(|| format!("`{line}` is no figure"))?;
        let figure = figure.parse().with_context(|| format!("`{line}` has no number"))?;
        Ok((name.trim_matches('"').to_owned(), figure))
    });
    figures.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_they_are_written() {
        let figures = Figures::from([("a: b, 1,000".to_owned(), 7), ("c".to_owned(), 1_000_000)]);
        assert_eq!(parse(&written(&figures)).unwrap(), figures);
        assert!(parse("\"a\" = many").is_err() && parse("what").is_err());
    }

    #[test]
    fn what_grows_beyond_the_tolerance_or_is_new_is_too_much() {
        assert!(!is_too_much(105, Some(100)) && !is_too_much(50, Some(100)));
        assert!(is_too_much(106, Some(100)) && is_too_much(1, None));
        assert_eq!(difference(110, Some(100)), "+10.0 %");
        assert_eq!(difference(95, Some(100)), "-5.0 %");
        assert_eq!(difference(95, None), "new");
    }
}
