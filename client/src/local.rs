//! Clusters of one's own: a scheduler in this process, and workers that are its threads, or processes.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use brisk_core::{
    address::Address,
    id::{EnvironmentId, Epoch},
    registry::Registry,
    show::SHOWN_BYTES,
};
use brisk_scheduler::{
    machine::{Record, Snapshot},
    server::{Config as ServerConfig, Server},
};

use crate::{
    Client,
    connect::{Ground, Keep, open},
    error::ClientError,
    runtime::Io,
};

mod adapt;
mod page;
#[cfg(feature = "quic")]
mod processes;
mod scale;
#[cfg(feature = "inproc")]
mod threads;

use page::Page;
use scale::Scaling;

/// Builds a cluster of one's own. Await it for a client that owns its cluster, or [`start`](LocalBuilder::start) the
/// cluster by itself.
///
/// Without further words: the scheduler and one worker in this process, with as many threads as there are processors.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it is awaited or started"]
pub struct LocalBuilder {
    workers: Option<u32>,
    threads: Option<u32>,
    processes: bool,
    encoding: bool,
    memory_limit: u64,
    resources: Vec<(String, f64)>,
    no_worker_timeout: Option<Duration>,
    shown_bytes: Option<usize>,
    registry: Option<Arc<Registry>>,
    dashboard: Option<String>,
    dashboard_later: bool,
}

impl LocalBuilder {
    /// How many workers. One in this process, unless set; as many as there are processors, of worker processes.
    pub fn workers(mut self, count: u32) -> Self {
        self.workers = Some(count);
        self
    }

    /// How many tasks each worker runs at once. The processors divided by the workers, unless set; at least one.
    pub fn threads(mut self, count: u32) -> Self {
        self.threads = Some(count);
        self
    }

    /// Makes the workers processes, connected over QUIC on the loopback address: a crash of a task then takes down a
    /// worker and not this program. They run this program again, so it must know how to become a worker: put
    /// [`#[brisk_client::main]`](crate::main) on `main`, or call [`init`](crate::init) first thing in it.
    pub fn processes(mut self) -> Self {
        self.processes = true;
        self
    }

    /// Encodes and decodes everything that goes between scheduler, workers and client, as if they were processes. For
    /// tests: what does not survive a journey fails here too.
    pub fn encoding(mut self) -> Self {
        self.encoding = true;
        self
    }

    /// How many bytes of values each worker may hold before it takes no new tasks. No limit, unless set.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// Declares a resource of each worker, for tasks to take: a number, and 0 at least.
    pub fn resource(mut self, name: impl Into<String>, amount: f64) -> Self {
        self.resources.push((name.into(), amount));
        self
    }

    /// After so long without a worker that could run it, a task fails. Five minutes, unless set.
    pub fn no_worker_timeout(mut self, timeout: Duration) -> Self {
        self.no_worker_timeout = Some(timeout);
        self
    }

    /// How many bytes of each argument the error of a failed task shows, in Debug form; 0 to show none. 256, unless set.
    /// Arguments are printed only when a task has failed.
    pub fn shown_argument_bytes(mut self, bytes: usize) -> Self {
        self.shown_bytes = Some(bytes);
        self
    }

