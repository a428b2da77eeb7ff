//! The `brisk` command: what operators run.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod credentials;
mod dashboard;
mod inspect;
mod local;
mod logging;
mod network;
mod replay;
mod scheduler;
mod signals;
mod worker;

/// A scheduler allocates and frees several times a task, on other threads than those that took the memory: mimalloc is good at that
/// (docs/performance.md has what it gains).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Distributed futures for Rust: a scheduler, supervisors of workers, and the credentials they share.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a scheduler.
    Scheduler(scheduler::Options),
    /// Run a supervisor that starts workers of the clients' programs on this host.
    Worker(worker::Options),
    /// Run a scheduler and worker processes on this host, and a command against them.
    Local(local::Options),
    /// Go through a recording of a scheduler: check it, and tell what happened.
    Replay(replay::Options),
    /// Look into a dump of a scheduler's state.
    Inspect(inspect::Options),
    /// Make credentials for a cluster.
    Credentials(credentials::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start();
    let outcome = match cli.command {
        Command::Scheduler(options) => scheduler::run(options),
        Command::Worker(options) => worker::run(options),
        Command::Local(options) => local::run(options),
        Command::Replay(options) => replay::run(options),
        Command::Inspect(options) => inspect::run(options),
        Command::Credentials(options) => credentials::run(options),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("brisk: {error:#}");
            ExitCode::FAILURE
        }
    }
}
