//! `cargo xtask data`: data sets for the examples, brought here, checked, and cut into the files that examples read; or made up.
//!
//! Nothing of them is kept in the repository but a small excerpt for tests.

pub(crate) mod accounts;
mod archive;
mod excerpt;
mod fetch;
mod flights;
mod random;
pub(crate) mod words;

use anyhow::Result;

/// Which data set.
#[derive(clap::Subcommand)]
pub(crate) enum Options {
    /// The 336,776 flights that left New York City in 2013, one file a month, in data/flights
    Flights {
        /// Also writes the excerpt that tests use, in client/tests/data/flights
        #[arg(long)]
        excerpt: bool,
    },
    /// Random numbers in data/random.hdf5, as the dataset /x; needs libhdf5-dev
    Random(random::Options),
    /// People and their transactions, made up: gzipped lines of JSON, in data/accounts
    Accounts(accounts::Sizes),
}

/// Brings it.
pub(crate) fn run(options: Options) -> Result<()> {
    match options {
        Options::Flights { excerpt } => {
            flights::bring()?;
            if excerpt { excerpt::write() } else { Ok(()) }
        }
        Options::Random(options) => random::write(&options),
        Options::Accounts(sizes) => accounts::write(&sizes),
    }
}