    /// The functions that the workers know, in place of all that are linked into the program: where link-time registration
    /// can't be had. Only for workers in this process; a worker process knows what is linked into it.
    ///
    /// ```
    /// # use brisk_client::{Client, Registry, task};
    /// #[task]
    /// fn inc(x: i64) -> i64 {
    ///     x + 1
    /// }
    ///
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::local().registry(Registry::builder().task::<inc>().build()?).await?;
    /// assert_eq!(client.submit(inc(1)).await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = Some(Arc::new(registry));
        self
    }

    /// Where the cluster's [dashboard](LocalCluster::dashboard_url) is served, from the start: an address with a port, a port at
    /// the loopback address, `on` for port 8787 or the next free one, or `off`. Unless set, what the variable `BRISK_DASHBOARD`
    /// says in the same words, and then the link is printed. Without it, the page of a program's first cluster is served from the
    /// start, and its link printed to standard error; that of any other once somebody asks for the link.
    pub fn dashboard(mut self, at: impl Into<String>) -> Self {
        self.dashboard = Some(at.into());
        self
    }

    /// No page before somebody asks for it, and nothing printed.
    pub(crate) fn dashboard_later(mut self) -> Self {
        self.dashboard_later = true;
        self
    }

    /// Starts the cluster.
    ///
    /// # Errors
    /// If the numbers can't be used, the program was built without the transport, or the system refuses threads or
    /// processes.
    pub async fn start(self) -> Result<LocalCluster, ClientError> {
        let size = self.size()?;
        let page = Page::wanted(self.dashboard.as_deref(), self.dashboard_later)?;
        if self.processes && self.registry.is_some() {
            let what = "worker processes know what is linked into them: a registry is for workers in this process";
            return Err(ClientError::Configuration(what.to_owned()));
        }
        warn_of_abort();
        let cluster = if self.processes { start_processes(self, size).await } else { start_threads(self, size).await }?;
        cluster.0.page.begin(&cluster.0.scheduler, page)?;
        Ok(cluster)
    }

    fn size(&self) -> Result<Size, ClientError> {
        let processors = std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX));
        let workers = self.workers.unwrap_or(if self.processes { processors } else { 1 });
        let threads = self.threads.unwrap_or_else(|| (processors / workers.max(1)).max(1));
        for (what, count, most) in [("workers", workers, MAX_WORKERS), ("threads", threads, 65_536)] {
            if count == 0 || count > most {
                return Err(ClientError::Configuration(format!("{count} {what}: there must be from 1 to {most}")));
            }
        }
        if let Some((name, amount)) = self.resources.iter().find(|(_, amount)| !(amount.is_finite() && *amount >= 0.0))
        {
            let text = format!("{amount} of the resource `{name}`: there must be a number of it, and 0 at least");
            return Err(ClientError::Configuration(text));
        }
        Ok(Size { workers, threads })
    }

    /// What its workers show of each argument.
    #[cfg(any(feature = "inproc", feature = "quic"))]
    fn shown_bytes(&self) -> usize {
        self.shown_bytes.unwrap_or(SHOWN_BYTES)
    }

    fn server(&self) -> ServerConfig {
        let mut config = ServerConfig::default();
        if let Some(timeout) = self.no_worker_timeout {
            config.machine.no_worker_timeout = timeout;
        }
        config
    }
}

/// A cluster of one's own has no more workers.
const MAX_WORKERS: u32 = 10_000;

/// Checked numbers.
#[derive(Clone, Copy)]
struct Size {
    workers: u32,
    threads: u32,
}

impl IntoFuture for LocalBuilder {
    type Output = Result<Client, ClientError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.start().await?.into_client().await })
    }
}

/// A scheduler and workers of one's own. When it and all its clients are dropped, they end.
pub struct LocalCluster(Arc<Inner>);

struct Inner {
    scheduler: Arc<Server>,
    address: Address,
    workers: Box<dyn Workers>,
    io: Arc<Io>,
    scaling: Scaling,
    page: Page,
}

/// The workers of a local cluster, and how to reach its scheduler.
#[async_trait]
trait Workers: Send + Sync {
    /// The connections of a client.
    fn ground(&self, cluster: &LocalCluster) -> Ground;

    /// The names of those that are kept: some may not have joined yet.
    fn kept(&self) -> Vec<String>;

    /// Their build.
    fn environment(&self) -> EnvironmentId;

    /// Starts more.
    async fn add(&self, count: u32) -> Result<(), ClientError>;

    /// Ends each, and starts another of its name.
    async fn restart(&self) -> Result<(), ClientError>;

    /// These have left.
    fn let_go(&self, names: &[String]);

    /// The processes, if they are processes.
    #[cfg(feature = "quic")]
    fn processes(&self) -> Vec<crate::process::supervisor::WorkerProcess>;

    /// Ends them, within a bounded time.
    async fn end(&self);
}

