//! Runs that wait for other tasks, and have given their thread up meanwhile.
//!
//! They count as nothing that their worker has to do: it is given others, and no estimate counts how long they wait. They
//! keep their place on the worker's list, their inputs, and the resources that they asked for: what waits holds on to
//! what it has made. Having started they are never asked back. (Dask's `long-running` tasks are the same, but that they count no
//! more when they go on: here they do, so that a worker whose runs came back is not given more than it can do.)
//!
//! An asynchronous run holds no thread, but a worker has a limited number of them at once. One that has submitted others
//! counts as waiting for them from then on: with as many parents as there may be, no child would ever begin.

use brisk_core::{id::RunId, key::Key};

use super::{
    Scheduler,
    class::Kind,
    quarantine::{is_place, one_place},
    slab::WorkerIndex,
    task::{Hold, Stage, State},
};

impl Scheduler {
    /// A run waits for others, without a thread.
    pub(super) fn seceded(&mut self, w: WorkerIndex, key: Key, run: RunId) {
        let Some(t) = self.current(w, key, run) else { return };
        let demand = &self.classes.slab[self.tasks[t].class].demand;
        let (kind, is_apart) = (demand.kind, demand.resources.iter().any(is_place));
        self.has_started(t, w, run);
        let State::Processing(current) = &mut self.tasks[t].state else { return };
        let before = current.hold();
        if before == Hold::Away {
            return;
        }
        current.stage = Stage::Away;
        let estimate_ns = current.estimate_ns();
        let worker = &mut self.workers[w];
        worker.away += 1;
        worker.async_tasks -= u32::from(kind == Kind::Async);
        worker.occupancy_ns -= estimate_ns;
        worker.fed_ns -= u64::from(current.fed_ns);
        if before == Hold::Thread && is_apart {
            worker.give_back(&[one_place()]);
        }
        self.note_progress(w, t);
        self.load_changed(w);
        self.note_room(w);
        self.note_spare(w);
    }

    /// A run that had seceded goes on.
    pub(super) fn rejoined(&mut self, w: WorkerIndex, key: Key, run: RunId) {
        let Some(t) = self.current(w, key, run) else { return };
        let kind = self.classes.slab[self.tasks[t].class].demand.kind;
        let State::Processing(current) = &mut self.tasks[t].state else { return };
        if current.hold() != Hold::Away {
            return;
        }
        current.stage = Stage::Back;
        let worker = &mut self.workers[w];
        worker.away -= 1;
        worker.async_tasks += u32::from(kind == Kind::Async);
        worker.occupancy_ns += current.estimate_ns();
        worker.fed_ns += u64::from(current.fed_ns);
        self.load_changed(w);
        self.watch(w);
    }
}
