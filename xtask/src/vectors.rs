//! `cargo xtask vectors`: what NumPy and Dask make of arrays, written down for the tests of collections.
//!
//! The file is kept in the repository, so tests need no Python. It changes only when a case is added, or a new NumPy computes otherwise;
//! the difference is to be read before it is committed.

use std::path::PathBuf;

use anyhow::Result;

use crate::process::{program, root, run as run_command};

/// What to use for it.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The Python to run: one that has numpy and dask[array]
    #[arg(long, default_value = "python3")]
    python: PathBuf,
}

/// Writes them.
pub(crate) fn run(options: &Options) -> Result<()> {
    run_command(program(&options.python).current_dir(root()).arg("collections/tests/vectors/make.py"))
}
