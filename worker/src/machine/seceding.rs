//! Runs that give their thread up while they wait for other tasks, and take it again.
//!
//! A run that waits for tasks which it has submitted itself holds a thread that those may need: with as many such runs as
//! there are threads nothing would ever go on. So it *secedes*: its slot is free for others, and it keeps everything else.
//! When what it waited for is there it *rejoins* at once, whether or not a slot is free: to wait for one, behind tasks that
//! may take minutes, would hold up whoever waits for it, and if it held a lock that one of those waits for, for ever. Until
//! there are fewer runs in threads than there are threads, nothing new starts. (Java's fork-join pool makes up for blocked
//! threads and goes on after a wait in the same way; Dask's `rejoin` waits for its turn.)

use brisk_core::{id::RunId, message::WorkerToScheduler};

use super::{
    Worker,
    state::{Hold, Owner},
};

impl Worker {
    /// A run waits for other tasks, without its thread, or without a place among the asynchronous ones.
    pub(super) fn on_seceded(&mut self, run: RunId) {
        let Some(execution) =
            self.executions.get_mut(&run).filter(|execution| !matches!(execution.hold, Hold::Away | Hold::Abandoned))
        else {
            self.counters.stale_runs += 1;
            return;
        };
        let before = std::mem::replace(&mut execution.hold, Hold::Away);
        let key = self.key_of(run);
        self.let_go(before);
        self.slots.away += 1;
        if let Some(key) = key {
            self.slots.busy -= u32::from(before.is_thread());
            self.tell(WorkerToScheduler::Seceded { key, run });
        }
    }

    /// A run goes on in a thread, after it had seceded.
    pub(super) fn on_rejoined(&mut self, run: RunId) {
        let Some(execution) = self.executions.get_mut(&run).filter(|execution| execution.hold == Hold::Away) else {
            self.counters.stale_runs += 1;
            return;
        };
        execution.hold = Hold::Back;
        self.slots.away -= 1;
        self.slots.threads += 1;
        self.slots.back += 1;
        let abandoned = execution.abandoned;
        if let Some(key) = self.key_of(run) {
            self.slots.busy += 1;
            self.tell(WorkerToScheduler::Rejoined { key, run });
        }
        if abandoned {
            self.abandon(run);
        }
    }

    /// A run holds this no more.
    pub(super) fn let_go(&mut self, hold: Hold) {
        match hold {
            Hold::Thread => self.slots.threads -= 1,
            Hold::Back => {
                self.slots.threads -= 1;
                self.slots.back -= 1;
            }
            Hold::Away => self.slots.away -= 1,
            Hold::Async => self.slots.detached -= 1,
            Hold::Abandoned => self.slots.abandoned -= 1,
        }
    }

    /// The task of a run, if somebody still waits for it.
    fn key_of(&self, run: RunId) -> Option<brisk_core::key::Key> {
        match self.executions.get(&run)?.owner {
            Owner::Task(place) => Some(self.tasks.get(place)?.key),
            Owner::Nobody(_) => None,
        }
    }
}
