//! A process that becomes a worker.

use std::{io::Read, net::SocketAddr, path::Path, sync::Arc, thread, time::Duration};

use brisk_core::{hello::Role, options::Quantity, registry::Registry};
use brisk_transport_quic::QuicTransport;
use brisk_worker::server::{Ended, Rejoin, Site, Stop, Worker, WorkerConfig as ServerConfig};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use super::config::{WorkerConfig, path_for_this_process};
use crate::{connect::Ground, error::ClientError, inside::Home, runtime::Io};

/// The exit code of a worker process that was retired: no other is to be started in its place.
pub(super) const RETIRED: i32 = 86;

/// If this process was started as a worker, it is one from here to its end. Else returns.
pub(crate) fn become_worker_if_told() {
    let Some(path) = path_for_this_process() else { return };
    let outcome = run(&path);
    if let Err(error) = &outcome {
        eprintln!("brisk: this worker process did not start: {error}");
    }
    let code = match outcome {
        Ok(Ended::Retired(_)) => RETIRED,
        outcome => i32::from(outcome.is_err()),
    };
    // A worker has no `main` to return to.
    std::process::exit(code);
}

fn run(path: &Path) -> Result<Ended, ClientError> {
    let config = WorkerConfig::read(path).map_err(ClientError::io("its configuration can't be read"))?;
    let starter = watch_starter()?;
    let registry = Registry::linked()?;
    let io = Arc::new(Io::start(1).map_err(ClientError::io("no thread for connections"))?);
    let ended = io.handle().block_on(work(config, registry, &io, starter))?;
    tracing::info!(?ended, "worker ends");
    Ok(ended)
}

async fn work(
    config: WorkerConfig,
    registry: Arc<Registry>,
    io: &Arc<Io>,
    starter: oneshot::Receiver<Gone>,
) -> Result<Ended, ClientError> {
    let transport = crate::quic::for_worker(io, config.credentials.clone(), config.memory_limit)?;
    let home = home(&config, &transport, io);
    let async_tasks = Io::for_tasks(config.threads).map_err(ClientError::io("no thread for asynchronous tasks"))?;
    let server = ServerConfig {
        name: config.name.into(),
        host: config.host.into(),
        threads: config.threads,
        memory_limit: config.memory_limit,
        speed_percent: config.speed_percent,
        shown_bytes: config.shown_bytes,
        resources: config.resources.into_iter().map(|(name, n)| (name.into(), Quantity::from_f64(n))).collect(),
        environment: config.environment,
        registry,
        async_tasks: async_tasks.handle(),
        provided: home.clone().map(|home| home as _),
    };
    let connector = transport.connector(Role::Worker).map_err(crate::quic::error)?;
    let (at, place) = (transport.clone(), SocketAddr::new(config.listen, 0));
    let site = Site {
        scheduler: config.scheduler,
        connector,
        listen: Box::new(move || at.listen(place, Role::Worker)),
        runtime: io.handle(),
    };
    let mut rejoin = Rejoin::default();
    rejoin.deadline = config.reconnect;
    let terminate = signal(SignalKind::terminate()).map_err(ClientError::io("its signals can't be watched"))?;
    let stop = asked_to_stop(starter, terminate);
    let ended = Worker::serve(server, site, rejoin, stop).await;
    if let Some(home) = home {
        home.close();
    }
    let ended = ended.map_err(|error| ClientError::Worker(error.to_string()))?;
    transport.shutdown().await;
    Ok(ended)
}

/// Where tasks of this process find a client of the cluster; `None` if whoever started it holds no client's credentials.
fn home(config: &WorkerConfig, transport: &Arc<QuicTransport>, io: &Arc<Io>) -> Option<Arc<Home>> {
    let connector = transport.connector(Role::Client).ok()?;
    let (environment, name, reconnect) = (config.environment, format!("tasks of {}", config.name), config.reconnect);
    let io = io.clone();
    let ground = move || Ground {
        connector: connector.clone(),
        environment,
        program: None,
        name: name.clone(),
        reconnect: Some(reconnect),
        keep: Box::new(()),
        io: io.clone(),
    };
    Some(Arc::new(Home::new(config.scheduler.clone(), ground)))
}

/// Waits until the process should end. Whoever started it is not waited for longer than [`PATIENCE`]; a polite kill of this
/// process alone is time enough to hand over what it holds.
async fn asked_to_stop(starter: oneshot::Receiver<Gone>, mut terminate: Signal) -> Stop {
    tokio::select! {
        _ = starter => Stop::AtOnce,
        _ = terminate.recv() => Stop::InOrder,
    }
}

/// Whoever started this process has ended, or wants it to end.
struct Gone;

/// How long the process may take to leave in order, once it should.
const PATIENCE: Duration = Duration::from_secs(3);

/// Tells when this process should end: whoever started it holds the other end of our standard input, and the system closes
/// it however that process ends.
fn watch_starter() -> Result<oneshot::Receiver<Gone>, ClientError> {
    let (gone, told) = oneshot::channel();
    let watch = move || {
        let mut buffer = [0; 64];
        let mut input = std::io::stdin().lock();
        while matches!(input.read(&mut buffer), Ok(1..)) {}
        // If nobody listens the process is ending already, or has not begun.
        let _ = gone.send(Gone);
        // The end in order goes on elsewhere, and takes this thread along; if it has not by then, something is stuck.
        thread::sleep(PATIENCE);
        std::process::exit(0);
    };
    thread::Builder::new().name("brisk-starter".to_owned()).spawn(watch).map_err(ClientError::io("no thread"))?;
    Ok(told)
}
