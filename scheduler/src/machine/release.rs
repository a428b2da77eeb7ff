//! Who still needs what: wants come and go, and what nobody needs is dropped.

use brisk_core::{
    id::WantId,
    key::Key,
    message::{KeyNews, SchedulerToWorker},
};

use super::{
    Scheduler,
    slab::{ClientIndex, TaskIndex, WorkerIndex},
    task::{State, Task, Want},
};

impl Scheduler {
    /// A client wants a key, under a want that replaces any earlier one. What is known already is told at once.
    pub(super) fn add_want(&mut self, c: ClientIndex, t: TaskIndex, id: WantId) {
        let list = &mut self.clients[c].wants;
        let task = &mut self.tasks[t];
        match task.wants.iter_mut().find(|want| want.client == c) {
            Some(want) if want.id >= id => {
                self.counters.stale_wants += 1;
                return;
            }
            Some(want) => want.id = id,
            None => {
                task.wants.push(Want { client: c, slot: list.len() as u32, id });
                list.push(t);
            }
        }
        match &task.state {
            State::Released => self.work.needed.push(t),
            State::Memory { .. } if planted!(self, LostWant) => {}
            State::Memory { .. } => self.tell_of_memory(t, c, id),
            State::Erred { .. } => {
                let error = self.error_for(t);
                self.tell_news(c, t, id, KeyNews::Erred(error));
            }
            _ => {}
        }
    }

    /// A client wants a task no more.
    pub(super) fn remove_want(&mut self, c: ClientIndex, t: TaskIndex) {
        let wants = &mut self.tasks[t].wants;
        let Some(position) = wants.iter().position(|want| want.client == c) else { return };
        let slot = wants.swap_remove(position).slot;
        let list = &mut self.clients[c].wants;
        list.swap_remove(slot as usize);
        if let Some(&moved) = list.get(slot as usize)
            && let Some(want) = self.tasks[moved].wants.iter_mut().find(|want| want.client == c)
        {
            want.slot = slot;
        }
        self.work.unneeded.push(t);
        self.undeclare(t, c);
    }

    /// The task that `want` is a client's current want of.
    pub(super) fn wanted(&mut self, c: ClientIndex, key: Key, want: WantId) -> Option<TaskIndex> {
        let found = self.tasks.find(key).filter(|&t| {
            let current = self.tasks[t].want_of(c);
            current == Some(want) || (current.is_some() && planted!(self, WantFence))
        });
        self.counters.stale_wants += u64::from(found.is_none());
        found
    }

    /// A client gives up wants.
    pub(super) fn release(&mut self, c: ClientIndex, keys: &[(Key, WantId)]) {
        for &(key, want) in keys {
            if let Some(t) = self.wanted(c, key, want) {
                self.remove_want(c, t);
            }
        }
    }

    /// A submission names its tasks no longer.
    pub(super) fn unhold(&mut self, held: &[TaskIndex]) {
        for &t in held {
            let task = &mut self.tasks[t];
            task.holds -= 1;
            if task.holds == 0 {
                task.marks.set_held_for_lineage(false);
            }
            self.work.unneeded.push(t);
        }
    }

    /// Somebody who needed a task does so no more: if nobody else does, its run is cancelled, its value freed, and it is
    /// forgotten unless it is lineage.
    pub(super) fn drop_unneeded(&mut self, t: TaskIndex) {
        let Some(task) = self.tasks.get(t) else { return };
        let is_alive = task.is_alive();
        if is_alive && (task.is_needed() || matches!(task.state, State::Released | State::Erred { .. })) {
            return;
        }
        if matches!(task.state, State::Waiting { .. }) {
            self.make_way(t);
        }
        self.let_go(t);
        if is_alive {
            self.note_let_go(t);
            self.enter_released(t);
        } else {
            self.forget(t);
        }
    }

    /// Tells the workers that run or hold a task to stop.
    fn let_go(&mut self, t: TaskIndex) {
        let Task { key, ref state, .. } = self.tasks[t];
        match state {
            State::Processing(_) => self.cancel_run(t),
            State::Memory { holders, .. } => {
                for i in 0..holders.len() {
                    self.free(self.tasks[t].holders()[i].worker, key);
                }
            }
            _ => {}
        }
    }

    /// Tells the worker that runs a task to forget the run. The caller moves the task on.
    pub(super) fn cancel_run(&mut self, t: TaskIndex) {
        if let Some(run) = self.tasks[t].run().filter(|_| !planted!(self, ForgottenCancel))
            && !self.workers[run.worker].leaving
        {
            let (w, key, run) = (run.worker, self.tasks[t].key, run.id);
            let message = match self.work.abandons {
                true => SchedulerToWorker::Abandon { key, run },
                false => SchedulerToWorker::Cancel { key, run },
            };
            self.tell_worker(w, message);
        }
    }

    /// Tells a worker to drop a value, together with others at the end of the event.
    pub(super) fn free(&mut self, w: WorkerIndex, key: Key) {
        if planted!(self, ForgottenFree) {
            return;
        }
        let frees = &mut self.workers[w].frees;
        if frees.is_empty() {
            self.work.freeing.push(w);
        }
        frees.push(key);
    }

    /// Sends what [`free`](Self::free) has gathered. Before anything is assigned: a value that is made again must not be
    /// dropped by a message about its former copy.
    pub(super) fn flush_frees(&mut self) {
        /// Keys in one message, so that it stays far below what a frame may have.
        const KEYS: usize = 50_000;
        for place in 0..self.work.freeing.len() {
            let w = self.work.freeing[place];
            let Some(worker) = self.workers.slab.get_mut(w) else { continue };
            let mut keys = std::mem::take(&mut worker.frees);
            while keys.len() > KEYS {
                let rest = keys.split_off(KEYS);
                self.tell_worker(w, SchedulerToWorker::Free(std::mem::replace(&mut keys, rest)));
            }
            if !keys.is_empty() {
                self.tell_worker(w, SchedulerToWorker::Free(keys));
            }
        }
        self.work.freeing.clear();
        self.flush_confirms();
    }
}
