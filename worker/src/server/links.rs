//! Sending: in order, never blocking, one thread at a time, and waiting for room when there is none.

use std::{collections::VecDeque, sync::Arc};

use brisk_core::{
    comm::{CloseReason, Comm, TrySendError},
    message::{Batch, Messages},
};
use parking_lot::Mutex;
use tokio::{runtime::Handle, sync::Notify};

/// Batches that wait are joined up to this many messages, so that a peer that was slow for a while gets few long batches
/// and not many short ones.
const MAX_MESSAGES: usize = 1_024;

/// One end of a connection, with what waits to be sent on it.
///
/// [`push`](Sender::push) sets the order, and may be called under a lock; [`flush`](Sender::flush) sends, and must not:
/// in process the receiver acts on this very thread, and may well send something back. Whoever flushes while another
/// does leaves its batches to that one.
pub(super) struct Sender {
    comm: Arc<dyn Comm>,
    runtime: Handle,
    queue: Mutex<Queue>,
    emptied: Notify,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Whether somebody is sending, or waits for room.
    sending: bool,
    closed: bool,
}

struct Waiting {
    batch: Batch,
    /// Dropped once the transport has the batch.
    guard: Option<Guard>,
}

/// Something that is held while a batch waits to be sent.
pub(super) type Guard = Box<dyn Send>;

impl Sender {
    pub(super) fn new(comm: Arc<dyn Comm>, runtime: Handle) -> Arc<Self> {
        Arc::new(Sender { comm, runtime, queue: Mutex::default(), emptied: Notify::new() })
    }

    /// Puts a batch behind those that wait.
    pub(super) fn push(&self, batch: Batch, guard: Option<Guard>) {
        let mut queue = self.queue.lock();
        if queue.closed {
            return;
        }
        let batch = match queue.waiting.back_mut() {
            Some(last) if last.guard.is_none() && guard.is_none() => match join(&mut last.batch, batch) {
                Some(apart) => apart,
                None => return,
            },
            _ => batch,
        };
        queue.waiting.push_back(Waiting { batch, guard });
    }

    /// Sends what waits, unless somebody does already.
    pub(super) fn flush(self: &Arc<Self>) {
        {
            let mut queue = self.queue.lock();
            if queue.sending || queue.waiting.is_empty() {
                return;
            }
            queue.sending = true;
        }
        self.send_all();
    }

    /// Ends the connection. What was flushed may still arrive.
    pub(super) fn close(&self, reason: CloseReason) {
        self.forget_all();
        self.comm.close(reason);
    }

    /// Waits until nothing waits to be sent, or nothing can be any more.
    pub(super) async fn drained(&self) {
        loop {
            let emptied = self.emptied.notified();
            {
                let queue = self.queue.lock();
                if queue.closed || (queue.waiting.is_empty() && !queue.sending) {
                    return;
                }
            }
            emptied.await;
        }
    }

    /// Whether values are handed over by pointer.
    pub(super) fn is_by_reference(&self) -> bool {
        self.comm.is_by_reference()
    }

    /// As the one who sends.
    fn send_all(self: &Arc<Self>) {
        loop {
            let next = {
                let mut queue = self.queue.lock();
                let next = queue.waiting.pop_front();
                queue.sending = next.is_some();
                next
            };
            let Some(Waiting { batch, guard }) = next else { return self.emptied.notify_waiters() };
            match self.comm.try_send(batch) {
                Ok(()) => drop(guard),
                Err(TrySendError::Full(batch)) => {
                    self.queue.lock().waiting.push_front(Waiting { batch, guard });
                    let this = self.clone();
                    self.runtime.spawn(async move {
                        this.comm.ready().await;
                        this.send_all();
                    });
                    return;
                }
                Err(TrySendError::Closed(_)) => return self.forget_all(),
                Err(TrySendError::Unsendable { batch, reason }) => {
                    // Batches are kept within the limits and payloads are sealed before they come here, so this is a
                    // mistake of this crate. The peer must not wait for what it will never get.
                    tracing::error!(peer = %self.comm.remote(), link = batch.messages.link(), %reason, "unsendable");
                    return self.close(CloseReason::Protocol(format!("a message can't be sent: {reason}")));
                }
            }
        }
    }

    fn forget_all(&self) {
        let forgotten = {
            let mut queue = self.queue.lock();
            queue.closed = true;
            queue.sending = false;
            std::mem::take(&mut queue.waiting)
        };
        drop(forgotten);
        self.emptied.notify_waiters();
    }
}

/// Appends the reports of `next` to those of `last`, if both are that and stay short. Gives `next` back if not.
fn join(last: &mut Batch, next: Batch) -> Option<Batch> {
    match (&mut last.messages, next.messages) {
        (Messages::WorkerToScheduler(first), Messages::WorkerToScheduler(mut second))
            if first.len() + second.len() <= MAX_MESSAGES
                && !first.iter().any(is_long)
                && !second.iter().any(is_long) =>
        {
            first.append(&mut second);
            None
        }
        (_, messages) => Some(Batch { messages, ..next }),
    }
}

/// Whether a report may be long by itself. It is sent alone: many of them would be more than a batch may hold.
pub(super) fn is_long(message: &brisk_core::message::WorkerToScheduler) -> bool {
    use brisk_core::message::WorkerToScheduler::{Added, Failed, Missing, Stolen};
    match message {
        Failed { .. } => true,
        Added(keys) => keys.len() > 16,
        Missing { holders, .. } => holders.len() > 16,
        Stolen { runs, .. } => runs.len() > 16,
        _ => false,
    }
}
