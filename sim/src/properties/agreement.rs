//! At rest, with nothing on its way, the scheduler believes of each worker exactly what that holds (I39).

use crate::{cluster::Cluster, failure::Failure};

/// Checks every worker.
///
/// # Errors
/// The first about which they disagree.
pub fn check(cluster: &Cluster) -> Result<(), Failure> {
    let snapshot = cluster.snapshot();
    let here: Vec<_> = cluster.workers().collect();
    if here.len() != snapshot.workers.len() {
        let found = format!("the scheduler has {} workers, and there are {}", snapshot.workers.len(), here.len());
        return Err(Failure::safety("agreement", found));
    }
    for (id, machine) in here {
        let Some(believed) = snapshot.workers.iter().find(|worker| worker.worker == id) else {
            return Err(Failure::safety("agreement", format!("the scheduler does not know worker {id}")));
        };
        let (holds, assigned) = ((machine.values(), machine.bytes()), machine.assigned());
        if (believed.values, believed.bytes) != holds || believed.assigned as usize != assigned {
            let found = format!(
                "worker {id} holds {} values of {} bytes and has {assigned} tasks; the scheduler believes {} of {} and {}",
                holds.0, holds.1, believed.values, believed.bytes, believed.assigned
            );
            return Err(Failure::safety("agreement", found));
        }
    }
    Ok(())
}
