//! Copies under way: values that a worker was asked to fetch and keep, though none of its tasks needs them.
//!
//! Each request has one entry, from the message to its end: the copy came, the worker can't get it, the worker paused,
//! leaves or died, nobody needs the value any more, or the deadline passed. A request is given up silently. What comes of
//! it later is judged by what is true then: adopted if the value is still needed, freed if not. A message that took the
//! request back could cross the report that the copy is there, and the scheduler would believe in a copy that is gone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use brisk_core::{
    message::{DependencyInfo, SchedulerToWorker},
    time::Moment,
};
use serde::{Deserialize, Serialize};

use super::{
    Scheduler,
    slab::{Index, IndexSet, TaskIndex, WorkerIndex},
    task::State,
    timers::Timer,
};

/// How many copies a worker is asked for at once. Few enough that each has a fair chance before its deadline, enough to
/// keep a link busy with small ones.
const WINDOW: u32 = 64;

/// Above this part of a worker's limit it is given no copies: at 80 % it would pause, and its own tasks have to go on.
const FULL_PERCENT: u128 = 75;

/// All copies under way, and the values that wait to be looked at.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Copies {
    #[serde(with = "super::dump::pairs")]
    pending: BTreeMap<(TaskIndex, WorkerIndex), Pending>,
    /// The same, by worker.
    by_worker: BTreeSet<(WorkerIndex, TaskIndex)>,
    /// All and only the workers with copies under way, with how many and how long these are together.
    incoming: BTreeMap<WorkerIndex, (u32, u64)>,
    /// Workers that could not get a value. They are not asked for it again until its copies change.
    unable: BTreeMap<TaskIndex, BTreeSet<WorkerIndex>>,
    /// What is to be sent at the end of the event.
    asking: BTreeMap<WorkerIndex, Vec<TaskIndex>>,
    /// Values that may have too few copies.
    pub(super) short: Agenda,
    /// Values that have too few copies, while all who could take one are being sent enough already.
    pub(super) blocked: Agenda,
    /// Values that may have too many copies.
    pub(super) surplus: Agenda,
}

/// A copy under way.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) nbytes: u64,
    pub(super) deadline: Moment,
    /// Who is to drop the value once the copy is there, if the value moves.
    pub(super) from: Option<WorkerIndex>,
}

/// Values to be looked at, each once, in the order in which they were noted. A value may be gone when its turn comes.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Agenda {
    queue: VecDeque<TaskIndex>,
    noted: IndexSet,
}

impl Agenda {
    pub(super) fn note(&mut self, t: TaskIndex) {
        if self.noted.insert(t) {
            self.queue.push_back(t);
        }
    }

