//! `brisk worker`: a supervisor.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use brisk_client::supervisor::{Supervisor, SupervisorConfig};
use brisk_core::{address::Address, show::SHOWN_BYTES};
use brisk_transport_quic::{Credentials, QuicConfig, QuicTransport};
use clap::Args;

use crate::{network, signals};

#[derive(Args)]
pub(crate) struct Options {
    /// The scheduler's address, as in quic://10.0.0.1:8786.
    scheduler: Address,
    /// The cluster's credentials file.
    #[arg(long)]
    credentials: PathBuf,
    #[command(flatten)]
    workers: Workers,
    /// The host name or address at which other hosts reach these workers. Found by the way to the scheduler unless given.
    #[arg(long)]
    host: Option<String>,
    /// For so many seconds, supervisor and workers try to reach the scheduler again when they have lost it.
    #[arg(long, default_value_t = 60)]
    reconnect: u64,
    /// How fast this host's processors are beside those of other hosts, as in 0.5 for half as fast: from 0.25 to 4. It is
    /// learnt within a few calls of any function; long calls that come first are placed better if it is told.
    #[arg(long, value_parser = network::speed, default_value = "1")]
    speed: u32,
    /// What the workers are called, before a number. This host's name, unless given.
    #[arg(long)]
    name: Option<String>,
}

/// How many workers, and how large.
#[derive(Args)]
pub(crate) struct Workers {
    /// How many worker processes to run, for each program. As many as there are processors, unless given.
    #[arg(long)]
    pub(crate) workers: Option<u32>,
    /// How many tasks each runs at once. The processors divided by the workers, unless given.
    #[arg(long)]
    pub(crate) threads: Option<u32>,
    /// How much memory values may take in each, as in 4GiB. No limit unless given.
    #[arg(long, value_parser = network::bytes, default_value = "0")]
    pub(crate) memory_limit: u64,
    /// How many bytes of each argument the report of a failed task shows; 0 to show none.
    #[arg(long, default_value_t = SHOWN_BYTES)]
    pub(crate) shown_argument_bytes: usize,
    /// What each has for tasks to take, as in gpu=2. May be given several times.
    #[arg(long = "resource", value_parser = network::resource)]
    pub(crate) resources: Vec<(String, f64)>,
}

impl Workers {
    /// The numbers of workers and of threads of each.
    pub(crate) fn size(&self) -> anyhow::Result<(u32, u32)> {
        let processors = std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1));
        let workers = self.workers.unwrap_or(processors);
        anyhow::ensure!((1..=10_000).contains(&workers), "{workers} workers: there must be from 1 to 10,000");
        let threads = self.threads.unwrap_or((processors / workers).max(1));
        anyhow::ensure!((1..=65_536).contains(&threads), "{threads} threads: there must be from 1 to 65,536");
        Ok((workers, threads))
    }
}

pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(supervise(options))
}

async fn supervise(options: Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Handle::current();
    let credentials = Credentials::load(&options.credentials)?;
    let transport = QuicTransport::new(credentials.clone(), runtime.clone(), QuicConfig::default())?;
    let (workers, threads) = options.workers.size()?;
    let host = network::host_name();
    let config = SupervisorConfig {
        scheduler: options.scheduler.clone(),
        credentials,
        workers,
        threads,
        memory_limit: options.workers.memory_limit,
        speed_percent: options.speed,
        shown_bytes: options.workers.shown_argument_bytes,
        resources: options.workers.resources,
        listen: network::listen_address(options.host.as_deref(), options.scheduler.place())?,
        name: options.name.unwrap_or_else(|| host.clone()),
        host,
        reconnect: Duration::from_secs(options.reconnect),
    };
    let supervisor = Supervisor::connect(config, &transport, runtime).await?;
    println!("supervisor of {workers} workers of {threads} threads for each program, at {}", options.scheduler);
    let code = tokio::select! {
        signal = signals::end_asked() => {
            eprintln!("brisk: {}: the workers end", signal?);
            ExitCode::SUCCESS
        }
        reason = supervisor.ended() => {
            eprintln!("brisk: the scheduler is gone ({reason}): the workers end");
            ExitCode::FAILURE
        }
    };
    supervisor.shutdown().await;
    transport.shutdown().await;
    Ok(code)
}
