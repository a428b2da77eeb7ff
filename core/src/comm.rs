//! What a transport is: connections that carry batches, push what arrives, and end once with a reason.
//!
//! The contract, checked for every transport by the suite in `testing` (a feature):
//!
//! - **Order.** On a control link batches arrive in the order in which they were sent, each once or not at all; none is
//!   delivered after the end of the connection. On a data link (see [`Purpose::Data`](crate::hello::Purpose::Data)) each batch arrives whole, but a long one
//!   does not hold up the next.
//! - **Back-pressure.** [`Comm::try_send`] never blocks and never buffers without bound: when the receiver holds too much
//!   unhandled (see [`Permit`]) it says [`TrySendError::Full`] and gives the batch back; [`Comm::ready`] waits for room.
//! - **Push.** What arrives is handed to the [`Inbox`] on whatever thread has it: the sender's in process, the reader's
//!   otherwise. `deliver` must not block.
//! - **One end.** A connection closes once. Both inboxes hear of it once, with a reason; after that, nothing.
//! - **Limits.** A batch beyond [`limits`](crate::limits) is refused at the sender; one that a hostile peer sends all the
//!   same closes that connection and no other.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    address::{Address, AddressError},
    hello::{Hello, Refusal, Role, Welcome},
    message::Batch,
};

mod window;

pub use window::{Weight, Window};

/// A number by which an inbox's owner knows one of its connections. The owner chooses it; transports only repeat it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerId(pub u64);

/// One end of a connection.
#[async_trait]
pub trait Comm: Send + Sync {
    /// Sends a batch if there is room for it.
    ///
    /// # Errors
    /// The batch is given back if there is no room, or if the connection is closed.
    fn try_send(&self, batch: Batch) -> Result<(), TrySendError>;

    /// Waits until [`try_send`](Comm::try_send) is worth trying, or the connection is closed. Cancel safe.
    async fn ready(&self);

    /// Closes the connection. What was sent before is delivered if the transport still can; the inbox of this side hears
    /// of the end too. Does nothing the second time.
    fn close(&self, reason: CloseReason);

    /// Whether values are handed over by pointer. If not, whoever sends a payload seals it first.
    fn is_by_reference(&self) -> bool;

    /// Where the other end is, for people.
    fn remote(&self) -> Address;
}

/// Where a connection's batches go.
pub trait Inbox: Send + Sync {
    /// Takes a batch. Must not block. The permit is held until the batch has been handled.
    fn deliver(&self, peer: PeerId, batch: Batch, permit: Permit);

    /// The connection is closed. Called once, after the last batch.
    fn closed(&self, peer: PeerId, reason: CloseReason);
}

/// The right of one delivered batch to be unhandled. While it is held, the batch counts against the connection's window;
/// dropping it makes room for the sender.
#[must_use = "the permit is held until its batch has been handled"]
pub struct Permit(Release);

/// What is done when a permit is dropped.
enum Release {
    Nothing,
    /// What most are: there is one for each batch, and so it takes no memory of its own.
    GiveBack(Arc<dyn AsRef<Window> + Send + Sync>, Weight),
    Call(Box<dyn FnOnce() + Send + Sync>),
}

impl Permit {
    /// A permit that calls `release` when it is dropped. For transports.
    pub fn new(release: impl FnOnce() + Send + Sync + 'static) -> Self {
        Permit(Release::Call(Box::new(release)))
    }

    /// A permit that gives `weight` back to a window when it is dropped. For transports.
    pub fn of(window: Arc<dyn AsRef<Window> + Send + Sync>, weight: Weight) -> Self {
        Permit(Release::GiveBack(window, weight))
    }

