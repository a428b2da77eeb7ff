//! What clients are told of the scheduler's knowledge. Nothing here changes anything.
//!
//! A question about tasks that names no keys looks at every task, as [`snapshot`](Scheduler::snapshot) does: people ask
//! these questions, not programs in a loop. What is told is bounded, by count and by length.

use std::{collections::BTreeMap, sync::Arc};

use brisk_core::{
    error::{ErrorKind, TaskError},
    id::{ClientId, RunId, WorkerId},
    key::Key,
    message::{
        Answer, CallSpec, FunctionStatus, Query, RunList, SchedulerInfo, TaskFilter, TaskList, TaskStatus, Told,
        WorkerStatus,
    },
    state::TaskState,
};

use super::{
    Scheduler,
    peers::Worker,
    record::FunctionIndex,
    slab::TaskIndex,
    task::{State, Task},
    unrepeatable::Unrepeatable,
};

mod counts;
mod detail;
mod overview;
mod remaining;

pub use counts::StateCounts;
pub use detail::{GraphSample, SampledTask, TaskDetail};
pub use overview::{FunctionOverview, Overview, WorkerDetail, WorkerOverview};

/// How many workers and functions are told of.
const MAX_LISTED: usize = 1_000;

/// Tasks are told of until their names and words take this: names are chosen by users, and the frame has a limit.
const MAX_TEXT_BYTES: usize = 1 << 20;

/// Holders told of each value.
const HOLDERS: usize = 8;

/// Bytes of an error's first line.
const ERROR_BYTES: usize = 200;

impl Scheduler {
    /// Answers a client's question. The story of a task, the age of runs, and what these say of themselves are not known here,
    /// but to whoever keeps the records.
    pub fn tell(&self, client: ClientId, query: &Query) -> Answer {
        let told = match query {
            Query::Info => Ok(Told::Info(self.info())),
            Query::Tasks(filter) => self.list(filter).map(Told::Tasks),
            Query::Call(key) => self.call_spec(client, *key).map(Told::Call),
            Query::Story(_) => Ok(Told::Story(Vec::new())),
            Query::Runs { .. } => Ok(Told::Runs(RunList::default())),
            Query::Metadata(_) => Ok(Told::Metadata(Vec::new())),
            Query::Remaining(keys) => self.remaining(keys).map(Told::Remaining),
            Query::Dump(_) => Err("this scheduler keeps no dumps".to_owned()),
            _ => Err("this scheduler does not know the question".to_owned()),
        };
        match told {
            Ok(told) => Answer::Told(Box::new(told)),
            Err(why) => Answer::Refused(TaskError::new(ErrorKind::Refused, why)),
        }
    }

    /// What people call a worker that is there.
    pub fn worker_name(&self, worker: WorkerId) -> Option<Arc<str>> {
        self.workers.find(worker).map(|w| self.workers[w].label())
    }

    /// Who runs a task now, and as which run.
    pub fn current_run(&self, key: Key) -> Option<(WorkerId, RunId)> {
        let run = self.tasks[self.tasks.find(key)?].run()?;
        Some((self.workers[run.worker].id, run.id))
    }

    /// Whether a task's value is an actor that lives on this worker.
    pub fn is_actor_on(&self, key: Key, worker: WorkerId) -> bool {
        let found = self.tasks.find(key).map(|t| &self.tasks[t]).zip(self.workers.find(worker));
        found.is_some_and(|(task, worker)| task.is_pinned() && task.is_held_by(worker))
    }

    fn info(&self) -> SchedulerInfo {
        let mut tasks = BTreeMap::<TaskState, u64>::new();
        let mut functions = BTreeMap::<FunctionIndex, (BTreeMap<TaskState, u64>, u64)>::new();
        for (_, task) in self.tasks.slab.iter() {
            let (states, nbytes) = functions.entry(task.function).or_default();
            *tasks.entry(task.state.name()).or_default() += 1;
            *states.entry(task.state.name()).or_default() += 1;
            *nbytes = nbytes.saturating_add(length(task).unwrap_or(0));
        }
        let nbytes = functions.values().fold(0u64, |sum, (_, nbytes)| sum.saturating_add(*nbytes));
        let mut functions: Vec<_> = functions.into_iter().collect();
        functions.sort_by_key(|(_, (states, _))| std::cmp::Reverse(states.values().sum::<u64>()));
        let more_functions = functions.len().saturating_sub(MAX_LISTED) as u64;
        let functions = functions.into_iter().take(MAX_LISTED).map(|(function, (states, nbytes))| {
            let info = self.functions.info(function);
            let tasks = states.into_iter().collect();
            FunctionStatus { name: info.name.clone(), place: info.place.clone(), tasks, nbytes }
        });
        let workers = self.workers.in_order();
        SchedulerInfo {
            more_workers: self.workers.in_order().count().saturating_sub(MAX_LISTED) as u64,
            workers: workers.take(MAX_LISTED).map(|(_, worker)| status_of(worker)).collect(),
            tasks: tasks.into_iter().collect(),
            functions: functions.collect(),
            more_functions,
            nbytes,
        }
    }

