//! Listeners: handshakes that run beside each other, and the peers that passed them.

use std::{net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use brisk_core::{
    address::Address,
    comm::{CloseReason, Comm, Inbox, Incoming, Listener, PeerId},
    hello::{Hello, Refusal, Role, Welcome},
    limits::MAX_PENDING_HANDSHAKES,
};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::timeout,
};

use crate::{
    SCHEME, close,
    handshake::{self, Greeting, HandshakeError},
    link::{self, PendingReceiver},
    tls,
    transport::Shared,
};

/// Above so many pending handshakes an unknown caller must first prove that it is where it says it is.
const UNPROVEN_HANDSHAKES: usize = 16;

/// A socket, and the peers that wait to be taken.
pub(crate) struct QuicListener {
    shared: Arc<Shared>,
    endpoint: Endpoint,
    address: Address,
    passed: Mutex<mpsc::Receiver<Caller>>,
    closed: watch::Sender<bool>,
}

/// A peer that has said a good Hello.
struct Caller {
    shared: Arc<Shared>,
    hello: Hello,
    connection: Connection,
    send: SendStream,
    recv: RecvStream,
    place: OwnedSemaphorePermit,
}

impl QuicListener {
    /// Begins to take callers. Must be called within the runtime.
    pub(crate) fn start(shared: Arc<Shared>, endpoint: Endpoint, role: Role, address: Address) -> Self {
        let (pass, passed) = mpsc::channel(MAX_PENDING_HANDSHAKES);
        let (closed, _) = watch::channel(false);
        let doorman = Doorman { shared: shared.clone(), endpoint: endpoint.clone(), role, pass };
        shared.runtime.spawn(doorman.stand(closed.subscribe()));
        QuicListener { shared, endpoint, address, passed: Mutex::new(passed), closed }
    }
}

#[async_trait]
impl Listener for QuicListener {
    fn address(&self) -> Address {
        self.address.clone()
    }

    async fn accept(&self) -> Option<Box<dyn Incoming>> {
        let mut closed = self.closed.subscribe();
        let next = async {
            let mut passed = self.passed.lock().await;
            loop {
                let caller = passed.recv().await?;
                // One that has gone meanwhile has nothing to say.
                if caller.connection.close_reason().is_none() {
                    return Some(Box::new(caller) as Box<dyn Incoming>);
                }
            }
        };
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => {
                self.hang_up();
                None
            }
            caller = next => caller,
        }
    }

    fn close(&self) {
        if !self.closed.send_replace(true) {
            self.shared.retire(&self.endpoint);
            self.hang_up();
        }
    }
}

impl QuicListener {
    /// Lets those down who wait to be taken. If somebody else waits for them just now, that one will do it.
    fn hang_up(&self) {
        if let Ok(mut passed) = self.passed.try_lock() {
            passed.close();
            while let Ok(caller) = passed.try_recv() {
                close::close(&caller.connection, close::CLOSED, "the listener was closed");
            }
        }
    }
}

impl Drop for QuicListener {
    fn drop(&mut self) {
        self.close();
    }
}

/// Meets callers and hears each one out, beside the others.
struct Doorman {
    shared: Arc<Shared>,
    endpoint: Endpoint,
    role: Role,
    pass: mpsc::Sender<Caller>,
}

