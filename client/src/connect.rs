//! From an address to a session, on whatever transport the address names.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;

use brisk_core::{
    address::Address,
    comm::Connector,
    graph::{KeySource, block_on},
    hello::{Hello, Purpose},
    id::EnvironmentId,
    message::ProgramSpec,
};

use crate::{
    Client,
    closing::Closing,
    error::ClientError,
    local::LocalCluster,
    runtime::Io,
    session::{Reconnect, Session},
};

/// The scheduler that the environment names.
pub(crate) struct Environment {
    pub(crate) scheduler: Address,
    pub(crate) credentials: PathBuf,
}

impl Environment {
    /// Reads `BRISK_SCHEDULER` and `BRISK_CREDENTIALS`; `None` if no scheduler is named.
    pub(crate) fn read() -> Result<Option<Self>, ClientError> {
        let Some(scheduler) = std::env::var_os("BRISK_SCHEDULER").filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let scheduler = scheduler.to_string_lossy();
        let address =
            scheduler.parse().map_err(|error: brisk_core::address::AddressError| ClientError::Environment {
                variable: "BRISK_SCHEDULER",
                value: scheduler.clone().into_owned(),
                reason: error.to_string(),
            })?;
        let credentials = std::env::var_os("BRISK_CREDENTIALS").ok_or(ClientError::NoCredentials)?;
        Ok(Some(Environment { scheduler: address, credentials: credentials.into() }))
    }
}

/// Everything a connection stands on, which must live as long as the session does.
pub(crate) struct Ground {
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) environment: EnvironmentId,
    pub(crate) program: Option<ProgramSpec>,
    /// What the scheduler calls this client, for people.
    pub(crate) name: String,
    /// For so long a lost scheduler is called again. `None` if it can't come back: it is in this process.
    pub(crate) reconnect: Option<Duration>,
    /// Transport, local cluster: whatever must outlive the session.
    pub(crate) keep: Box<dyn Keep>,
    pub(crate) io: Arc<Io>,
}

/// What must outlive a session, and ends after it.
#[async_trait]
pub(crate) trait Keep: Send + Sync {
    /// Ends it, within a bounded time.
    async fn close(&self);

    /// The cluster, if it is one of this program's own.
    fn cluster(&self) -> Option<LocalCluster> {
        None
    }
}

impl Ground {
    /// What a client says first.
    fn hello(&self) -> Hello {
        Hello::new(Purpose::Client { program: self.program.clone() }, self.name.as_str(), self.environment)
    }

    /// Ends everything below a session, whose last words are on their way.
    pub(crate) async fn close(self) {
        let runtime = self.io.handle();
        let keep = self.keep;
        // On our own threads: the caller's executor may have no timers.
        if let Err(error) = runtime.spawn(async move { keep.close().await }).await {
            tracing::warn!(%error, "a client did not close in order");
        }
    }

    /// As [`close`](Ground::close), for `Drop`, which must not wait. The end of the program does: see [`closing`](crate::closing).
    pub(crate) fn close_in_background(self) {
        let closing = Closing::begin();
        let spawned = std::thread::Builder::new().name("brisk-close".to_owned()).spawn(move || {
            block_on(self.close());
            drop(closing);
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "a client did not close in order: no thread");
        }
    }
}

/// Opens a session with the scheduler at `address`.
pub(crate) async fn open(address: Address, ground: Ground) -> Result<Client, ClientError> {
    Ok(Client::of_session(open_session(address, ground, false).await?))
}

/// The same; `of_tasks`: for all tasks of a worker.
pub(crate) async fn open_session(
    address: Address,
    ground: Ground,
    of_tasks: bool,
) -> Result<Arc<Session>, ClientError> {
    let runtime = ground.io.handle();
    let connector = ground.connector.clone();
    let keys = KeySource::new(ground.environment, session_number());
    let hello = ground.hello();
    let reconnect = ground.reconnect.map(|patience| Reconnect { patience, hello: hello.clone() });
    let session = Session::new(keys, connector.clone(), reconnect, runtime.clone(), of_tasks);
    let inbox = session.inbox();
    let called = address.clone();
    let connecting = async move { connector.connect(&called, hello, Session::scheduler_peer(), inbox).await };
    let (comm, welcome) = runtime.spawn(connecting).await.map_err(|error| ClientError::Io {
        what: "connecting was interrupted".to_owned(),
        source: std::io::Error::other(error),
    })??;
    session.open(comm, welcome, address, ground);
    Ok(session)
}

/// Connects to a cluster that somebody else runs.
#[cfg(feature = "quic")]
pub(crate) async fn connect(address: Address, credentials: &Path) -> Result<Client, ClientError> {
    use brisk_core::hello::Role;

    let io = Arc::new(Io::start(1).map_err(ClientError::io("no thread for connections"))?);
    let transport = crate::quic::transport_from_file(&io, credentials)?;
    let environment = crate::process::Image::of_this_process()?;
    let ground = Ground {
        connector: transport.connector(Role::Client).map_err(crate::quic::error)?,
        environment: environment.id,
        program: Some(ProgramSpec { environment: environment.id, path: environment.path.to_string_lossy().into() }),
        name: program_name(),
        reconnect: Some(reconnect_patience()?),
        keep: Box::new(transport),
        io,
    };
    open(address, ground).await
}

/// What `BRISK_RECONNECT` says, in seconds.
#[cfg(feature = "quic")]
fn reconnect_patience() -> Result<Duration, ClientError> {
    const VARIABLE: &str = "BRISK_RECONNECT";
    let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else { return Ok(RECONNECT) };
    let value = value.to_string_lossy().into_owned();
    let seconds = value.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| ClientError::Environment {
        variable: VARIABLE,
        value,
        reason: "it must be a number of seconds; 0 for not trying to reach a lost scheduler again".to_owned(),
    })
}

/// Without a transport between processes there is nothing to connect to.
#[cfg(not(feature = "quic"))]
pub(crate) async fn connect(_: Address, _: &Path) -> Result<Client, ClientError> {
    Err(ClientError::Feature { feature: "quic", what: "a scheduler in another process" })
}

/// What the program is called, for people.
pub(crate) fn program_name() -> String {
    let path = std::env::args_os().next().map(PathBuf::from);
    let name = path.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_default()
}

/// For so long a lost scheduler is called again, unless somebody says otherwise.
#[cfg(feature = "quic")]
pub(crate) const RECONNECT: Duration = Duration::from_secs(60);

/// A number that is unlikely to be anybody else's.
pub(crate) fn random() -> u64 {
    session_number() as u64
}

/// A number that no other session has: for the keys of impure calls.
pub(crate) fn session_number() -> u128 {
    use std::{
        hash::{BuildHasher, RandomState},
        sync::atomic::{AtomicU64, Ordering},
    };
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // `RandomState` is seeded from the system, once a thread: the standard library's only entropy.
    let random = || RandomState::new().hash_one((count, std::process::id()));
    u128::from(random()) << 64 | u128::from(random())
}