    pub(super) fn next(&mut self) -> Option<TaskIndex> {
        let t = self.queue.pop_front()?;
        self.noted.remove(t);
        Some(t)
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

impl Copies {
    pub(super) fn is_pending(&self, t: TaskIndex, w: WorkerIndex) -> bool {
        self.pending.contains_key(&(t, w))
    }

    /// The workers to which copies of a value are under way.
    pub(super) fn targets(&self, t: TaskIndex) -> impl Iterator<Item = WorkerIndex> {
        self.pending.range((t, WorkerIndex::MIN)..=(t, WorkerIndex::MAX)).map(|((_, w), _)| *w)
    }

    /// The values of which copies are under way to a worker.
    pub(super) fn of_worker(&self, w: WorkerIndex) -> impl Iterator<Item = TaskIndex> {
        self.by_worker.range((w, TaskIndex::MIN)..=(w, TaskIndex::MAX)).map(|(_, t)| *t)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (TaskIndex, WorkerIndex, &Pending)> {
        self.pending.iter().map(|((t, w), pending)| (*t, *w, pending))
    }

    /// Whether any copy is under way.
    pub(super) fn is_any_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether no value is to be looked at for too few copies, and no worker to be asked for one.
    pub(super) fn nothing_is_due(&self) -> bool {
        self.short.is_empty() && self.asking.is_empty()
    }

    /// How many copies are under way to a worker, and how long they are together.
    pub(super) fn incoming(&self, w: WorkerIndex) -> (u32, u64) {
        self.incoming.get(&w).copied().unwrap_or_default()
    }

    pub(super) fn has_window(&self, w: WorkerIndex) -> bool {
        self.incoming(w).0 < WINDOW
    }

    pub(super) fn is_unable(&self, t: TaskIndex, w: WorkerIndex) -> bool {
        self.unable.get(&t).is_some_and(|workers| workers.contains(&w))
    }

    /// All who could not get a value may be asked again.
    pub(super) fn forgive(&mut self) {
        self.unable.clear();
    }

    /// Whether what is remembered agrees with itself: the other side of I29.
    pub(super) fn is_symmetrical(&self) -> bool {
        let mut incoming: BTreeMap<WorkerIndex, (u32, u64)> = BTreeMap::new();
        for ((_, w), pending) in &self.pending {
            let (count, bytes) = incoming.entry(*w).or_default();
            (*count, *bytes) = (*count + 1, *bytes + pending.nbytes);
        }
        let listed = self.pending.keys().all(|&(t, w)| self.by_worker.contains(&(w, t)));
        listed && self.by_worker.len() == self.pending.len() && incoming == self.incoming && self.asking.is_empty()
    }

    fn take(&mut self, t: TaskIndex, w: WorkerIndex) -> Option<Pending> {
        let pending = self.pending.remove(&(t, w))?;
        self.by_worker.remove(&(w, t));
        if let Some((count, bytes)) = self.incoming.get_mut(&w) {
            (*count, *bytes) = (*count - 1, *bytes - pending.nbytes);
            if *count == 0 {
                self.incoming.remove(&w);
            }
        }
        // Whoever waits for room in a window has a chance now; all of them if nothing else will give them one.
        let chances = if self.pending.is_empty() { self.blocked.len() } else { 1 };
        (0..chances).for_each(|_| {
            if let Some(blocked) = self.blocked.next() {
                self.short.note(blocked);
            }
        });
        Some(pending)
    }
}

impl Scheduler {
    /// Whether a worker may be given copies of values at all: it takes work, and stays.
    pub(super) fn takes_copies(&self, w: WorkerIndex) -> bool {
        self.workers[w].takes_work()
    }

    /// Whether a worker has room for a value of this length, beside what is under way to it.
    pub(super) fn has_room_for(&self, w: WorkerIndex, nbytes: u64) -> bool {
        let limit = u128::from(self.workers[w].info.memory_limit);
        let expected = u128::from(self.expected_bytes(w)) + u128::from(nbytes);
        limit == 0 || expected * 100 <= limit * FULL_PERCENT
    }

    /// What a worker will hold once everything that is under way is there.
    pub(super) fn expected_bytes(&self, w: WorkerIndex) -> u64 {
        self.workers[w].bytes.saturating_add(self.copies.incoming(w).1)
    }

    /// Asks a worker for a copy, at the end of the event. `from` drops the value once it is there.
    pub(super) fn ask_for_copy(&mut self, t: TaskIndex, w: WorkerIndex, from: Option<WorkerIndex>) {
        // An announced length may be anything; sums of it must not overflow.
        let nbytes = self.tasks[t].nbytes().min(u64::MAX >> 16);
        let deadline = self.now + self.config.copy_timeout;
        let copies = &mut self.copies;
        if copies.pending.insert((t, w), Pending { nbytes, deadline, from }).is_none() {
            copies.by_worker.insert((w, t));
            let (count, bytes) = copies.incoming.entry(w).or_default();
            (*count, *bytes) = (*count + 1, *bytes + nbytes);
            copies.asking.entry(w).or_default().push(t);
            self.rebalances.moving += usize::from(from.is_some());
            self.timers.insert(deadline, Timer::Copy(t, w));
        }
    }

    /// Sends what [`ask_for_copy`](Self::ask_for_copy) has gathered.
    pub(super) fn flush_asking(&mut self) {
        for (w, values) in std::mem::take(&mut self.copies.asking) {
            let mut copies = Vec::with_capacity(values.len());
            for t in values {
                if self.copies.is_pending(t, w) && matches!(self.tasks[t].state, State::Memory { .. }) {
                    // Different targets are sent to different holders: each copy that came is a source for the next.
                    let holders = self.holders_for_worker(t, w, u64::from(w.as_u32()));
                    copies.push(DependencyInfo { key: self.tasks[t].key, nbytes: self.tasks[t].nbytes(), holders });
                }
            }
            if !copies.is_empty() {
                self.tell_worker(w, SchedulerToWorker::Acquire(copies));
            }
        }
    }

    /// A copy is there: the value is looked at again, since there may be more to do, and leaves the place that it moves
    /// from.
    pub(super) fn copy_came(&mut self, t: TaskIndex, w: WorkerIndex) {
        let Some(pending) = self.end_copy(t, w) else { return };
        self.copies.unable.remove(&t);
        self.copies.short.note(t);
        if let Some(from) = pending.from {
            self.moved(t, from);
        }
    }

    /// A worker can't get a copy: another may.
    pub(super) fn copy_failed(&mut self, t: TaskIndex, w: WorkerIndex) {
        if self.end_copy(t, w).is_some() {
            self.copies.unable.entry(t).or_default().insert(w);
            self.copies.short.note(t);
        }
    }

    /// No copies of a value are needed any more.
    pub(super) fn give_up_copies_of(&mut self, t: TaskIndex) {
        if self.copies.pending.is_empty() && self.copies.unable.is_empty() {
            return;
        }
        for w in self.copies.targets(t).collect::<Vec<_>>() {
            self.end_copy(t, w);
        }
        self.copies.unable.remove(&t);
    }

    /// A worker takes no copies any more: others may.
    pub(super) fn give_up_copies_to(&mut self, w: WorkerIndex) {
        for t in self.copies.of_worker(w).collect::<Vec<_>>() {
            self.end_copy(t, w);
            self.copies.short.note(t);
        }
    }

    /// A worker is gone.
    pub(super) fn forget_copies_at(&mut self, w: WorkerIndex) {
        self.give_up_copies_to(w);
        self.copies.unable.retain(|_, workers| {
            workers.remove(&w);
            !workers.is_empty()
        });
        for (t, to) in
            self.copies.pending.iter().filter(|(_, p)| p.from == Some(w)).map(|(at, _)| *at).collect::<Vec<_>>()
        {
            if let Some(pending) = self.copies.pending.get_mut(&(t, to)) {
                pending.from = None;
            }
            self.moves_ended(1);
        }
    }

    fn end_copy(&mut self, t: TaskIndex, w: WorkerIndex) -> Option<Pending> {
        let pending = self.copies.take(t, w)?;
        self.timers.remove(pending.deadline, Timer::Copy(t, w));
        if pending.from.is_some() {
            self.moves_ended(1);
        }
        Some(pending)
    }
}
