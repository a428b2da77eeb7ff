//! When every handle is dropped and nothing is on its way, nothing is left: no task, no value, no run, no deadline, no lease
//! and no item (I50).

use crate::{cluster::Cluster, failure::Failure};

/// Checks that all tables are empty.
///
/// # Errors
/// What is left.
pub fn check(cluster: &Cluster) -> Result<(), Failure> {
    let broken = |found: String| Err(Failure::safety("quiescence", found));
    let snapshot = cluster.snapshot();
    if snapshot.total() > 0 {
        return broken(format!("the scheduler still has tasks: {:?}", snapshot.tasks));
    }
    if cluster.shared_names() > 0 {
        return broken(format!("{} names of what clients share are still in use", cluster.shared_names()));
    }
    if let Some(client) = snapshot.clients.iter().find(|client| client.wants > 0) {
        return broken(format!("{} still wants {} keys", client.client, client.wants));
    }
    for (id, machine) in cluster.workers() {
        if machine.values() > 0 || machine.assigned() > 0 || machine.running() > 0 || !machine.is_idle() {
            let (values, assigned, running) = (machine.values(), machine.assigned(), machine.running());
            return broken(format!("worker {id} still has {values} values, {assigned} tasks and {running} runs"));
        }
        if let Some(deadline) = machine.next_deadline() {
            return broken(format!("worker {id} still waits for {deadline}"));
        }
    }
    Ok(())
}
