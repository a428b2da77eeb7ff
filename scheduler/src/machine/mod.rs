//! The scheduler as a function of its events.

mod action;
mod config;
mod event;
mod record;
mod snapshot;

use std::fmt;

use brisk_core::{function::FunctionInfo, id::Epoch, time::Moment};

pub use action::Action;
pub use config::Config;
pub use event::Event;
pub use record::{FunctionIndex, Record, What};
pub use snapshot::{ClientSnapshot, Counters, Snapshot, SupervisorSnapshot, WorkerSnapshot};

/// The machine.
#[derive(Debug)]
pub struct Scheduler {
    #[allow(dead_code)]
    config: Config,
    #[allow(dead_code)]
    epoch: Epoch,
}

/// An invariant does not hold: a bug of the scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant.
    pub invariant: &'static str,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.found)
    }
}

impl std::error::Error for Violation {}

impl Scheduler {
    /// A scheduler without peers or tasks.
    pub fn new(config: Config, epoch: Epoch) -> Self {
        Scheduler { config, epoch }
    }

    /// Takes one event.
    pub fn handle(&mut self, _now: Moment, _event: Event) {}

    /// The next thing to do.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<Action> {
        None
    }

    /// When the machine wants to be woken.
    pub fn next_deadline(&self) -> Option<Moment> {
        None
    }

    /// Checks every invariant.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn check_invariants(&self) -> Result<(), Violation> {
        Ok(())
    }

    /// What the scheduler looks like now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::default()
    }

    /// The function that records call `index`.
    pub fn function(&self, _index: FunctionIndex) -> Option<&FunctionInfo> {
        None
    }
}
