//! Of a scattered value both a client and a worker speak, so that what is said second may come after the message that frees
//! the copy. Whoever begins to count as a holder is therefore asked to confirm it, in the same event and after whatever it is
//! told to free (I71). And whoever is asked says at once what it does not hold.

use std::collections::BTreeSet;

use brisk_core::{
    id::{Epoch, WorkerId},
    key::Key,
    message::SchedulerToWorker,
};
use brisk_worker::machine::Event;

use super::runs::Runs;
use crate::failure::Failure;

/// What the scheduler has begun to believe in the present event, and what it has asked.
#[derive(Debug, Default)]
pub struct Confirmations {
    /// Holders that are to be asked.
    begun: BTreeSet<(WorkerId, Key)>,
    asked: BTreeSet<(WorkerId, Key)>,
}

impl Confirmations {
    /// A worker begins to count as a holder of a scattered value.
    pub fn begins(&mut self, worker: WorkerId, key: Key) {
        self.begun.insert((worker, key));
    }

    /// The scheduler tells a worker something.
    ///
    /// # Errors
    /// If it asks first and frees then.
    pub fn told(&mut self, worker: WorkerId, message: &SchedulerToWorker) -> Result<(), Failure> {
        match message {
            SchedulerToWorker::Confirm(keys) => {
                for key in keys {
                    self.begun.remove(&(worker, *key));
                    self.asked.insert((worker, *key));
                }
            }
            SchedulerToWorker::Free(keys) => {
                if let Some(key) = keys.iter().find(|key| self.asked.contains(&(worker, **key))) {
                    let found = format!("{worker} is asked whether it has {key}, and told to free it only then");
                    return Err(Failure::safety("confirmations", found));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The event is over.
    ///
    /// # Errors
    /// If somebody who is still there was not asked.
    pub fn event_ends(&mut self, runs: &Runs) -> Result<(), Failure> {
        self.asked.clear();
        let begun = std::mem::take(&mut self.begun);
        match begun.into_iter().find(|(worker, _)| runs.is_live(*worker)) {
            Some((worker, key)) => {
                let found = format!("{worker} is believed to hold {key}, and not asked whether it does");
                Err(Failure::safety("confirmations", found))
            }
            None => Ok(()),
        }
    }
}

/// The values that a worker of this epoch is asked to confirm by an event.
pub fn asked(epoch: Epoch, event: &Event) -> Vec<Key> {
    match event {
        Event::FromScheduler { epoch: of, message: SchedulerToWorker::Confirm(keys) } if *of == epoch => keys.clone(),
        _ => Vec::new(),
    }
}

/// Checks that a worker that was asked holds a value, or has said that it does not.
///
/// # Errors
/// If it is silent about one.
pub fn answered(worker: WorkerId, asked: &[Key], holds_or_says: impl Fn(&Key) -> bool) -> Result<(), Failure> {
    match asked.iter().find(|key| !holds_or_says(key)) {
        Some(key) => {
            let found = format!("{worker} is asked to confirm {key}, which it does not hold, and does not say so");
            Err(Failure::safety("confirmations", found))
        }
        None => Ok(()),
    }
}
