//! Bags and arrays beside a loop on one thread and Dask, by turns, in one run, over the same files.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{median, peers};
use crate::{
    data::{
        accounts::{self, Form, Sizes},
        words,
    },
    process,
};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// One workload only; an unknown name lists them all
    #[arg(long)]
    only: Option<String>,
    /// How often each is measured, after once for the caches; the median is shown
    #[arg(long, default_value_t = 5)]
    reps: usize,
    /// A JSON line for each measurement, in place of the table
    #[arg(long)]
    json: bool,
    /// Leaves Dask out, which takes python3 with venv, and pip that reaches PyPI
    #[arg(long)]
    without_dask: bool,
    /// Where Dask's virtual environment is, or is to be made; in the target directory unless told otherwise
    #[arg(long, env = "BRISK_PEERS", value_name = "DIRECTORY")]
    peers_venv: Option<PathBuf>,
    /// How many words each file of text has; there are as many files as of accounts
    #[arg(long, default_value_t = 500_000)]
    words: usize,
    /// The rows and columns of the matrix that is summed and turned
    #[arg(long, default_value_t = 4_000)]
    side: usize,
    /// Those of the matrices that are multiplied
    #[arg(long, default_value_t = 2_000)]
    matrix: usize,
    /// Those of the chunks of both
    #[arg(long, default_value_t = 1_000)]
    chunk: usize,
    #[command(flatten)]
    accounts: Sizes,
}

/// A workload, and how many times as fast as Dask it is meant to be.
struct Workload {
    name: &'static str,
    aim: f64,
}

const WORKLOADS: &[Workload] = &[
    Workload { name: "json-filter-count", aim: 20.0 },
    Workload { name: "json-lines-count", aim: 20.0 },
    Workload { name: "json-records-count", aim: 20.0 },
    Workload { name: "word-count", aim: 20.0 },
    Workload { name: "word-count-fold", aim: 20.0 },
    Workload { name: "array-read-sum", aim: 2.0 },
    Workload { name: "array-sum", aim: 2.0 },
    Workload { name: "array-mean-axis", aim: 2.0 },
    Workload { name: "array-transpose-add", aim: 1.0 },
    Workload { name: "array-matmul", aim: 1.0 },
];

/// Our modes, and Dask's that is compared with each.
const MODES: [(&str, &str); 2] = [("inproc", "threads"), ("quic", "procs")];

/// Seconds of all measurements, by who did it and how.
type Times = BTreeMap<(String, String), Vec<f64>>;

/// Measures it.
pub(super) fn run(options: &Options) -> Result<()> {
    let workloads = chosen(options.only.as_deref())?;
    ensure!(options.matrix <= options.side, "--matrix is a corner of the matrix of --side: it is not larger");
    let dask = if options.without_dask { None } else { Some(peers::dask(options.peers_venv.as_deref())?) };
    let data = files(options)?;
    if !options.json {
        println!("| workload | n | plain, one thread | mode | Brisk | × plain | Dask | × Dask | aim |");
        println!("|---|--:|--:|---|--:|--:|--:|--:|--:|");
    }
    for workload in workloads {
        let mut results = Results::default();
        results.add(&ours(options, workload, "plain", &data)?, options.json)?;
        for (mode, theirs) in MODES {
            results.add(&ours(options, workload, mode, &data)?, options.json)?;
            if let Some(python) = &dask {
                results.add(&dasks(options, workload, theirs, &data, python)?, options.json)?;
            }
        }
        results.agree(workload.name)?;
        if !options.json {
            results.print(workload);
        }
    }
    Ok(())
}

fn chosen(only: Option<&str>) -> Result<Vec<&'static Workload>> {
    let chosen: Vec<_> = WORKLOADS.iter().filter(|workload| only.is_none_or(|only| workload.name == only)).collect();
    let names = || WORKLOADS.iter().map(|workload| workload.name).collect::<Vec<_>>().join(", ");
    ensure!(!chosen.is_empty(), "there is no workload `{}`; there are {}", only.unwrap_or_default(), names());
    Ok(chosen)
}

/// Makes the files, unless they are there already. Where they are.
fn files(options: &Options) -> Result<PathBuf> {
    let Sizes { files, people, transactions, seed } = options.accounts;
    let directory = process::target_directory()?.join("bench-collections");
    let (done, wanted) =
        (directory.join("made"), format!("{files} {people} {transactions} {seed} {} {}", options.words, options.side));
    if fs::read_to_string(&done).is_ok_and(|made| made == wanted) {
        return Ok(directory);
    }
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| format!("{} can't be removed", directory.display()))?;
    }
    for form in [Form::Gzip, Form::Plain] {
        accounts::write_to(&directory, &options.accounts, form)?;
    }
    words::write_to(&directory, files, options.words)?;
    let side = options.side.to_string();
    let mut command = process::cargo();
    command.args(["run", "--quiet", "--release", "--example", "write_random", "--"]);
    process::run(command.arg(directory.join("random.npy")).args([&side, &side]))?;
    fs::write(&done, wanted).with_context(|| format!("{} can't be written", done.display()))?;
    Ok(directory)
}

