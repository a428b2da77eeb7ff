//! An established connection: who sends into it, who reads it, and how it ends.
//!
//! Three tasks run for each: one that writes, one that reads, and one ([`ending`]) that waits for either to be through and
//! sees the connection to its end. A connection ends in order when both sides have said their last word:
//!
//! ```text
//! closing side                                other side
//! takes no more batches, writes what is left
//! ends its stream                       --->  delivers everything up to there
//!                                             takes no more batches, writes what is left
//! delivers everything up to there       <---  ends its stream
//! closes, with the reason in words      --->  tells its inbox
//! tells its inbox
//! ```
//!
//! QUIC alone would not do: its close throws away what the other side has received and not read yet.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use brisk_core::{
    address::Address,
    comm::{CloseReason, Comm, Inbox, PeerId, Permit, TrySendError},
    message::Batch,
    wire::{self, LinkKind},
};
use quinn::{Connection, ReadError, RecvStream, SendStream, WriteError};
use tokio::sync::{mpsc, watch};

use crate::{close, config::QuicConfig, transport::Shared};

mod control;
mod data;
mod ending;
mod frames;
mod outbox;

use outbox::{Outbox, Queue};

/// What a connection is made of, once the handshake is over.
pub(crate) struct Parts {
    pub(crate) connection: Connection,
    pub(crate) send: SendStream,
    pub(crate) recv: RecvStream,
    pub(crate) kind: LinkKind,
    pub(crate) remote: Address,
}

/// An inbox that has not been promised anything yet.
pub(crate) struct PendingReceiver {
    pub(crate) peer: PeerId,
    pub(crate) inbox: Arc<dyn Inbox>,
}

/// An inbox, and its owner's name for this connection. Everybody who may still deliver holds a share; when the last one
/// is gone, and not before, the inbox hears of the end. So nothing can come after it, however the tasks end.
pub(crate) struct Receiver {
    peer: PeerId,
    inbox: Arc<dyn Inbox>,
    reason: OnceLock<CloseReason>,
}

/// Begins to write and to read. Must be called within the runtime.
pub(crate) fn start(shared: &Shared, parts: Parts, receiver: PendingReceiver) -> Arc<dyn Comm> {
    let Parts { connection, send, recv, kind, remote } = parts;
    let receiver = Arc::new(Receiver { peer: receiver.peer, inbox: receiver.inbox, reason: OnceLock::new() });
    let (outbox, queue) = Outbox::new(kind);
    let config: &QuicConfig = &shared.config;
    let (reader, writer) = match kind {
        LinkKind::Control => (
            tokio::spawn(control::read(recv, receiver.clone(), config.frame_timeout)),
            tokio::spawn(control::write(connection.clone(), send, queue, outbox.clone(), config.stall_timeout)),
        ),
        LinkKind::Data => {
            data::open(&connection, config.socket_buffer_bytes);
            (
                tokio::spawn(data::read(
                    connection.clone(),
                    recv,
                    receiver.clone(),
                    shared.buffers.clone(),
                    config.frame_timeout,
                )),
                tokio::spawn(data::write(connection.clone(), send, queue, outbox.clone(), config.stall_timeout)),
            )
        }
    };
    let tasks = ending::Tasks { reader, writer };
    let link = ending::Link { connection, outbox: outbox.clone(), patience: config.close_timeout, receiver };
    tokio::spawn(ending::see_to_the_end(link, tasks));
    Arc::new(QuicComm { outbox, remote })
}

/// One end of a connection. Dropping it closes the connection.
struct QuicComm {
    outbox: Arc<Outbox>,
    remote: Address,
}

#[async_trait]
impl Comm for QuicComm {
    fn try_send(&self, batch: Batch) -> Result<(), TrySendError> {
        self.outbox.try_send(batch)
    }

    async fn ready(&self) {
        self.outbox.ready().await;
    }

    fn close(&self, reason: CloseReason) {
        let told = reason.for_peer();
        self.outbox.close(reason, told);
    }

    fn is_by_reference(&self) -> bool {
        false
    }

    fn remote(&self) -> Address {
        self.remote.clone()
    }
}

impl Drop for QuicComm {
    fn drop(&mut self) {
        self.outbox.close(CloseReason::Local, "its end of the connection was dropped".to_owned());
    }
}

impl Receiver {
    fn deliver(&self, batch: Batch, permit: Permit) {
        self.inbox.deliver(self.peer, batch, permit);
    }

    /// Lays down what the inbox will hear when the last share is gone.
    fn end(&self, reason: CloseReason) {
        // The first reason is the one that ended it.
        let _ = self.reason.set(reason);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let reason = self.reason.take();
        self.inbox.closed(self.peer, reason.unwrap_or_else(close::runtime_ended));
    }
}

/// Why a task that writes or reads could not go on.
#[derive(Debug)]
enum Broken {
    /// The connection is gone; it knows why.
    Lost,
    /// The peer broke the protocol.
    Protocol(String),
    /// The peer takes nothing.
    Stalled,
    /// The runtime ends, and its tasks with it.
    Ended,
}

impl Broken {
    /// Closes the connection, and says why.
    fn close(&self, connection: &Connection) {
        match self {
            // It is gone as a rule; then this does nothing.
            Broken::Lost | Broken::Ended => close::close(connection, close::CLOSED, "this end broke off"),
            Broken::Protocol(what) => close::close(connection, close::PROTOCOL, what),
            Broken::Stalled => close::close(connection, close::CLOSED, "you take nothing of what waits for you"),
        }
    }
}

impl From<ReadError> for Broken {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Reset(_) => Broken::Protocol("it broke a stream off".to_owned()),
            ReadError::ConnectionLost(_) => Broken::Lost,
            other => Broken::Protocol(other.to_string()),
        }
    }
}

impl From<WriteError> for Broken {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Stopped(_) => Broken::Protocol("it stopped reading a stream".to_owned()),
            WriteError::ConnectionLost(_) => Broken::Lost,
            other => Broken::Protocol(other.to_string()),
        }
    }
}

impl From<wire::WireError> for Broken {
    fn from(error: wire::WireError) -> Self {
        Broken::Protocol(error.to_string())
    }
}

/// The two halves of the signal that an end takes no more batches.
type ShutSender = watch::Sender<bool>;
type ShutReceiver = watch::Receiver<bool>;
type QueueSender = mpsc::UnboundedSender<outbox::Outgoing>;
type QueueReceiver = mpsc::UnboundedReceiver<outbox::Outgoing>;
