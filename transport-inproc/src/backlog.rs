//! A listener, and the callers that wait to be taken.

use std::{collections::VecDeque, pin::pin, sync::Arc};

use async_trait::async_trait;
use brisk_core::{
    address::Address,
    comm::{CloseReason, Comm, Inbox, Incoming, Listener, PeerId},
    hello::{Hello, Refusal, Role, Welcome},
    limits::MAX_PENDING_HANDSHAKES,
};
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

use crate::{
    link::{self, End, Receiver},
    network::Names,
};

/// What a caller hears.
pub(crate) type Answer = Result<(Arc<End>, Welcome), Refusal>;

/// The callers of one listener. At most [`MAX_PENDING_HANDSHAKES`] are unanswered; further ones wait for a place.
pub(crate) struct Backlog {
    pub(crate) role: Role,
    pub(crate) address: Address,
    encoding: bool,
    places: Arc<Semaphore>,
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Default)]
struct Queue {
    callers: VecDeque<Caller>,
    /// How many callers there ever were; the number is part of each one's address.
    count: u64,
    closed: bool,
}

/// A caller that waits.
struct Caller {
    hello: Hello,
    receiver: Receiver,
    answer: oneshot::Sender<Answer>,
    address: Address,
    callee: Address,
    encoding: bool,
    _place: OwnedSemaphorePermit,
}

impl Backlog {
    pub(crate) fn new(role: Role, address: Address, encoding: bool) -> Self {
        Backlog {
            role,
            address,
            encoding,
            places: Arc::new(Semaphore::new(MAX_PENDING_HANDSHAKES)),
            queue: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Puts a caller into the queue, once there is a place. `None` if the listener is closed.
    pub(crate) async fn call(&self, hello: Hello, receiver: Receiver) -> Option<oneshot::Receiver<Answer>> {
        let place = self.places.clone().acquire_owned().await.ok()?;
        let (answer, answered) = oneshot::channel();
        let mut queue = self.queue.lock();
        if queue.closed {
            return None;
        }
        queue.count += 1;
        let address = format!("{}#{}", self.address, queue.count).parse().unwrap_or_else(|_| self.address.clone());
        queue.callers.push_back(Caller {
            hello,
            receiver,
            answer,
            address,
            callee: self.address.clone(),
            encoding: self.encoding,
            _place: place,
        });
        drop(queue);
        self.changed.notify_one();
        Some(answered)
    }

    fn close(&self) {
        let waiting = {
            let mut queue = self.queue.lock();
            queue.closed = true;
            std::mem::take(&mut queue.callers)
        };
        self.places.close();
        self.changed.notify_waiters();
        // Each caller hears that it will not be answered; outside the lock, since that wakes them.
        drop(waiting);
    }
}

/// Where a network's callers arrive. Dropping it closes it.
pub(crate) struct InprocListener {
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) names: Arc<Names>,
}

#[async_trait]
impl Listener for InprocListener {
    fn address(&self) -> Address {
        self.backlog.address.clone()
    }

    async fn accept(&self) -> Option<Box<dyn Incoming>> {
        loop {
            let mut changed = pin!(self.backlog.changed.notified());
            changed.as_mut().enable();
            {
                let mut queue = self.backlog.queue.lock();
                while let Some(caller) = queue.callers.pop_front() {
                    // A caller that gave up has nobody behind it.
                    if !caller.answer.is_closed() {
                        return Some(Box::new(caller));
                    }
                }
                if queue.closed {
                    return None;
                }
            }
            changed.await;
        }
    }

    fn close(&self) {
        self.names.remove(&self.backlog);
        self.backlog.close();
    }
}

impl Drop for InprocListener {
    fn drop(&mut self) {
        self.close();
    }
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
        let Caller { hello, receiver, answer, address, callee, encoding, _place } = *self;
        let codec = encoding.then(|| hello.link());
        let [theirs, ours] = link::connect([receiver, Receiver { peer, inbox }], [address, callee], codec);
        match answer.send(Ok((theirs, welcome))) {
            Ok(()) => Ok(ours),
            Err(_) => {
                ours.abandon();
                Err(CloseReason::Lost("the caller gave up before it was taken".to_owned()))
            }
        }
    }

    async fn refuse(self: Box<Self>, refusal: Refusal) {
        // A caller that is gone needs no answer.
        let _ = self.answer.send(Err(refusal));
    }
}
