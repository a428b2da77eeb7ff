//! Supervisors and the programs that they keep workers of.

use std::sync::Arc;

use brisk_core::{
    id::{EnvironmentId, SupervisorId},
    message::{ProgramSpec, SchedulerToSupervisor, SupervisorToScheduler},
    time::Moment,
};
use serde::{Deserialize, Serialize};

use super::{Action, Scheduler, peers::Supervisor, timers::Timer};

/// A program that some client runs, or ran a moment ago.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Program {
    spec: ProgramSpec,
    clients: u32,
    /// When its workers are to end, if no client comes back before.
    pub(super) stop_at: Option<Moment>,
}

impl Scheduler {
    pub(super) fn supervisor_joined(&mut self, id: SupervisorId, host: Arc<str>, workers: u32) {
        self.supervisors.insert(id, Supervisor { id, host, workers });
        for message in self.programs.values().map(|p| SchedulerToSupervisor::Start(p.spec.clone())).collect::<Vec<_>>()
        {
            self.act(Action::ToSupervisor { supervisor: id, message });
        }
    }

    /// A supervisor is gone; its workers may well go on.
    pub(super) fn supervisor_left(&mut self, id: SupervisorId) {
        if self.supervisors.remove(&id).is_none() {
            self.counters.unknown_peers += 1;
        }
    }

    pub(super) fn hear_supervisor(&mut self, id: SupervisorId, message: SupervisorToScheduler) {
        let Some(supervisor) = self.supervisors.get(&id) else {
            self.counters.unknown_peers += 1;
            return;
        };
        match message {
            SupervisorToScheduler::CannotStart { environment, reason } => {
                let host = supervisor.host.clone();
                self.cannot_start(host, environment, &reason);
            }
            SupervisorToScheduler::Exited(exit) => self.worker_exited(exit),
            SupervisorToScheduler::Goodbye => self.expel_supervisor(id, ""),
            // Nothing is asked of supervisors that they answer.
            SupervisorToScheduler::Done(_) => self.counters.unasked_answers += 1,
            _ => self.expel_supervisor(id, "it sent a message that this scheduler does not know"),
        }
    }

    fn expel_supervisor(&mut self, supervisor: SupervisorId, reason: &str) {
        self.supervisor_left(supervisor);
        self.act(Action::CloseSupervisor { supervisor, reason: reason.into() });
    }

    pub(super) fn tell_supervisors(&mut self, message: &SchedulerToSupervisor) {
        for supervisor in self.supervisors.keys().copied().collect::<Vec<_>>() {
            self.act(Action::ToSupervisor { supervisor, message: message.clone() });
        }
    }

    /// A client of this program has come.
    pub(super) fn program_wanted(&mut self, spec: ProgramSpec) {
        let environment = spec.environment;
        match self.programs.get_mut(&environment) {
            Some(program) => {
                program.clients += 1;
                if let Some(at) = program.stop_at.take() {
                    self.timers.remove(at, Timer::Stop(environment));
                }
            }
            None => {
                let program = Program { spec: spec.clone(), clients: 1, stop_at: None };
                self.programs.insert(environment, program);
                self.tell_supervisors(&SchedulerToSupervisor::Start(spec));
            }
        }
    }

    /// A client of this program has gone. Its workers stay for a moment after the last: another run of the same program
    /// will find them warm.
    pub(super) fn program_unwanted(&mut self, environment: EnvironmentId) {
        let Some(program) = self.programs.get_mut(&environment) else { return };
        program.clients -= 1;
        if program.clients == 0 {
            let at = self.now + self.config.stop_after;
            program.stop_at = Some(at);
            self.timers.insert(at, Timer::Stop(environment));
        }
    }

    /// Nobody has come back to a program. Its workers stay while there are tasks of it all the same: what was detached
    /// runs there, and what was published is held there.
    pub(super) fn stop_program(&mut self, environment: EnvironmentId) {
        let has_tasks = self.classes.find(environment).is_some_and(|found| self.classes.has_tasks(found));
        if let Some(program) = self.programs.get_mut(&environment).filter(|_| has_tasks) {
            let at = self.now + self.config.stop_after;
            program.stop_at = Some(at);
            self.timers.insert(at, Timer::Stop(environment));
            return;
        }
        if self.programs.remove(&environment).is_some() {
            self.tell_supervisors(&SchedulerToSupervisor::Stop(environment));
        }
    }
}
