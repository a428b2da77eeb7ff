//! What is stale changes nothing (I27): a message for another life of the scheduler, and whatever comes of a peer that is
//! gone, leaves the machine as it was but for its counters.

use brisk_scheduler::machine::{Event, Scheduler};

use crate::failure::Failure;

/// The machine before an event that must not change it.
#[derive(Debug)]
pub struct Before(String);

impl Before {
    /// Looks at the machine.
    pub fn new(machine: &Scheduler) -> Self {
        Before(machine.describe())
    }

    /// Checks that the machine is as it was.
    ///
    /// # Errors
    /// What has changed first.
    pub fn check(&self, machine: &Scheduler, stale: &Event) -> Result<(), Failure> {
        let after = machine.describe();
        if after == self.0 {
            return Ok(());
        }
        let mut lines = self.0.lines().zip(after.lines());
        let (was, is) = lines.find(|(was, is)| was != is).unwrap_or(("shorter", "longer"));
        let found = format!("{stale:?} has changed the scheduler, from `{}` to `{}`", was.trim(), is.trim());
        Err(Failure::safety("fences", found))
    }
}