    fn list(&self, filter: &TaskFilter) -> Result<TaskList, String> {
        if filter.keys.len() > TaskFilter::MAX_KEYS {
            return Err(format!("no more than {} tasks can be asked for by key at once", TaskFilter::MAX_KEYS));
        }
        let most = (filter.limit as usize).min(TaskFilter::MAX_TOLD);
        let (mut list, mut text) = (TaskList::default(), 0);
        let mut add = |t: TaskIndex, task: &Task| {
            if !self.is_meant(filter, task) {
                return;
            }
            if list.tasks.len() >= most || text > MAX_TEXT_BYTES {
                list.more += 1;
                return;
            }
            let status = self.status_of_task(t, task);
            let words = status.workers.iter().chain(&status.error).map(|word| word.len()).sum::<usize>();
            text += status.task.name.len() + status.function.len() + words;
            list.tasks.push(status);
        };
        if filter.keys.is_empty() {
            self.tasks.slab.iter().for_each(|(t, task)| add(t, task));
        } else {
            filter.keys.iter().filter_map(|key| self.tasks.find(*key)).for_each(|t| add(t, &self.tasks[t]));
        }
        Ok(list)
    }

    fn is_meant(&self, filter: &TaskFilter, task: &Task) -> bool {
        filter.state.is_none_or(|state| state == task.state.name())
            && filter.function.as_ref().is_none_or(|name| self.functions.info(task.function).name == *name)
            && filter.worker.as_ref().is_none_or(|name| match &task.state {
                State::Processing(run) => self.workers[run.worker].answers_to(name),
                State::Memory { holders, .. } => {
                    holders.iter().any(|holder| self.workers[holder.worker].answers_to(name))
                }
                _ => false,
            })
    }

    pub(super) fn status_of_task(&self, t: TaskIndex, task: &Task) -> TaskStatus {
        let workers = match &task.state {
            State::Processing(run) => vec![self.workers[run.worker].label()],
            State::Memory { holders, .. } => {
                holders.iter().take(HOLDERS).map(|holder| self.workers[holder.worker].label()).collect()
            }
            _ => Vec::new(),
        };
        let error = match &task.state {
            State::Erred { error, .. } => {
                let text = error.to_string();
                let line = text.lines().next().unwrap_or_default();
                Some(line[..line.floor_char_boundary(ERROR_BYTES)].into())
            }
            _ => None,
        };
        TaskStatus {
            task: self.name(t),
            function: self.functions.info(task.function).name.clone(),
            state: task.state.name(),
            workers,
            nbytes: length(task),
            attempt: task.attempt,
            age: None,
            error,
            thread: None,
            progress: None,
        }
    }

    fn call_spec(&self, client: ClientId, key: Key) -> Result<CallSpec, String> {
        let unknown = || format!("there is no task {key}: keep a future of it, or of what depends on it, until then");
        let t = self.tasks.find(key).ok_or_else(unknown)?;
        let task = &self.tasks[t];
        let environment = self.classes.slab[task.class].environment;
        if self.clients.find(client).is_none_or(|c| self.clients[c].environment != environment) {
            return Err(format!("{} is of another build than this program, which can't call it", self.name(t)));
        }
        if task.marks.unrepeatable() == Some(Unrepeatable::Scattered) {
            return Err(format!("{} was not computed: it is a value that a program has put here", self.name(t)));
        }
        let inputs = task.dependencies.iter().map(|edge| self.name(edge.task)).collect();
        Ok(CallSpec { task: self.name(t), spec: task.spec.clone(), inputs })
    }
}

fn length(task: &Task) -> Option<u64> {
    match task.state {
        State::Memory { nbytes, .. } => Some(nbytes),
        _ => None,
    }
}

fn status_of(worker: &Worker) -> WorkerStatus {
    WorkerStatus {
        worker: worker.id,
        name: worker.name.clone(),
        address: worker.info.address.clone(),
        host: worker.info.host.clone(),
        threads: worker.info.threads,
        speed_percent: worker.speed.step().percent(),
        assigned: worker.processing.len() as u32,
        started: worker.started,
        values: worker.replicas.len() as u64,
        bytes: worker.bytes,
        memory_limit: worker.info.memory_limit,
        paused: worker.paused,
        retiring: worker.retiring,
    }
}
