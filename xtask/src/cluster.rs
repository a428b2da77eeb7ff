//! `cargo xtask cluster`: a scheduler and worker processes on this host, over QUIC, and a command that uses them.
//!
//! Builds the `brisk` command and becomes `brisk local`: Ctrl-C reaches it directly, and its exit code is this one's.

use std::{ffi::OsString, process::Command};

use anyhow::Result;

use crate::process::{become_program, cargo, program, run as run_command, target_directory};

/// What to start.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Worker processes
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    workers: u32,
    /// Threads of each worker [default: left to `brisk local`]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    threads: Option<u32>,
    /// Builds the `brisk` command with optimisation
    #[arg(long)]
    release: bool,
    /// Started once the workers are there; the cluster ends with it. Without one the cluster stays until Ctrl-C
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Builds `brisk`, and becomes `brisk local`.
pub(crate) fn run(options: Options) -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--package", "brisk-cli", "--bin", "brisk"]);
    if options.release {
        build.arg("--release");
    }
    run_command(&mut build)?;
    become_program(&mut local(&options)?)
}

/// The command stays where it was typed: paths in it are relative to there.
fn local(options: &Options) -> Result<Command> {
    let profile = if options.release { "release" } else { "debug" };
    let brisk = target_directory()?.join(profile).join(format!("brisk{}", std::env::consts::EXE_SUFFIX));
    let mut local = program(brisk);
    local.args(["local", "--workers", &options.workers.to_string()]);
    if let Some(threads) = options.threads {
        local.args(["--threads", &threads.to_string()]);
    }
    if !options.command.is_empty() {
        local.arg("--").args(&options.command);
    }
    Ok(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(options: Options) -> Vec<String> {
        local(&options).unwrap().get_args().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn everything_asked_for_is_handed_on() {
        let command = vec!["my-program".into(), "--fast".into()];
        let options = Options { workers: 4, threads: Some(2), release: true, command };
        assert_eq!(words(options), ["local", "--workers", "4", "--threads", "2", "--", "my-program", "--fast"]);
    }

    #[test]
    fn nothing_else_is() {
        let options = Options { workers: 1, threads: None, release: false, command: Vec::new() };
        assert_eq!(words(options), ["local", "--workers", "1"]);
    }
}
