//! `brisk scheduler`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use brisk_core::{hello::Role, id::Epoch};
use brisk_scheduler::server::{Config, RecordingFile, Server};
use brisk_transport_quic::{Credentials, QuicConfig, QuicTransport};
use clap::Args;
use tokio::runtime::Handle;

use crate::{dashboard, network, signals};

#[derive(Args)]
pub(crate) struct Options {
    /// The cluster's credentials file, as `brisk credentials create` makes it.
    #[arg(long)]
    credentials: PathBuf,
    /// The host name or address to listen at. Only this host is served unless it is given.
    #[arg(long)]
    host: Option<String>,
    /// The port to listen at; 0 for any.
    #[arg(long, default_value_t = network::DEFAULT_PORT)]
    port: u16,
    /// After so many seconds without a worker that could run it, a task fails.
    #[arg(long, default_value_t = 300)]
    no_worker_timeout: u64,
    /// Record every event in this new file, for `brisk replay`. It tells names, addresses and the texts of errors, but
    /// neither arguments nor results.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    dashboard: dashboard::Served,
}

pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(options))
}

async fn serve(options: Options) -> anyhow::Result<ExitCode> {
    let runtime = Handle::current();
    let credentials = Credentials::load(&options.credentials)?;
    let transport = QuicTransport::new(credentials, runtime.clone(), QuicConfig::default())?;
    let bind = network::bind_address(options.host.as_deref(), options.port)?;
    let listener = transport.listen(bind, Role::Scheduler)?;
    let mut config = Config::default();
    config.machine.no_worker_timeout = Duration::from_secs(options.no_worker_timeout);
    let address = listener.address();
    let server = start(config, options.record.as_deref(), runtime)?;
    // Before anybody comes, so that all are told.
    let dashboard = options.dashboard.serve(&server)?;
    server.serve(listener);
    println!("scheduler at {address}");
    println!("  workers:  brisk worker {address} --credentials {}", options.credentials.display());
    println!("  programs: BRISK_SCHEDULER={address} BRISK_CREDENTIALS={} PROGRAM", options.credentials.display());
    if let Some(dashboard) = &dashboard {
        println!("  dashboard: {}", dashboard.link());
    }
    let signal = signals::end_asked().await?;
    eprintln!("brisk: {signal}: the scheduler ends, and its workers with it");
    server.shutdown();
    transport.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

fn start(config: Config, record: Option<&Path>, runtime: Handle) -> anyhow::Result<Arc<Server>> {
    let Some(path) = record else { return Ok(Server::start(config, new_epoch(), runtime)) };
    let file =
        RecordingFile::create(path).with_context(|| format!("the recording {} can't be begun", path.display()))?;
    Ok(Server::start_recorded(config, new_epoch(), runtime, file)?)
}

/// A number that no former life of a scheduler had: the time, in nanoseconds.
fn new_epoch() -> Epoch {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Epoch(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
}
