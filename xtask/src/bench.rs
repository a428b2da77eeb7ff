//! `cargo xtask bench`: what things cost.

use anyhow::Result;

use crate::bench_macros;

/// What to measure.
#[derive(clap::Subcommand)]
pub(crate) enum Options {
    /// What a `#[task]` costs to compile
    Macros,
}

/// Measures it.
pub(crate) fn run(options: Options) -> Result<()> {
    match options {
        Options::Macros => bench_macros::run(),
    }
}
