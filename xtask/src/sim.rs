//! `cargo xtask sim`: whole clusters on one thread, with faults, from a seed.

use std::ffi::OsString;

use anyhow::Result;

use crate::process::{become_program, cargo};

/// What to simulate.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// Handed to the simulator; `cargo xtask sim --help` shows what it takes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Builds the simulator with optimisation, and becomes it.
pub(crate) fn run(options: Options) -> Result<()> {
    let planted = options.arguments.iter().any(|argument| argument == "--planted");
    // Bugs are planted in machines that are built for that.
    let features: &[&str] = if planted { &["--features", "planted"] } else { &[] };
    let simulator = ["run", "--release", "--quiet", "--package", "brisk-sim", "--bin", "sim"];
    become_program(cargo().args(simulator).args(features).arg("--").args(options.arguments))
}
