//! Random numbers in a file, written by an example of the collections.

use std::fs;

use anyhow::{Context, Result};

use crate::process::{cargo, root, run};

/// How many, and where.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many rows
    #[arg(long, default_value_t = 4_000)]
    rows: usize,
    /// How many numbers in each
    #[arg(long, default_value_t = 4_000)]
    columns: usize,
    /// Writes data/random.npy instead, which needs no library
    #[arg(long)]
    npy: bool,
}

/// Writes them.
pub(crate) fn write(options: &Options) -> Result<()> {
    let directory = root().join("data");
    fs::create_dir_all(&directory).with_context(|| format!("{} can't be made", directory.display()))?;
    // Of the whole workspace, as the examples that read the file are built: their packages are compiled once for both.
    let mut command = cargo();
    command.args(["run", "--release", "--example", "write_random"]);
    if !options.npy {
        command.args(["--features", "hdf5"]);
    }
    let name = if options.npy { "random.npy" } else { "random.hdf5" };
    command.arg("--").arg(directory.join(name)).args([options.rows.to_string(), options.columns.to_string()]);
    run(&mut command)
}
