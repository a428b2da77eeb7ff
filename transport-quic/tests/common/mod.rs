//! Transports for tests, each with a runtime of its own.

#![allow(dead_code, reason = "each test file uses a part of this")]

pub(crate) mod raw;

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{Arc, mpsc},
    time::Duration,
};

use brisk_core::{
    address::Address,
    comm::{Connector, Listener},
    hello::Role,
    testing::{Harness, Vanish},
};
use brisk_transport_quic::{Credentials, QuicConfig, QuicTransport};
use tokio::runtime::{Builder, Runtime};

/// A free port of this host.
pub(crate) fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

pub(crate) fn transport(credentials: &Credentials, runtime: &Runtime) -> QuicTransport {
    QuicTransport::new(credentials.clone(), runtime.handle().clone(), QuicConfig::default()).unwrap()
}

pub(crate) struct QuicHarness {
    credentials: Credentials,
    transport: QuicTransport,
    config: QuicConfig,
    // Last: the transport's connections end before their runtime does.
    _runtime: Runtime,
}

impl QuicHarness {
    pub(crate) fn new() -> Self {
        let credentials = Credentials::generate().unwrap();
        // As by default, but a test that waits for silence need not wait for seconds.
        let config = QuicConfig {
            keep_alive: Duration::from_millis(500),
            idle_timeout: Duration::from_secs(2),
            ..QuicConfig::default()
        };
        let runtime = runtime();
        let transport = QuicTransport::new(credentials.clone(), runtime.handle().clone(), config.clone()).unwrap();
        QuicHarness { credentials, transport, config, _runtime: runtime }
    }
}

impl Harness for QuicHarness {
    fn listen(&self, role: Role) -> Arc<dyn Listener> {
        self.transport.listen(loopback(), role).unwrap()
    }

    fn connector(&self, role: Role) -> Arc<dyn Connector> {
        self.transport.connector(role).unwrap()
    }

    fn nowhere(&self) -> Address {
        // A port that was free a moment ago.
        let port = UdpSocket::bind(loopback()).unwrap().local_addr().unwrap();
        format!("quic://{port}").parse().unwrap()
    }

    fn certifies(&self) -> bool {
        true
    }

    fn overtakes(&self) -> bool {
        true
    }

    fn many_peers(&self) -> usize {
        300
    }

    fn mortal(&self) -> Option<(Arc<dyn Connector>, Vanish)> {
        let (made, making) = mpsc::sync_channel(1);
        let (die, dying) = tokio::sync::oneshot::channel::<mpsc::SyncSender<()>>();
        let (credentials, config) = (self.credentials.clone(), self.config.clone());
        std::thread::spawn(move || {
            // On one thread: when that does something else, the transport does nothing.
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let transport = QuicTransport::new(credentials, runtime.handle().clone(), config).unwrap();
            made.send(transport.connector(Role::Client).unwrap()).unwrap();
            if let Ok(dead) = runtime.block_on(dying) {
                dead.send(()).unwrap();
                // Its sockets stay open and nobody reads them, as with a process that was stopped.
                loop {
                    std::thread::park();
                }
            }
        });
        let vanish = move || {
            let (dead, died) = mpsc::sync_channel(1);
            die.send(dead).unwrap();
            died.recv().unwrap();
        };
        Some((making.recv().unwrap(), Box::new(vanish)))
    }

    fn silence(&self) -> Duration {
        self.config.idle_timeout + Duration::from_secs(1)
    }
}
