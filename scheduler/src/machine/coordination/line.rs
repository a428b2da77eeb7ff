//! Those who wait for one thing, in the order in which they came.

use std::collections::BTreeMap;

use brisk_core::id::RequestId;
use serde::{Deserialize, Serialize};

use crate::machine::slab::ClientIndex;

/// One who waits.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::machine) struct Waiter<T> {
    pub(in crate::machine) client: ClientIndex,
    pub(in crate::machine) request: RequestId,
    /// What for.
    pub(in crate::machine) what: T,
}

/// A line. Places are numbered once for all lines, so that one who leaves from the middle is found at once.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::machine) struct Line<T>(BTreeMap<u64, Waiter<T>>);

impl<T> Default for Line<T> {
    fn default() -> Self {
        Line(BTreeMap::new())
    }
}

impl<T> Line<T> {
    pub(in crate::machine) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn first(&self) -> Option<&Waiter<T>> {
        self.0.first_key_value().map(|(_, waiter)| waiter)
    }

    pub(super) fn pop(&mut self) -> Option<Waiter<T>> {
        self.0.pop_first().map(|(_, waiter)| waiter)
    }

    /// Puts one at a place, which must be later than all others.
    pub(super) fn push(&mut self, place: u64, waiter: Waiter<T>) {
        self.0.insert(place, waiter);
    }

    pub(super) fn remove(&mut self, place: u64) -> Option<Waiter<T>> {
        self.0.remove(&place)
    }

    /// For checks.
    pub(in crate::machine) fn iter(&self) -> impl Iterator<Item = (u64, &Waiter<T>)> {
        self.0.iter().map(|(place, waiter)| (*place, waiter))
    }
}
