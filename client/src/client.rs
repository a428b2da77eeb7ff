//! [`Client`]: what programs submit to.

use std::sync::Arc;

use brisk_core::{
    error::{ErrorKind, TaskError},
    future::TaskFuture,
    graph::{Call, Node},
    limits::CHUNK_TASKS,
    message::Answer,
};

use crate::{
    connect,
    error::ClientError,
    local::LocalBuilder,
    session::{Handles, Session},
    sync::SyncSession,
};

mod calls;
mod checkpoint;
mod control;
mod coordination;
mod copies;
mod datasets;
mod dump;
mod gather;
mod inspection;
mod persist;
mod plot;
mod recreate;
mod report;
mod run;
mod scale;
mod scatter;
mod workers;

pub use calls::Calls;
pub use checkpoint::Checkpoint;
pub use coordination::{Event, Lease, Lock, MultiLock, Queue, Semaphore, Variable};
pub use copies::{Rebalance, Replicate};
pub use datasets::{Dataset, Publish};
pub use gather::Gathering;
pub use inspection::{Keyed, Tasks};
pub use persist::Persist;
pub use plot::{HeatMap, Plot, PlotBuilder};
pub use recreate::Recreate;
pub use report::TaskStream;
pub use run::RunOnWorkers;
pub use scatter::Scatter;
pub use workers::WaitForWorkers;

/// A connection with a scheduler, or a scheduler of one's own. A cheap handle: clones share it, threads may too.
///
/// When the last clone and the last future are dropped the session ends, and with it the local cluster that was started
/// for it. Dropping never blocks; [`close`](Client::close) is the orderly way.
#[derive(Clone)]
pub struct Client(Backend);

#[derive(Clone)]
pub(crate) enum Backend {
    Session(Arc<Session>),
    Sync(Arc<SyncSession>),
}

impl Client {
    /// The client that the environment asks for: `BRISK_SCHEDULER` is the address of a scheduler, `BRISK_CREDENTIALS` the
    /// credentials file of its cluster. Without them, a [local](Client::local) one in this process.
    ///
    /// A scheduler that is lost is called again, for a minute or as many seconds as `BRISK_RECONNECT` says. Pending futures
    /// stay pending meanwhile; whether it was the connection or the scheduler that was lost, what is wanted is then asked
    /// for again, and what workers still hold is not computed again. After that they fail with
    /// [`ErrorKind::SchedulerLost`](crate::ErrorKind::SchedulerLost).
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // Run as it is, or with BRISK_SCHEDULER=quic://10.0.0.1:8786 BRISK_CREDENTIALS=cluster.brisk.
    /// let client = Client::from_env().await?;
    /// assert_eq!(client.submit(inc(1)).await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If a variable can't be used, or the scheduler can't be reached within five seconds.
    pub async fn from_env() -> Result<Client, ClientError> {
        match connect::Environment::read()? {
            Some(environment) => connect::connect(environment.scheduler, &environment.credentials).await,
            None => Client::local().await,
        }
    }

    /// A cluster of one's own, to be awaited: threads of this process, or worker processes.
    ///
    /// ```
    /// # use brisk_client::Client;
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::local().workers(2).threads(1).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn local() -> LocalBuilder {
        LocalBuilder::default()
    }

    /// Connects to the scheduler at `address`, as in `quic://10.0.0.1:8786`, with the credentials in a file.
    ///
    /// ```no_run
    /// # use brisk_client::Client;
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::connect("quic://10.0.0.1:8786", "cluster.brisk").await?;
    /// println!("{}", client.scheduler_info().await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the address or the file can't be used, nobody answers within five seconds, or the scheduler refuses: the credentials
    /// of another cluster, for one.
    pub async fn connect(address: &str, credentials: impl AsRef<std::path::Path>) -> Result<Client, ClientError> {
        connect::connect(address.parse().map_err(brisk_core::comm::ConnectError::from)?, credentials.as_ref()).await
    }

