//! `cargo xtask test`: every test there is.
//!
//! The workspace's tests and those in the documentation, with all features; then the crates whose features matter, alone,
//! since a workspace build unites the features of all its members and would hide what one of them lacks: the pure
//! machines without their shells, and the client with each transport and without the other.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::process::{cargo, run as run_command};

/// What to test.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only the workspace's own tests: without the documentation's and without combinations of features
    #[arg(long)]
    quick: bool,
}

/// Packages and features to be tested by themselves.
const ALONE: &[&[&str]] = &[
    &["--package", "brisk-core", "--package", "brisk-scheduler", "--package", "brisk-worker", "--no-default-features"],
    &["--package", "brisk-client", "--no-default-features", "--features", "inproc"],
    &["--package", "brisk-client", "--no-default-features", "--features", "quic"],
    // The tester is tested: bugs that are planted in the machines are found.
    &["--package", "brisk-sim", "--features", "planted", "--test", "planted_machines"],
];

/// Runs the tests.
pub(crate) fn run(options: Options) -> Result<()> {
    let nextest = has_nextest();
    run_command(tests(nextest).arg("--workspace"))?;
    if options.quick {
        return Ok(());
    }
    run_command(cargo().args(["test", "--workspace", "--doc"]))?;
    for features in ALONE {
        run_command(tests(nextest).args(*features))?;
    }
    Ok(())
}

/// Runs the tests of what is named in further arguments, without those in the documentation.
fn tests(nextest: bool) -> Command {
    let mut command = cargo();
    if nextest {
        // The crates are tested together: one that has no tests is no failure.
        command.args(["nextest", "run", "--no-tests=pass"]);
    } else {
        command.args(["test", "--tests", "--no-fail-fast"]);
    }
    command
}

/// Nextest gives each test a process of its own, and ends one that hangs. Cargo's own runner does without it.
fn has_nextest() -> bool {
    let found = cargo().args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}
