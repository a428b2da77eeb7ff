//! What a worker does, as a pure function of what happens to it.
//!
//! The contract, the same for the shell and the simulator: give one [`Event`] to [`Worker::handle`], then take every
//! [`Action`] from [`Worker::poll_action`] and carry it out in order, then give the next event. A
//! [`Tick`](Event::Tick) is due at [`Worker::next_deadline`]; an early one does nothing. There is no clock, no entropy and
//! no I/O in here, and nothing depends on the order of a hash map.
//!
//! Three kinds of thing live here, and no copy of the scheduler's states:
//!
//! - *tasks*, each under the run that the scheduler assigned: they need data, are ready, or run;
//! - *values* that are held, pinned by the tasks that need them;
//! - *wants*, for values that are needed and not here: each waits for a fetch, for a task of this worker, or for an answer
//!   of the scheduler, and each of these waits ends by itself or by a deadline.
//!
//! Cancelling makes no state. The run is forgotten; if it was handed to the executor it ends there privately, and what it
//! returns is dropped by its number. Dask's `cancelled` and `resumed` states, and the deadlocks that came of them, have
//! no counterpart here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use brisk_core::{
    id::{Epoch, RequestId, RunId, WorkerId},
    key::Key,
    key_map::KeyMap,
    message::{SchedulerToWorker, WorkerToScheduler},
    time::Moment,
};
use serde::{Deserialize, Serialize};

/// Whether this bug was planted in this machine: never, without the feature.
macro_rules! planted {
    ($machine:expr, $bug:ident) => {{
        #[cfg(feature = "planted")]
        let planted = $machine.planted == Some($crate::machine::Planted::$bug);
        #[cfg(not(feature = "planted"))]
        let planted = false;
        planted
    }};
}

mod abandoned;
mod acquire;
mod action;
mod calls;
mod choice;
mod config;
mod dump;
mod event;
mod fetch;
mod holders;
mod inherit;
mod invariants;
mod leave;
mod measured;
mod memory;
mod peers;
#[cfg(feature = "planted")]
mod planted;
mod put;
mod ready;
mod runs;
mod seceding;
mod slab;
mod state;
mod time_limit;
mod timers;
mod wants;
mod words;

#[cfg(test)]
mod tests;

pub use action::{Action, LeaveReason};
pub use calls::{Caller, Calls};
pub use config::Config;
pub use dump::{Assembly, Part, ReadPart};
pub use event::{Event, FetchResult};
pub use invariants::Violation;
#[cfg(feature = "planted")]
pub use planted::Planted;

use self::{
    measured::Measured,
    ready::Ready,
    slab::Slab,
    state::{Entry, Execution, Peer, Phase, Rank, Request, Task},
    timers::{Timer, Timers},
};

/// A worker's decisions. See the [module](self) for how to drive it.
#[derive(Debug)]
pub struct Worker {
    config: Config,
    id: WorkerId,
    epoch: Epoch,
    /// The latest moment that an event brought. Time does not go back here, whatever the driver says.
    now: Moment,
    phase: Phase,
    /// All and only the keys that have a value, a task, a want or a fetch here. Looked up by key; iterated by nothing but
    /// the invariants.
    entries: KeyMap<Entry>,
    /// All and only the current runs.
    tasks: Slab<Task>,
    /// All and only the tasks that are ready, the most urgent first.
    ready: Ready,
    /// All and only the runs that were handed to the executor and have not come back, forgotten ones too: they hold a slot.
    executions: BTreeMap<RunId, Execution>,
    slots: Slots,
    /// The newest run that was assigned. Runs only grow, so an older one that is not here is a copy.
    last_run: RunId,
    /// Counts the tasks that were accepted: the newer of two equals runs first.
    accepted: u64,
    /// All and only the workers that the scheduler introduced and has not declared gone.
    peers: BTreeMap<WorkerId, Peer>,
    /// All and only the peers that could be asked for something now, by what they would be asked for first.
    askable: BTreeSet<(Rank, Key, WorkerId)>,
    /// All and only the fetches that are not wholly answered.
    requests: BTreeMap<RequestId, Request>,
    last_request: RequestId,
    /// What all open requests may bring, in bytes.
    incoming_bytes: u64,
    held: Held,
    measured: Measured,
    timers: Timers,
    /// Copies to report once the event is dealt with.
    added: Vec<(Key, u64)>,
    actions: VecDeque<Action>,
    counters: Counters,
    #[cfg(feature = "planted")]
    planted: Option<Planted>,
}