/// What all systems are told.
fn sizes(command: &mut Command, options: &Options, workload: &Workload, mode: &str, data: &Path) -> Result<String> {
    command.arg(workload.name).args(["--mode", mode]).arg("--data").arg(data);
    for (flag, value) in [("--reps", options.reps.max(1)), ("--matrix", options.matrix), ("--chunk", options.chunk)] {
        command.args([flag, &value.to_string()]);
    }
    process::output(command)
}

fn ours(options: &Options, workload: &Workload, mode: &str, data: &Path) -> Result<String> {
    let mut command = process::cargo();
    command.args(["bench", "--quiet", "--package", "brisk-collections", "--bench", "collections", "--"]);
    sizes(&mut command, options, workload, mode, data)
}

fn dasks(options: &Options, workload: &Workload, mode: &str, data: &Path, python: &Path) -> Result<String> {
    let mut command = Command::new(python);
    command.arg(process::root().join("xtask/peers/dask_collections.py"));
    sizes(&mut command, options, workload, mode, data)
}

/// What was measured of one workload.
#[derive(Default)]
struct Results {
    times: Times,
    answers: Vec<(String, f64)>,
    n: u64,
}

impl Results {
    /// Takes the lines of one process; the first of them is for the caches.
    fn add(&mut self, lines: &str, json: bool) -> Result<()> {
        let lines: Vec<&str> = lines.lines().filter(|line| line.starts_with('{')).collect();
        ensure!(lines.len() > 1, "too few measurements were printed:\n{}", lines.join("\n"));
        for line in &lines[1..] {
            if json {
                println!("{line}");
            }
            let row: Value = serde_json::from_str(line).with_context(|| format!("a result is no JSON: {line}"))?;
            let text =
                |field: &str| row[field].as_str().map(str::to_owned).with_context(|| format!("no {field}: {line}"));
            let number = |field: &str| row[field].as_f64().with_context(|| format!("no {field}: {line}"));
            let (system, mode) = (text("system")?, text("mode")?);
            self.answers.push((format!("{system}, {mode}"), number("answer")?));
            self.n = row["n"].as_u64().with_context(|| format!("no n: {line}"))?;
            self.times.entry((system, mode)).or_default().push(number("seconds")?);
        }
        Ok(())
    }

    /// Whether all came to the same, but for rounding.
    fn agree(&self, workload: &str) -> Result<()> {
        let Some((first, wanted)) = self.answers.first() else { return Ok(()) };
        for (who, answer) in &self.answers {
            let near = (answer - wanted).abs() <= 1e-9 * wanted.abs();
            ensure!(near, "{workload}: the answer of {who} is {answer}, and that of {first} is {wanted}");
        }
        Ok(())
    }

    fn print(&self, workload: &Workload) {
        let seconds = |system: &str, mode: &str| {
            self.times.get(&(system.to_owned(), mode.to_owned())).map(|seconds| median(seconds))
        };
        let shown = |seconds: Option<f64>| seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.4} s"));
        let plain = seconds("brisk", "plain");
        for (mode, theirs) in MODES {
            let (own, dask) = (seconds("brisk", mode), seconds("dask", theirs));
            let times = |other: Option<f64>| match (other, own) {
                (Some(other), Some(own)) => format!("{:.1}", other / own),
                _ => "–".to_owned(),
            };
            println!(
                "| {} | {} | {} | {mode}, {theirs} | {} | {} | {} | {} | {:.0} |",
                workload.name,
                self.n,
                shown(plain),
                shown(own),
                times(plain),
                shown(dask),
                times(dask),
                workload.aim
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(mode: &str, seconds: f64, answer: f64) -> String {
        format!(
            r#"{{"system": "brisk", "mode": "{mode}", "workload": "w", "n": 5, "seconds": {seconds}, "answer": {answer}}}"#
        )
    }

    #[test]
    fn the_first_run_does_not_count_and_answers_are_compared() {
        let mut results = Results::default();
        let lines = [line("plain", 9.0, 1.0), line("plain", 1.0, 1.0), line("plain", 2.0, 1.0)].join("\n");
        results.add(&lines, false).unwrap();
        assert_eq!(results.times[&("brisk".to_owned(), "plain".to_owned())], [1.0, 2.0]);
        results.agree("w").unwrap();
        results.add(&[line("quic", 1.0, 1.1), line("quic", 1.0, 1.1)].join("\n"), false).unwrap();
        let error = results.agree("w").unwrap_err().to_string();
        assert_eq!(error, "w: the answer of brisk, quic is 1.1, and that of brisk, plain is 1");
        assert!(results.add(&line("quic", 1.0, 1.0), false).is_err());
    }

    #[test]
    fn a_workload_that_is_not_there_is_told_with_those_that_are() {
        let error = chosen(Some("sort")).err().unwrap().to_string();
        assert!(error.starts_with("there is no workload `sort`; there are json-filter-count, "), "{error}");
        assert_eq!(chosen(Some("word-count")).unwrap().len(), 1);
    }
}
