//! Only what was running is blamed for the death of its worker, and never for an end that was intended (I17).

use std::collections::BTreeSet;

use brisk_core::id::{RunId, WorkerId};
use brisk_scheduler::machine::What;

use crate::failure::Failure;

/// What ran where, and who was blamed for what did not.
#[derive(Debug, Default)]
pub struct Blame {
    /// Workers that ended on purpose.
    intended: BTreeSet<WorkerId>,
    began: BTreeSet<RunId>,
}

impl Blame {
    /// A worker ends on purpose.
    pub fn ends_on_purpose(&mut self, worker: WorkerId) {
        self.intended.insert(worker);
    }

    /// A run has begun.
    pub fn began(&mut self, run: RunId) {
        self.began.insert(run);
    }

    /// The scheduler notes something. `on_purpose`: what it was told just now is that a process has ended on purpose.
    ///
    /// # Errors
    /// If it blames a run that had not begun, or for an end that was intended.
    pub fn noted(&mut self, what: &What, on_purpose: bool) -> Result<(), Failure> {
        let What::Suspected { key, worker, run, .. } = what else { return Ok(()) };
        let broken = |found: String| Err(Failure::safety("blame", found));
        if on_purpose || self.intended.contains(worker) {
            return broken(format!("{run} of {key} is blamed for the end of {worker}, which was intended"));
        }
        if !self.began.contains(run) {
            return broken(format!("{run} of {key} is blamed for the death of {worker}, but had not begun there"));
        }
        Ok(())
    }
}
