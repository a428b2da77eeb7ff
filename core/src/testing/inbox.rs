//! An inbox that remembers, and checks the contract while it does.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::executor::DEADLINE;
use crate::{
    comm::{CloseReason, Inbox, PeerId, Permit},
    message::Batch,
};

/// Something that an inbox was told.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// A batch.
    Batch(PeerId, Batch),
    /// The end of a connection.
    Closed(PeerId, CloseReason),
}

/// Remembers everything in order. Lets others wait for it, and holds the permits for as long as they like.
///
/// Whatever comes after the end of a connection is a breach of the contract: every later wait panics.
#[derive(Default)]
pub struct RecordingInbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    received: Vec<Received>,
    ended: BTreeMap<PeerId, CloseReason>,
    breach: Option<String>,
    /// `None` to drop permits at once.
    held: Option<Vec<Permit>>,
}

impl RecordingInbox {
    /// An inbox that handles every batch at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// An inbox that handles nothing until [`let_go`](RecordingInbox::let_go).
    pub fn holding() -> Self {
        let inbox = Self::default();
        inbox.lock().held = Some(Vec::new());
        inbox
    }

    /// Drops all permits, and from now on every permit at once.
    pub fn let_go(&self) {
        let held = self.lock().held.take();
        // Outside the lock: to drop a permit may wake a sender.
        drop(held);
    }

    /// Drops `count` of the permits that are held, the oldest first.
    pub fn let_go_of(&self, count: usize) {
        let dropped: Vec<Permit> = match &mut self.lock().held {
            Some(held) => held.drain(..count.min(held.len())).collect(),
            None => Vec::new(),
        };
        drop(dropped);
    }

    /// Everything so far.
    pub fn received(&self) -> Vec<Received> {
        self.lock().received.clone()
    }

    /// The batches so far, of all peers.
    pub fn batches(&self) -> Vec<Batch> {
        let batch = |received: &Received| match received {
            Received::Batch(_, batch) => Some(batch.clone()),
            Received::Closed(..) => None,
        };
        self.lock().received.iter().filter_map(batch).collect()
    }

    /// Forgets the batches so far, and gives them.
    pub fn take_batches(&self) -> Vec<Batch> {
        let mut state = self.lock();
        let mut batches = Vec::new();
        for received in mem::take(&mut state.received) {
            match received {
                Received::Batch(_, batch) => batches.push(batch),
                closed @ Received::Closed(..) => state.received.push(closed),
            }
        }
        batches
    }

    /// Waits until `count` batches are there, and gives all that are.
    ///
    /// # Panics
    /// If they do not come, or the contract was broken.
    pub fn wait_for_batches(&self, count: usize) -> Vec<Batch> {
        self.wait(&format!("{count} batches"), |state| {
            (state.received.iter().filter(|r| matches!(r, Received::Batch(..))).count() >= count).then_some(())
        });
        self.batches()
    }

    /// Waits for the end of `peer`'s connection.
    ///
    /// # Panics
    /// If it does not come, or the contract was broken.
    pub fn wait_for_end(&self, peer: PeerId) -> CloseReason {
        self.wait("the end", |state| state.ended.get(&peer).cloned())
    }

    /// The end of `peer`'s connection, if it was told.
    pub fn end(&self, peer: PeerId) -> Option<CloseReason> {
        self.lock().ended.get(&peer).cloned()
    }

    /// How many connections have ended.
    pub fn wait_for_ends(&self, count: usize) {
        self.wait(&format!("{count} ends"), |state| (state.ended.len() >= count).then_some(()));
    }

    fn wait<T>(&self, what: &str, found: impl Fn(&State) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        let mut state = self.lock();
        loop {
            if let Some(breach) = &state.breach {
                panic!("{breach}");
            }
            if let Some(found) = found(&state) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} did not come; received {} things", state.received.len());
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that failed while it held the lock has said so; the others go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inbox for RecordingInbox {
    fn deliver(&self, peer: PeerId, batch: Batch, permit: Permit) {
        let mut state = self.lock();
        if state.ended.contains_key(&peer) {
            state.breach = Some(format!("a batch of {peer:?} came after its end: {batch:?}"));
        }
        state.received.push(Received::Batch(peer, batch));
        let unheld = match &mut state.held {
            Some(held) => {
                held.push(permit);
                None
            }
            None => Some(permit),
        };
        drop(state);
        drop(unheld);
        self.changed.notify_all();
    }

    fn closed(&self, peer: PeerId, reason: CloseReason) {
        let mut state = self.lock();
        if let Some(before) = state.ended.insert(peer, reason.clone()) {
            state.breach = Some(format!("{peer:?} ended twice: {before}, and {reason}"));
        }
        state.received.push(Received::Closed(peer, reason));
        drop(state);
        self.changed.notify_all();
    }
}
