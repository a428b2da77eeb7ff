//! What is said when a task fails: which task, where, and for whom.

use std::{fmt, sync::Arc};

use brisk_core::{
    error::{ErrorKind, Failure, TaskError, WAY},
    id::{RunId, WantId},
    message::{KeyNews, SchedulerToClient},
    payload::Payload,
    task::TaskName,
};

use super::{
    Scheduler,
    slab::{ClientIndex, TaskIndex, WorkerIndex},
    task::{Death, State, Task, Want},
};

impl Scheduler {
    /// What people call a task.
    pub(super) fn name(&self, t: TaskIndex) -> TaskName {
        self.name_of(&self.tasks[t])
    }

    pub(super) fn name_of(&self, task: &Task) -> TaskName {
        match task.options().and_then(|options| options.name.clone()) {
            Some(name) => TaskName::chosen(name, task.key),
            None => TaskName::of_call(self.functions.info(task.function).name.clone(), task.key),
        }
    }

    /// An error of a task itself.
    pub(super) fn error_of(&self, t: TaskIndex, failure: Failure, worker: Option<Arc<str>>) -> TaskError {
        let task = &self.tasks[t];
        TaskError::from(failure).with(|report| {
            report.task = Some(self.name(t));
            let place = &self.functions.info(task.function).place;
            report.place = (!place.is_empty()).then(|| place.clone());
            report.worker = worker;
            report.attempt = task.attempt;
        })
    }

    /// What a run's own failure becomes.
    pub(super) fn run_error(&self, t: TaskIndex, w: WorkerIndex, failure: Failure) -> TaskError {
        self.error_of(t, failure, Some(self.workers[w].label()))
    }

    /// A task has a dependency that failed: it fails with that error, and a way that is one longer.
    pub(super) fn poison(&mut self, t: TaskIndex) {
        let Some(task) = self.tasks.get(t).filter(|task| task.state.is_unfinished()) else { return };
        let failed = task.dependencies.iter().find_map(|edge| match &self.tasks[edge.task].state {
            State::Erred { error, path } => Some((edge.task, error.clone(), path.clone())),
            _ => None,
        });
        let Some((dependency, error, path)) = failed else { return };
        let path = self.lengthened(path, dependency, &error);
        self.cancel_run(t);
        self.enter_erred(t, error, Some(path));
    }

    /// The way to a dependent of `t`, given the way to `t`.
    fn lengthened(&self, path: Option<Arc<[TaskName]>>, t: TaskIndex, error: &TaskError) -> Arc<[TaskName]> {
        match path {
            // `t` is the task that failed.
            None => Arc::new([]),
            Some(path) if path.len() < WAY => path.iter().cloned().chain([self.name(t)]).collect(),
            Some(path) if path.len() == WAY => {
                let key = error.key().unwrap_or(self.tasks[t].key);
                path.iter().cloned().chain([TaskName::chosen("…".into(), key)]).collect()
            }
            Some(path) => path,
        }
    }

    /// The error of a failed task as those who asked for it see it.
    pub(super) fn error_for(&self, t: TaskIndex) -> TaskError {
        match &self.tasks[t].state {
            State::Erred { error, path: None } => error.clone(),
            State::Erred { error, path: Some(path) } => error.clone().with(|report| {
                report.needed_by = path.iter().cloned().chain([self.name(t)]).collect();
            }),
            state => {
                TaskError::new(ErrorKind::DataLost, format!("{} did not fail: it is {:?}", self.name(t), state.name()))
            }
        }
    }

    /// Tells everybody who wants a failed task.
    pub(super) fn tell_of_error(&mut self, t: TaskIndex) {
        if self.tasks[t].wants.is_empty() {
            return;
        }
        let error = self.error_for(t);
        for i in 0..self.tasks[t].wants.len() {
            let want = self.tasks[t].wants[i];
            self.tell_news(want.client, t, want.id, KeyNews::Erred(error.clone()));
        }
    }

