//! How a worker ends its session.

use std::sync::Arc;

use brisk_core::message::WorkerToScheduler;

use super::{
    Action, LeaveReason, Worker,
    state::{Phase, TaskState},
};

impl Worker {
    /// The scheduler wants the worker to finish what runs, and leave. What has not started is given back.
    pub(super) fn on_retire(&mut self) {
        self.phase = Phase::Retiring;
        let waiting = self.tasks.iter().filter(|(_, task)| !matches!(task.state, TaskState::Running));
        let waiting: Vec<_> = waiting.map(|(place, _)| place).collect();
        for place in waiting {
            let (key, run) = self.forget(place);
            self.give_back(key, run, "the worker is retiring");
        }
    }

    /// Leaves once nothing runs that somebody waits for. Runs that were cancelled are not waited for: they may never end.
    pub(super) fn leave_if_retired(&mut self) {
        if self.phase == Phase::Retiring && self.slots.current == 0 {
            self.leave(LeaveReason::Retired);
        }
    }

    /// Leaves now, whatever runs, and forgets everything.
    pub(super) fn leave(&mut self, reason: LeaveReason) {
        let goodbye = match &reason {
            LeaveReason::Retired => Some(Arc::from("the worker was retired")),
            LeaveReason::Shutdown(why) => Some(why.clone()),
            // The scheduler knows.
            LeaveReason::Dismissed(_) => None,
        };
        if let Some(goodbye) = goodbye {
            self.tell(WorkerToScheduler::Goodbye(goodbye));
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
