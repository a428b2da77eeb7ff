//! The story of one task: what was said about it, and what became of it, line by line.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use brisk_core::{
    id::{ClientId, WorkerId},
    key::Key,
    message::{ClientToScheduler, KeyNews, SchedulerToClient, SchedulerToWorker, WorkerToScheduler},
    state::TaskState,
    time::Moment,
};
use thiserror::Error;

use super::replay::Step;
use crate::machine::{Action, Event, Record, What};

/// Which task is meant: `inc-5f3a91c2` as people see it, the digits of its key, or the name that a user chose for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskQuery {
    /// The first digits of the key, as a number, and how many there are.
    digits: Option<(u128, u32)>,
    chosen: Key,
}

/// No task of a recording is meant.
#[derive(Debug, Error)]
#[error(
    "the recording tells of no task `{0}`: name it as messages do (inc-5f3a91c2), by its key's digits, or by its name"
)]
pub struct UnknownTask(pub String);

/// Digits that a key has.
const DIGITS: u32 = 32;

impl TaskQuery {
    /// What `text` means.
    pub fn new(text: &str) -> Self {
        let digits = text.rsplit('-').next().unwrap_or(text);
        // Fewer digits than a screen shows are more likely a name.
        let enough = (8..=DIGITS as usize).contains(&digits.len());
        let number = u128::from_str_radix(digits, 16).ok().filter(|_| enough);
        TaskQuery { digits: number.map(|number| (number, digits.len() as u32)), chosen: Key::named(text) }
    }

    /// Whether a key is meant.
    pub fn means(&self, key: Key) -> bool {
        let by_digits = self.digits.is_some_and(|(number, count)| key.as_u128() >> (4 * (DIGITS - count)) == number);
        by_digits || key == self.chosen
    }
}

/// The story of one task, as it grows.
#[derive(Debug)]
pub struct Story {
    query: TaskQuery,
    workers: BTreeMap<WorkerId, Arc<str>>,
    clients: BTreeMap<ClientId, Arc<str>>,
    lines: Vec<(Moment, u64, String)>,
}

impl Story {
    /// The story of this task, of which nothing is known yet.
    pub fn new(query: TaskQuery) -> Self {
        Story { query, workers: BTreeMap::new(), clients: BTreeMap::new(), lines: Vec::new() }
    }

    /// Whether nothing was told of the task.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Takes an event and what it led to.
    pub fn tell(&mut self, event: &Event, step: &Step) {
        match event {
            Event::WorkerJoined { worker, name, .. } => drop(self.workers.insert(*worker, name.clone())),
            Event::ClientJoined { client, name, .. } => drop(self.clients.insert(*client, name.clone())),
            _ => {}
        }
        let mut lines = Vec::new();
        match event {
            Event::FromClient { client, message, .. } => {
                let who = self.client(*client);
                lines.extend(self.client_says(message).map(|what| format!("{who} {what}")));
            }
            Event::FromWorker { worker, message, .. } => {
                let who = self.worker(*worker);
                lines.extend(self.worker_says(message).map(|what| format!("{who} {what}")));
            }
            _ => {}
        }
        lines.extend(step.actions.iter().filter_map(|action| self.action(action)));
        // Why a worker is gone is said once, above what it means for the task.
        if let (Event::WorkerLeft { worker, cause, .. }, false) = (event, lines.is_empty()) {
            lines.insert(0, format!("{} is gone: {cause}", self.worker(*worker)));
        }
        self.lines.extend(lines.into_iter().map(|line| (step.at, step.number, line)));
    }

    fn client_says(&self, message: &ClientToScheduler) -> Option<String> {
        let among = |keys: &[(Key, _)]| keys.iter().any(|(key, _)| self.query.means(*key));
        Some(match message {
            ClientToScheduler::Submit { submission, tasks, wants, .. } => {
                match (tasks.iter().find(|task| self.query.means(task.key)), among(wants)) {
                    (Some(task), wanted) => {
                        let inputs = task.dependencies.len();
                        let wanted = if wanted { ", and wants its value" } else { "" };
                        format!("submits it in submission {submission}, with {inputs} inputs{wanted}")
                    }
                    (None, true) => format!("wants its value, in submission {submission}"),
                    (None, false) => return None,
                }
            }
            ClientToScheduler::SubmitFrom { submission, parent, run } if self.query.means(*parent) => {
                format!("says that submission {submission} comes from its run {run}")
            }
            ClientToScheduler::Release(keys) if among(keys) => "wants its value no more".to_owned(),
            ClientToScheduler::Cancel { keys, force } if among(keys) => {
                format!("cancels it{}", if *force { " for everybody" } else { "" })
            }
            ClientToScheduler::Abandon(keys) if among(keys) => "cancels it, and lets go of its thread".to_owned(),
            ClientToScheduler::Retry(keys) if among(keys) => "asks for it to be tried again".to_owned(),
            ClientToScheduler::Detach(keys) if keys.iter().any(|key| self.query.means(*key)) => {
                "lets it run to its end, wanted or not".to_owned()
            }
            ClientToScheduler::Missing { key, holders, .. } if self.query.means(*key) => {
                format!("could not get its value from {}", self.workers(holders))
            }
            _ => return None,
        })
    }

