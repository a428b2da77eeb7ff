//! Workers that are threads of this process.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use brisk_core::{
    address::Address, comm::ListenError, hello::Role, id::EnvironmentId, options::Quantity, registry::Registry,
};
use brisk_scheduler::server::Server;
use brisk_transport_inproc::InprocNetwork;
use brisk_worker::server::{Worker, WorkerConfig};
use parking_lot::Mutex;

use super::{LocalBuilder, LocalCluster, Size, Workers, epoch};
use crate::{
    connect::{Ground, program_name},
    error::ClientError,
    inside::Home,
    runtime::Io,
};

struct Threads {
    network: InprocNetwork,
    scheduler: Address,
    builder: LocalBuilder,
    registry: Arc<Registry>,
    threads: u32,
    io: Arc<Io>,
    workers: Mutex<Vec<(String, Arc<Worker>)>>,
    /// The number in the next worker's name. None is given twice: whoever had it may not have left yet.
    next: AtomicU32,
    /// For the workers' tasks: all of them are in this process, and share a client.
    home: Arc<Home>,
    /// Where asynchronous tasks of all workers run. After the workers, so that it ends after them.
    async_tasks: Io,
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
    let threads = Threads {
        network,
        scheduler: address.clone(),
        builder,
        registry,
        threads: size.threads,
        io: io.clone(),
        workers: Mutex::default(),
        next: AtomicU32::new(0),
        home,
        async_tasks,
    };
    threads.add(size.workers).await?;
    Ok(LocalCluster::new(scheduler, address, Box::new(threads), io))
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

    fn kept(&self) -> Vec<String> {
        let workers = self.workers.lock();
        workers.iter().filter(|(_, worker)| !worker.is_over()).map(|(name, _)| name.clone()).collect()
    }

    fn environment(&self) -> EnvironmentId {
        EnvironmentId::IN_PROCESS
    }

    async fn add(&self, count: u32) -> Result<(), ClientError> {
        for _ in 0..count {
            self.start_worker(format!("worker-{}", self.next.fetch_add(1, Ordering::Relaxed))).await?;
        }
        Ok(())
    }

    async fn restart(&self) -> Result<(), ClientError> {
        let former = std::mem::take(&mut *self.workers.lock());
        for (name, worker) in former {
            worker.shutdown();
            worker.ended().await;
            drop(worker);
            self.start_worker(name).await?;
        }
        Ok(())
    }

    fn let_go(&self, names: &[String]) {
        // Dropped after the lock.
        let _gone: Vec<_> = self.workers.lock().extract_if(.., |(name, _)| names.contains(name)).collect();
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
    fn worker_config(&self, name: &str) -> WorkerConfig {
        let resources = self.builder.resources.iter();
        WorkerConfig {
            name: name.into(),
            host: "localhost".into(),
            threads: self.threads,
            memory_limit: self.builder.memory_limit,
            resources: resources.map(|(name, amount)| (name.as_str().into(), Quantity::from_f64(*amount))).collect(),
            speed_percent: 100,
            shown_bytes: self.builder.shown_bytes(),
            environment: EnvironmentId::IN_PROCESS,
            registry: self.registry.clone(),
            async_tasks: self.async_tasks.handle(),
            provided: Some(self.home.clone()),
        }
    }

    async fn start_worker(&self, name: String) -> Result<(), ClientError> {
        let config = self.worker_config(&name);
        let started = worker(config, &self.scheduler, &self.network, &self.io).await?;
        self.workers.lock().push((name, started));
        Ok(())
    }

    fn shut_down(&self) {
        self.workers.lock().iter().for_each(|(_, worker)| worker.shutdown());
        self.home.close();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shut_down();
    }
}
