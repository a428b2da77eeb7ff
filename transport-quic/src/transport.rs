//! The transport itself: what its listeners and connectors share.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use brisk_core::{
    address::Address,
    comm::{Connector, ListenError, Listener},
    hello::Role,
    wire::LinkKind,
};
use parking_lot::Mutex;
use quinn::{Endpoint, TransportConfig};
use thiserror::Error;
use tokio::{runtime::Handle, time::timeout};

use crate::{
    SCHEME,
    buffers::Buffers,
    close,
    config::QuicConfig,
    connector::QuicConnector,
    credentials::{Credentials, CredentialsError},
    endpoint,
    listener::QuicListener,
    reset::ResetKey,
    tls,
};

/// Listens and calls over QUIC, with one set of credentials. Clones are the same transport.
#[derive(Clone)]
pub struct QuicTransport {
    shared: Arc<Shared>,
}

/// What every listener, connector and connection of a transport has a part in.
pub(crate) struct Shared {
    pub(crate) credentials: Credentials,
    pub(crate) runtime: Handle,
    pub(crate) config: QuicConfig,
    /// How every connection begins; a data link is given more later.
    pub(crate) quic: Arc<TransportConfig>,
    pub(crate) buffers: Arc<Buffers>,
    /// Every socket from which calls are made, by what it is for. Calls share them; control and data do not.
    calling: Mutex<BTreeMap<Calling, Endpoint>>,
    /// The listeners' sockets.
    listening: Mutex<Vec<Endpoint>>,
    rejections: Mutex<VecDeque<Rejection>>,
}

/// What a socket from which calls are made is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Calling {
    local: SocketAddr,
    bulk: bool,
}

/// A caller that was sent away, or whose handshake failed. The cluster's operator wants to know: it may be a worker that
/// was given the wrong credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Where it called from.
    pub from: SocketAddr,
    /// What is wrong with it, and what to do.
    pub reason: String,
}

/// A transport was not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QuicError {
    /// The credentials can't be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The configuration can't be used.
    #[error("QUIC configuration: {0}")]
    Config(String),
}

/// The rejections that are remembered.
const MAX_REJECTIONS: usize = 64;

impl QuicTransport {
    /// A transport whose connections prove themselves with `credentials`, and run on `runtime`. That runtime should not
    /// run tasks of users: a thread that is blocked looks like a peer that is dead.
    ///
    /// # Errors
    /// If the credentials have expired or can't be read, or the configuration is out of range.
    pub fn new(credentials: Credentials, runtime: Handle, config: QuicConfig) -> Result<Self, QuicError> {
        credentials.check(std::time::SystemTime::now())?;
        let quic = endpoint::transport_config(&config).map_err(QuicError::Config)?;
        let buffers = Buffers::new(runtime.clone(), config.spare_bytes);
        let shared = Shared {
            credentials,
            runtime,
            config,
            quic,
            buffers,
            calling: Mutex::default(),
            listening: Mutex::default(),
            rejections: Mutex::default(),
        };
        Ok(QuicTransport { shared: Arc::new(shared) })
    }

