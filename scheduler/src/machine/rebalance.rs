//! Evening out the bytes that workers hold, when a client asks for it.
//!
//! The band and the bounds are Dask's. A worker that holds more than the mean by 5 % of its limit, and more than 30 % of
//! the limit, gives; one that holds less than the mean by as much, and less than 60 % of its limit, takes. No move takes
//! either end out of the band on the other side, so every move brings the workers nearer to each other and the moves
//! end. A move is a copy, and only once that is there is the value dropped where it was: unlike Dask's, it may happen
//! while anything is computed. A value that a task assigned there needs is left where it is.

use std::collections::{BTreeMap, BTreeSet};

use brisk_core::{
    id::RequestId,
    key::Key,
    message::{Answer, SchedulerToClient},
    time::Moment,
};
use serde::{Deserialize, Serialize};

use super::{
    Scheduler,
    slab::{ClientIndex, TaskIndex, WorkerIndex},
};

/// Half of the band around the mean, in parts of a hundred of a worker's limit.
const HALF_BAND_PERCENT: u64 = 5;

/// Whoever holds less than this part of its limit gives nothing away.
const GIVES_ABOVE_PERCENT: u64 = 30;

/// Whoever holds more than this part of its limit takes nothing.
const TAKES_BELOW_PERCENT: u64 = 60;

/// Values looked at in one round.
const LOOKED_AT: usize = 100_000;

/// Requests under way, and what moves.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Rebalances {
    #[serde(with = "super::dump::pairs")]
    requests: BTreeMap<(ClientIndex, RequestId), Request>,
    /// How many copies are under way whose value leaves another worker.
    pub(super) moving: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Request {
    /// The values that may be moved; none for all.
    keys: BTreeSet<Key>,
    /// No round begins after this.
    ends: Moment,
}

/// What a worker holds, and its bounds, in bytes.
#[derive(Clone, Copy)]
struct Level {
    worker: WorkerIndex,
    bytes: u64,
    half_band: u64,
}

impl Rebalances {
    /// Whether nobody has asked for anything.
    pub(super) fn is_idle(&self) -> bool {
        self.requests.is_empty()
    }

    pub(super) fn asked_by(&self) -> impl Iterator<Item = ClientIndex> {
        self.requests.keys().map(|(c, _)| *c)
    }
}

impl Scheduler {
    /// A client wants the bytes of its workers evened out.
    pub(super) fn rebalance(&mut self, c: ClientIndex, request: RequestId, keys: Vec<Key>) {
        let ends = self.now + self.config.copy_timeout;
        self.rebalances.requests.insert((c, request), Request { keys: keys.into_iter().collect(), ends });
    }

    /// A client is gone. What moves arrives all the same.
    pub(super) fn forget_rebalance_requests(&mut self, c: ClientIndex) {
        self.rebalances.requests.retain(|(client, _), _| *client != c);
    }

    /// So many moves have ended, well or not.
    pub(super) fn moves_ended(&mut self, count: usize) {
        self.rebalances.moving -= count;
    }

    /// While nothing moves, plans the next round of each request in turn. Answers a request that finds nothing to move.
    pub(super) fn advance_rebalances(&mut self) {
        while self.rebalances.moving == 0
            && let Some((&at, request)) = self.rebalances.requests.first_key_value()
        {
            let (c, number) = at;
            let keys = if request.ends > self.now { Some(request.keys.clone()) } else { None };
            if keys.is_some_and(|keys| self.plan_moves(c, &keys)) {
                return;
            }
            self.rebalances.requests.remove(&at);
            self.tell_client(c, SchedulerToClient::Answered { request: number, answer: Answer::Done });
        }
    }