impl Doorman {
    async fn stand(self, mut closed: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(MAX_PENDING_HANDSHAKES));
        let this = Arc::new(self);
        loop {
            let next = async {
                let place = places.clone().acquire_owned().await.ok()?;
                Some((place, this.endpoint.accept().await?))
            };
            let (place, incoming) = tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed) => return,
                next = next => match next {
                    Some(next) => next,
                    None => return,
                },
            };
            let pending = MAX_PENDING_HANDSHAKES - places.available_permits();
            if pending > UNPROVEN_HANDSHAKES && incoming.may_retry() {
                // The caller comes back at once, with the proof.
                let _ = incoming.retry();
                continue;
            }
            tokio::spawn(this.clone().meet(incoming, place));
        }
    }

    async fn meet(self: Arc<Self>, incoming: quinn::Incoming, place: OwnedSemaphorePermit) {
        let from = incoming.remote_address();
        let patience = self.shared.config.handshake_timeout;
        match timeout(patience, self.hear_out(incoming, place)).await {
            Ok(Ok(Some(caller))) => {
                // There is room for every pending handshake, and if the listener is gone so is the caller.
                let _ = self.pass.try_send(caller);
            }
            Ok(Ok(None)) => {}
            Ok(Err(reason)) => self.shared.reject(from, reason),
            Err(_) => self.shared.reject(from, format!("it has not said Hello within {patience:?}")),
        }
    }

    /// `None` if it was refused, and `reject` knows.
    async fn hear_out(&self, incoming: quinn::Incoming, place: OwnedSemaphorePermit) -> Result<Option<Caller>, String> {
        let from = incoming.remote_address();
        let connection = match incoming.await {
            Ok(connection) => connection,
            Err(error) => return Err(close::close_reason(&error).to_string()),
        };
        let certified = tls::certified_role(connection.peer_identity(), self.shared.credentials.cluster());
        let gone = |connection: &Connection| match connection.close_reason() {
            Some(error) => close::close_reason(&error).to_string(),
            None => "it broke off".to_owned(),
        };
        let (mut send, mut recv) = connection.accept_bi().await.map_err(|_| gone(&connection))?;
        match handshake::hear_hello(&mut recv, self.role, certified).await {
            Ok(Greeting::Hello(hello)) => {
                Ok(Some(Caller { shared: self.shared.clone(), hello, connection, send, recv, place }))
            }
            Ok(Greeting::Refused(refusal)) => {
                self.shared.reject(from, refusal.to_string());
                tokio::spawn(async move { send_away(&connection, &mut send, refusal, place).await });
                Ok(None)
            }
            Err(HandshakeError::Lost) => Err(gone(&connection)),
            Err(HandshakeError::Broken(reason)) => {
                close::close(&connection, close::PROTOCOL, &reason);
                Err(reason)
            }
        }
    }
}

/// Gives a caller the time to hear why it is not taken.
async fn send_away(connection: &Connection, send: &mut SendStream, refusal: Refusal, _place: OwnedSemaphorePermit) {
    let words = refusal.to_string();
    let told = async {
        handshake::answer(send, &Err(refusal)).await.ok()?;
        send.finish().ok()?;
        // It hangs up once it has heard.
        Some(connection.closed().await)
    };
    let _ = timeout(std::time::Duration::from_secs(1), told).await;
    close::close(connection, close::REFUSED, &words);
}

#[async_trait]
impl Incoming for Caller {
    fn hello(&self) -> &Hello {
        &self.hello
    }

    async fn accept(
        self: Box<Self>,
        welcome: Welcome,
        peer: PeerId,
        inbox: Arc<dyn Inbox>,
    ) -> Result<Arc<dyn Comm>, CloseReason> {
        let Caller { shared, hello, connection, mut send, recv, place } = *self;
        if handshake::answer(&mut send, &Ok(welcome)).await.is_err() {
            return Err(match connection.close_reason() {
                Some(error) => close::close_reason(&error),
                None => CloseReason::Lost("the caller gave up before it was taken".to_owned()),
            });
        }
        drop(place);
        let remote = address_of(connection.remote_address());
        let parts = link::Parts { connection, send, recv, kind: hello.link(), remote };
        let _runtime = shared.runtime.enter();
        Ok(link::start(&shared, parts, PendingReceiver { peer, inbox }))
    }

    async fn refuse(self: Box<Self>, refusal: Refusal) {
        let Caller { shared, connection, mut send, place, .. } = *self;
        shared.reject(connection.remote_address(), refusal.to_string());
        // Beside whoever refuses: how long it takes is in the caller's hands.
        shared.runtime.spawn(async move { send_away(&connection, &mut send, refusal, place).await });
    }
}

fn address_of(remote: SocketAddr) -> Address {
    match Address::new(SCHEME, &remote.to_string()) {
        Ok(address) => address,
        // A socket's address is short and has no blanks in it.
        Err(error) => unreachable!("{error}"),
    }
}