    /// Tells everybody who wants a finished task, passing the value on if it came along.
    pub(super) fn tell_all_of_memory(&mut self, t: TaskIndex, value: Option<Payload>) {
        let Some(&last) = self.tasks[t].wants.last() else { return };
        for i in 0..self.tasks[t].wants.len() - 1 {
            let Want { client, id, .. } = self.tasks[t].wants[i];
            self.pass_value(t, client, id, value.clone());
        }
        self.pass_value(t, last.client, last.id, value);
    }

    /// Tells one client of a value that is there.
    pub(super) fn tell_of_memory(&mut self, t: TaskIndex, c: ClientIndex, id: WantId) {
        self.pass_value(t, c, id, None);
    }

    fn pass_value(&mut self, t: TaskIndex, c: ClientIndex, id: WantId, value: Option<Payload>) {
        let holders = self.holders_for_client(t, c, id.0);
        let task = &self.tasks[t];
        let (key, nbytes) = (task.key, task.nbytes());
        let news = KeyNews::Memory { nbytes, holders, value };
        self.tell_client(c, SchedulerToClient::News { key, want: id, news });
    }

    pub(super) fn tell_news(&mut self, c: ClientIndex, t: TaskIndex, want: WantId, news: KeyNews) {
        let key = self.tasks[t].key;
        self.tell_client(c, SchedulerToClient::News { key, want, news });
    }

    /// Too many workers have died under a task.
    pub(super) fn worker_died(&self, t: TaskIndex) -> TaskError {
        let deaths = self.tasks[t].past().map_or(&[][..], |history| &history.deaths);
        let told = deaths.iter().enumerate().map(|(i, death)| {
            let before = i.checked_sub(1).map(|before| &deaths[before].cause);
            Told { death, again: before == Some(&death.cause) }.to_string()
        });
        let told: Vec<_> = told.collect();
        let hungry = deaths.iter().any(|death| death.cause.contains("out of memory"));
        let advice = match hungry {
            true => "It needs more memory than its worker has: give workers more, or fewer threads to share it",
            false => "It probably ends its process or needs more memory than there is",
        };
        let message = format!(
            "{} workers died while they ran it, and {} are allowed: {}. {advice}",
            deaths.len(),
            self.config.allowed_failures,
            told.join("; "),
        );
        let last = deaths.last().map(|death| death.worker.clone());
        self.error_of(t, Failure::new(ErrorKind::WorkerDied, message), last)
    }

    /// A value was lost on the way, or a task handed back, too often.
    pub(super) fn lost_too_often(&self, t: TaskIndex, reason: &str) -> TaskError {
        let message = format!(
            "it was given up after {} losses, the last because {reason}. Can all workers reach each other?",
            self.config.allowed_losses
        );
        self.error_of(t, Failure::new(ErrorKind::DataLost, message), None)
    }

    /// A client cancelled a task.
    pub(super) fn cancelled(&self, t: TaskIndex, by: ClientIndex) -> TaskError {
        let client = &self.clients[by];
        let who = if client.name.is_empty() { client.id.to_string() } else { format!("`{}`", client.name) };
        self.error_of(t, Failure::new(ErrorKind::Cancelled, format!("it was cancelled by client {who}")), None)
    }
}

/// A death as errors tell it: where, how, in which attempt, and beside what.
struct Told<'a> {
    death: &'a Death,
    /// Whether the death before it, which is told too, had the same cause.
    again: bool,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let death = self.death;
        let cause = if self.again { "the same again" } else { &death.cause };
        write!(f, "{} in attempt {} ({cause}", death.worker, death.attempt)?;
        if !death.started {
            f.write_str("; it had not said that it had started it")?;
        }
        for (i, name) in death.beside.iter().enumerate() {
            f.write_str(if i == 0 { "; beside " } else { ", " })?;
            write!(f, "{name}")?;
        }
        if death.more > 0 {
            write!(f, " and {} more", death.more)?;
        }
        f.write_str(")")
    }
}

/// The text for a run that its worker gave back.
pub(super) fn returned(run: RunId, worker: &str, reason: &str) -> String {
    format!("worker {worker} handed run {run} back: {reason}")
}
