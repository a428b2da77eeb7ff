//! What workers have on offer.

use std::collections::BTreeSet;

use super::{Check, ensure};
use crate::machine::{Scheduler, timers::Timer};

impl Scheduler {
    /// I20, for offers: each has a live worker that lists it, and its task, if there is one, needs no value.
    pub(super) fn i20_offers_are_of_live_workers(&self) -> Check {
        let mut offers = 0;
        for (key, of_key) in &self.offers.0 {
            ensure!(!of_key.is_empty(), "nobody offers {key}");
            let right = self.tasks.find(*key).is_none_or(|t| self.may_be_on_offer(t));
            ensure!(right, "{key} is on offer, but its task has a value or waits for one");
            let distinct: BTreeSet<_> = of_key.iter().map(|offer| offer.worker).collect();
            ensure!(distinct.len() == of_key.len(), "one worker offers {key} twice");
            offers += of_key.len();
            for offer in of_key {
                let listed = self.workers.slab.get(offer.worker).is_some_and(|worker| worker.offered.contains(key));
                ensure!(listed, "{key} is not on the list of {:?}", offer.worker);
            }
        }
        let listed: usize = self.workers.slab.iter().map(|(_, worker)| worker.offered.len()).sum();
        ensure!(listed == offers, "workers list {listed} offers, but {offers} are known");
        Ok(())
    }

    /// I29, for offers: what is on offer has a deadline, and only that.
    pub(super) fn i29_offers_end(&self) -> Check {
        for (w, worker) in self.workers.slab.iter() {
            let timed = worker.offers_until.is_some_and(|at| self.timers.has(at, Timer::Offers(w)));
            ensure!(timed != worker.offered.is_empty(), "{} offers {}: {timed}", worker.id, worker.offered.len());
        }
        Ok(())
    }
}
