//! Taking peers: who may come, and as what.

use std::sync::{Arc, atomic::Ordering};

use brisk_core::{
    comm::{Incoming, Listener, PeerId},
    hello::{Hello, Purpose, Refusal, Role, Welcome},
    id::Incarnation,
    limits::{HANDSHAKE_TIMEOUT, MAX_PENDING_HANDSHAKES},
};
use tokio::sync::Semaphore;

use super::{Shared, drive::Input};

/// Takes peers from one listener, until it is closed or the scheduler ends.
pub(super) async fn run(shared: Arc<Shared>, listener: Arc<dyn Listener>) {
    let pending = Arc::new(Semaphore::new(MAX_PENDING_HANDSHAKES));
    loop {
        let Ok(permit) = pending.clone().acquire_owned().await else { return };
        let incoming = tokio::select! {
            () = shared.until_end() => return,
            incoming = listener.accept() => incoming,
        };
        let Some(incoming) = incoming else { return };
        let shared = shared.clone();
        // Each in a task of its own: a peer that is slow to take the answer holds up nobody.
        tokio::spawn(async move {
            let answered = tokio::time::timeout(HANDSHAKE_TIMEOUT, answer(&shared, incoming)).await;
            if answered.is_err() {
                tracing::debug!("a peer did not take the answer to its hello in time");
            }
            drop(permit);
        });
    }
}

async fn answer(shared: &Arc<Shared>, incoming: Box<dyn Incoming>) {
    let hello = incoming.hello().clone();
    let is_client = matches!(hello.purpose, Purpose::Client { .. });
    if let Err(refusal) = shared.admits(&hello) {
        tracing::info!(name = %hello.name, role = %hello.role(), %refusal, "a peer was refused");
        return incoming.refuse(refusal).await;
    }
    let incarnation = Incarnation(shared.next_incarnation.fetch_add(1, Ordering::SeqCst));
    let peer = PeerId(incarnation.0);
    // The peer is known before its first batch can arrive; what is said to it waits until it is there.
    shared.push(Input::Joined { peer, hello: Box::new(hello) });
    let mut guard = Unanswered { shared, peer: Some(peer) };
    let mut welcome = Welcome::new(shared.epoch, incarnation);
    welcome.dashboard = shared.dashboard.get().filter(|_| is_client).cloned();
    match incoming.accept(welcome, peer, shared.clone()).await {
        Ok(comm) => {
            guard.peer = None;
            shared.push(Input::Attached { peer, comm });
        }
        Err(reason) => tracing::debug!(peer = peer.0, %reason, "a peer left before it was taken"),
    }
}

/// A peer that was announced and may never come: if this is dropped before, it has left.
struct Unanswered<'a> {
    shared: &'a Arc<Shared>,
    peer: Option<PeerId>,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(peer) = self.peer {
            self.shared.push(Input::NeverCame { peer });
        }
    }
}

impl Shared {
    fn admits(&self, hello: &Hello) -> Result<(), Refusal> {
        if !matches!(hello.purpose, Purpose::Client { .. } | Purpose::Worker(_) | Purpose::Supervisor { .. }) {
            return Err(Refusal::Purpose { listener: Role::Scheduler });
        }
        if let Some(wanted) = hello.epoch.filter(|epoch| *epoch != self.epoch) {
            return Err(Refusal::AnotherEpoch { wanted, here: self.epoch });
        }
        if self.has_ended() {
            return Err(Refusal::Unavailable("the scheduler is about to end".into()));
        }
        if self.peers.load(Ordering::SeqCst) >= self.config.max_peers {
            let full = format!("the scheduler is full: it has {} peers", self.config.max_peers);
            return Err(Refusal::Unavailable(full.into()));
        }
        Ok(())
    }
}