/// How the executor's slots are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Slots {
    /// Runs that hold a thread.
    threads: u32,
    /// Of those, the ones that had given it up before. They took it again when they had to, whether or not there was one.
    back: u32,
    /// Runs that gave their thread up while they wait for other tasks.
    away: u32,
    /// Runs that gave their thread back and go on asynchronously.
    detached: u32,
    /// Runs that nobody waits for, whose threads were left to them.
    abandoned: u32,
    /// Of all, those that somebody still waits for.
    current: u32,
    /// Of those, the ones that hold a thread.
    busy: u32,
}

/// What is held in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    /// Wide enough for any lengths: the sum is exact, whatever a task says of its value.
    bytes: u128,
    values: u64,
    /// Whether nothing new starts for want of memory.
    paused: bool,
    /// What the scheduler was told last.
    reported: (u64, u64),
    /// Whether a report is due.
    report_due: bool,
}

/// What was dropped because it belonged to something past. Never an error: see `brisk_core::id`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Messages of another life of the scheduler, or after the worker left.
    pub stale_messages: u64,
    /// Assignments older than one that was seen before.
    pub stale_assignments: u64,
    /// Ends of runs that nobody waited for any more.
    pub stale_runs: u64,
    /// Answers to fetches that nobody waited for any more.
    pub stale_fetches: u64,
    /// Fetches that made no progress in time.
    pub fetch_timeouts: u64,
    /// Links to peers that failed.
    pub peers_lost: u64,
    /// Questions to the scheduler who holds a key.
    pub asked: u64,
}

impl Worker {
    /// A worker that has nothing yet, in one session with one life of the scheduler.
    pub fn new(config: Config, id: WorkerId, epoch: Epoch) -> Self {
        Worker {
            config,
            id,
            epoch,
            now: Moment::ORIGIN,
            phase: Phase::Working,
            entries: KeyMap::default(),
            tasks: Slab::default(),
            ready: Ready::default(),
            executions: BTreeMap::new(),
            slots: Slots::default(),
            last_run: RunId::default(),
            accepted: 0,
            peers: BTreeMap::new(),
            askable: BTreeSet::new(),
            requests: BTreeMap::new(),
            last_request: RequestId::default(),
            incoming_bytes: 0,
            held: Held::default(),
            measured: Measured::default(),
            timers: Timers::default(),
            added: Vec::new(),
            actions: VecDeque::new(),
            counters: Counters::default(),
            #[cfg(feature = "planted")]
            planted: None,
        }
    }

    /// Deals with one event. `now` is when it happened; an earlier moment than the last one counts as that one.
    ///
    /// All actions must be taken before the next event: [`Action::Keep`] speaks of the value that came with this one.
    pub fn handle(&mut self, now: Moment, event: Event) {
        self.now = self.now.max(now);
        if self.phase == Phase::Left {
            self.counters.stale_messages += 1;
            return;
        }
        match event {
            Event::FromScheduler { epoch, message } if epoch == self.epoch => self.on_message(message),
            Event::FromScheduler { .. } => self.counters.stale_messages += 1,
            Event::Done { run, outcome, took } => self.on_done(run, outcome, took),
            Event::Detached { run } => self.on_detached(run),
            Event::Seceded { run } => self.on_seceded(run),
            Event::Rejoined { run } => self.on_rejoined(run),
            Event::Kept { run } => self.on_kept(run),
            Event::FetchDone { request, outcomes } => self.on_fetch_done(request, outcomes),
            Event::PeerLost { worker } => self.on_peer_lost(worker),
            Event::Put { values } => self.on_put(values),
            Event::Tick => self.on_tick(),
            Event::Retire { reason } => self.on_retire(reason),
            Event::Shutdown { reason } => self.leave(LeaveReason::Shutdown(reason)),
        }
        self.follow_up();
    }

    /// The next thing to do; `None` once the event is dealt with.
    #[must_use = "an action that is not carried out is lost"]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When a [`Tick`](Event::Tick) is due, if ever.
    pub fn next_deadline(&self) -> Option<Moment> {
        self.timers.next()
    }

