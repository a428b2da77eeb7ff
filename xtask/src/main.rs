//! How everything in this repository is run: `cargo xtask COMMAND`.
//!
//! One file a command. Nothing here depends on a crate of the workspace: what is needed of them is built by cargo and
//! started as a program, so this package compiles even while they do not.

mod bench;
mod bench_macros;
mod ci;
mod cluster;
mod dashboard;
mod data;
mod mutants;
mod process;
mod sim;
mod test;
mod tidy;
mod vectors;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// How everything in this repository is run.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs every test: the workspace's, those in the documentation, and those of each combination of features
    Test(test::Options),
    /// Starts a local cluster of worker processes over QUIC, and a command that uses it
    Cluster(cluster::Options),
    /// Brings data sets for the examples
    #[command(subcommand)]
    Data(data::Options),
    /// Runs benchmarks
    Bench(bench::Options),
    /// Simulates whole clusters, with faults, from a seed
    Sim(sim::Options),
    /// Builds the dashboard's front end, and checks it
    Dashboard(dashboard::Options),
    /// Changes the machines in small ways, and looks whether a test fails
    Mutants(mutants::Options),
    /// Has NumPy and Dask compute the results that tests of collections are held to
    Vectors(vectors::Options),
    /// Checks the repository against its own rules: dependencies, purity, documents, licences
    Tidy,
    /// Does what continuous integration does
    Ci,
}

fn main() -> ExitCode {
    let Err(error) = run(Cli::parse().command) else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
    ExitCode::FAILURE
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Test(options) => test::run(options),
        Command::Cluster(options) => cluster::run(options),
        Command::Data(options) => data::run(options),
        Command::Bench(options) => bench::run(options),
        Command::Sim(options) => sim::run(options),
        Command::Dashboard(options) => dashboard::run_command(&options),
        Command::Mutants(options) => mutants::run(options),
        Command::Vectors(options) => vectors::run(&options),
        Command::Tidy => tidy::run(),
        Command::Ci => ci::run(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_others_take_is_left_to_them() {
        for line in ["sim --help", "sim --seed 7 --iterations=3", "cluster --workers 4 -- program --workers 2"] {
            let words = ["xtask"].into_iter().chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
    }
}
