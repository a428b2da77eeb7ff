//! What bags and arrays cost, end to end, as a user's program sees it, and what a plain loop on one thread takes for the same. Run by
//! `cargo xtask bench collections`, which makes the files, and measures Dask beside it.
//!
//! A JSON line a measurement, with `system`, `mode`, `workload`, `n`, `seconds` and the `answer`, by which systems are held against
//! each other. Two workers of one thread each.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use brisk_client::{Client, LocalBuilder};

mod arrays;
mod bags;
mod plain;

/// What makes and drops many small strings, or long blocks, is better off with another allocator than the system's, in plain Rust as well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is to be measured.
pub(crate) struct Options {
    workload: String,
    mode: Mode,
    repetitions: usize,
    /// The files that all systems read.
    pub(crate) data: String,
    /// The rows and columns of matrices that are multiplied.
    pub(crate) matrix: usize,
    /// Those of the chunks of arrays.
    pub(crate) chunk: usize,
}

/// How it is computed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// By a loop on one thread.
    Plain,
    /// By workers that are threads.
    Inproc,
    /// By worker processes over QUIC.
    Quic,
}

/// What one run came to.
pub(crate) struct Outcome {
    /// What is the same whoever computed it, but for rounding.
    pub(crate) answer: f64,
    /// The size: elements, words, records.
    pub(crate) n: usize,
    pub(crate) time: Duration,
}

impl Outcome {
    /// `n` is the size, `start` when it began.
    pub(crate) fn new(start: Instant, n: usize, answer: f64) -> Self {
        Outcome { answer, n, time: start.elapsed() }
    }
}

/// The workloads.
const WORKLOADS: &[&str] = &[
    "json-filter-count",
    "json-lines-count",
    "json-records-count",
    "word-count",
    "word-count-fold",
    "array-read-sum",
    "array-sum",
    "array-mean-axis",
    "array-transpose-add",
    "array-matmul",
];

#[brisk_client::main]
async fn main() -> ExitCode {
    let measured = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options.measure().await,
        Err(error) => Err(error),
    };
    let Err(error) = measured else { return ExitCode::SUCCESS };
    eprintln!(
        "{error:#}\nusage: collections WORKLOAD --mode plain|inproc|quic --data DIRECTORY --reps R --matrix N --chunk N"
    );
    eprintln!("workloads: {}", WORKLOADS.join(", "));
    ExitCode::FAILURE
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut options = Options {
            workload: String::new(),
            mode: Mode::Inproc,
            repetitions: 5,
            data: String::new(),
            matrix: 2_000,
            chunk: 1_000,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} takes a value"));
            match argument.as_str() {
                "--mode" => {
                    options.mode = match value()?.as_str() {
                        "plain" => Mode::Plain,
                        "inproc" => Mode::Inproc,
                        "quic" => Mode::Quic,
                        other => bail!("there is no mode `{other}`"),
                    };
                }
                "--reps" => options.repetitions = value()?.parse()?,
                "--data" => options.data = value()?,
                "--matrix" => options.matrix = value()?.parse()?,
                "--chunk" => options.chunk = value()?.parse()?,
                // What `cargo bench` adds by itself.
                "--bench" => {}
                name if WORKLOADS.contains(&name) => options.workload = argument,
                other => bail!("`{other}` is not known"),
            }
        }
        anyhow::ensure!(!options.workload.is_empty() && !options.data.is_empty(), "a workload and --data are wanted");
        Ok(options)
    }

    async fn measure(&self) -> anyhow::Result<()> {
        if self.mode == Mode::Plain {
            for _ in 0..=self.repetitions {
                self.print(&plain::run(&self.workload, self)?);
            }
            return Ok(());
        }
        let builder = LocalBuilder::default().workers(2).threads(1);
        let builder = if self.mode == Mode::Quic { builder.processes() } else { builder };
        let cluster = builder.start().await?;
        let client = cluster.client().await?;
        client.wait_for_workers(2).await?;
        self.on(&client).await?;
        client.close().await;
        cluster.close().await;
        Ok(())
    }

    async fn on(&self, client: &Client) -> anyhow::Result<()> {
        if let Some(arrays) = arrays::Arrays::of(&self.workload, client, self).await? {
            for _ in 0..=self.repetitions {
                self.print(&arrays.run(client).await?);
                client.flush().await;
            }
        } else {
            for _ in 0..=self.repetitions {
                self.print(&bags::run(&self.workload, client, &self.data).await?);
                client.flush().await;
            }
        }
        Ok(())
    }

    /// The first is for the caches, and marked.
    fn print(&self, outcome: &Outcome) {
        let mode = match self.mode {
            Mode::Plain => "plain",
            Mode::Inproc => "inproc",
            Mode::Quic => "quic",
        };
        let (Outcome { answer, n, time }, workload) = (outcome, &self.workload);
        println!(
            r#"{{"system": "brisk", "mode": "{mode}", "workload": "{workload}", "n": {n}, "seconds": {:.6}, "answer": {answer}}}"#,
            time.as_secs_f64()
        );
    }
}