impl LocalCluster {
    /// Another client of this cluster.
    ///
    /// # Errors
    /// If the connection can't be made.
    pub async fn client(&self) -> Result<Client, ClientError> {
        open(self.0.address.clone(), self.0.workers.ground(self)).await
    }

    /// A client that owns the cluster: it ends with the client.
    ///
    /// # Errors
    /// If the connection can't be made.
    pub async fn into_client(self) -> Result<Client, ClientError> {
        self.client().await
    }

    /// Where the scheduler listens.
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    /// The link to the page that shows this cluster while it runs: what runs where, what waits, what failed. Open it in a
    /// browser on this host. If the page is not served yet (see [the builder](LocalBuilder::dashboard)), it is from now on.
    /// Whoever has the link may look.
    ///
    /// # Errors
    /// If it is switched off, the program was built without it, or there is no port for it.
    pub fn dashboard_url(&self) -> Result<String, ClientError> {
        self.0.page.link(&self.0.scheduler)
    }

    /// The worker processes that run now; none if the workers are threads.
    #[cfg(feature = "quic")]
    pub fn processes(&self) -> Vec<crate::process::supervisor::WorkerProcess> {
        self.0.workers.processes()
    }

    /// What the scheduler holds: tasks by state, workers, clients.
    pub fn snapshot(&self) -> Snapshot {
        self.0.scheduler.snapshot()
    }

    /// The last events: every transition of every task, and the comings and goings of values and workers. Bounded.
    pub fn records(&self) -> Vec<Record> {
        self.0.scheduler.records()
    }

    /// Ends the cluster: clients lose it, workers end.
    pub async fn close(self) {
        self.0.end().await;
    }

    fn new(scheduler: Arc<Server>, address: Address, workers: Box<dyn Workers>, io: Arc<Io>) -> LocalCluster {
        LocalCluster(Arc::new(Inner {
            scheduler,
            address,
            workers,
            io,
            scaling: Scaling::default(),
            page: Page::default(),
        }))
    }

    fn share(&self) -> LocalCluster {
        LocalCluster(self.0.clone())
    }
}

impl Inner {
    async fn end(&self) {
        self.scheduler.shutdown();
        self.workers.end().await;
        self.page.end().await;
    }
}

/// A client keeps its cluster; the last one to go ends it.
#[async_trait]
impl Keep for LocalCluster {
    async fn close(&self) {
        if Arc::strong_count(&self.0) == 1 {
            self.0.end().await;
        }
    }

    fn cluster(&self) -> Option<LocalCluster> {
        Some(self.share())
    }
}

impl Drop for Inner {
    /// Whoever held the cluster last has not closed it: what runs is told to end, and nobody waits.
    fn drop(&mut self) {
        self.scheduler.shutdown();
    }
}

/// A new life of a scheduler: no former one of this process has the number, nor, in all likelihood, of another.
fn epoch() -> Epoch {
    Epoch(u64::try_from(crate::connect::session_number() >> 64).unwrap_or(1).max(1))
}

#[cfg(feature = "inproc")]
async fn start_threads(builder: LocalBuilder, size: Size) -> Result<LocalCluster, ClientError> {
    threads::start(builder, size).await
}

#[cfg(not(feature = "inproc"))]
async fn start_threads(_: LocalBuilder, _: Size) -> Result<LocalCluster, ClientError> {
    Err(ClientError::Feature { feature: "inproc", what: "a cluster in this process" })
}

#[cfg(feature = "quic")]
async fn start_processes(builder: LocalBuilder, size: Size) -> Result<LocalCluster, ClientError> {
    processes::start(builder, size).await
}

#[cfg(not(feature = "quic"))]
async fn start_processes(_: LocalBuilder, _: Size) -> Result<LocalCluster, ClientError> {
    Err(ClientError::Feature { feature: "quic", what: "a cluster of processes" })
}

/// A program built to abort has no panics to catch.
fn warn_of_abort() {
    if cfg!(panic = "abort") {
        eprintln!(
            "brisk: this program is built with panic = \"abort\": a task that panics takes its worker down, and in process \
             the whole program"
        );
    }
}
