//! The conformance suite, on both kinds of network.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use brisk_core::{
    address::Address,
    comm::{Connector, Listener},
    hello::Role,
    testing::{Harness, Vanish},
};
use brisk_transport_inproc::InprocNetwork;

struct InprocHarness {
    network: InprocNetwork,
    names: AtomicU64,
}

impl InprocHarness {
    fn new(network: InprocNetwork) -> Self {
        InprocHarness { network, names: AtomicU64::new(0) }
    }
}

impl Harness for InprocHarness {
    fn listen(&self, role: Role) -> Arc<dyn Listener> {
        let name = format!("listener-{}", self.names.fetch_add(1, Ordering::Relaxed));
        self.network.listen(&name, role).unwrap()
    }

    fn connector(&self, _role: Role) -> Arc<dyn Connector> {
        self.network.connector()
    }

    fn nowhere(&self) -> Address {
        Address::new(self.network.scheme(), "nowhere").unwrap()
    }

    fn certifies(&self) -> bool {
        false
    }

    fn overtakes(&self) -> bool {
        false
    }

    fn many_peers(&self) -> usize {
        5_000
    }

    fn mortal(&self) -> Option<(Arc<dyn Connector>, Vanish)> {
        None
    }

    fn silence(&self) -> Duration {
        Duration::ZERO
    }
}

mod by_reference {
    use super::{InprocHarness, InprocNetwork};
    brisk_core::transport_conformance!(InprocHarness::new(InprocNetwork::new()));
}

mod encoding {
    use super::{InprocHarness, InprocNetwork};
    brisk_core::transport_conformance!(InprocHarness::new(InprocNetwork::encoding()));
}
