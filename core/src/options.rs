//! What a caller may ask of one call, beyond its result.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::key::Key;

/// Options of one call, as they travel to the scheduler. Most calls have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskOptions {
    /// How often the task is run again after an error of its own.
    pub retries: u32,
    /// The pause before the first of those runs, doubled for each further one. None by default.
    pub retry_delay: Option<Duration>,
    /// How long a run's own code may take before it counts as failed.
    pub timeout: Option<Duration>,
    /// How many copies of the value are kept while it is needed; 0 and 1 both mean one.
    pub replicas: u32,
    /// Whether it may be started once only: when its value is lost, or the worker that runs it, it fails.
    pub once: bool,
    /// Higher runs first, among the tasks of one client.
    pub priority: i32,
    /// The key that the caller chose, by name.
    pub name: Option<Arc<str>>,
    /// With `name`: the hash of the call itself, by which two different calls under one name are told apart.
    pub fingerprint: Option<Key>,
    /// Addresses, names or hosts of workers that may run it; empty for any.
    pub workers: Vec<Arc<str>>,
    /// Whether other workers may run it while none of `workers` is there.
    pub allow_other_workers: bool,
    /// What it takes of its worker's declared resources while it runs.
    pub resources: Vec<(Arc<str>, Quantity)>,
    /// Whether its value stays on the worker that makes it: an actor, which is neither copied nor moved.
    pub pinned: bool,
}

/// An amount of a resource, in millionths, so that sums are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Quantity(pub u64);

impl Quantity {
    /// What stands where no amount was given: more than anybody has.
    pub const NO_AMOUNT: Quantity = Quantity(u64::MAX);

    /// The nearest quantity; [`NO_AMOUNT`](Quantity::NO_AMOUNT) for one that is negative, undefined or beyond all bounds.
    pub fn from_f64(amount: f64) -> Self {
        if amount.is_nan() || amount < 0.0 {
            return Quantity::NO_AMOUNT;
        }
        // A float beyond the range is cut to it by `as`.
        Quantity((amount * 1e6).round() as u64)
    }

    /// The amount as a float.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

/// What `#[task(…)]` says of every call of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// How often a call is run again after an error of its own.
    pub retries: u32,
    /// Higher runs first.
    pub priority: i32,
    /// Whether two equal calls are two tasks.
    pub impure: bool,
}

impl Defaults {
    /// What a bare `#[task]` says.
    pub const NONE: Defaults = Defaults { retries: 0, priority: 0, impure: false };
}