    /// Who this worker is.
    pub fn id(&self) -> WorkerId {
        self.id
    }

    /// Memory of all values held, in bytes.
    pub fn bytes(&self) -> u64 {
        u64::try_from(self.held.bytes).unwrap_or(u64::MAX)
    }

    /// The life of the scheduler that it belongs to: what another says is dropped.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How many values are held.
    pub fn values(&self) -> u64 {
        self.held.values
    }

    /// Runs that the executor has, those that nobody waits for included.
    pub fn running(&self) -> u32 {
        self.slots.threads + self.slots.away + self.slots.detached + self.slots.abandoned
    }

    /// Of those, the ones that have given their thread up while they wait for other tasks.
    pub fn seceded(&self) -> u32 {
        self.slots.away
    }

    /// Tasks that were assigned and have not ended.
    pub fn assigned(&self) -> usize {
        self.tasks.len()
    }

    /// Whether nothing new starts for want of memory.
    pub fn is_paused(&self) -> bool {
        self.held.paused
    }

    /// Whether it asked to leave. It deals with nothing any more.
    pub fn has_left(&self) -> bool {
        self.phase == Phase::Left
    }

    /// Whether it has no task, want or request: what it holds are values, and peers.
    pub fn is_idle(&self) -> bool {
        self.tasks.len() == 0 && self.executions.is_empty() && self.requests.is_empty()
    }

    /// What was dropped as stale, and what went wrong with others.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn on_message(&mut self, message: SchedulerToWorker) {
        match message {
            SchedulerToWorker::Worker { worker, address, host } => self.introduce(worker, address, host),
            SchedulerToWorker::WorkerGone(worker) => self.on_peer_gone(worker),
            SchedulerToWorker::Run(assignment) => self.on_assignment(assignment),
            SchedulerToWorker::Cancel { key, run } => self.on_cancel(key, run),
            SchedulerToWorker::Abandon { key, run } => self.on_abandon(key, run),
            SchedulerToWorker::Free(keys) => keys.into_iter().for_each(|key| self.free(key)),
            SchedulerToWorker::Holders { key, holders } => self.on_holders(key, holders),
            SchedulerToWorker::Acquire(copies) => copies.into_iter().for_each(|copy| self.acquire(copy)),
            SchedulerToWorker::Steal { request, runs } => self.on_steal(request, runs),
            SchedulerToWorker::Confirm(keys) => self.confirm(&keys),
            SchedulerToWorker::Dismiss(reason) => self.leave(LeaveReason::Dismissed(reason)),
            SchedulerToWorker::Retired(reason) => self.leave(LeaveReason::Retired(reason)),
            // A message of a newer protocol can't come here: the Hello settles the version.
            _ => self.counters.stale_messages += 1,
        }
    }

    fn on_tick(&mut self) {
        // What is set meanwhile is for a later tick, even with a delay of nothing.
        for _ in 0..self.timers.len() {
            let Some(timer) = self.timers.pop_due(self.now) else { return };
            match timer {
                Timer::Request(request) => self.on_request_timeout(request),
                Timer::Want(key) => self.on_want_due(key),
                Timer::Run(run) => self.on_run_overdue(run),
                Timer::Peer(worker) => self.on_peer_rested(worker),
                Timer::Health => self.on_health_due(),
                Timer::Transfers => self.tell_transfers(),
                Timer::Leave => return self.on_retire_timeout(),
            }
        }
    }

    /// What every event may make possible: starting, fetching, pausing, leaving. Looking at all of it after each event
    /// leaves no queue forgotten.
    fn follow_up(&mut self) {
        if self.phase == Phase::Left {
            return;
        }
        let changed = self.update_pause();
        self.start_runs();
        if changed {
            // After what has started: the scheduler takes back what has not, and the one task that starts all the same,
            // with all its inputs here, would go round all workers.
            self.tell(WorkerToScheduler::Paused(self.held.paused));
        }
        self.start_fetches();
        if !self.added.is_empty() {
            let added = std::mem::take(&mut self.added);
            self.tell(WorkerToScheduler::Added(added));
        }
        self.schedule_health();
    }

    fn tell(&mut self, message: WorkerToScheduler) {
        self.actions.push_back(Action::ToScheduler(message));
    }
}
