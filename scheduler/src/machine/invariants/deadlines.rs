//! Deadlines: what waits for one has it.

use super::{Check, ensure};
use crate::machine::{Scheduler, gathering::Gathering, task::State, timers::Timer};

impl Scheduler {
    /// I29: whatever waits for a moment is woken then. That no timer is for nothing is the other half, in I20.
    pub(super) fn i29_deadlines_are_set(&self) -> Check {
        for (t, task) in self.tasks() {
            if let State::NoWorker { since } = task.state {
                let set = self.timers.has(since + self.config.no_worker_timeout, Timer::Expire(t));
                ensure!(set, "{} waits for a worker for ever", self.name(t));
            }
        }
        let one = |what, at: Option<_>, timer| match at {
            Some(at) if !self.timers.has(at, timer) => Err(format!("{what} is to come at {at}, and nobody is woken")),
            _ => Ok(()),
        };
        for (class, found) in self.classes.slab.iter() {
            one("a notice to clients", found.notice_at, Timer::Notice(class))?;
        }
        one("a look at busy workers", self.watch_at, Timer::Watch)?;
        one("a look at copies", self.replicas.rest_at, Timer::Copies)?;
        one("a look at superfluous copies", self.surplus_at, Timer::Surplus)?;
        one("relief of full workers", self.relief_at, Timer::Relief)?;
        for (environment, program) in &self.programs {
            one("the end of a program", program.stop_at, Timer::Stop(*environment))?;
        }
        let gathered = match self.gathering {
            Gathering::Until(until) => Some(until),
            Gathering::NotYet | Gathering::Over => None,
        };
        one("the end of gathering", gathered, Timer::Gathered)
    }
}
