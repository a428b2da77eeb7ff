//! Other workers: introduced, busy, lost, gone.

use std::{sync::Arc, time::Duration};

use brisk_core::{address::Address, id::WorkerId};

use super::{Action, Config, Worker, state::Peer, timers::Timer};

/// A peer is left alone for at most so many times doubled: it may have room again at any moment.
const MOST_DOUBLINGS: u32 = 4;

impl Worker {
    /// The scheduler introduces a worker.
    pub(super) fn introduce(&mut self, worker: WorkerId, address: Address, host: Arc<str>) {
        if worker != self.id {
            self.peers.entry(worker).or_insert_with(|| Peer {
                address,
                host,
                queue: Default::default(),
                request: None,
                resting: None,
                strikes: 0,
                askable: None,
            });
        }
    }

    /// The scheduler says that a worker is gone. Nothing is asked of it again.
    pub(super) fn on_peer_gone(&mut self, worker: WorkerId) {
        if !self.peers.contains_key(&worker) {
            self.counters.stale_messages += 1;
            return;
        }
        // It is resting then, and so not among those who could be asked.
        self.lose(worker);
        if let Some(peer) = self.peers.remove(&worker)
            && let Some(until) = peer.resting
        {
            self.timers.clear(until, Timer::Peer(worker));
        }
        self.actions.push_back(Action::Disconnect { worker });
    }

    /// The link to a peer failed.
    pub(super) fn on_peer_lost(&mut self, worker: WorkerId) {
        self.counters.peers_lost += 1;
        self.lose(worker);
    }

    /// A peer may be asked again.
    pub(super) fn on_peer_rested(&mut self, worker: WorkerId) {
        if let Some(peer) = self.peers.get_mut(&worker) {
            peer.resting = None;
            self.refresh(worker);
        }
    }

    /// Whatever was asked of this peer, or was about to be, is tried elsewhere.
    pub(super) fn lose(&mut self, worker: WorkerId) {
        let Some(peer) = self.peers.get(&worker) else { return };
        let mut keys: Vec<_> = peer.queue.iter().map(|(_, key)| *key).collect();
        let request = peer.request;
        self.turned_away(worker);
        keys.extend(
            request.and_then(|request| self.close_request(request)).into_iter().flat_map(|request| request.keys),
        );
        if planted!(self, LostNotRetried) {
            keys.clear();
        }
        for key in keys {
            self.revise(key, |want| {
                if !want.tried.contains(&worker) {
                    want.tried.push(worker);
                }
            });
            self.prune(key);
        }
        debug_assert!(self.peers[&worker].queue.is_empty(), "what was tried is not queued there again");
    }

    /// A peer was busy, or failed: it is left alone for a while, longer each time in a row, and not by all for equally long.
    pub(super) fn turned_away(&mut self, worker: WorkerId) {
        let Some(peer) = self.peers.get_mut(&worker) else { return };
        let delay = Config::backed_off(self.config.busy_delay, peer.strikes.min(MOST_DOUBLINGS));
        let until = self.now + delay + jitter(delay, [self.id.0.0, worker.0.0, self.last_request.0]);
        peer.strikes = peer.strikes.saturating_add(1);
        if let Some(before) = peer.resting.replace(until) {
            self.timers.clear(before, Timer::Peer(worker));
        }
        self.timers.set(until, Timer::Peer(worker));
        self.refresh(worker);
    }

    /// Finds anew whether a peer can be asked for something.
    pub(super) fn refresh(&mut self, worker: WorkerId) {
        let Some(peer) = self.peers.get_mut(&worker) else { return };
        let idle = peer.request.is_none() && peer.resting.is_none();
        let next = peer.queue.first().copied().filter(|_| idle);
        let before = std::mem::replace(&mut peer.askable, next);
        if before != next {
            if let Some((rank, key)) = before {
                self.askable.remove(&(rank, key, worker));
            }
            if let Some((rank, key)) = next {
                self.askable.insert((rank, key, worker));
            }
        }
    }
}

/// As much as half of `delay` more, so that those who were turned away together do not come back together. Without entropy,
/// but another part for other workers, and another each time.
fn jitter(delay: Duration, of: [u64; 3]) -> Duration {
    let mixed = of.iter().fold(0, |mixed: u64, part| {
        let mixed = (mixed ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 32)
    });
    (delay / 2).mul_f64((mixed % 1_024) as f64 / 1_024.0)
}
