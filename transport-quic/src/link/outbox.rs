//! What waits to be written: bounded, filled on any thread, emptied by the task that writes.

use std::sync::{Arc, OnceLock};

use brisk_core::{
    comm::{CloseReason, TrySendError, Weight, Window},
    limits::WINDOW_BYTES,
    message::Batch,
    wire::{self, Frame, LinkKind},
};
use tokio::sync::{mpsc, watch};

use super::{QueueReceiver, QueueSender, ShutReceiver, ShutSender};

/// The sending half of a connection's end.
pub(super) struct Outbox {
    kind: LinkKind,
    /// Without a bound of its own: `window` is its bound.
    queue: QueueSender,
    window: Arc<Window>,
    /// Whether no more batches are taken.
    shut: ShutSender,
    /// Why this side closed the connection, if it did, and what the peer is told.
    closing: OnceLock<(CloseReason, String)>,
}

/// A batch on its way out.
pub(super) struct Outgoing {
    pub(super) frame: Frame,
    pub(super) weight: Weight,
}

/// The other end of an outbox.
pub(super) struct Queue {
    queue: QueueReceiver,
    shut: ShutReceiver,
    ending: bool,
}

/// On a data link a batch weighs no more than this, so that behind a long one there is room for others. The bytes of a
/// long value are held by its store anyway.
const MAX_DATA_WEIGHT_BYTES: usize = WINDOW_BYTES / 8;

impl Outbox {
    pub(super) fn new(kind: LinkKind) -> (Arc<Self>, Queue) {
        #[allow(clippy::disallowed_methods, reason = "the window bounds it")]
        let (sender, receiver) = mpsc::unbounded_channel();
        let (shut, shut_receiver) = watch::channel(false);
        let queue = Queue { queue: receiver, shut: shut_receiver, ending: false };
        let outbox = Outbox { kind, queue: sender, window: Arc::new(Window::new()), shut, closing: OnceLock::new() };
        (Arc::new(outbox), queue)
    }

    pub(super) fn try_send(&self, batch: Batch) -> Result<(), TrySendError> {
        if self.is_shut() {
            return Err(TrySendError::Closed(batch));
        }
        // Before the work of encoding: a full window is found many times for one batch.
        if !self.window.has_room() {
            return Err(TrySendError::Full(batch));
        }
        let frame = match wire::encode(&batch, self.kind) {
            Ok(frame) => frame,
            Err(error) => return Err(TrySendError::Unsendable { batch, reason: error.to_string() }),
        };
        let weight = self.weight(frame.len());
        if !self.window.take(weight) {
            return Err(TrySendError::Full(batch));
        }
        // Fails once the writer has closed the queue, which it does before it looks at it for the last time: a batch is
        // in the queue then, or it is given back.
        self.queue.send(Outgoing { frame, weight }).map_err(|_| TrySendError::Closed(batch))
    }

    /// Waits until there is room, or nothing is taken any more.
    pub(super) async fn ready(&self) {
        self.window.room(|| self.is_shut()).await;
    }

    /// This side ends the connection.
    pub(super) fn close(&self, reason: CloseReason, told: String) {
        if !self.is_shut() && self.closing.set((reason, told)).is_ok() {
            self.shut();
        }
    }

    /// Takes no more batches.
    pub(super) fn shut(&self) {
        self.shut.send_replace(true);
        self.window.wake();
    }

    /// Why this side ended the connection, and what the peer is told; `None` if it did not.
    pub(super) fn closing(&self) -> Option<&(CloseReason, String)> {
        self.closing.get()
    }

    /// Waits until no more batches are taken.
    pub(super) async fn until_shut(&self) {
        // The sender is here, so the wait can't fail.
        let _ = self.shut.subscribe().wait_for(|shut| *shut).await;
    }

    /// What was taken has been written.
    pub(super) fn written(&self, weight: Weight) {
        self.window.give_back(weight);
    }

    fn is_shut(&self) -> bool {
        *self.shut.borrow()
    }

    fn weight(&self, bytes: usize) -> Weight {
        match self.kind {
            LinkKind::Control => Weight::of(bytes),
            LinkKind::Data => Weight::of(bytes.min(MAX_DATA_WEIGHT_BYTES)),
        }
    }
}

impl Queue {
    /// Waits for batches, and takes up to `limit` of those that are there. `false` when the last one was taken and none
    /// will come.
    pub(super) async fn next(&mut self, batches: &mut Vec<Outgoing>, limit: usize) -> bool {
        loop {
            tokio::select! {
                biased;
                taken = self.queue.recv_many(batches, limit) => return taken > 0,
                _ = self.shut.wait_for(|shut| *shut), if !self.ending => {
                    // What was sent until now is still in the queue, and is taken first.
                    self.ending = true;
                    self.queue.close();
                }
            }
        }
    }
}