    /// Asks for the copies of one round. Whether there are any.
    fn plan_moves(&mut self, c: ClientIndex, keys: &BTreeSet<Key>) -> bool {
        let staying: Vec<_> = self
            .pool_of(c)
            .iter()
            .copied()
            .filter(|&w| !self.workers[w].retiring && !self.workers[w].leaving)
            .collect();
        let total = staying.iter().fold(0u64, |sum, &w| sum.saturating_add(self.expected_bytes(w)));
        let Some(mean) = total.checked_div(staying.len() as u64) else { return false };
        let levels: Vec<_> = staying.iter().map(|&w| self.level(w)).collect();
        let limit = |level: &Level| self.workers[level.worker].info.memory_limit;
        let gives = |l: &&Level| l.bytes > mean + l.half_band && l.bytes > percent(limit(l), GIVES_ABOVE_PERCENT);
        let takes = |l: &&Level| {
            let below = limit(l) == 0 || l.bytes < percent(limit(l), TAKES_BELOW_PERCENT);
            self.takes_copies(l.worker) && l.bytes.saturating_add(l.half_band) < mean && below
        };
        let mut givers: Vec<_> = levels.iter().filter(gives).copied().collect();
        givers.sort_by_key(|level| std::cmp::Reverse(level.bytes));
        let mut takers: Vec<_> = levels.iter().filter(takes).copied().collect();
        let mut left = LOOKED_AT;
        for mut giver in givers {
            for t in self.workers[giver.worker].replicas.clone() {
                if left == 0 || giver.bytes <= mean {
                    break;
                }
                left -= 1;
                let nbytes = self.tasks[t].nbytes();
                let wanted = keys.is_empty() || keys.contains(&self.tasks[t].key);
                if !wanted
                    || nbytes == 0
                    || giver.bytes - nbytes.min(giver.bytes) < mean.saturating_sub(giver.half_band)
                {
                    continue;
                }
                if let Some(taker) = self.taker_of(t, giver.worker, mean, &takers) {
                    let to = takers[taker].worker;
                    giver.bytes -= nbytes;
                    takers[taker].bytes += nbytes;
                    self.ask_for_copy(t, to, Some(giver.worker));
                }
            }
        }
        self.rebalances.moving > 0
    }

    /// Which of the takers gets a value: the emptiest that can.
    fn taker_of(&self, t: TaskIndex, from: WorkerIndex, mean: u64, takers: &[Level]) -> Option<usize> {
        let nbytes = self.tasks[t].nbytes();
        if self.tasks[t].is_pinned() {
            return None;
        }
        if self.copies.targets(t).next().is_some() || self.is_in_use_at(t, from) || self.is_declared_at(t, from) {
            return None;
        }
        let able = takers.iter().enumerate().filter(|(_, taker)| {
            let w = taker.worker;
            taker.bytes.saturating_add(nbytes) <= mean.saturating_add(taker.half_band)
                && !self.tasks[t].is_held_by(w)
                && !self.copies.is_unable(t, w)
                && self.copies.has_window(w)
                && self.has_room_for(w, nbytes)
        });
        able.min_by_key(|(_, taker)| taker.bytes).map(|(i, _)| i)
    }

    /// A copy is where a value moves to: it leaves the place where it was, unless it has come to be needed there.
    pub(super) fn moved(&mut self, t: TaskIndex, from: WorkerIndex) {
        if self.tasks[t].is_held_by(from)
            && self.is_kept_without(t, from)
            && !self.is_in_use_at(t, from)
            && !self.is_declared_at(t, from)
        {
            let key = self.tasks[t].key;
            self.remove_replica(t, from);
            self.free(from, key);
        }
    }

    /// Whether a task that needs a value is assigned to a worker.
    pub(super) fn is_in_use_at(&self, t: TaskIndex, w: WorkerIndex) -> bool {
        let mut dependents = self.tasks[t].dependents.iter();
        self.tasks[t].waiters > 0
            && dependents.any(|edge| self.tasks[edge.task].run().is_some_and(|run| run.worker == w))
    }

    fn level(&self, w: WorkerIndex) -> Level {
        let limit = self.workers[w].info.memory_limit;
        Level { worker: w, bytes: self.expected_bytes(w), half_band: percent(limit, HALF_BAND_PERCENT) }
    }
}

fn percent(of: u64, part: u64) -> u64 {
    (u128::from(of) * u128::from(part) / 100) as u64
}
