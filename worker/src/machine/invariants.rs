//! What is true of a worker after every event. One function a property; costs time in proportion to what is there.

use std::fmt;

use brisk_core::{id::WorkerId, key::Key};
use rustc_hash::FxHashMap;

use super::{
    Worker,
    state::{Entry, Owner, Phase, Rank, TaskState, Want, WantState},
    timers::Timer,
};

/// A property that does not hold: a bug in this crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which property.
    pub invariant: &'static str,
    /// What was found instead.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

impl std::error::Error for Violation {}

macro_rules! check {
    ($invariant:literal, $holds:expr, $($detail:tt)+) => {
        if !$holds {
            return Err(Violation { invariant: $invariant, detail: format!($($detail)+) });
        }
    };
}

impl Worker {
    /// Checks everything that must be true between two events, once all actions were taken.
    ///
    /// # Errors
    /// The first property that does not hold.
    pub fn check_invariants(&self) -> Result<(), Violation> {
        self.check_entries()?;
        self.check_tasks()?;
        self.check_executions()?;
        self.check_pins_and_bytes()?;
        self.check_wants()?;
        self.check_peers()?;
        self.check_requests()?;
        self.check_timers()?;
        self.check_pause()?;
        self.check_nothing_waits_needlessly()?;
        self.check_left()
    }

    fn check_entries(&self) -> Result<(), Violation> {
        for (key, entry) in self.sorted_entries() {
            check!("no entry is empty", !entry.is_empty(), "{key}");
            check!("nobody waits for a value that is here", entry.value.is_none() || entry.want.is_none(), "{key}");
            let task = entry.task.map(|place| self.tasks.get(place).map(|task| task.key));
            check!("an entry's task is that key's", task.is_none_or(|task| task == Some(key)), "{key}: {task:?}");
        }
        Ok(())
    }

    /// I34, I35: each task is in one state and in that state's containers.
    fn check_tasks(&self) -> Result<(), Violation> {
        let mut ready = 0;
        for (place, task) in self.tasks.iter() {
            let key = task.key;
            let entry = self.entries.get(&key).and_then(|entry| entry.task);
            check!("a task is the current one of its key", entry == Some(place), "{key}: {entry:?}, not {place}");
            let absent = task.needs.iter().filter(|key| !self.is_held(**key)).count();
            match &task.state {
                TaskState::NeedsData { missing, .. } => {
                    check!("missing counts what is not here", absent as u32 == *missing, "{key}: {absent}, {missing}");
                    check!("a task without missing data is ready", absent > 0, "{key}");
                }
                TaskState::Ready { .. } => {
                    ready += 1;
                    check!("a ready task has its data", absent == 0, "{key} lacks {absent}");
                    check!("a ready task is queued", self.ready.contains(&(task.rank, place)), "{key}");
                }
                TaskState::Running => {
                    check!("a running task's data stays", absent == 0, "{key} lacks {absent}");
                    let execution = self.executions.get(&task.run);
                    let owns = execution.is_some_and(|e| matches!(e.owner, Owner::Task(owner) if owner == place));
                    check!("a running task has its execution", owns, "{key}: {execution:?}");
                }
            }
        }
        check!("the ready queue holds ready tasks only", self.ready.len() == ready, "{} of {ready}", self.ready.len());
        Ok(())
    }

    /// I37: slots in use are executions that have not come back.
    fn check_executions(&self) -> Result<(), Violation> {
        let (mut threads, mut detached, mut current) = (0, 0, 0);
        for (run, execution) in &self.executions {
            if execution.detached {
                detached += 1;
            } else {
                threads += 1;
            }
            if let Owner::Task(place) = execution.owner {
                current += 1;
                let task = self.tasks.get(place).map(|task| task.run);
                check!("an execution's task is of its run", task == Some(*run), "{run}: {task:?}");
            }
        }
        let counted = (threads, detached, current);
        let slots = (self.slots.threads, self.slots.detached, self.slots.current);
        check!("slots are counted", counted == slots, "{counted:?}, {slots:?}");
        let limit = self.config.threads.max(1);
        check!("no more run than there are threads", threads <= limit, "{threads} of {limit}");
        Ok(())
    }

    /// I40, I41: bytes add up, pins are those of the runs that are here.
    fn check_pins_and_bytes(&self) -> Result<(), Violation> {
        let mut pins: FxHashMap<Key, u32> = FxHashMap::default();
        for (_, task) in self.tasks.iter() {
            task.needs.iter().for_each(|key| *pins.entry(*key).or_default() += 1);
        }
        for execution in self.executions.values() {
            if let Owner::Nobody(needs) = &execution.owner {
                needs.iter().for_each(|key| *pins.entry(*key).or_default() += 1);
            }
        }
        let (mut bytes, mut values) = (0u64, 0);
        for (key, entry) in self.sorted_entries() {
            let Some(value) = &entry.value else { continue };
            bytes = bytes.saturating_add(value.nbytes);
            values += 1;
            let pinned = pins.get(&key).copied().unwrap_or(0);
            check!("pins are the runs that need it", value.pins == pinned, "{key}: {} for {pinned}", value.pins);
            check!("a freed value is only kept for its pins", !value.doomed || value.pins > 0, "{key}");
        }
        let counted = (bytes, values);
        let held = (self.held.bytes, self.held.values);
        check!("what is held adds up", counted == held, "{counted:?}, {held:?}");
        Ok(())
    }

