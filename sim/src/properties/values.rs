//! Every value, wherever it is stored and whoever is given it, is the one that the serial interpreter computes (I46); or,
//! of a task that is not pure, one that a run of it has made.

use crate::{failure::Failure, oracle::Oracle, workload::TaskIndex};

/// Checks one value.
///
/// # Errors
/// If it is another.
pub fn check(oracle: &Oracle, task: TaskIndex, value: u64, place: impl std::fmt::Display) -> Result<(), Failure> {
    if oracle.is_right(task, value) {
        return Ok(());
    }
    let right = oracle.value(task);
    Err(Failure::safety("values", format!("task {task} is {value:016x} at {place}, but should be {right:016x}")))
}
