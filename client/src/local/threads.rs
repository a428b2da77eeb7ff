//! Workers that are threads of this process.

use std::sync::Arc;

use async_trait::async_trait;
use brisk_core::{
    address::Address, comm::ListenError, hello::Role, id::EnvironmentId, options::Quantity, registry::Registry,
};
use brisk_scheduler::server::Server;
use brisk_transport_inproc::InprocNetwork;
use brisk_worker::server::{Worker, WorkerConfig};

use super::{Inner, LocalBuilder, LocalCluster, Size, Workers, epoch};
use crate::{
    connect::{Ground, program_name},
    error::ClientError,
    inside::Home,
    runtime::Io,
};

struct Threads {
    network: InprocNetwork,
    workers: Vec<Arc<Worker>>,
    /// For the workers' tasks: all of them are in this process, and share a client.
    home: Arc<Home>,
    /// Where asynchronous tasks of all workers run. After the workers, so that it ends after them.
    _async_tasks: Io,
}

/// Starts a scheduler and workers in this process.
pub(super) async fn start(builder: LocalBuilder, size: Size) -> Result<LocalCluster, ClientError> {
    let registry = match &builder.registry {
        Some(registry) => registry.clone(),
        None => Registry::linked()?,
    };
    let io = Arc::new(Io::start(1).map_err(ClientError::io("no thread for timers"))?);
    let async_tasks = Io::for_tasks(size.threads).map_err(ClientError::io("no thread for asynchronous tasks"))?;
    let network = if builder.encoding { InprocNetwork::encoding() } else { InprocNetwork::new() };
    let scheduler = Server::start(builder.server(), epoch(), io.handle());
    let listener = network.listen("scheduler", Role::Scheduler).map_err(taken)?;
    let address = listener.address();
    scheduler.serve(listener);
    let home = {
        let (network, io) = (network.clone(), io.clone());
        let ground = move || Ground {
            connector: network.connector(),
            environment: EnvironmentId::IN_PROCESS,
            program: None,
            name: "tasks".to_owned(),
            reconnect: None,
            keep: Box::new(()),
            io: io.clone(),
        };
        Arc::new(Home::new(address.clone(), ground))
    };
    let mut workers = Vec::new();
    for number in 0..size.workers {
        let config = WorkerConfig {
            name: format!("worker-{number}").into(),
            host: "localhost".into(),
            threads: size.threads,
            memory_limit: builder.memory_limit,
            resources: builder.resources.iter().map(|(n, x)| (n.as_str().into(), Quantity::from_f64(*x))).collect(),
            shown_bytes: builder.shown_bytes(),
            environment: EnvironmentId::IN_PROCESS,
            registry: registry.clone(),
            async_tasks: async_tasks.handle(),
            provided: Some(home.clone()),
        };
        workers.push(worker(config, &address, &network, &io).await?);
    }
    let workers = Box::new(Threads { network, workers, home, _async_tasks: async_tasks });
    Ok(LocalCluster(Arc::new(Inner { scheduler, address, workers, io })))
}

async fn worker(
    config: WorkerConfig,
    scheduler: &Address,
    network: &InprocNetwork,
    io: &Io,
) -> Result<Arc<Worker>, ClientError> {
    let listener = network.listen(&config.name, Role::Worker).map_err(taken)?;
    let starting = Worker::start(config, scheduler.clone(), network.connector(), listener, io.handle());
    let started = io.handle().spawn(starting).await.map_err(|error| ClientError::Worker(error.to_string()))?;
    started.map_err(|error| ClientError::Worker(error.to_string()))
}

/// The network is the cluster's own, so its names can't be taken.
fn taken(error: ListenError) -> ClientError {
    ClientError::Configuration(error.to_string())
}

#[async_trait]
impl Workers for Threads {
    fn ground(&self, cluster: &LocalCluster) -> Ground {
        Ground {
            connector: self.network.connector(),
            environment: EnvironmentId::IN_PROCESS,
            program: None,
            name: program_name(),
            reconnect: None,
            keep: Box::new(cluster.share()),
            io: cluster.0.io.clone(),
        }
    }

    #[cfg(feature = "quic")]
    fn processes(&self) -> Vec<crate::process::supervisor::WorkerProcess> {
        Vec::new()
    }

    async fn end(&self) {
        self.shut_down();
    }
}

impl Threads {
    fn shut_down(&self) {
        self.workers.iter().for_each(|worker| worker.shutdown());
        self.home.close();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shut_down();
    }
}
