//! Other workers: introduced, busy, lost, gone.

use std::time::Duration;

use brisk_core::{address::Address, id::WorkerId};

use super::{Action, Worker, state::Peer, timers::Timer};

impl Worker {
    /// The scheduler introduces a worker.
    pub(super) fn introduce(&mut self, worker: WorkerId, address: Address) {
        if worker != self.id {
            let peer = || Peer { address: address.clone(), queue: Default::default(), request: None, resting: None };
            self.peers.entry(worker).or_insert_with(peer);
        }
    }

    /// The scheduler says that a worker is gone. Nothing is asked of it again.
    pub(super) fn on_peer_gone(&mut self, worker: WorkerId) {
        if !self.peers.contains_key(&worker) {
            self.counters.stale_messages += 1;
            return;
        }
        self.lose(worker);
        if let Some(peer) = self.peers.remove(&worker)
            && let Some(until) = peer.resting
        {
            self.timers.clear(until, Timer::Peer(worker));
        }
        self.refresh(worker);
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
        self.rest(worker, Some(self.config.busy_delay));
        keys.extend(
            request.and_then(|request| self.close_request(request)).into_iter().flat_map(|request| request.keys),
        );
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

    /// Leaves a peer alone for a while, or not.
    pub(super) fn rest(&mut self, worker: WorkerId, delay: Option<Duration>) {
        let until = delay.map(|delay| self.now + delay);
        if let Some(peer) = self.peers.get_mut(&worker) {
            if let Some(before) = peer.resting {
                self.timers.clear(before, Timer::Peer(worker));
            }
            peer.resting = until;
            if let Some(until) = until {
                self.timers.set(until, Timer::Peer(worker));
            }
            self.refresh(worker);
        }
    }

    /// Finds anew whether a peer can be asked for something.
    pub(super) fn refresh(&mut self, worker: WorkerId) {
        let idle = |peer: &Peer| peer.request.is_none() && peer.resting.is_none() && !peer.queue.is_empty();
        if self.peers.get(&worker).is_some_and(idle) {
            self.askable.insert(worker);
        } else {
            self.askable.remove(&worker);
        }
    }
}