    /// I35, I36: each want has waiters, and waits for something that ends.
    fn check_wants(&self) -> Result<(), Violation> {
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
            let fetched_once = want.state == WantState::Fetching || entry.fetching.is_none();
            check!("one fetch per key", fetched_once, "{key}: {:?}", want.state);
        }
        Ok(())
    }

    fn check_peers(&self) -> Result<(), Violation> {
        let mut askable = 0;
        for (worker, peer) in &self.peers {
            for (rank, key) in &peer.queue {
                let want = self.entries.get(key).and_then(|entry| entry.want.as_ref());
                let queued = want.is_some_and(|want| want.rank == *rank && is_due(want, *worker));
                check!("a peer's queue holds queued wants", queued, "{key} at {worker}");
            }
            let idle = peer.request.is_none() && peer.resting.is_none() && !peer.queue.is_empty();
            check!("askable peers are known", idle == self.askable.contains(worker), "{worker}: {peer:?}");
            askable += usize::from(idle);
        }
        check!("only peers are asked", askable == self.askable.len(), "{askable} of {:?}", self.askable);
        Ok(())
    }

    /// I29, I36: requests, their keys and their peers agree.
    fn check_requests(&self) -> Result<(), Violation> {
        let mut bytes = 0;
        let mut fetching = 0;
        for (id, request) in &self.requests {
            bytes += request.bytes;
            let of_request = |key: &&Key| self.entries.get(*key).and_then(|e: &Entry| e.fetching) == Some(*id);
            let open = request.keys.iter().filter(of_request).count();
            fetching += open;
            check!("open keys are counted", open == request.open as usize && open > 0, "{id}: {open}, {request:?}");
            let peer = self.peers.get(&request.peer).and_then(|peer| peer.request);
            check!("a peer knows its request", peer == Some(*id), "{id}: {peer:?}");
            check!("a request has a deadline", self.timers.contains(request.deadline, Timer::Request(*id)), "{id}");
        }
        let on_their_way = self.sorted_entries().iter().filter(|(_, entry)| entry.fetching.is_some()).count();
        check!("what is on its way is of a request", on_their_way == fetching, "{on_their_way}, {fetching}");
        check!("incoming bytes add up", bytes == self.incoming_bytes, "{bytes}, {}", self.incoming_bytes);
        let asked = self.peers.values().filter(|peer| peer.request.is_some()).count();
        check!("a request of a peer is open", asked == self.requests.len(), "{asked}, {}", self.requests.len());
        let limit = self.config.fetch_peers.max(1);
        check!("few peers are asked at once", self.requests.len() <= limit, "{} of {limit}", self.requests.len());
        Ok(())
    }

    fn check_timers(&self) -> Result<(), Violation> {
        let wants = self.sorted_entries().iter().filter_map(|(_, entry)| entry.want.as_ref()?.state.until()).count();
        let resting = self.peers.values().filter(|peer| peer.resting.is_some()).count();
        let health = usize::from(self.held.report_due);
        let set = wants + resting + self.requests.len() + health;
        check!("each deadline is of something", set == self.timers.len(), "{set}, {:?}", self.timers);
        Ok(())
    }

    /// I43: paused above 80 % of the limit, not below 70 %.
    fn check_pause(&self) -> Result<(), Violation> {
        let limit = u128::from(self.config.memory_limit);
        let bytes = u128::from(self.held.bytes) * 100;
        let paused = self.held.paused;
        check!("full is paused", paused || limit == 0 || bytes < limit * 80, "{bytes} of {limit}");
        check!("empty is not paused", !paused || bytes >= limit * 70, "{bytes} of {limit}");
        Ok(())
    }

    /// I44, and the queues looked at after every event: what may start has started.
    fn check_nothing_waits_needlessly(&self) -> Result<(), Violation> {
        check!("ready tasks start", self.ready.is_empty() || !self.may_start(), "{} ready", self.ready.len());
        check!("whatever the peers could be asked is asked", !self.may_fetch(), "{:?}", self.askable);
        Ok(())
    }

    /// I50: whoever has left has nothing.
    fn check_left(&self) -> Result<(), Violation> {
        let empty = self.entries.is_empty() && self.tasks.len() == 0 && self.timers.len() == 0 && self.peers.is_empty();
        check!("who has left has nothing", self.phase != Phase::Left || empty, "{:?}", self.slots);
        Ok(())
    }

    /// All entries in the order of their keys, so that the same state gives the same violation.
    fn sorted_entries(&self) -> Vec<(Key, &Entry)> {
        #[allow(clippy::disallowed_methods, reason = "they are sorted right below")]
        let mut entries: Vec<_> = self.entries.iter().map(|(key, entry)| (*key, entry)).collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries
    }

    fn is_held(&self, key: Key) -> bool {
        self.entries.get(&key).is_some_and(|entry| entry.value.is_some())
    }
}

/// Whether a want may be in this peer's queue.
fn is_due(want: &Want, worker: WorkerId) -> bool {
    want.state == WantState::Queued && want.holders.contains(&worker) && !want.tried.contains(&worker)
}
