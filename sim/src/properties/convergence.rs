//! After the faults, with one worker that can run everything, whatever is wanted settles in bounded virtual time
//! (I47 to I49).

use crate::{cluster::Cluster, failure::Failure};

/// Checks that nothing is open.
///
/// # Errors
/// What is.
pub fn check(cluster: &Cluster, after: &str) -> Result<(), Failure> {
    let mut open = Vec::new();
    for client in cluster.clients() {
        let pending = client.handles().filter(|(_, handle)| !handle.state.is_settled());
        open.extend(pending.map(|(task, handle)| format!("{} waits for task {task}: {:?}", client.id, handle.state)));
        if client.is_waiting_for_answers(cluster.workers_of(client.build)) {
            open.push(format!("{} has a request that is not answered", client.id));
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    let more = open.len().saturating_sub(5);
    open.truncate(5);
    let found = format!("{after}, and still: {} (and {more} more); {:?}", open.join("; "), cluster.snapshot().tasks);
    Err(Failure::liveness("convergence", found))
}

/// Whether nothing is open.
pub fn is_reached(cluster: &Cluster) -> bool {
    cluster.away() == 0
        && cluster.clients().all(|client| {
            !client.is_waiting_for_answers(cluster.workers_of(client.build))
                && client.handles().all(|(_, handle)| handle.state.is_settled())
        })
}
