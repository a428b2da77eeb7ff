//! What is always true between two events: one function for each invariant, with its number in INVARIANTS.md.
//!
//! Checking looks at everything; it is for tests, simulations and debug builds with small tables.

use std::fmt;

use super::{Scheduler, slab::TaskIndex, task::Task};

mod coordination;
mod copies;
mod deadlines;
mod failures;
mod graph;
mod memory;
mod offers;
mod peers;
mod queues;
mod stealing;
mod workers;

/// An invariant does not hold: a bug of the scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The function that found it, which begins with the invariant's number.
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

type Check = Result<(), String>;

macro_rules! ensure {
    ($condition:expr, $($found:tt)+) => {
        if !$condition {
            return Err(format!($($found)+));
        }
    };
}
use ensure;

/// Runs checks in order, and stops at the first that fails.
macro_rules! check_all {
    ($machine:ident: $($check:ident)+) => {
        $(
            if let Err(found) = $machine.$check() {
                return Err(Violation { invariant: stringify!($check), found });
            }
        )+
    };
}

impl Scheduler {
    /// Checks every invariant.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn check_invariants(&self) -> Result<(), Violation> {
        check_all! { self:
            i00_nothing_is_left_to_do
            i01_one_state_and_its_containers
            i01_functions_count_their_tasks
            i02_assigned_to_one_live_worker
            i03_lists_hold_only_what_is_assigned
            i04_holders_are_symmetrical
            i05_in_memory_is_held
            i06_edges_are_symmetrical_and_acyclic
            i07_waiting_counts_what_is_missing
            i08_ready_and_assigned_have_inputs
            i09_waiters_are_unfinished_dependents
            i10_known_means_wanted_or_needed
            i11_needed_is_scheduled
            i11_unrepeatable_is_never_scheduled
            i12_failures_reach_dependents
            i13_no_worker_means_nobody_eligible
            i14_no_open_worker_beside_queued_work
            i14_lanes_know_what_is_next
            i14_parked_classes_are_found_again
            i15_slots_and_resources_add_up
            i15_frontiers_are_used
            i16_occupancy_and_bytes_add_up
            i16_paces_are_those_of_workers
            i16_live_bytes_add_up
            i17_suspects_run_apart
            i18_runs_grow
            i19_what_is_asked_back_is_there
            i19_promises_add_up
            i20_the_gone_are_forgotten
            i20_alarms_are_set
            i20_classes_have_users
            i20_introductions_have_two_ends
            i20_links_are_between_the_living
            i20_offers_are_of_live_workers
            i21_wants_are_symmetrical
            i24_accounts_are_somebodys
            i24_the_departed_keep_only_wants
            i25_holds_are_those_of_open_submissions
            i29_offers_end
            i29_copies_under_way_have_an_end
            i29_deadlines_are_set
            i49_moves_are_bounded
            i55_declarations_and_requests_have_owners
            i56_retiring_workers_get_nothing
            i57_sole_copies_of_retiring_workers_are_known
            i58_shortage_of_memory_is_watched
            i59_lineage_is_bounded
            i60_what_waits_for_memory_has_an_end
            i61_claims_have_two_ends
            i62_permits_add_up
            i63_what_is_shared_adds_up
            i70_actors_stay
        }
        Ok(())
    }

    fn tasks(&self) -> impl Iterator<Item = (TaskIndex, &Task)> {
        self.tasks.slab.iter()
    }
}
