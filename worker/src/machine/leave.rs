//! How a worker ends its session.

use std::sync::Arc;

use brisk_core::message::WorkerToScheduler;

use super::{Action, LeaveReason, Worker, state::Phase, timers::Timer};

impl Worker {
    /// The process is about to end: the worker asks the scheduler to let it go. Until it is dismissed it starts nothing,
    /// finishes what runs, and serves what it holds to those who take it over; but it does not wait for ever.
    pub(super) fn on_retire(&mut self, reason: Arc<str>) {
        if self.phase == Phase::Working {
            let until = self.now + self.config.retire_patience;
            self.phase = Phase::Retiring { until };
            self.timers.set(until, Timer::Leave);
            self.tell(WorkerToScheduler::Retiring(reason));
        }
    }

    /// The scheduler has not dismissed it in time.
    pub(super) fn on_retire_timeout(&mut self) {
        let waited = self.config.retire_patience.as_secs_f64();
        let reason = format!("it was to end and could not be dismissed within {waited} s");
        self.leave(LeaveReason::Shutdown(reason.into()));
    }

    /// Leaves now, whatever runs, and forgets everything.
    pub(super) fn leave(&mut self, reason: LeaveReason) {
        if let LeaveReason::Shutdown(why) = &reason {
            self.tell(WorkerToScheduler::Goodbye(why.clone()));
        }
        self.actions.push_back(Action::Leave { reason });
        let actions = std::mem::take(&mut self.actions);
        let counters = self.counters;
        *self = Worker::new(self.config.clone(), self.id, self.epoch);
        self.phase = Phase::Left;
        self.actions = actions;
        self.counters = counters;
    }
}
