//! `brisk local`: a whole cluster on this host, for one command.

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use brisk_client::supervisor::{Supervisor, SupervisorConfig};
use brisk_core::{address::Address, hello::Role, id::Epoch};
use brisk_scheduler::server::{Config, Server};
use brisk_transport_quic::{Credentials, QuicConfig, QuicTransport};
use clap::Args;
use tokio::process::{Child, Command};

use crate::{dashboard, network, signals, worker::Workers};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    workers: Workers,
    #[command(flatten)]
    dashboard: dashboard::Served,
    /// The command to run against the cluster, which ends with it. Without one the cluster runs until Ctrl-C.
    #[arg(last = true)]
    command: Vec<OsString>,
}

pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(local(options))
}

async fn local(options: Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Handle::current();
    let file = PrivateFile::new()?;
    let credentials = Credentials::create(&file.0).context("the cluster's credentials were not made")?;
    let transport = QuicTransport::new(credentials.clone(), runtime.clone(), QuicConfig::default())?;
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let listener = transport.listen(SocketAddr::new(loopback, 0), Role::Scheduler)?;
    let address = listener.address();
    let server = Server::start(Config::default(), Epoch(1), runtime.clone());
    let dashboard = options.dashboard.serve(&server)?;
    server.serve(listener);
    if let Some(dashboard) = &dashboard {
        // The other output is the command's.
        eprintln!("brisk: dashboard: {}", dashboard.link());
    }
    let (workers, threads) = options.workers.size()?;
    let config = SupervisorConfig {
        scheduler: address.clone(),
        credentials,
        workers,
        threads,
        memory_limit: options.workers.memory_limit,
        speed_percent: 100,
        shown_bytes: options.workers.shown_argument_bytes,
        resources: options.workers.resources,
        listen: loopback,
        host: network::host_name(),
        name: "worker".to_owned(),
        reconnect: Duration::from_secs(60),
    };
    let supervisor = Supervisor::connect(config, &transport, runtime).await?;
    let outcome = run_command(&options.command, &address, &file.0).await;
    server.shutdown();
    supervisor.shutdown().await;
    transport.shutdown().await;
    outcome
}

/// Runs the command to its end; or, without one, waits for Ctrl-C.
async fn run_command(command: &[OsString], scheduler: &Address, credentials: &PathBuf) -> anyhow::Result<ExitCode> {
    let Some((program, arguments)) = command.split_first() else {
        println!("cluster at {scheduler}; run programs against it with");
        println!("  BRISK_SCHEDULER={scheduler} BRISK_CREDENTIALS={} PROGRAM", credentials.display());
        println!("Ctrl-C ends it.");
        signals::end_asked().await?;
        return Ok(ExitCode::SUCCESS);
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env("BRISK_SCHEDULER", scheduler.as_str())
        .env("BRISK_CREDENTIALS", credentials)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("`{}` can't be started", program.to_string_lossy()))?;
    let status = tokio::select! {
        status = child.wait() => status?,
        signal = signals::end_asked() => {
            let signal = signal?;
            end(&mut child).await?;
            eprintln!("brisk: {signal}: the command and its cluster end");
            return Ok(ExitCode::from(130));
        }
    };
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Ends the command: it has had the terminal's Ctrl-C too, and a moment to heed it.
async fn end(child: &mut Child) -> std::io::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(2);
    if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
        child.kill().await?;
    }
    Ok(())
}

/// A path in a private directory, which goes when it is dropped.
struct PrivateFile(PathBuf);

impl PrivateFile {
    fn new() -> anyhow::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        for attempt in 0..1_000u32 {
            let directory = std::env::temp_dir().join(format!("brisk-local-{}-{attempt}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&directory) {
                Ok(()) => return Ok(PrivateFile(directory.join("cluster.brisk"))),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| format!("no directory {}", directory.display())),
            }
        }
        anyhow::bail!("no free name in {}", std::env::temp_dir().display())
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        if let Some(directory) = self.0.parent() {
            // Nothing depends on it any more.
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}
