//! A worker: threads that run tasks, the values they make, and the links over which both are spoken of.
//!
//! [`Worker::start`] joins a scheduler and serves it until one of the two ends the session. The machine decides; what is
//! here carries out. It is in this order: what arrives is queued, dealt with by whichever thread has the
//! machine, and leads to tasks for the executor, requests to peers, and one batch to the scheduler. Nothing here
//! waits for another thread while it holds the machine, so delivering a message never blocks its sender.

use std::{any::Any, fmt, io, sync::Arc};

use brisk_core::{
    address::Address,
    comm::{CloseReason, ConnectError, Connector, ListenError, Listener},
    id::{EnvironmentId, WorkerId},
    options::Quantity,
    registry::Registry,
};
use tokio::runtime::Handle;

mod abandoned;
mod actors;
mod aside;
mod call;
mod condense;
mod context;
mod detached;
mod driver;
mod engine;
mod executor;
mod fetch;
mod legacy;
mod links;
mod notes;
mod outgoing;
mod panics;
mod rejoin;
mod reports;
mod roundtrip;
mod seceding;
mod serve;
mod session;
mod store;
mod tables;
mod timer;
mod trace;

use self::driver::Shared;

pub use self::{
    context::{CancellationToken, TaskContext},
    rejoin::{Rejoin, Site, Stop},
    seceding::{Seceded, block_on, secede},
    trace::{Propagator, current as current_trace, set_propagator},
};

#[doc(hidden)]
pub use self::{context::current_key, seceding::interruption, trace::carried};

/// What a worker is given to work with.
#[derive(Clone)]
pub struct WorkerConfig {
    /// Its name, for people.
    pub name: Arc<str>,
    /// Its host's name.
    pub host: Arc<str>,
    /// How many tasks hold a thread at once.
    pub threads: u32,
    /// How many bytes of values it may hold; 0 for no limit.
    pub memory_limit: u64,
    /// How fast its threads are, in per cent of those of other workers, for the scheduler to begin with: 100 if nothing is known.
    pub speed_percent: u32,
    /// What it declares for tasks to take.
    pub resources: Vec<(Arc<str>, Quantity)>,
    /// How many bytes of each argument a failed task's report shows; 0 to show none.
    pub shown_bytes: usize,
    /// The build of its program.
    pub environment: EnvironmentId,
    /// The functions and types of its program.
    pub registry: Arc<Registry>,
    /// Where asynchronous tasks run: a runtime with timers, apart from the one that the worker itself stands on. A task that
    /// blocks a thread of that one would make a worker that lives look dead.
    pub async_tasks: Handle,
    /// What whoever starts the worker has for its tasks: they find it in their [context](TaskContext::provided). It goes from
    /// one session to the next.
    pub provided: Option<Arc<dyn Any + Send + Sync>>,
}

/// A worker in its session with a scheduler. Dropping it shuts it down without waiting.
pub struct Worker(Arc<Shared>);

/// How a worker's session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The scheduler sent it away, for this reason.
    Dismissed(Arc<str>),
    /// The scheduler is gone, or can't be reached. [`Worker::serve`] tries to join again.
    SchedulerLost(CloseReason),
    /// The scheduler has let it go for good, for this reason: it has finished what it ran, and what it held is safe.
    Retired(Arc<str>),
    /// [`Worker::shutdown`] was called, or the worker dropped.
    Shutdown,
}

/// What a worker has at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Memory of all values held, in bytes.
    pub bytes: u64,
    /// Values held.
    pub values: u64,
    /// Tasks that run, those that were cancelled meanwhile included.
    pub running: u32,
    /// Tasks that were assigned and have not ended.
    pub assigned: u64,
    /// Whether nothing new starts for want of memory.
    pub paused: bool,
}

/// A worker could not be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The scheduler does not take it.
    Connect(ConnectError),
    /// Nobody could ask it for values.
    Listen(ListenError),
    /// The system gives no thread.
    Threads(io::Error),
    /// It is to have no threads at all, and could run nothing.
    NoThreads,
}

impl Worker {
    /// Joins the scheduler at `scheduler` through `connector`, and serves values on `listener`. Connections and
    /// timers run on `runtime`, which must have timers; tasks on threads of their own and on the configured runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(
        config: WorkerConfig,
        scheduler: Address,
        connector: Arc<dyn Connector>,
        listener: Arc<dyn Listener>,
        runtime: Handle,
    ) -> Result<Arc<Worker>, StartError> {
        let shared = session::start(config, scheduler, connector, listener, runtime, None).await?;
        Ok(Arc::new(Worker(shared)))
    }

    /// Waits until the session has ended and all is tidied up. Any number of callers get the same answer.
    pub async fn ended(&self) -> Ended {
        self.0.ended().await
    }

    /// Leaves: says goodbye, gives up what runs, and ends the threads. Does not wait; [`ended`](Worker::ended) does, at most
    /// a few seconds: a thread that is stuck in a task's own code is left behind.
    pub fn shutdown(&self) {
        self.0.shut_down();
    }

    /// Leaves once what it holds is safe: starts nothing more, finishes what runs, lets others copy what they need, and
    /// ends when the scheduler lets it go, or after a minute. Does not wait; [`ended`](Worker::ended) does. A
    /// [`shutdown`](Worker::shutdown) may follow.
    pub fn retire(&self) {
        self.0.retire();
    }

    /// What it has now.
    pub fn snapshot(&self) -> Snapshot {
        self.0.snapshot()
    }

    /// Whether its session has ended.
    pub fn is_over(&self) -> bool {
        self.0.is_over()
    }

    /// Who it is in its session with the scheduler.
    pub fn id(&self) -> WorkerId {
        self.0.session().id
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.shut_down();
        if self.0.is_over() {
            self.0.drop_values();
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Worker({}, {:?})", self.0.name, self.snapshot())
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Dismissed(reason) => write!(f, "the scheduler sent the worker away: {reason}"),
            Ended::SchedulerLost(reason) => write!(f, "the scheduler is gone: {reason}"),
            Ended::Retired(reason) => write!(f, "the worker was retired: {reason}"),
            Ended::Shutdown => f.write_str("the worker was shut down"),
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Connect(error) => write!(f, "the worker can't join the scheduler: {error}"),
            StartError::Listen(error) => write!(f, "the worker can't serve its values: {error}"),
            StartError::Threads(error) => write!(f, "the system gives the worker no threads: {error}"),
            StartError::NoThreads => f.write_str("a worker needs at least one thread"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Connect(error) => Some(error),
            StartError::Listen(error) => Some(error),
            StartError::Threads(error) => Some(error),
            StartError::NoThreads => None,
        }
    }
}
