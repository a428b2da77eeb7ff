//! What must be true of the whole, one property a file.
//!
//! | property | of faults catalogue | file |
//! |---|---|---|
//! | the machines' own invariants hold | I1 to I44 | [`invariants`] |
//! | runs are numbered upwards, and each goes to one live worker that can have its inputs | I2, I18, I31 | [`runs`] |
//! | a holder of a scattered value is asked whether it is one | I71 | [`confirmations`] |
//! | nobody is named who was not introduced | I20, I31 | [`introductions`] |
//! | what is stale changes nothing | I27 | [`fences`] |
//! | a worker stores exactly what its machine accounts for | I40 | [`storage`] |
//! | a worker holds what it reports | I39 | [`reports`] |
//! | every value is the serial interpreter's | I46 | [`values`] |
//! | every error has a real cause | I12, I17, I46 | [`errors`], [`losses`] |
//! | what is refused names what nobody keeps | I10, I25 | [`refusals`] |
//! | only what was running is blamed | I17 | [`blame`] |
//! | what is encoded comes out as it went in | I52 | `cluster/wire.rs` |
//! | a want settles once | I23 | [`news`] |
//! | what is published stays until somebody ends it | | [`publications`] |
//! | calls of an actor are made in order, each once, and answered | | [`calls`] |
//! | permits, items and the like go round as they should | I61 to I63 | [`sharing`] |
//! | a task runs once unless there is a reason | I45 | [`executions`] |
//! | after the faults everything wanted settles | I47 to I49 | [`convergence`] |
//! | at rest scheduler and workers agree who holds what | I39 | [`agreement`] |
//! | when all is dropped, nothing is left | I50 | [`quiescence`] |

pub mod agreement;
pub mod blame;
pub mod calls;
pub mod confirmations;
pub mod convergence;
pub mod errors;
pub mod executions;
pub mod fences;
pub mod introductions;
pub mod invariants;
pub mod losses;
pub mod news;
pub mod publications;
pub mod quiescence;
pub mod refusals;
pub mod reports;
pub mod runs;
pub mod sharing;
pub mod storage;
pub mod values;

use brisk_core::{
    id::ClientId,
    message::{KeyNews, SchedulerToClient, SchedulerToWorker, SupervisorToScheduler, WorkerToScheduler},
    time::Moment,
};
use brisk_scheduler::machine::{Action, Config, Event, What};

use crate::{
    cluster::returns::build_of,
    failure::Failure,
    history::History,
    oracle::Oracle,
    workload::{TaskIndex, Workload},
};

/// Watches everything that the machines say and do.
#[derive(Debug)]
pub struct Judge {
    /// The right answers.
    pub oracle: Oracle,
    /// What has happened so far that may excuse an error.
    pub history: History,
    /// Every run that was assigned.
    pub runs: runs::Runs,
    /// How often each task ran.
    pub executions: executions::Executions,
    /// Who is blamed for deaths.
    pub blame: blame::Blame,
    /// Calls of actors.
    pub calls: calls::Calls,
    /// What clients share by name.
    pub sharing: sharing::Sharing,
    introductions: introductions::Introductions,
    news: news::News,
    losses: losses::Losses,
    confirmations: confirmations::Confirmations,
    refusals: refusals::Refusals,
    publications: publications::Publications,
    /// Whether the end of a process that a supervisor reports just now was intended.
    exit: Option<bool>,
}

impl Judge {
    /// A judge who has seen nothing.
    pub fn new(workload: &Workload) -> Self {
        Judge {
            oracle: Oracle::new(workload),
            history: History::default(),
            runs: runs::Runs::default(),
            executions: executions::Executions::default(),
            blame: blame::Blame::default(),
            calls: calls::Calls::default(),
            sharing: sharing::Sharing::default(),
            introductions: introductions::Introductions::default(),
            news: news::News::default(),
            losses: losses::Losses::default(),
            confirmations: confirmations::Confirmations::default(),
            refusals: refusals::Refusals::default(),
            publications: publications::Publications::default(),
            exit: None,
        }
    }

    /// There is another scheduler, which knows nobody.
    pub fn scheduler_restarted(&mut self, now: Moment) {
        self.history.scheduler_restarted(now);
        self.losses.scheduler_restarted();
        self.refusals.forget_all();
        self.runs = runs::Runs::default();
        self.blame = blame::Blame::default();
        self.introductions = introductions::Introductions::default();
        self.publications = publications::Publications::default();
    }

    /// Whether an event is of a peer that is there, or says that one is.
    pub fn knows_sender(&self, event: &Event) -> bool {
        match event {
            Event::WorkerLeft { worker, .. } | Event::FromWorker { worker, .. } => {
                self.introductions.has_worker(*worker)
            }
            Event::ClientLeft { client, .. } | Event::FromClient { client, .. } => {
                self.introductions.has_client(*client)
            }
            Event::SupervisorLeft { supervisor, .. } | Event::FromSupervisor { supervisor, .. } => {
                self.introductions.has_supervisor(*supervisor)
            }
            _ => true,
        }
    }

