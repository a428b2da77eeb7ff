//! The pause after a restart: nothing is assigned until those who survived the last scheduler had time to come back.
//!
//! They come one by one, each after a delay of its own: connections are found dead at different moments, and calls are
//! repeated at random intervals. Without a pause the first worker that comes would be given everything that the first
//! client submits again, although the values lie finished on workers that are still on their way. Spark's driver waits in
//! the same place, for a part of its executors to register (`spark.scheduler.maxRegisteredResourcesWaitingTime`); here
//! nobody knows how many will come.

use brisk_core::time::Moment;
use serde::{Deserialize, Serialize};

use super::{Scheduler, timers::Timer};

/// How far the return of those who survived is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Gathering {
    /// Nobody has come back so far: probably there was nobody.
    #[default]
    NotYet,
    /// Some have, others may follow until then.
    Until(Moment),
    /// Whoever comes back now comes alone.
    Over,
}

impl Scheduler {
    /// Somebody has come back. If the scheduler is young, others will too; an older one has only lost that one's
    /// connection.
    pub(super) fn begin_to_gather(&mut self) {
        if self.gathering != Gathering::NotYet {
            return;
        }
        let born = self.born.unwrap_or(self.now);
        if self.now > born + self.config.offer_grace || self.config.gather_time.is_zero() {
            self.gathering = Gathering::Over;
            return;
        }
        let until = self.now + self.config.gather_time;
        self.gathering = Gathering::Until(until);
        self.timers.insert(until, Timer::Gathered);
    }

    pub(super) fn is_gathering(&self) -> bool {
        matches!(self.gathering, Gathering::Until(_))
    }

    /// Enough waited.
    pub(super) fn end_gathering(&mut self) {
        self.gathering = Gathering::Over;
        // Room that came meanwhile was for nobody: classes that wait for just these workers have to hear of it now.
        for w in self.workers.slab.indices().collect::<Vec<_>>() {
            self.note_room(w);
        }
        self.work.room = true;
    }
}
