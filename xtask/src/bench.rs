//! `cargo xtask bench`: what things cost.

use anyhow::{Result, ensure};

use crate::{bench_macros, process};

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
    /// How often each is measured; the median is shown
    #[arg(long, default_value_t = 5)]
    reps: usize,
    /// A size in place of the usual ones; may be given several times
    #[arg(long)]
    n: Vec<usize>,
    /// A JSON line for each measurement, in place of the medians
    #[arg(long)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum What {
    /// What a `#[task]` costs to compile
    Macros,
}

/// Measures it.
pub(crate) fn run(options: Options) -> Result<()> {
    match options.what {
        Some(What::Macros) => bench_macros::run(),
        None => workloads(&options),
    }
}

/// Runs the workloads, built for release.
fn workloads(options: &Options) -> Result<()> {
    let mut command = process::cargo();
    command.args(["bench", "--quiet", "--package", "brisk-client", "--bench", "workloads", "--"]);
    command.args(["--reps", &options.reps.to_string()]);
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
