//! `cargo xtask bench`: what things cost.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::{bench_macros, process};

mod collections;
mod instructions;
mod limits;
mod peers;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: Option<What>,
    /// One workload only: noop-many, chain, transfer-bytes…; an unknown name lists them all
    #[arg(long)]
    only: Option<String>,
    /// One transport only: inproc, quic
    #[arg(long)]
    transport: Option<String>,
    /// How often each is measured; the median is shown. 5 unless told otherwise; 1 beside peers and limits
    #[arg(long)]
    reps: Option<usize>,
    /// A size in place of the usual ones; may be given several times
    #[arg(long)]
    n: Vec<usize>,
    /// A JSON line for each measurement, in place of the medians
    #[arg(long)]
    json: bool,
    /// The allocator of our program: `mimalloc`, which the documentation recommends, or `system`
    #[arg(long, value_enum, default_value_t)]
    allocator: Allocator,
    /// Measure these systems beside ours, by turns, and print ratios: dask, ray, threads
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Where the peers' virtual environments are, or are to be made; in the target directory unless told otherwise
    #[arg(long, env = "BRISK_PEERS", value_name = "DIRECTORY")]
    peers_venv: Option<PathBuf>,
    /// Measure what this machine allows (wake-ups, sockets, raw QUIC, memory) beside ours, by turns, and print ratios; with
    /// `--peers`, after them
    #[arg(long, conflicts_with_all = ["only", "transport", "n"])]
    limits: bool,
}

/// The allocator of the program that is measured.
#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Allocator {
    #[default]
    Mimalloc,
    System,
}

#[derive(clap::Subcommand)]
enum What {
    /// What a `#[task]` costs to compile
    Macros,
    /// Bags and arrays, beside a loop on one thread and Dask with as many workers
    Collections(collections::Options),
    /// What a task costs in instructions, beside the figures that were agreed on
    Instructions(instructions::Options),
    /// What five viewers of the dashboard cost: no-op tasks with and without them, by turns
    Dashboard {
        /// In place of that, the memory of scheduler, client and page while so many tasks pass: 10000000, say
        #[arg(long)]
        tasks: Option<usize>,
    },
    /// What a task costs the scheduler alone, with workers that answer at once
    ZeroWorker {
        /// Numbers of tasks, in place of 10,000, 100,000 and 1,000,000
        tasks: Vec<u32>,
    },
}

impl Options {
    /// How often we and others are measured by turns.
    fn rounds(&self) -> usize {
        self.reps.unwrap_or(1).max(1)
    }
}

/// Measures it.
pub(crate) fn run(options: Options) -> Result<()> {
    match options.what {
        Some(What::Macros) => bench_macros::run(),
        Some(What::Collections(options)) => collections::run(&options),
        Some(What::Instructions(options)) => instructions::run(&options),
        // It has turns of its own.
        Some(What::Dashboard { tasks: None }) => {
            let reps = options.reps.or(Some(1));
            workloads(&Options { only: Some("dashboard".to_owned()), reps, ..options })
        }
        Some(What::Dashboard { tasks: Some(tasks) }) => {
            workloads(&Options { only: Some("dashboard-memory".to_owned()), n: vec![tasks], ..options })
        }
        Some(What::ZeroWorker { tasks }) => zero_worker(&tasks),
        None if options.peers.is_empty() && !options.limits => workloads(&options),
        None => {
            if !options.peers.is_empty() {
                peers::run(&options)?;
            }
            if options.limits {
                limits::run(&options)?;
            }
            Ok(())
        }
    }
}

/// Times the scheduler's machine, alone and with the codec.
fn zero_worker(tasks: &[u32]) -> Result<()> {
    let mut command = process::cargo();
    command.args(["run", "--quiet", "--release", "--package", "brisk-sim", "--bin", "cost", "--", "zero-worker"]);
    process::run(command.args(tasks.iter().map(u32::to_string)))
}

/// The command that runs the workloads, built for release.
fn command(allocator: Allocator) -> std::process::Command {
    let program = match allocator {
        Allocator::Mimalloc => "workloads-mimalloc",
        Allocator::System => "workloads",
    };
    let mut command = process::cargo();
    command.args(["bench", "--quiet", "--package", "brisk-client", "--bench", program, "--"]);
    command
}

/// What the workloads print when they are run with these arguments.
fn ours(allocator: Allocator, arguments: &[&str]) -> Result<String> {
    process::output(command(allocator).args(arguments)).context("our own workloads")
}

/// Runs the workloads, built for release.
fn workloads(options: &Options) -> Result<()> {
    let mut command = command(options.allocator);
    command.args(["--reps", &options.reps.unwrap_or(5).to_string()]);
    for (flag, value) in [("--only", &options.only), ("--transport", &options.transport)] {
        if let Some(value) = value {
            command.args([flag, value]);
        }
    }
    for n in &options.n {
        command.args(["--n", &n.to_string()]);
    }
    if options.json {
        command.arg("--json");
    }
    let status = command.status()?;
    ensure!(status.success(), "the benchmark ended with {status}");
    Ok(())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
