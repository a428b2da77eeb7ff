//! Scattered values: those that a client has put into workers' stores itself.
//!
//! Each is a task like any other, so that it is wanted, depended on, replicated and freed by the same rules; only that it
//! is in memory from the beginning and can't be [computed](super::unrepeatable). Its function is a word for errors and
//! records. Keys are of the content: the same value scattered twice is one, held in more places.
//!
//! That a worker holds such a value is said more than once: by the client, and by the worker that received it, or fetched
//! it, or brought it along. What is said second may come after a message to free the copy was sent. So whoever begins to
//! count as a holder is asked to confirm it, after all such messages. Of a computed value its worker speaks once.

use brisk_core::{
    error::{ErrorKind, Failure},
    id::WantId,
    key::Key,
    message::{KeyNews, Priority, ScatteredValue, SchedulerToClient, SchedulerToWorker},
    options::TaskOptions,
    payload::Payload,
};

use super::{
    Scheduler,
    class::Kind,
    slab::{ClientIndex, TaskIndex, WorkerIndex},
    task::{State, Task},
    unrepeatable::Unrepeatable,
};

impl Scheduler {
    /// A client has put values into workers' stores.
    pub(super) fn scattered(&mut self, c: ClientIndex, values: Vec<ScatteredValue>) {
        for value in values {
            self.scattered_one(c, value);
        }
    }

    fn scattered_one(&mut self, c: ClientIndex, value: ScatteredValue) {
        let ScatteredValue { key, want, is_new, nbytes, holders, replicas } = value;
        let mut there: Vec<WorkerIndex> = holders.iter().filter_map(|&id| self.workers.find(id)).collect();
        there.sort_unstable();
        there.dedup();
        let Some(t) = self.tasks.find(key).or_else(|| self.insert_scattered(c, key, replicas)) else {
            there.into_iter().for_each(|w| self.free(w, key));
            if is_new {
                self.refuse_scattered(c, key, want);
            }
            return;
        };
        let is_scattered = self.tasks[t].marks.unrepeatable() == Some(Unrepeatable::Scattered);
        let is_back = !there.is_empty() || self.offers.0.contains_key(&key);
        if is_scattered && is_back && matches!(self.tasks[t].state, State::Erred { .. }) {
            self.enter_released(t);
        }
        // The workers may have told of it before the client does; or brought it along, and the client names them as they were
        // called before.
        if is_scattered && matches!(self.tasks[t].state, State::Released) {
            self.adopt(t);
        }
        for w in there {
            self.scattered_to(t, w, nbytes);
        }
        if is_scattered && matches!(self.tasks[t].state, State::Released) {
            self.fail_unheld(t, holders.len());
        }
        if is_new {
            self.add_want(c, t, want);
        }
        // If the want was an old one, or has ended on the way of this message, nobody may need it.
        self.work.unneeded.push(t);
    }

    /// A worker holds a scattered value. It is taken as any copy is, and is the first of one that was lost.
    fn scattered_to(&mut self, t: TaskIndex, w: WorkerIndex, nbytes: u64) {
        let task = &self.tasks[t];
        if task.marks.unrepeatable() == Some(Unrepeatable::Scattered) && matches!(task.state, State::Released) {
            return self.enter_memory(t, nbytes, w);
        }
        self.added(w, task.key, nbytes);
    }

    /// A worker begins to count as a holder of a value. If that was scattered, it is asked whether it is one.
    pub(super) fn confirm_holder(&mut self, t: TaskIndex, w: WorkerIndex) {
        if self.tasks[t].marks.unrepeatable() == Some(Unrepeatable::Scattered) && !planted!(self, HolderNotAsked) {
            self.work.confirming.push((w, self.tasks[t].key));
        }
    }

    /// Sends what [`confirm_holder`](Self::confirm_holder) has gathered. After what is to be freed: the answer has to be of
    /// what is there then.
    pub(super) fn flush_confirms(&mut self) {
        /// Keys in one message, so that it stays far below what a frame may have.
        const KEYS: usize = 50_000;
        if self.work.confirming.is_empty() {
            return;
        }
        let mut asked = std::mem::take(&mut self.work.confirming);
        asked.sort_by_key(|&(w, _)| w);
        for of_worker in asked.chunk_by(|(one, _), (other, _)| one == other) {
            for some in of_worker.chunks(KEYS) {
                let (w, _) = some[0];
                if self.workers.slab.get(w).is_some() {
                    let keys = some.iter().map(|&(_, key)| key).collect();
                    self.tell_worker(w, SchedulerToWorker::Confirm(keys));
                }
            }
        }
    }

    /// None of those who were to hold it is there any more.
    fn fail_unheld(&mut self, t: TaskIndex, named: usize) {
        let message = format!(
            "none of the {named} workers that this value was scattered to is there any more, and nothing can compute it: \
             scatter it again"
        );
        let error = self.error_of(t, Failure::new(ErrorKind::DataLost, message), None);
        self.enter_erred(t, error, None);
    }

    /// A task without a function. `None` if there may be no more tasks.
    fn insert_scattered(&mut self, c: ClientIndex, key: Key, replicas: u32) -> Option<TaskIndex> {
        if self.tasks.len() >= self.config.max_tasks as usize {
            return None;
        }
        let function = self.functions.scattered();
        let (environment, account) = (self.clients[c].environment, self.clients[c].account);
        let class = self.classes.join(environment, Kind::Thread, None, &self.workers);
        let options = (replicas != 1).then(|| {
            let mut options = TaskOptions::default();
            // One on every worker: as many as there are, however many.
            options.replicas = if replicas == 0 { u32::MAX } else { replicas };
            Box::new(options)
        });
        let spec = Payload::from_bytes(Vec::new());
        let mut task = Task::new(key, function, class, account, spec, options, Priority::default());
        task.marks.set_unrepeatable(Some(Unrepeatable::Scattered));
        self.functions.task_came(function, task.state.name());
        Some(self.tasks.insert(task, &[]))
    }

    fn refuse_scattered(&mut self, c: ClientIndex, key: Key, want: WantId) {
        let message = format!("the scheduler is full: it has {} tasks", self.tasks.len());
        let error = brisk_core::error::TaskError::new(ErrorKind::Refused, message);
        self.tell_client(c, SchedulerToClient::News { key, want, news: KeyNews::Erred(error) });
    }
}
