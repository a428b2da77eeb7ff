//! Sending: in order, never blocking, one thread at a time, and waiting for room when there is none.

use std::{collections::VecDeque, sync::Arc};

use brisk_core::{
    comm::{CloseReason, Comm, TrySendError},
    id::{Epoch, Incarnation},
    message::{Batch, Messages, WorkerToScheduler},
};
use parking_lot::Mutex;
use tokio::{runtime::Handle, sync::Notify};

use super::condense;

/// Batches that wait are joined up to this many messages, so that a peer that was slow for a while gets few long batches
/// and not many short ones.
const MAX_MESSAGES: usize = 1_024;

/// Reports that a new batch has room for: a short list is taken from what the thread has at hand.
const ROOM: usize = 8;

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
    /// Whether others may not be joined to it.
    alone: bool,
    /// Dropped once the transport has the batch.
    guard: Option<Guard>,
}

/// Something that is held while a batch waits to be sent.
pub(super) type Guard = Box<dyn Send>;

impl Sender {
    pub(super) fn new(comm: Arc<dyn Comm>, runtime: Handle) -> Arc<Self> {
        Arc::new(Sender { comm, runtime, queue: Mutex::default(), emptied: Notify::new() })
    }

    /// Puts a batch behind those that wait, to be sent as it is. `guard` is dropped once the transport has it.
    pub(super) fn push(&self, batch: Batch, guard: Option<Guard>) {
        let next = Waiting { batch, alone: true, guard };
        let mut queue = self.queue.lock();
        if !queue.closed {
            queue.waiting.push_back(next);
        }
    }

    /// Puts reports behind those that wait, or into the last batch of them, if that stays short. The list keeps its memory.
    pub(super) fn push_short(&self, epoch: Epoch, incarnation: Incarnation, reports: &mut Vec<WorkerToScheduler>) {
        {
            let mut queue = self.queue.lock();
            if !queue.closed {
                return queue.add(epoch, incarnation, reports);
            }
        }
        // Not under the lock: values are among them.
        reports.clear();
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
            let Some(Waiting { batch, alone, guard }) = next else { return self.emptied.notify_waiters() };
            match self.comm.try_send(batch) {
                Ok(()) => drop(guard),
                Err(TrySendError::Full(batch)) => {
                    self.queue.lock().waiting.push_front(Waiting { batch, alone, guard });
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

impl Queue {
    fn add(&mut self, epoch: Epoch, incarnation: Incarnation, reports: &mut Vec<WorkerToScheduler>) {
        if let Some(last) = self.waiting.back_mut().filter(|last| !last.alone)
            && let Messages::WorkerToScheduler(first) = &mut last.batch.messages
            && first.len() + reports.len() <= MAX_MESSAGES
        {
            return condense::join(first, reports);
        }
        let mut list = Vec::with_capacity(reports.len().max(ROOM));
        list.append(reports);
        let batch = Batch { epoch, incarnation, messages: Messages::WorkerToScheduler(list) };
        self.waiting.push_back(Waiting { batch, alone: false, guard: None });
    }
}
