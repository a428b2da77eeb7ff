//! Networks: names, and who listens under them.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use brisk_core::{
    address::Address,
    comm::{Comm, ConnectError, Connector, Inbox, ListenError, Listener, PeerId},
    hello::{Hello, Role, Welcome},
};
use parking_lot::Mutex;

use crate::{
    backlog::{Backlog, InprocListener},
    link::Receiver,
};

/// The listeners of one cluster inside this process. Clones are the same network; two networks know nothing of each
/// other.
#[derive(Clone)]
pub struct InprocNetwork {
    names: Arc<Names>,
    encoding: bool,
}

/// Who listens, by name: all listeners of the network that are not closed, and only those.
#[derive(Default)]
pub(crate) struct Names(Mutex<BTreeMap<Address, Arc<Backlog>>>);

impl InprocNetwork {
    /// A network on which values move by pointer, with addresses `inproc://name`.
    pub fn new() -> Self {
        InprocNetwork { names: Arc::default(), encoding: false }
    }

    /// A network on which every batch is encoded and decoded as if it went over a wire, with addresses
    /// `inproc+encode://name`. For tests.
    pub fn encoding() -> Self {
        InprocNetwork { names: Arc::default(), encoding: true }
    }

    /// Listens under `name`, as `role`.
    ///
    /// # Errors
    /// If the name is taken, or can't be part of an address.
    pub fn listen(&self, name: &str, role: Role) -> Result<Arc<dyn Listener>, ListenError> {
        let address = Address::new(self.scheme(), name)?;
        let backlog = Arc::new(Backlog::new(role, address.clone(), self.encoding));
        let mut names = self.names.0.lock();
        if names.contains_key(&address) {
            return Err(ListenError::Taken(address));
        }
        names.insert(address, backlog.clone());
        drop(names);
        Ok(Arc::new(InprocListener { backlog, names: self.names.clone() }))
    }

    /// Makes connections on this network.
    pub fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(self.clone())
    }

    /// The scheme of this network's addresses.
    pub fn scheme(&self) -> &'static str {
        if self.encoding { "inproc+encode" } else { "inproc" }
    }
}

impl Default for InprocNetwork {
    fn default() -> Self {
        InprocNetwork::new()
    }
}

impl std::fmt::Debug for InprocNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names.0.lock().keys()).finish()
    }
}

#[async_trait]
impl Connector for InprocNetwork {
    fn scheme(&self) -> &'static str {
        self.scheme()
    }

    async fn connect(
        &self,
        address: &Address,
        hello: Hello,
        peer: PeerId,
        inbox: Arc<dyn Inbox>,
    ) -> Result<(Arc<dyn Comm>, Welcome), ConnectError> {
        let role = hello.callee();
        let unreachable =
            |reason: &str| ConnectError::Unreachable { role, address: address.clone(), reason: reason.to_owned() };
        let backlog = self.find(address)?.ok_or_else(|| unreachable("nobody listens under this name here"))?;
        if let Err(refusal) = hello.check(backlog.role, None) {
            return Err(ConnectError::Refused { address: address.clone(), refusal });
        }
        let answered = backlog.call(hello, Receiver { peer, inbox }).await;
        let answer = match answered {
            Some(answered) => answered.await.ok(),
            None => None,
        };
        match answer {
            Some(Ok((end, welcome))) => Ok((end, welcome)),
            Some(Err(refusal)) => Err(ConnectError::Refused { address: address.clone(), refusal }),
            None => Err(unreachable("the listener closed without an answer")),
        }
    }
}

impl InprocNetwork {
    fn find(&self, address: &Address) -> Result<Option<Arc<Backlog>>, ConnectError> {
        if address.scheme() != self.scheme() {
            return Err(ConnectError::Foreign {
                address: address.clone(),
                scheme: self.scheme(),
                reason: format!("its scheme is {}", address.scheme()),
            });
        }
        Ok(self.names.0.lock().get(address).cloned())
    }
}

impl Names {
    /// Takes a listener out, if its name is still its own.
    pub(crate) fn remove(&self, backlog: &Arc<Backlog>) {
        let mut names = self.0.lock();
        if names.get(&backlog.address).is_some_and(|there| Arc::ptr_eq(there, backlog)) {
            names.remove(&backlog.address);
        }
    }
}
