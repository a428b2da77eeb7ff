//! The tester is tested: bugs are planted in the machines themselves, one at a time, and the ordinary swarm must find each
//! of them. No seed and no scenario is made for any of them.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use brisk_scheduler::machine as scheduler;
use brisk_worker::machine as worker;

use crate::{faults::Options, simulation::Simulation};

/// Seeds within which each bug must be found.
pub const SEEDS: u64 = 500;

/// A bug in one of the machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// In the scheduler.
    Scheduler(scheduler::Planted),
    /// In every worker.
    Worker(worker::Planted),
}

/// How a bug was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The first seed that found it.
    pub seed: u64,
    /// The property that did not hold.
    pub property: &'static str,
    /// What was found instead.
    pub words: String,
}

impl Bug {
    /// Every bug there is.
    pub fn all() -> impl Iterator<Item = Bug> {
        let of_scheduler = scheduler::Planted::ALL.iter().copied().map(Bug::Scheduler);
        of_scheduler.chain(worker::Planted::ALL.iter().copied().map(Bug::Worker))
    }

    /// Runs the ordinary seeds, from the first on, until one fails; `None` if none of them does.
    pub fn search(self, seeds: u64) -> Option<Found> {
        (0..seeds).find_map(|seed| self.found_by(seed))
    }

    /// How many of so many seeds find it. The first one that does may do so by luck; how many do says whether the next ones
    /// will.
    pub fn count(self, seeds: u64) -> u64 {
        (0..seeds).filter(|seed| self.found_by(*seed).is_some()).count() as u64
    }

    fn found_by(self, seed: u64) -> Option<Found> {
        let mut options = Options::draw(seed);
        options.settings.planted = Some(self);
        // A machine that asserts what the bug has broken has found it before any property could.
        match catch_unwind(AssertUnwindSafe(|| Simulation::new(options).run())) {
            Ok(Ok(_)) => None,
            Ok(Err(failed)) => Some(Found { seed, property: failed.failure.property, words: failed.failure.found }),
            Err(_) => Some(Found { seed, property: "assertion", words: "the machine panicked".to_owned() }),
        }
    }

    /// The scheduler, with the bug if it is one of the scheduler's.
    pub(crate) fn in_scheduler(bug: Option<Bug>, machine: scheduler::Scheduler) -> scheduler::Scheduler {
        match bug {
            Some(Bug::Scheduler(bug)) => machine.with_planted(bug),
            _ => machine,
        }
    }

    /// A worker, with the bug if it is one of the workers'.
    pub(crate) fn in_worker(bug: Option<Bug>, machine: worker::Worker) -> worker::Worker {
        match bug {
            Some(Bug::Worker(bug)) => machine.with_planted(bug),
            _ => machine,
        }
    }

    /// Calls of actors, with the bug if it is one of the workers'.
    pub(crate) fn in_calls<Link: Copy + Eq + std::hash::Hash, Call>(
        bug: Option<Bug>,
        calls: worker::Calls<Link, Call>,
    ) -> worker::Calls<Link, Call> {
        match bug {
            Some(Bug::Worker(bug)) => calls.with_planted(bug),
            _ => calls,
        }
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bug::Scheduler(bug) => write!(f, "scheduler: {bug:?}"),
            Bug::Worker(bug) => write!(f, "worker: {bug:?}"),
        }
    }
}
