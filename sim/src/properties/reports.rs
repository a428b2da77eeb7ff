//! What a worker reports of a run that is still its own is so: it holds the value that it says it has made (I39).
//!
//! Nothing else makes a worker drop the value of a current run: the scheduler has not asked for that, or the run would not
//! be current.

use brisk_core::{id::WorkerId, message::WorkerToScheduler};

use super::runs::Runs;
use crate::{cluster::WorkerNode, failure::Failure, workload::Workload};

/// Checks a report before the scheduler is given it. `node` is the worker, if it still lives.
///
/// # Errors
/// If the worker does not have what it reports.
pub fn check(
    runs: &Runs,
    worker: WorkerId,
    node: Option<&WorkerNode>,
    message: &WorkerToScheduler,
) -> Result<(), Failure> {
    let WorkerToScheduler::Finished { key, run, nbytes, .. } = message else { return Ok(()) };
    let Some(node) = node.filter(|node| runs.is_current(worker, *run) && !node.machine.has_left()) else {
        return Ok(());
    };
    match node.store.get(key) {
        Some(stored) if stored.nbytes == *nbytes => Ok(()),
        held => {
            let found = format!("worker {worker} reports {key} of {nbytes} bytes made by {run}, and holds {held:?}");
            Err(Failure::safety("reports", found))
        }
    }
}

/// Checks what a worker offers to the next scheduler: a key that a user chose says nothing of the value, so that it may be
/// another's.
///
/// # Errors
/// If it offers a value under such a key.
pub fn check_offer(workload: &Workload, worker: WorkerId, message: &WorkerToScheduler) -> Result<(), Failure> {
    let WorkerToScheduler::Offered(values) = message else { return Ok(()) };
    let says_nothing = |task| workload.task(task).named || workload.is_actor(task);
    match values.iter().find(|(key, _)| workload.find(*key).is_some_and(says_nothing)) {
        Some((key, _)) => {
            let found = format!("worker {worker} offers {key}, which was chosen by a user, or is an actor's");
            Err(Failure::safety("reports", found))
        }
        None => Ok(()),
    }
}