    /// A client that runs every task in the submitting thread, when it is submitted: for debuggers. A panic in a task is a
    /// panic of `submit`. What only a cluster can do is an error: there are no workers, and nobody to share anything with.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::sync();
    /// let x = client.submit(inc(1)); // A break point in `inc` is met here.
    /// assert_eq!(client.submit(inc(&x)).await?, 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn sync() -> Client {
        Client(Backend::Sync(SyncSession::new()))
    }

    pub(crate) fn of_sync(session: Arc<SyncSession>) -> Client {
        Client(Backend::Sync(session))
    }

    pub(crate) fn of_session(session: Arc<Session>) -> Client {
        Client(Backend::Session(session))
    }

    /// Starts a call, and whatever calls are among its arguments. Returns at once: what goes wrong is an error of the
    /// future.
    ///
    /// A pure call that is wanted already is not run again: both futures are of one key.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[task] fn add(x: i64, y: i64) -> i64 { x + y }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let x = client.submit(inc(1));
    /// let sum = client.submit(add(&x, inc(10)));
    /// assert_eq!((sum.await?, client.submit(inc(1)).key()), (13, x.key()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn submit<C: Call>(&self, call: C) -> TaskFuture<C::Output> {
        let call = call.delayed();
        let mut handles = self.submit_nodes(std::slice::from_ref(call.node()));
        TaskFuture::from_handle(handles.pop().expect("one root, one handle"))
    }

    /// Starts a call for every item. `call` runs here, once an item, and builds the call: what it captures travels as
    /// arguments.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn add(x: i64, y: i64) -> i64 { x + y }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let k = 10;
    /// let sums = client.map(0..3, |x| add(x, k));
    /// assert_eq!(client.gather(&sums).await?, [10, 11, 12]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn map<X, C: Call>(
        &self,
        items: impl IntoIterator<Item = X>,
        mut call: impl FnMut(X) -> C,
    ) -> Vec<TaskFuture<C::Output>> {
        let mut items = items.into_iter();
        let mut futures = Vec::with_capacity(items.size_hint().0);
        loop {
            // In slices, so that the first calls run while the last are built.
            let slice: Vec<Arc<Node>> =
                items.by_ref().take(CHUNK_TASKS).map(|item| call(item).delayed().node().clone()).collect();
            if slice.is_empty() {
                return futures;
            }
            futures.extend(self.submit_nodes(&slice).into_iter().map(TaskFuture::from_handle));
        }
    }

    /// Starts several calls at once as one graph, given as a tuple, a vector or an array; what they share runs once.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[task] fn text(x: i64) -> String { x.to_string() }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let shared = inc(1);
    /// let (number, words) = client.compute((inc(&shared), text(&shared)));
    /// assert_eq!((number.await?, words.await?), (3, "2".to_owned()));
    ///
    /// let futures = client.compute(vec![inc(1), inc(&shared)]);
    /// assert_eq!(client.gather(&futures).await?, [2, 3]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn compute<C: Calls>(&self, calls: C) -> C::Futures {
        calls.submit(|nodes| self.submit_nodes(nodes).into_vec())
    }

    /// Waits until the scheduler has handled everything that was submitted, released or cancelled here before, or the session has
    /// ended.
    pub async fn flush(&self) {
        if let Some(session) = self.session() {
            session.sync().await;
        }
    }

    /// Ends the session in order: all futures are released, pending ones settle with [`ErrorKind::Closed`], and a cluster
    /// of its own ends. Clones of this client are closed too. It waits for the scheduler and the workers for some seconds at most.
    ///
    /// [`ErrorKind::Closed`]: crate::ErrorKind::Closed
    pub async fn close(self) {
        if let Some(session) = self.session() {
            session.close().await;
        }
    }

    pub(crate) fn submit_nodes(&self, nodes: &[Arc<Node>]) -> Handles {
        match &self.0 {
            Backend::Session(session) => session.submit(nodes),
            Backend::Sync(session) => session.submit(nodes).into(),
        }
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.0
    }

    fn session(&self) -> Option<&Arc<Session>> {
        match &self.0 {
            Backend::Session(session) => Some(session),
            Backend::Sync(_) => None,
        }
    }
}

/// The refusal of what only a cluster can do.
fn not_asked(what: &str) -> TaskError {
    let text = format!(
        "a client that runs every task in the submitting thread has no cluster to {what} on: `Client::local()` starts one in \
         this process"
    );
    TaskError::new(ErrorKind::Refused, text)
}

/// An answer that answers another question. A scheduler of another version might give one.
fn unexpected(what: &str, answer: &Answer) -> TaskError {
    TaskError::new(ErrorKind::Refused, format!("asked to {what}, the scheduler answered {answer:?}"))
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Backend::Session(session) => write!(f, "<Client {}>", session.scheduler()),
            Backend::Sync(_) => f.write_str("<Client sync>"),
        }
    }
}
