//! `brisk credentials create`.

use std::{path::PathBuf, process::ExitCode};

use brisk_transport_quic::Credentials;
use clap::{Args, Subcommand};

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make the credentials of a new cluster, in a private file. Copy it to each host and user of the cluster.
    Create {
        /// The file, which must not exist.
        file: PathBuf,
    },
}

pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let Action::Create { file } = options.action;
    Credentials::create(&file)?;
    println!("{} is made, for you alone to read. Copy it to each host and user of the cluster, then:", file.display());
    println!("  brisk scheduler --credentials {}", file.display());
    Ok(ExitCode::SUCCESS)
}
