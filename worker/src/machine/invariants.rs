//! What is true of a worker after every event. One function a property, named after its number in the list of invariants;
//! costs time in proportion to what is there.

use std::fmt;

use brisk_core::key::Key;

use super::{Worker, state::Entry};

macro_rules! check {
    ($invariant:literal, $holds:expr, $($detail:tt)+) => {
        if !$holds {
            return Err(Violation { invariant: $invariant, detail: format!($($detail)+) });
        }
    };
}

mod runs;
mod transfers;
mod values;

/// A property that does not hold: a bug in this crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which property.
    pub invariant: &'static str,
    /// What was found instead.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

impl std::error::Error for Violation {}

type Checked = Result<(), Violation>;

impl Worker {
    /// Checks everything that must be true between two events, once all actions were taken.
    ///
    /// # Errors
    /// The first property that does not hold.
    pub fn check_invariants(&self) -> Result<(), Violation> {
        self.i29_each_deadline_is_of_something()?;
        self.i34_each_entry_holds_together()?;
        self.i34_each_task_is_in_one_state()?;
        self.i35_each_want_waits_for_something()?;
        self.i36_one_fetch_per_key()?;
        self.i36_peers_and_their_queues_agree()?;
        self.i36_requests_and_peers_agree()?;
        self.i36_what_comes_in_is_bounded()?;
        self.i37_slots_are_held_by_executions()?;
        self.i38_each_execution_is_of_its_run_or_nobodys()?;
        self.i39_every_copy_was_told()?;
        self.i40_bytes_add_up()?;
        self.i41_pins_are_those_of_runs()?;
        self.i43_paused_between_its_marks()?;
        self.i43_whatever_may_be_asked_is_asked()?;
        self.i44_whatever_may_start_has_started()?;
        self.i50_who_has_left_has_nothing()
    }

    /// All entries in the order of their keys, so that the same state gives the same violation, and the same dump.
    pub(super) fn sorted_entries(&self) -> Vec<(Key, &Entry)> {
        #[allow(clippy::disallowed_methods, reason = "they are sorted right below")]
        let mut entries: Vec<_> = self.entries.iter().map(|(key, entry)| (*key, entry)).collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries
    }

    fn is_held(&self, key: Key) -> bool {
        self.entries.get(&key).is_some_and(|entry| entry.value.is_some())
    }
}