    /// Listens on a socket as `role`; port 0 takes a free one. Bind to loopback unless other hosts must reach it.
    ///
    /// # Errors
    /// If the address is taken or is not this host's, or the credentials are not for `role`, or nobody calls that role.
    pub fn listen(&self, bind: SocketAddr, role: Role) -> Result<Arc<dyn Listener>, ListenError> {
        let refused = |reason: String| ListenError::Refused { place: bind.to_string(), role, reason };
        if matches!(role, Role::Client | Role::Supervisor) {
            return Err(refused(format!("nobody calls a {role}")));
        }
        let tls = tls::server_config(&self.shared.credentials, role).map_err(|e| refused(e.to_string()))?;
        let server = endpoint::server_config(Arc::new(tls), self.shared.quic.clone());
        let resets = ResetKey::of(&self.shared.credentials, role).map_err(|e| refused(e.to_string()))?;
        let _runtime = self.shared.runtime.enter();
        let endpoint = match endpoint::bind(bind, Some(server), Some(resets), &self.shared.config) {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                return Err(ListenError::Taken(Address::new(SCHEME, &bind.to_string())?));
            }
            bound => bound.map_err(|e| refused(e.to_string()))?,
        };
        let bound = endpoint.local_addr().map_err(|e| refused(e.to_string()))?;
        if bound.ip().is_unspecified() {
            tracing::warn!(%bound, %role, "listens on every network of this host");
        }
        self.shared.listening.lock().push(endpoint.clone());
        let address = Address::new(SCHEME, &bound.to_string())?;
        Ok(Arc::new(QuicListener::start(self.shared.clone(), endpoint, role, address)))
    }

    /// Makes connections as `role`.
    ///
    /// # Errors
    /// If the credentials are not for that role.
    pub fn connector(&self, role: Role) -> Result<Arc<dyn Connector>, QuicError> {
        Ok(Arc::new(QuicConnector::new(self.shared.clone(), role)?))
    }

    /// The callers that were sent away lately, the latest last; at most 64 are remembered.
    pub fn rejections(&self) -> Vec<Rejection> {
        self.shared.rejections.lock().iter().cloned().collect()
    }

    /// Waits until every connection that was closed has said its goodbyes, then ends whatever is left. Takes some seconds
    /// at most. Close connections first; afterwards the transport takes and makes none.
    pub async fn shutdown(&self) {
        let shared = self.shared.clone();
        let patience = shared.config.close_timeout * 2;
        let ended = self.shared.runtime.spawn(async move {
            let endpoints = shared.endpoints();
            let _ = timeout(patience, wait_idle(&endpoints)).await;
            for endpoint in &endpoints {
                endpoint.close(close::CLOSED, b"the process ends");
            }
            // So that the farewell is on its way before the process is gone.
            let _ = timeout(Duration::from_secs(1), wait_idle(&endpoints)).await;
            shared.calling.lock().clear();
            shared.listening.lock().clear();
        });
        // A runtime that is gone has taken everything along.
        let _ = ended.await;
    }
}

impl Shared {
    /// The socket from which `remote` is called. Must be called within the runtime.
    pub(crate) fn calling(&self, remote: IpAddr, kind: LinkKind) -> std::io::Result<Endpoint> {
        let calling = Calling { local: endpoint::local_for(remote), bulk: kind == LinkKind::Data };
        let mut sockets = self.calling.lock();
        if let Some(endpoint) = sockets.get(&calling) {
            return Ok(endpoint.clone());
        }
        let endpoint = endpoint::bind(calling.local, None, None, &self.config)?;
        sockets.insert(calling, endpoint.clone());
        Ok(endpoint)
    }

    /// Remembers a caller that was sent away, and logs it.
    pub(crate) fn reject(&self, from: SocketAddr, reason: String) {
        tracing::warn!(%from, reason, "a caller was sent away");
        let mut rejections = self.rejections.lock();
        if rejections.len() == MAX_REJECTIONS {
            rejections.pop_front();
        }
        rejections.push_back(Rejection { from, reason });
    }

    /// Nothing new comes in by a listener's socket any more. It lives as long as its connections do.
    pub(crate) fn retire(self: &Arc<Self>, endpoint: &Endpoint) {
        endpoint.set_server_config(None);
        let (shared, endpoint) = (self.clone(), endpoint.clone());
        self.runtime.spawn(async move {
            endpoint.wait_idle().await;
            // No two sockets are bound to one address.
            let retired = endpoint.local_addr().ok();
            shared.listening.lock().retain(|other| other.local_addr().ok() != retired);
        });
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let mut endpoints: Vec<Endpoint> = self.calling.lock().values().cloned().collect();
        endpoints.extend(self.listening.lock().iter().cloned());
        endpoints
    }
}

impl fmt::Debug for QuicTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuicTransport").field("credentials", &self.shared.credentials).finish_non_exhaustive()
    }
}

async fn wait_idle(endpoints: &[Endpoint]) {
    for endpoint in endpoints {
        endpoint.wait_idle().await;
    }
}
