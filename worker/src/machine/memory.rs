//! Values: kept, pinned, freed; and what is done when there are too many.

use brisk_core::{
    error::{ErrorKind, Failure},
    id::RunId,
    key::Key,
    message::WorkerToScheduler,
};

use super::{
    Action, Worker,
    state::{Entry, Held, WantState},
    timers::Timer,
    words,
};

/// Above this part of the limit nothing new starts (Dask's default).
pub(super) const PAUSE_PERCENT: u128 = 80;

/// Below this part of the limit it starts again.
const RESUME_PERCENT: u128 = 70;

impl Worker {
    /// Keeps the value that came with this event, and lets those go on who wait for it.
    pub(super) fn keep(&mut self, key: Key, nbytes: u64, made_by: Option<RunId>, reproducible: bool) {
        self.actions.push_back(Action::Keep { key });
        let entry = self.entries.entry(key).or_default();
        match &mut entry.value {
            Some(value) => {
                self.held.bytes -= u128::from(value.nbytes);
                // The scheduler was told of a copy, and believes in it whatever becomes of the run.
                let is_copy = value.made_by.is_none() && !value.doomed;
                let made_by = made_by.filter(|_| !is_copy);
                *value = Held { nbytes, pins: value.pins, doomed: false, made_by, reproducible };
            }
            None => {
                entry.value = Some(Held { nbytes, pins: 0, doomed: false, made_by, reproducible });
                self.held.values += 1;
            }
        }
        self.held.bytes += u128::from(nbytes);
        let waiters = self.waiters(key);
        let Some(entry) = self.entries.get_mut(&key) else { return };
        if let (Some(mut want), Some(value)) = (entry.want.take(), &mut entry.value) {
            value.pins += waiters.len() as u32;
            self.settle(key, &mut want, WantState::Loose);
            let forgotten = usize::from(planted!(self, WaiterForgotten));
            waiters.into_iter().skip(forgotten).for_each(|place| self.one_less_missing(place));
        }
    }

    /// Pins a value if it is here. One that was to go stays after all, and the scheduler, which believes it gone, is told.
    pub(super) fn pin(&mut self, key: Key) -> bool {
        let Some(value) = self.entries.get_mut(&key).and_then(|entry| entry.value.as_mut()) else { return false };
        value.pins += 1;
        if value.doomed {
            value.doomed = false;
            // For the scheduler it is a copy from now on, which the end of the run that made it does not concern.
            value.made_by = None;
            self.added.push((key, value.nbytes));
        }
        true
    }

    /// Takes a pin off a value. One that was freed meanwhile goes with the last of them.
    pub(super) fn unpin(&mut self, key: Key) {
        let Some(value) = self.entries.get_mut(&key).and_then(|entry| entry.value.as_mut()) else { return };
        value.pins -= 1;
        if value.pins == 0 && value.doomed {
            self.drop_value(key);
        }
    }

    /// The scheduler wants a value gone. One that a task of this worker needs goes when that task does: the scheduler
    /// would only have to send it again.
    pub(super) fn free(&mut self, key: Key) {
        let Some(value) = self.entries.get_mut(&key).and_then(|entry| entry.value.as_mut()) else {
            return self.release_copy(key);
        };
        if value.pins > 0 && !planted!(self, PinnedFreed) {
            value.doomed = true;
        } else {
            self.drop_value(key);
        }
    }

    /// A client has told the scheduler that it put these values here. What was freed meanwhile is not here, whoever needs it
    /// for a moment yet: the scheduler must not go on believing in it.
    pub(super) fn confirm(&mut self, keys: &[Key]) {
        let value = |key: &Key| self.entries.get(key).and_then(|entry| entry.value.as_ref());
        let is_gone = |key: &&Key| value(key).is_none_or(|value| value.doomed);
        let gone: Vec<_> = keys.iter().filter(is_gone).copied().collect();
        if !gone.is_empty() && !planted!(self, ConfirmIgnored) {
            self.tell(WorkerToScheduler::Dropped(gone));
        }
    }

    /// Whether a result could ever be held here. One that is longer than all there may be is the task's failure: it would
    /// stop the worker for good.
    ///
    /// # Errors
    /// What is said of it.
    pub(super) fn fits(&self, nbytes: u64) -> Result<u64, Box<Failure>> {
        let limit = self.config.memory_limit;
        if limit == 0 || nbytes <= limit {
            return Ok(nbytes);
        }
        let (length, limit) = (words::bytes(nbytes), words::bytes(limit));
        let message = format!(
            "its result of {length} is larger than the worker's memory limit of {limit}: return it in smaller parts, or give \
             the worker more memory"
        );
        Err(Box::new(Failure::new(ErrorKind::TooLarge, message)))
    }

    /// Takes an entry away if nothing is in it.
    pub(super) fn prune(&mut self, key: Key) {
        if self.entries.get(&key).is_some_and(Entry::is_empty) {
            self.entries.remove(&key);
            if self.entries.is_empty() && self.entries.capacity() > 4_096 {
                // A burst is over; its memory goes back.
                self.entries = Default::default();
            }
        }
    }

    /// Pauses or goes on, by the bytes that are held. Whether that changed, and the scheduler is to be told.
    pub(super) fn update_pause(&mut self) -> bool {
        let limit = u128::from(self.config.memory_limit);
        let bytes = self.held.bytes.saturating_mul(100);
        let paused = match self.held.paused {
            _ if limit == 0 || planted!(self, PauseIgnored) => false,
            false => bytes >= limit * PAUSE_PERCENT,
            true => bytes >= limit * RESUME_PERCENT,
        };
        std::mem::replace(&mut self.held.paused, paused) != paused
    }

    /// Sees to it that a change of what is held gets reported, but not each by itself.
    pub(super) fn schedule_health(&mut self) {
        if !self.held.report_due && self.held.reported != (self.bytes(), self.held.values) {
            self.held.report_due = true;
            self.timers.set(self.now + self.config.health_interval, Timer::Health);
        }
    }

    /// Reports what is held, if that has changed since the last time.
    pub(super) fn on_health_due(&mut self) {
        self.held.report_due = false;
        let (bytes, values) = (self.bytes(), self.held.values);
        if self.held.reported != (bytes, values) {
            self.held.reported = (bytes, values);
            self.tell(WorkerToScheduler::Health { bytes, values });
        }
    }

    fn drop_value(&mut self, key: Key) {
        let Some(value) = self.entries.get_mut(&key).and_then(|entry| entry.value.take()) else { return };
        self.held.bytes -= u128::from(value.nbytes);
        self.held.values -= 1;
        self.actions.push_back(Action::DropValue { key });
        self.prune(key);
    }
}