    /// A permit that nobody counts, for tests and simulations.
    pub const fn unlimited() -> Self {
        Permit(Release::Nothing)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.0, Release::Nothing) {
            Release::Nothing => {}
            Release::GiveBack(window, weight) => (*window).as_ref().give_back(weight),
            Release::Call(release) => release(),
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

/// Accepts connections at an address.
#[async_trait]
pub trait Listener: Send + Sync {
    /// Where it listens: with the port that was bound, if any was asked for.
    fn address(&self) -> Address;

    /// Waits for a peer that has said its Hello and passed [`Hello::check`]. A slow or silent peer holds up nobody else.
    /// Cancel safe. `None` once the listener is closed.
    async fn accept(&self) -> Option<Box<dyn Incoming>>;

    /// Stops accepting. Connections that were accepted go on.
    fn close(&self);
}

/// A peer that waits to be taken.
#[async_trait]
pub trait Incoming: Send {
    /// What it said.
    fn hello(&self) -> &Hello;

    /// Takes it. From now on its batches go to `inbox` under `peer`.
    ///
    /// # Errors
    /// If it is gone.
    async fn accept(
        self: Box<Self>,
        welcome: Welcome,
        peer: PeerId,
        inbox: Arc<dyn Inbox>,
    ) -> Result<Arc<dyn Comm>, CloseReason>;

    /// Sends it away, with a reason that it will show to people.
    async fn refuse(self: Box<Self>, refusal: Refusal);
}

/// Makes connections.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The scheme of the addresses it takes.
    fn scheme(&self) -> &'static str;

    /// Calls a listener. Its batches go to `inbox` under `peer`.
    ///
    /// # Errors
    /// See [`ConnectError`].
    async fn connect(
        &self,
        address: &Address,
        hello: Hello,
        peer: PeerId,
        inbox: Arc<dyn Inbox>,
    ) -> Result<(Arc<dyn Comm>, Welcome), ConnectError>;
}

/// A batch was not sent.
#[derive(Debug, Error)]
pub enum TrySendError {
    /// There is no room. Wait for [`Comm::ready`].
    #[error("the peer has too much unhandled")]
    Full(Batch),
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed(Batch),
    /// The batch is beyond the limits, or holds a payload that can't be encoded. The connection goes on without it.
    #[error("the batch can't be sent: {reason}")]
    Unsendable {
        /// The batch.
        batch: Batch,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CloseReason {
    /// This side closed it, as was agreed.
    #[error("closed")]
    Local,
    /// The other side closed it, and said why.
    #[error("closed by the peer: {0}")]
    Peer(String),
    /// This side closed it because the peer broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    Protocol(String),
    /// The peer was silent for too long, or can't be reached.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// This side closed it because the peer did not take what was sent, for too long.
    #[error("the peer takes nothing")]
    Stalled,
}

impl CloseReason {
    /// Whether another call at the same address may find the peer, or one that takes its place: it did not hang up by its
    /// own will.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Lost(_) | Self::Stalled => true,
            Self::Peer(said) => *said == Self::Stalled.for_peer(),
            Self::Local | Self::Protocol(_) => false,
        }
    }

    /// What the other side is told of a close for this reason: the text of its [`CloseReason::Peer`].
    pub fn for_peer(&self) -> String {
        match self {
            Self::Local => "as agreed".to_owned(),
            reason => reason.to_string(),
        }
    }
}

/// A listener was not made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The place is no part of an address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Somebody listens there already.
    #[error("{0} is taken: close the other listener first, or choose another place")]
    Taken(Address),
    /// The system, or the configuration, does not allow it.
    #[error("can't listen at {place} as a {role}: {reason}")]
    Refused {
        /// Where.
        place: String,
        /// As what.
        role: Role,
        /// What is in the way.
        reason: String,
    },
}

/// A connection was not made.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address can't be read.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The address is another transport's, or its place means nothing to this one.
    #[error("{address} is no address of the {scheme} transport: {reason}")]
    Foreign {
        /// The address.
        address: Address,
        /// The scheme that this transport takes.
        scheme: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers.
    #[error("no {role} answers at {address}: {reason}")]
    Unreachable {
        /// What was called.
        role: Role,
        /// Where.
        address: Address,
        /// What the transport says.
        reason: String,
    },
    /// The peers do not trust each other, or speak another protocol.
    #[error("{address} was reached but the peers do not understand each other: {reason}")]
    Insecure {
        /// Where.
        address: Address,
        /// What the transport says, and what to do.
        reason: String,
    },
    /// The listener refuses.
    #[error("{address} refuses: {refusal}")]
    Refused {
        /// Where.
        address: Address,
        /// Why.
        refusal: Refusal,
    },
}

impl ConnectError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { refusal, .. } => refusal.is_retryable(),
            Self::Address(_) | Self::Foreign { .. } | Self::Insecure { .. } => false,
        }
    }
}
