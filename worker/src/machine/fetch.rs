//! Requests to peers.
//!
//! A peer is asked for one batch at a time; what is wanted meanwhile makes the next batch longer.

use std::time::Duration;

use brisk_core::{
    id::{RequestId, WorkerId},
    key::Key,
};
use smallvec::SmallVec;

use super::{
    Action, FetchResult, Worker,
    choice::Room,
    state::{Request, WantState},
    timers::Timer,
};

/// A line that carries fewer bytes a second is as good as none.
const SLOWEST: f64 = 1e6;

impl Worker {
    /// Asks peers while the limits allow it.
    pub(super) fn start_fetches(&mut self) {
        while let Some((peer, room)) = self.next_fetch() {
            self.ask_peer(peer, room);
        }
    }

    /// A peer answered some keys.
    pub(super) fn on_fetch_done(&mut self, id: RequestId, outcomes: Vec<(Key, FetchResult)>) {
        let Some(peer) = self.requests.get(&id).map(|request| request.peer) else {
            self.counters.stale_fetches += 1;
            return;
        };
        let mut busy = Vec::new();
        for (key, result) in outcomes {
            let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.fetching == Some(id)) else {
                self.counters.stale_fetches += 1;
                continue;
            };
            entry.fetching = None;
            let request = self.requests.get_mut(&id).expect("it was there above and nothing removes it");
            request.open -= 1;
            request.busy |= result == FetchResult::Busy;
            if let FetchResult::Stored { nbytes } = result {
                request.came = Some(request.came.unwrap_or(0).saturating_add(nbytes));
            }
            self.on_answer(peer, key, result, &mut busy);
            self.prune(key);
        }
        if self.requests[&id].open > 0 {
            self.set_deadline(id);
        } else if let Some(request) = self.close_request(id) {
            self.measure(&request);
            if request.busy {
                self.turned_away(peer);
            } else if let Some(peer) = self.peers.get_mut(&peer) {
                peer.strikes = 0;
            }
        }
        busy.into_iter().for_each(|key| self.look_further(key));
    }

    /// A request made no progress. The peer may be frozen: it is treated as lost, so that nothing else waits for it.
    pub(super) fn on_request_timeout(&mut self, id: RequestId) {
        let Some(request) = self.requests.get(&id) else { return };
        let worker = request.peer;
        self.counters.fetch_timeouts += 1;
        self.actions.push_back(Action::Disconnect { worker });
        self.lose(worker);
    }

    /// Takes a request off the books. Of its keys those are left that it leaves unanswered.
    pub(super) fn close_request(&mut self, id: RequestId) -> Option<Request> {
        let mut request = self.requests.remove(&id)?;
        self.timers.clear(request.deadline, Timer::Request(id));
        self.incoming_bytes -= request.bytes;
        if let Some(peer) = self.peers.get_mut(&request.peer) {
            peer.request = None;
            self.refresh(request.peer);
        }
        request.keys.retain(|key| {
            let entry = self.entries.get_mut(key).filter(|entry| entry.fetching == Some(id));
            entry.map(|entry| entry.fetching = None).is_some()
        });
        Some(request)
    }

    fn on_answer(&mut self, peer: WorkerId, key: Key, result: FetchResult, busy: &mut Vec<Key>) {
        let wanted = self.entries.get(&key).is_some_and(|entry| entry.want.is_some());
        match result {
            FetchResult::Stored { nbytes } if planted!(self, StaleFetchKept) && !wanted => {
                self.keep(key, nbytes, None, false)
            }
            FetchResult::Stored { nbytes } if wanted => {
                self.keep(key, nbytes, None, false);
                if !planted!(self, CopyNotTold) {
                    self.added.push((key, nbytes));
                }
            }
            // The run it was for is gone. The scheduler was not told of it and never will be: it is dropped.
            FetchResult::Stored { .. } => self.counters.stale_fetches += 1,
            FetchResult::Missing => self.revise(key, |want| want.tried.push(peer)),
            FetchResult::Busy => {
                self.revise(key, |_| {});
                busy.push(key);
            }
            FetchResult::Failed(failure) => {
                let waiters = self.waiters(key);
                waiters.into_iter().for_each(|place| self.fail(place, failure.clone(), Duration::ZERO));
                // Whoever asked for a copy hears that it is not to be had there.
                self.revise(key, |want| want.tried.push(peer));
            }
        }
    }

    /// The tasks that wait for a value.
    pub(super) fn waiters(&self, key: Key) -> SmallVec<[u32; 2]> {
        let Some(want) = self.entries.get(&key).and_then(|entry| entry.want.as_ref()) else { return SmallVec::new() };
        let alive = want.waiters.iter().filter(|(place, turn)| {
            let task = self.tasks.get(*place);
            task.is_some_and(|task| task.rank.turn == *turn)
        });
        alive.map(|(place, _)| *place).collect()
    }

    /// Sends the first keys of a peer's queue, as many as there is room for; the first one goes at any length.
    fn ask_peer(&mut self, worker: WorkerId, room: Room) {
        let mut keys = Vec::new();
        let mut bytes = 0u64;
        for (_, key) in &self.peers[&worker].queue {
            let want = self.entries[key].want.as_ref();
            let nbytes = want.expect("only wants are queued").nbytes;
            let more = bytes.saturating_add(nbytes);
            if keys.len() == room.keys || (!keys.is_empty() && more > room.bytes) {
                break;
            }
            keys.push((*key, nbytes));
            bytes = more;
        }
        self.last_request.0 += 1;
        let request = self.last_request;
        for (key, _) in &keys {
            let entry = self.entries.get_mut(key).expect("only wants are queued");
            entry.fetching = Some(request);
            let mut want = entry.want.take().expect("only wants are queued");
            self.settle(*key, &mut want, WantState::Fetching);
            self.entries.get_mut(key).expect("it was there above").want = Some(want);
        }
        // An announced length may be anything: the sum must not overflow when requests are added up.
        let bytes = bytes.min(u64::MAX / 1_024 / 1_024);
        self.incoming_bytes += bytes;
        let peer = self.peers.get_mut(&worker).expect("only peers are asked");
        peer.request = Some(request);
        let address = peer.address.clone();
        self.refresh(worker);
        let asked = keys.iter().map(|(key, _)| *key).collect();
        let open = keys.len() as u32;
        let deadline = self.now + self.patience(bytes);
        let (peer, now) = (worker, self.now);
        let entry = Request { peer, keys: asked, open, bytes, deadline, asked: now, came: None, busy: false };
        self.requests.insert(request, entry);
        self.timers.set(deadline, Timer::Request(request));
        self.actions.push_back(Action::Fetch { request, from: worker, address, keys });
    }

    fn set_deadline(&mut self, id: RequestId) {
        let Some(request) = self.requests.get(&id) else { return };
        let deadline = self.now + self.patience(request.bytes.saturating_sub(request.came.unwrap_or(0)));
        if let Some(request) = self.requests.get_mut(&id) {
            self.timers.clear(request.deadline, Timer::Request(id));
            request.deadline = deadline;
            self.timers.set(deadline, Timer::Request(id));
        }
    }

    /// How long to wait for a sign of life: longer for values that take their time on a slow line, since one that comes whole
    /// shows no progress before.
    fn patience(&self, bytes: u64) -> Duration {
        self.config.fetch_timeout + Duration::from_secs_f64(bytes as f64 / SLOWEST)
    }
}
