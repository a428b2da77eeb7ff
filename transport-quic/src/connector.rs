//! Calls: from an address to a connection whose other end has proven to be what it should be.

use std::{net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use brisk_core::{
    address::Address,
    comm::{Comm, ConnectError, Connector, Inbox, PeerId},
    hello::{Hello, Role, Welcome},
};
use quinn::{ClientConfig, Connection, crypto::rustls::QuicClientConfig};
use tokio::{
    net::{UdpSocket, lookup_host},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    SCHEME,
    close::{self, connect_error},
    endpoint::local_for,
    handshake::{self, HandshakeError},
    link::{self, PendingReceiver},
    tls,
    transport::{QuicError, Shared},
};

/// Makes connections as one role.
pub(crate) struct QuicConnector {
    shared: Arc<Shared>,
    tls: Arc<QuicClientConfig>,
}

/// A name may stand for several addresses. So many are tried.
const MAX_ADDRESSES: usize = 4;

impl QuicConnector {
    pub(crate) fn new(shared: Arc<Shared>, role: Role) -> Result<Self, QuicError> {
        let tls = Arc::new(tls::client_config(&shared.credentials, role)?);
        Ok(QuicConnector { shared, tls })
    }
}

#[async_trait]
impl Connector for QuicConnector {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    async fn connect(
        &self,
        address: &Address,
        hello: Hello,
        peer: PeerId,
        inbox: Arc<dyn Inbox>,
    ) -> Result<(Arc<dyn Comm>, Welcome), ConnectError> {
        if address.scheme() != SCHEME {
            let reason = format!("its scheme is {}", address.scheme());
            return Err(ConnectError::Foreign { address: address.clone(), scheme: SCHEME, reason });
        }
        let role = hello.callee();
        let call = Call { shared: self.shared.clone(), tls: self.tls.clone(), address: address.clone(), hello };
        let patience = self.shared.config.handshake_timeout;
        let calling = async move { timeout(patience, call.make(PendingReceiver { peer, inbox })).await };
        let unreachable = |reason: String| ConnectError::Unreachable { role, address: address.clone(), reason };
        // On the transport's own runtime, so that the caller may wait on any other, or on none.
        match AbortOnDrop(self.shared.runtime.spawn(calling)).finish().await {
            Some(Ok(made)) => made,
            Some(Err(_)) => Err(unreachable(format!("no answer within {patience:?}"))),
            None => Err(unreachable("the transport's runtime has ended".to_owned())),
        }
    }
}

/// One call.
struct Call {
    shared: Arc<Shared>,
    tls: Arc<QuicClientConfig>,
    address: Address,
    hello: Hello,
}

impl Call {
    async fn make(self, receiver: PendingReceiver) -> Result<(Arc<dyn Comm>, Welcome), ConnectError> {
        let connection = self.connect().await?;
        self.check_callee(&connection)?;
        let lost = |connection: &Connection| match connection.close_reason() {
            Some(error) => connect_error(&error, &self.address, self.hello.callee()),
            None => self.unreachable("the first words were cut off".to_owned()),
        };
        let failed = |error: HandshakeError, connection: &Connection| match error {
            HandshakeError::Lost => lost(connection),
            HandshakeError::Broken(reason) => {
                close::close(connection, close::PROTOCOL, &reason);
                self.insecure(reason)
            }
        };
        let (mut send, mut recv) = connection.open_bi().await.map_err(|_| lost(&connection))?;
        handshake::say_hello(&mut send, &self.hello).await.map_err(|e| failed(e, &connection))?;
        let answer = handshake::hear_answer(&mut recv).await;
        match answer.map_err(|e| failed(e, &connection))? {
            Ok(welcome) => {
                let parts = link::Parts { connection, send, recv, kind: self.hello.link(), remote: self.address };
                Ok((link::start(&self.shared, parts, receiver), welcome))
            }
            Err(refusal) => {
                close::close(&connection, close::CLOSED, "refused, as was heard");
                Err(ConnectError::Refused { address: self.address, refusal })
            }
        }
    }

    /// Tries the addresses that the name stands for, until one answers.
    async fn connect(&self) -> Result<Connection, ConnectError> {
        let place = self.address.place();
        let found = lookup_host(place).await.map_err(|e| match e.kind() {
            std::io::ErrorKind::InvalidInput => ConnectError::Foreign {
                address: self.address.clone(),
                scheme: SCHEME,
                reason: format!("{place} is no host:port"),
            },
            _ => self.unreachable(format!("the name can't be resolved: {e}")),
        })?;
        let mut error = self.unreachable("the name stands for no address".to_owned());
        for remote in found.take(MAX_ADDRESSES) {
            match self.try_address(remote).await {
                Err(unreachable @ ConnectError::Unreachable { .. }) => error = unreachable,
                connected_or_worse => return connected_or_worse,
            }
        }
        Err(error)
    }

    async fn try_address(&self, remote: SocketAddr) -> Result<Connection, ConnectError> {
        let kind = self.hello.link();
        let endpoint = self.shared.calling(remote.ip(), kind).map_err(|e| self.unreachable(e.to_string()))?;
        let mut config = ClientConfig::new(self.tls.clone());
        config.transport_config(self.shared.quic.clone());
        let connecting = endpoint
            .connect_with(config, remote, self.shared.credentials.cluster())
            .map_err(|e| self.unreachable(e.to_string()))?;
        tokio::select! {
            connected = connecting => {
                connected.map_err(|e| connect_error(&e, &self.address, self.hello.callee()))
            }
            () = nobody_there(remote) => Err(self.unreachable("the host says that nobody listens there".to_owned())),
        }
    }

    /// The certificate is of this cluster, or there would be no connection. It must be of the right role too.
    fn check_callee(&self, connection: &Connection) -> Result<(), ConnectError> {
        let wanted = self.hello.callee();
        let reason = match tls::certified_role(connection.peer_identity(), self.shared.credentials.cluster()) {
            Some(role) if role == wanted => return Ok(()),
            Some(role) => format!("a {role} answers there, but a {wanted} was called: is the address right?"),
            None => format!("its certificate names no role, but a {wanted} was called"),
        };
        close::close(connection, close::ROLE, &reason);
        Err(self.insecure(reason))
    }

    fn unreachable(&self, reason: String) -> ConnectError {
        ConnectError::Unreachable { role: self.hello.callee(), address: self.address.clone(), reason }
    }

    fn insecure(&self, reason: String) -> ConnectError {
        ConnectError::Insecure { address: self.address.clone(), reason }
    }
}

/// Ends when the host says that nothing is bound to that port; otherwise never.
///
/// QUIC's socket calls many peers, so the system does not tell it which of them refused. A socket that is connected to
/// one peer is told; one byte, which QUIC drops unread, makes the host speak. That answer is not authentic: it can keep
/// a call from being made, as anybody on the path can, and nothing else.
async fn nobody_there(remote: SocketAddr) {
    let probe = async {
        let socket = UdpSocket::bind(local_for(remote.ip())).await?;
        socket.connect(remote).await?;
        socket.send(&[0]).await?;
        socket.recv(&mut [0; 16]).await
    };
    match probe.await {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
        _ => std::future::pending().await,
    }
}

/// A task that ends with whoever waits for it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    /// `None` if the runtime has ended.
    async fn finish(mut self) -> Option<T> {
        (&mut self.0).await.ok()
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