    /// The scheduler is about to be given an event.
    pub fn event(&mut self, now: Moment, workload: &Workload, event: &Event) {
        self.history.event(now, workload, &self.runs, event);
        self.losses.event(workload, &self.runs, self.history.retirements > 0, event);
        self.refusals.next_event();
        self.sharing.event(now, event);
        self.exit = None;
        match event {
            Event::WorkerJoined { worker, environment, .. } => {
                self.introductions.worker_joined(*worker);
                self.runs.worker_joined(*worker, build_of(*environment));
            }
            Event::WorkerLeft { worker, intended, .. } => {
                if *intended {
                    self.blame.ends_on_purpose(*worker);
                }
                self.introductions.worker_left(*worker);
                self.losses.left(&self.runs, *worker);
                self.runs.worker_left(*worker);
            }
            Event::SupervisorJoined { supervisor, .. } => self.introductions.supervisor_joined(*supervisor),
            Event::SupervisorLeft { supervisor, .. } => self.introductions.supervisor_left(*supervisor),
            Event::FromSupervisor { message: SupervisorToScheduler::Exited(exit), .. } => {
                self.exit = Some(exit.intended)
            }
            Event::ClientJoined { client, .. } => self.introductions.client_joined(*client),
            Event::ClientLeft { client, .. } => {
                self.introductions.client_left(*client);
                self.refusals.client_left(*client);
            }
            Event::FromClient { client, message, .. } => {
                self.publications.asked(*client, message);
                self.refusals.heard(*client, message);
            }
            Event::FromWorker { worker, message, .. } => match message {
                WorkerToScheduler::Finished { run, .. }
                | WorkerToScheduler::Failed { run, .. }
                | WorkerToScheduler::Returned { run, .. } => self.runs.ended(*worker, *run),
                WorkerToScheduler::Stolen { runs, .. } => {
                    runs.iter().for_each(|(_, run)| self.runs.ended(*worker, *run));
                }
                WorkerToScheduler::Goodbye(_) => {
                    self.blame.ends_on_purpose(*worker);
                    self.losses.left(&self.runs, *worker);
                    self.runs.worker_left(*worker);
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// The scheduler asked for something.
    ///
    /// # Errors
    /// If it must not have.
    pub fn action(&mut self, workload: &Workload, action: &Action) -> Result<(), Failure> {
        self.introductions.check(action)?;
        match action {
            Action::Record(record) => {
                if let What::ReplicaAdded { key, worker, .. } = &record.what
                    && workload.find(*key).is_some_and(|task| workload.task(task).scattered)
                {
                    self.confirmations.begins(*worker, *key);
                }
                self.blame.noted(&record.what, self.exit == Some(true))
            }
            Action::ToWorker { worker, message: SchedulerToWorker::Run(assignment) } => {
                self.runs.assigned(workload, *worker, assignment)
            }
            Action::ToWorker { worker, message } => {
                self.confirmations.told(*worker, message)?;
                self.losses.told(workload, &self.runs, *worker, message);
                if let SchedulerToWorker::Cancel { run, .. } | SchedulerToWorker::Abandon { run, .. } = message {
                    self.runs.ended(*worker, *run);
                }
                Ok(())
            }
            Action::CloseWorker { worker, .. } => {
                // One that the scheduler sends away is not heard of again. One whose supervisor says that it has died has died.
                self.history.left(&self.runs, *worker, self.exit != Some(false));
                self.losses.left(&self.runs, *worker);
                self.runs.worker_left(*worker);
                Ok(())
            }
            Action::ToClient { client, message } => self.told(workload, *client, message),
            Action::CloseClient { client, .. } => {
                self.refusals.client_left(*client);
                self.sharing.gone(*client);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The scheduler has done all that follows from an event.
    ///
    /// # Errors
    /// If something is missing.
    pub fn event_ends(&mut self) -> Result<(), Failure> {
        self.confirmations.event_ends(&self.runs)
    }

    fn told(&mut self, workload: &Workload, client: ClientId, message: &SchedulerToClient) -> Result<(), Failure> {
        self.sharing.told(client, message)?;
        if let SchedulerToClient::Answered { request, answer } = message {
            return self.publications.answered(client, *request, answer);
        }
        if let SchedulerToClient::Refused { submission, .. } = message {
            let kept = self.publications.keys().into_iter().chain(self.sharing.keys()).collect();
            return self.refusals.refused(client, *submission, &kept);
        }
        let SchedulerToClient::News { key, want, news } = message else { return Ok(()) };
        if let KeyNews::Cancelled(_) = news {
            self.refusals.cancelled(client, *key);
        }
        let Some(task) = workload.find(*key) else {
            return Err(Failure::safety("news", format!("{client} is told of {key}, which nobody submitted")));
        };
        self.news.told(client, task, *want, news, &self.history)
    }

    /// Whether anybody has cancelled a task, or one that it needs.
    pub fn was_cancelled(&self, workload: &Workload, task: TaskIndex) -> bool {
        let needed = workload.needed_for(&[task], |_| false);
        needed.into_iter().any(|task| self.history.of(task).cancels > 0)
    }

    /// Checks an error that a client was told for a task.
    ///
    /// # Errors
    /// If nothing that happened excuses it.
    pub fn error(
        &self,
        workload: &Workload,
        config: &Config,
        task: TaskIndex,
        error: &brisk_core::error::TaskError,
    ) -> Result<(), Failure> {
        let known = errors::Known { history: &self.history, losses: &self.losses, refused: self.refusals.any() };
        errors::check(workload, config, &known, task, error)
    }
}
