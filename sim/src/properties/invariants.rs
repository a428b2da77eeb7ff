//! The machines' own invariants hold after every event (I1 to I44, as far as each machine can see them by itself).

use brisk_core::id::WorkerId;
use brisk_scheduler::machine::Scheduler;
use brisk_worker::machine::Worker;

use crate::failure::Failure;

/// Checks the scheduler.
///
/// # Errors
/// The first invariant that does not hold.
pub fn of_scheduler(machine: &Scheduler) -> Result<(), Failure> {
    machine.check_invariants().map_err(|violation| Failure::safety("invariants", format!("scheduler: {violation}")))
}

/// Checks a worker.
///
/// # Errors
/// The first invariant that does not hold.
pub fn of_worker(id: WorkerId, machine: &Worker) -> Result<(), Failure> {
    machine.check_invariants().map_err(|violation| Failure::safety("invariants", format!("worker {id}: {violation}")))
}
