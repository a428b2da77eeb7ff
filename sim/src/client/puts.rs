//! Values that a client puts on workers itself, as `scatter` does: it asks for places, sends each value to its place, and
//! tells the scheduler who holds what of them. What can't be put is given up.

use std::collections::BTreeMap;

use brisk_core::{
    id::{RequestId, WorkerId},
    message::{ClientToScheduler, ScatteredValue},
};
use smallvec::smallvec;

use super::{Client, Handle, State};
use crate::workload::{TaskIndex, Workload};

impl Client {
    /// Asks where the values of these tasks may be put.
    pub fn scatter(&mut self, workload: &Workload, tasks: Vec<TaskIndex>) {
        let request = self.request();
        self.requests.insert(request, 0);
        let nbytes = tasks.iter().map(|task| workload.task(*task).nbytes).collect();
        self.unplaced.insert(request, tasks);
        self.outbox.push_back(ClientToScheduler::Places { request, nbytes, workers: Vec::new() });
    }

    /// The scheduler names a place for each value.
    pub fn placed(&mut self, request: RequestId, places: &[WorkerId]) {
        let tasks = self.unplaced.remove(&request).unwrap_or_default();
        let mut by_worker: BTreeMap<WorkerId, Vec<TaskIndex>> = BTreeMap::new();
        for (task, worker) in tasks.into_iter().zip(places) {
            by_worker.entry(*worker).or_default().push(task);
        }
        self.parcels.extend(by_worker);
    }

    /// A worker holds these values now. The scheduler is told, and they are wanted from here on.
    pub fn stored(&mut self, workload: &Workload, worker: WorkerId, tasks: &[TaskIndex]) {
        let submission = self.request();
        let (mut values, mut replaced) = (Vec::new(), Vec::new());
        for task in tasks {
            let (key, nbytes) = (workload.task(*task).key, workload.task(*task).nbytes);
            let failed = |handle: &Handle| matches!(handle.state, State::Erred(_) | State::Cancelled);
            // One that is wanted already has one more holder.
            let live = self.handles.get(task).filter(|handle| !handle.ended && !failed(handle));
            let is_new = live.is_none();
            let want = live.map(|handle| handle.want).unwrap_or_else(|| {
                let want = self.next_want();
                let handle = Handle { want, submission, gathers: true, state: State::Pending, ended: false };
                replaced.extend(self.handles.insert(*task, handle).map(|old| (key, old.want)));
                want
            });
            values.push(ScatteredValue { key, want, is_new, nbytes, holders: smallvec![worker], replicas: 1 });
        }
        if !values.is_empty() {
            self.outbox.push_back(ClientToScheduler::Scattered(values));
        }
        if !replaced.is_empty() {
            self.outbox.push_back(ClientToScheduler::Release(replaced));
        }
    }
}