    fn worker_says(&self, message: &WorkerToScheduler) -> Option<String> {
        let is_it = |key: &Key| self.query.means(*key);
        Some(match message {
            WorkerToScheduler::Started { key, run } if is_it(key) => format!("has started run {run}"),
            WorkerToScheduler::Finished { key, run, nbytes, took, .. } if is_it(key) => {
                format!("has finished run {run} after {took:?}: {nbytes} bytes")
            }
            WorkerToScheduler::Failed { key, run, failure, took } if is_it(key) => {
                format!("failed in run {run} after {took:?}: {}", failure.message)
            }
            WorkerToScheduler::Returned { key, run, reason } if is_it(key) => format!("hands run {run} back: {reason}"),
            WorkerToScheduler::Added(values) if values.iter().any(|(key, _)| is_it(key)) => {
                "has a copy of its value".to_owned()
            }
            WorkerToScheduler::Offered(values) if values.iter().any(|(key, _)| is_it(key)) => {
                "offers its value, made in an earlier life of the scheduler".to_owned()
            }
            WorkerToScheduler::Received(values) if values.iter().any(|(key, _)| is_it(key)) => {
                "was given its value by a client".to_owned()
            }
            WorkerToScheduler::Dropped(keys) if keys.iter().any(is_it) => "has dropped its value".to_owned(),
            WorkerToScheduler::Missing { key, holders } if is_it(key) => {
                format!("could not get its value from {}", self.workers(holders))
            }
            WorkerToScheduler::Stolen { runs, .. } if runs.iter().any(|(key, _)| is_it(key)) => {
                "hands it over, not having started it".to_owned()
            }
            _ => return None,
        })
    }

    fn action(&self, action: &Action) -> Option<String> {
        match action {
            Action::ToWorker { worker, message } => {
                let who = self.worker(*worker);
                Some(match message {
                    SchedulerToWorker::Run(assignment) if self.query.means(assignment.task.key) => {
                        format!(
                            "{who} is to run {}: run {}, attempt {}",
                            assignment.task, assignment.run, assignment.attempt
                        )
                    }
                    SchedulerToWorker::Cancel { key, run } if self.query.means(*key) => {
                        format!("{who} is to forget run {run}")
                    }
                    SchedulerToWorker::Abandon { key, run } if self.query.means(*key) => {
                        format!("{who} is to forget run {run}, and to let go of its thread")
                    }
                    SchedulerToWorker::Free(keys) if keys.iter().any(|key| self.query.means(*key)) => {
                        format!("{who} is to drop its value")
                    }
                    SchedulerToWorker::Acquire(values) if values.iter().any(|value| self.query.means(value.key)) => {
                        format!("{who} is to fetch a copy of its value")
                    }
                    SchedulerToWorker::Steal { runs, .. } if runs.iter().any(|(key, _)| self.query.means(*key)) => {
                        format!("{who} is asked to hand it over")
                    }
                    _ => return None,
                })
            }
            Action::ToClient { client, message: SchedulerToClient::News { key, news, .. } }
                if self.query.means(*key) =>
            {
                let news = match news {
                    KeyNews::Memory { nbytes, holders, .. } => {
                        format!("its value exists, {nbytes} bytes, on {}", self.workers(holders))
                    }
                    KeyNews::Erred(error) => format!("it failed: {error}"),
                    KeyNews::Cancelled(error) => format!("it was cancelled: {error}"),
                    KeyNews::Pending => "its value was lost and is computed again".to_owned(),
                    other => format!("{other:?}"),
                };
                Some(format!("{} is told: {news}", self.client(*client)))
            }
            Action::Record(Record { what, .. }) => self.record(what),
            _ => None,
        }
    }

    fn record(&self, what: &What) -> Option<String> {
        match what {
            What::Transition { key, from, to, run, .. } if self.query.means(*key) => {
                let word = |state: TaskState| format!("{state:?}").to_lowercase();
                let run = run.map_or_else(String::new, |(worker, run)| match to {
                    TaskState::Processing => format!(" on {} as run {run}", self.worker(worker)),
                    _ => format!(", run {run} on {}", self.worker(worker)),
                });
                Some(format!("{} → {}{run}", word(*from), word(*to)))
            }
            What::Suspected { key, worker, run, deaths, .. } if self.query.means(*key) => {
                Some(format!("is suspected: {} died under run {run}, death {deaths} so far", self.worker(*worker)))
            }
            What::Recompute { key, .. } if self.query.means(*key) => {
                Some("the last copy of its value was lost: it is computed again".to_owned())
            }
            What::ReplicaLost { key, worker, holders } if self.query.means(*key) => {
                Some(format!("{} has its value no more; {holders} others have", self.worker(*worker)))
            }
            _ => None,
        }
    }

    fn worker(&self, id: WorkerId) -> String {
        self.workers.get(&id).map_or_else(|| format!("worker {id}"), |name| format!("worker {name} ({id})"))
    }

    fn client(&self, id: ClientId) -> String {
        self.clients.get(&id).map_or_else(|| format!("client {id}"), |name| format!("client {name} ({id})"))
    }

    fn workers(&self, ids: &[WorkerId]) -> String {
        let names: Vec<_> = ids.iter().map(|id| self.worker(*id)).collect();
        if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
    }
}

/// A line for each thing, with the time and the event's number.
impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = None;
        for (at, number, line) in &self.lines {
            // What an error says may take several lines.
            let line = line.replace('\n', &format!("\n{:>29}  ", ""));
            if before == Some(*number) {
                writeln!(f, "{:>29}  {line}", "")?;
            } else {
                let at = Duration::from_nanos(at.as_nanos()).as_secs_f64();
                writeln!(f, "{at:>14.6} s  {:>11}  {line}", format!("#{number}"))?;
            }
            before = Some(*number);
        }
        Ok(())
    }
}
