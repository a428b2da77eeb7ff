//! The supervisor, if there is one: it watches the workers' processes, and says how each ended, before or after the
//! scheduler finds its connection dead; and it ends those that the scheduler wants gone.

use std::sync::Arc;

use brisk_core::{
    id::{SupervisorId, WorkerId},
    message::{Exit, SchedulerToSupervisor, SupervisorToScheduler},
};
use brisk_scheduler::machine as scheduler;

use super::{Cluster, Happening, WorkerSpec, returns};
use crate::{
    failure::Failure,
    network::{Close, Node, Packet},
    workload::HEALER,
};

/// Names of processes: few, so that each is used again soon after its process has ended.
const NAMES: usize = 32;

/// Whether somebody watches the workers' processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Supervision {
    /// Nobody does.
    Nobody,
    /// A supervisor that has lost the scheduler, and is about to come back.
    Away,
    /// A supervisor, in this session.
    There(SupervisorId),
}

impl Cluster {
    /// From now on a supervisor watches the processes of workers that join.
    ///
    /// # Errors
    /// If a property does not hold.
    pub fn join_supervisor(&mut self) -> Result<(), Failure> {
        self.supervisor = Supervision::Away;
        self.away += 1;
        self.supervisor_joins()
    }

    /// Whether a supervisor watches the workers' processes.
    pub fn is_supervised(&self) -> bool {
        self.supervisor != Supervision::Nobody
    }

    /// The supervisor's connection is cut: it comes back in another session.
    pub fn cut_supervisor(&mut self) {
        if let Supervision::There(id) = self.supervisor {
            self.cut(Node::Supervisor(id));
        }
    }

    /// The supervisor is there, in a new session.
    pub(super) fn supervisor_joins(&mut self) -> Result<(), Failure> {
        self.away -= 1;
        let id = SupervisorId(self.next_incarnation());
        self.supervisor = Supervision::There(id);
        self.open_control(Node::Supervisor(id));
        self.tell_scheduler(scheduler::Event::SupervisorJoined { supervisor: id, host: "box".into(), workers: 0 })
    }

    pub(super) fn supervisor_lost_scheduler(&mut self, id: SupervisorId) {
        let node = Node::Supervisor(id);
        let close = Close { reason: "the scheduler is gone".into(), intended: true };
        self.flush();
        for link in self.network.links_of(node) {
            let notice = self.network.close(self.calendar.now(), link, node, close.clone());
            self.post(notice);
        }
        if self.supervisor == Supervision::There(id) {
            self.supervisor = Supervision::Away;
            self.away += 1;
            let pause = self.random.span(&self.settings.conditions.detection);
            self.calendar.enter_after(pause, Happening::SupervisorReturns);
        }
    }

    /// The name for a process that the supervisor starts: no other that lives has it.
    pub(super) fn process_name(&mut self) -> Option<Arc<str>> {
        if !self.is_supervised() {
            return None;
        }
        let taken = |name: &str| self.workers.values().any(|node| node.spec.process.as_deref() == Some(name));
        let first = self.last_incarnation as usize;
        let mut names = (0..NAMES).map(|number| format!("process-{}", (first + number) % NAMES));
        names.find(|name| !taken(name)).map(Into::into)
    }

    /// A worker's process has ended. Its supervisor notices, sooner or later than the scheduler.
    pub(super) fn process_ended(&mut self, spec: &WorkerSpec, cause: &str, intended: bool) {
        let Some(name) = spec.process.clone() else { return };
        let environment = returns::environment_of(spec.build);
        let exit = Exit { name, environment, cause: cause.into(), output: "its last words".into(), intended };
        let delay = self.random.span(&self.settings.conditions.detection);
        self.calendar.enter_after(delay, Happening::Exited(Box::new(exit)));
    }

    /// What the supervisor finds while it has no scheduler it tells nobody.
    pub(super) fn supervisor_reports(&mut self, exit: Exit) {
        let Supervision::There(id) = self.supervisor else { return };
        let node = Node::Supervisor(id);
        if let Some(link) = self.links.get(&node).copied() {
            self.send(link, node, Packet::FromSupervisor(SupervisorToScheduler::Exited(exit)));
            self.flush_or_gather();
        }
    }

    /// The scheduler wants a worker's process gone, or those of a build that nobody needs any more.
    pub(super) fn supervisor_hears(&mut self, message: &SchedulerToSupervisor) {
        self.trace.note(self.calendar.now(), format_args!("supervisor <- {message:?}"));
        let ended: Vec<WorkerId> = match message {
            SchedulerToSupervisor::End(incarnation) => vec![WorkerId(*incarnation)],
            SchedulerToSupervisor::Stop(environment) => {
                let build = returns::build_of(*environment);
                let of_build = self.workers.iter().filter(|(_, node)| node.spec.build == build);
                of_build.filter(|(_, node)| &*node.spec.name != HEALER).map(|(id, _)| *id).collect()
            }
            // Workers join by themselves here.
            _ => return,
        };
        let supervised = |id: &WorkerId| self.workers.get(id).is_some_and(|node| node.spec.process.is_some());
        for worker in ended.into_iter().filter(supervised).collect::<Vec<_>>() {
            let delay = self.random.span(&self.settings.conditions.latency);
            self.calendar.enter_after(delay, Happening::Ended(worker));
        }
    }
}
