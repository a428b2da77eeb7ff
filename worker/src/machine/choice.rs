//! Which peer is asked next, and for how much.
//!
//! What the most urgent task lacks comes first. Of the peers that hold it, those on this host are asked before others, then
//! those from which the most else can come along, then those that turned nobody away lately (Dask's order), and at last
//! in the order in which the scheduler named them, which is another one for each who asks.
//!
//! A value is only asked for while there is room: under the limit for all that is on its way, and under the mark at which
//! the worker pauses, so that what comes in does not fill it up. One value at a time may be longer than the room, since it
//! would never come otherwise.

use std::cmp::Reverse;

use brisk_core::{id::WorkerId, key::Key};

use super::{
    Worker,
    memory::PAUSE_PERCENT,
    state::{Phase, Rank},
};

/// What one more request may bring.
pub(super) struct Room {
    pub(super) keys: usize,
    pub(super) bytes: u64,
}

impl Worker {
    /// The next peer to ask, with the room for what it may bring, if any may be asked now.
    pub(super) fn next_fetch(&self) -> Option<(WorkerId, Room)> {
        let (rank, key, _) = self.askable.first().filter(|_| self.phase == Phase::Working)?;
        // A copy for its own sake is not fetched while memory is short.
        let room = self.room().filter(|_| *rank < Rank::COPY || !self.is_short_of_memory())?;
        Some((self.best_holder(*rank, *key)?, room))
    }

    /// Of those peers that could be asked now, and whose most urgent key this is, the best.
    fn best_holder(&self, rank: Rank, key: Key) -> Option<WorkerId> {
        let want = self.entries.get(&key)?.want.as_ref()?;
        let candidates = want.holders.iter().enumerate().filter_map(|(place, worker)| {
            let peer = self.peers.get(worker).filter(|peer| peer.askable == Some((rank, key)))?;
            let is_far = peer.host != self.config.host || peer.host.is_empty();
            Some(((is_far, Reverse(peer.queue.len()), peer.strikes, place), *worker))
        });
        candidates.min().map(|(_, worker)| worker)
    }

    fn room(&self) -> Option<Room> {
        if self.is_short_of_memory() {
            // Nothing is fetched for want of memory, unless nothing else could ever make room: then, key by key, for the
            // most urgent task.
            let stuck = self.slots.busy == 0 && self.requests.is_empty();
            return stuck.then_some(Room { keys: 1, bytes: u64::MAX });
        }
        let bytes = self.config.incoming_bytes.saturating_sub(self.incoming_bytes).min(self.config.fetch_bytes);
        let open = self.requests.len() < self.config.fetch_peers.max(1) && (bytes > 0 || self.requests.is_empty());
        open.then_some(Room { keys: self.config.fetch_keys.max(1), bytes: bytes.min(self.memory_left()) })
    }

    fn is_short_of_memory(&self) -> bool {
        self.held.paused || self.memory_left() == 0
    }

    /// What may come in before the worker pauses, what is on its way included.
    fn memory_left(&self) -> u64 {
        match self.config.memory_limit {
            0 => u64::MAX,
            limit => {
                let mark = u128::from(limit) * PAUSE_PERCENT / 100;
                let spoken_for = self.held.bytes + u128::from(self.incoming_bytes);
                u64::try_from(mark.saturating_sub(spoken_for)).unwrap_or(u64::MAX)
            }
        }
    }
}
