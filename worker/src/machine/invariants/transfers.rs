//! Wants, peers and requests: whatever is waited for comes or ends.

use brisk_core::{id::WorkerId, key::Key};

use super::{
    super::{
        Worker, measured,
        state::{Entry, Phase, Rank, Want, WantState},
        timers::Timer,
    },
    Checked, Violation,
};

impl Worker {
    /// I29: deadlines are those of what waits, and no others: each is cleared with what it was set for.
    pub(super) fn i29_each_deadline_is_of_something(&self) -> Checked {
        let wants = self.sorted_entries().iter().filter_map(|(_, entry)| entry.want.as_ref()?.state.until()).count();
        let resting = self.peers.values().filter(|peer| peer.resting.is_some()).count();
        let limits = self.executions.values().filter(|execution| execution.deadline().is_some()).count();
        let reports = usize::from(self.held.report_due) + usize::from(self.measured.due.is_some());
        let until = if let Phase::Retiring { until } = self.phase { Some(until) } else { None };
        let leaving = usize::from(until.is_some_and(|until| self.timers.contains(until, Timer::Leave)));
        check!("a retiring worker does not wait for ever", leaving == 1 || until.is_none(), "{:?}", self.phase);
        let set = wants + resting + limits + self.requests.len() + reports + leaving;
        check!("each deadline is of something", set == self.timers.len(), "{set}, {:?}", self.timers);
        let (untold, due) = (self.measured.transfers.len(), self.measured.due);
        let told = untold < measured::MOST && (untold == 0) == due.is_none();
        let told = told && due.is_none_or(|at| self.timers.contains(at, Timer::Transfers));
        check!("what was measured gets told", told, "{untold}, {due:?}");
        Ok(())
    }

    /// I35, I36: each want has waiters, and waits for something that ends.
    pub(super) fn i35_each_want_waits_for_something(&self) -> Checked {
        for (key, entry) in self.sorted_entries() {
            let Some(want) = &entry.want else { continue };
            let waiting = self.waiters(key).len();
            check!("a want has waiters", waiting > 0 || want.acquired, "{key}");
            let idle = want.rank == Rank::COPY;
            check!("only a copy for its own sake has the last rank", idle == (waiting == 0), "{key}: {:?}", want.rank);
            check!("waiters are counted", waiting == want.waiting as usize, "{key}: {waiting}, {}", want.waiting);
            let sound = match want.state {
                WantState::Loose => false,
                WantState::Queued => self.peers.values().any(|peer| peer.queue.contains(&(want.rank, key))),
                WantState::Fetching => entry.fetching.is_some(),
                WantState::Expected => entry.task.is_some(),
                WantState::Asked(until) | WantState::Resting(until) => self.timers.contains(until, Timer::Want(key)),
            };
            check!("a want waits for something", sound, "{key}: {:?}", want.state);
        }
        Ok(())
    }

    /// I36: a key is on its way once, and then nothing else is done about it.
    pub(super) fn i36_one_fetch_per_key(&self) -> Checked {
        let mut on_their_way = 0;
        for (key, entry) in self.sorted_entries() {
            let Some(request) = entry.fetching else { continue };
            on_their_way += 1;
            let asked = self.requests.get(&request).is_some_and(|request| request.keys.contains(&key));
            check!("what is on its way is of a request", asked, "{key}: {request}");
            let state = entry.want.as_ref().map(|want| want.state);
            check!("one fetch per key", state.is_none_or(|state| state == WantState::Fetching), "{key}: {state:?}");
        }
        let open: u32 = self.requests.values().map(|request| request.open).sum();
        check!("what is on its way is counted", on_their_way == open, "{on_their_way}, {open}");
        Ok(())
    }

    /// I36: a peer's queue holds what it could be asked for, and those that can be asked are known.
    pub(super) fn i36_peers_and_their_queues_agree(&self) -> Checked {
        let mut askable = 0;
        for (worker, peer) in &self.peers {
            for (rank, key) in &peer.queue {
                let want = self.entries.get(key).and_then(|entry| entry.want.as_ref());
                let queued = want.is_some_and(|want| want.rank == *rank && is_due(want, *worker));
                check!("a peer's queue holds queued wants", queued, "{key} at {worker}");
            }
            let idle = peer.request.is_none() && peer.resting.is_none() && !peer.queue.is_empty();
            let next = peer.queue.first().copied().filter(|_| idle);
            let listed = next.is_none_or(|(rank, key)| self.askable.contains(&(rank, key, *worker)));
            check!("askable peers are known", peer.askable == next && listed, "{worker}: {peer:?}");
            askable += usize::from(idle);
        }
        check!("only peers are asked", askable == self.askable.len(), "{askable} of {:?}", self.askable);
        Ok(())
    }

    /// I29, I36: requests, their keys and their peers agree, one request a peer, each with a deadline.
    pub(super) fn i36_requests_and_peers_agree(&self) -> Checked {
        for (id, request) in &self.requests {
            let of_request = |key: &&Key| self.entries.get(*key).and_then(|e: &Entry| e.fetching) == Some(*id);
            let open = request.keys.iter().filter(of_request).count();
            check!("open keys are counted", open == request.open as usize && open > 0, "{id}: {open}, {request:?}");
            let peer = self.peers.get(&request.peer).and_then(|peer| peer.request);
            check!("a peer knows its request", peer == Some(*id), "{id}: {peer:?}");
            check!("a request has a deadline", self.timers.contains(request.deadline, Timer::Request(*id)), "{id}");
        }
        let asked = self.peers.values().filter(|peer| peer.request.is_some()).count();
        check!("a request of a peer is open", asked == self.requests.len(), "{asked}, {}", self.requests.len());
        Ok(())
    }

    /// I36: few peers are asked at once, and for no more than the limit: a value is only ever asked for while there is room,
    /// so that no more than one goes beyond.
    pub(super) fn i36_what_comes_in_is_bounded(&self) -> Checked {
        let bytes: u64 = self.requests.values().map(|request| request.bytes).sum();
        check!("incoming bytes add up", bytes == self.incoming_bytes, "{bytes}, {}", self.incoming_bytes);
        let limit = self.config.fetch_peers.max(1);
        check!("few peers are asked at once", self.requests.len() <= limit, "{} of {limit}", self.requests.len());
        if let Some((id, newest)) = self.requests.last_key_value() {
            let (room, one) = (self.config.incoming_bytes, newest.keys.len() == 1);
            let bounded = bytes <= room || (one && (self.requests.len() == 1 || bytes - newest.bytes < room));
            check!("what comes in is bounded", bounded, "{id}: {bytes} of {room}, {newest:?}");
        }
        Ok(())
    }
}

/// Whether a want may be in this peer's queue.
fn is_due(want: &Want, worker: WorkerId) -> bool {
    want.state == WantState::Queued && want.holders.contains(&worker) && !want.tried.contains(&worker)
}
