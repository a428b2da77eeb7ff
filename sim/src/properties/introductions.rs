//! The scheduler speaks to those who are there, and of workers that it introduced to whom it speaks (I20, I31).

use std::collections::{BTreeMap, BTreeSet};

use brisk_core::{
    id::{ClientId, SupervisorId, WorkerId},
    message::{Answer, KeyNews, SchedulerToClient, SchedulerToWorker},
};
use brisk_scheduler::machine::Action;

use crate::failure::Failure;

/// Who is there, and whom each was told of.
#[derive(Debug, Default)]
pub struct Introductions {
    workers: BTreeMap<WorkerId, BTreeSet<WorkerId>>,
    clients: BTreeMap<ClientId, BTreeSet<WorkerId>>,
    supervisors: BTreeSet<SupervisorId>,
}

impl Introductions {
    /// Whether a worker is there.
    pub fn has_worker(&self, worker: WorkerId) -> bool {
        self.workers.contains_key(&worker)
    }

    /// Whether a client is there.
    pub fn has_client(&self, client: ClientId) -> bool {
        self.clients.contains_key(&client)
    }

    /// Whether a supervisor is there.
    pub fn has_supervisor(&self, supervisor: SupervisorId) -> bool {
        self.supervisors.contains(&supervisor)
    }

    /// A supervisor is there from now on.
    pub fn supervisor_joined(&mut self, supervisor: SupervisorId) {
        self.supervisors.insert(supervisor);
    }

    /// A supervisor is gone.
    pub fn supervisor_left(&mut self, supervisor: SupervisorId) {
        self.supervisors.remove(&supervisor);
    }

    /// A worker is there from now on.
    pub fn worker_joined(&mut self, worker: WorkerId) {
        self.workers.insert(worker, BTreeSet::new());
    }

    /// A worker is gone.
    pub fn worker_left(&mut self, worker: WorkerId) {
        self.workers.remove(&worker);
    }

    /// A client is there.
    pub fn client_joined(&mut self, client: ClientId) {
        self.clients.insert(client, BTreeSet::new());
    }

    /// A client is gone.
    pub fn client_left(&mut self, client: ClientId) {
        self.clients.remove(&client);
    }

    /// Checks what the scheduler says.
    ///
    /// # Errors
    /// If it says it to somebody who is gone, or names somebody whom the other can't know.
    pub fn check(&mut self, action: &Action) -> Result<(), Failure> {
        match action {
            Action::ToWorker { worker, message } => {
                let Some(known) = self.workers.get_mut(worker) else {
                    return Err(broken(format!("{worker} is gone, but is told {message:?}")));
                };
                match message {
                    SchedulerToWorker::Worker { worker, .. } => introduce(known, *worker),
                    SchedulerToWorker::WorkerGone(worker) => forget(known, *worker),
                    SchedulerToWorker::Run(assignment) => {
                        let holders = assignment.dependencies.iter().flat_map(|dependency| &dependency.holders);
                        known_to(known, *worker, holders)
                    }
                    SchedulerToWorker::Holders { holders, .. } => known_to(known, *worker, holders.iter()),
                    _ => Ok(()),
                }
            }
            Action::ToClient { client, message } => {
                let Some(known) = self.clients.get_mut(client) else {
                    return Err(broken(format!("{client} is gone, but is told {message:?}")));
                };
                match message {
                    SchedulerToClient::Worker { worker, .. } => introduce(known, *worker),
                    SchedulerToClient::WorkerGone(worker) => forget(known, *worker),
                    SchedulerToClient::News { news: KeyNews::Memory { holders, .. }, .. } => {
                        match holders.iter().find(|holder| !known.contains(holder)) {
                            Some(holder) => Err(broken(format!("{client} does not know {holder}"))),
                            None => Ok(()),
                        }
                    }
                    SchedulerToClient::Answered { answer: Answer::Places(places), .. } => {
                        match places.iter().find(|place| !known.contains(place)) {
                            Some(place) => {
                                Err(broken(format!("{client} does not know {place}, where it may put values")))
                            }
                            None => Ok(()),
                        }
                    }
                    _ => Ok(()),
                }
            }
            Action::ToSupervisor { supervisor, message } if !self.has_supervisor(*supervisor) => {
                Err(broken(format!("{supervisor} is gone, but is told {message:?}")))
            }
            Action::CloseWorker { worker, .. } => {
                self.workers.remove(worker);
                Ok(())
            }
            Action::CloseClient { client, .. } => {
                self.clients.remove(client);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn introduce(known: &mut BTreeSet<WorkerId>, worker: WorkerId) -> Result<(), Failure> {
    if known.insert(worker) { Ok(()) } else { Err(broken(format!("{worker} is introduced twice"))) }
}

fn forget(known: &mut BTreeSet<WorkerId>, worker: WorkerId) -> Result<(), Failure> {
    if known.remove(&worker) { Ok(()) } else { Err(broken(format!("{worker} is said to be gone, but was not known"))) }
}

/// A worker knows itself.
fn known_to<'a>(
    known: &BTreeSet<WorkerId>,
    me: WorkerId,
    mut holders: impl Iterator<Item = &'a WorkerId>,
) -> Result<(), Failure> {
    match holders.find(|holder| **holder != me && !known.contains(holder)) {
        Some(holder) => Err(broken(format!("{me} does not know {holder}"))),
        None => Ok(()),
    }
}

fn broken(found: String) -> Failure {
    Failure::safety("introductions", found)
}
