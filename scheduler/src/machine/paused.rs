//! Workers that are short of memory, and how work goes on when all of them are.
//!
//! A worker that pauses starts one task at a time and fetches one input at a time. It is given nothing new, and what it
//! has not started goes elsewhere, if there is an elsewhere; but each task only once. It may have been its inputs that
//! filled the worker, and they would fill the next one in turn.
//!
//! If every worker that may run a task is paused, only the end of some task can make room, so the wish for room must not
//! keep all tasks from starting. Then paused workers without anything to do are given one task each that *frees* memory: a
//! consumer of what they hold, the one by which most is freed, preferred to one whose inputs have to come first. If there
//! is none, one task at a time that others wait for is run all the same, below 95 % of the limit (where Dask's nanny ends
//! a worker): its value may be all that a consumer lacks. The gap to the 80 % at which workers pause is for this. Roots
//! whose results somebody wants to keep are not started: they would take memory for good.
//!
//! When nothing of this helps, whoever waits is told which workers are full and what to do about it. Dask's workers stay
//! paused without a word in this case (distributed#7389 and others).

use std::cmp::Reverse;

use super::{
    Scheduler,
    class::Kind,
    peers::Worker,
    slab::{ClassIndex, TaskIndex, WorkerIndex},
    task::State,
    timers::Timer,
};

/// Queued tasks that are looked at for one that frees memory.
const LOOKED_AT: usize = 256;

/// Above this part of its limit a worker is given nothing that only adds.
const LAST_RESORT_PER_MILLE: u64 = 950;

/// How often classes that only some workers may run are looked at while a worker is paused.
const INTERVAL: std::time::Duration = std::time::Duration::from_millis(100);

impl Scheduler {
    /// A worker has too little memory to start much, or enough again.
    pub(super) fn paused(&mut self, w: WorkerIndex, paused: bool) {
        if self.workers[w].paused == paused {
            return;
        }
        self.workers[w].paused = paused;
        self.load_changed(w);
        if !paused {
            self.paused_workers -= 1;
            self.forget_pressure(w);
            self.more_room_for_copies();
            self.note_spare(w);
            return self.note_room(w);
        }
        self.paused_workers += 1;
        self.give_up_copies_to(w);
        for t in self.workers[w].processing.clone() {
            // One that is to be started once only stays: it may be starting just now.
            let waits = self.tasks[t].run().is_some_and(|run| !run.started()) && !self.tasks[t].is_once();
            let moved = self.tasks[t].past().is_some_and(|history| history.moved_by_pause);
            if waits && !moved && self.has_open_eligible(self.tasks[t].class) {
                self.tasks[t].history().moved_by_pause = true;
                self.cancel_run(t);
                self.enter_waiting(t);
            }
        }
    }

    /// A worker is gone, or takes work again: whoever was told that all are full may be told so again later.
    pub(super) fn forget_pressure(&mut self, w: WorkerIndex) {
        for class in self.classes.of_environment(self.workers[w].environment) {
            if !self.classes.eligible(class).is_empty() {
                self.disarm_notice(class);
                self.classes.slab[class].noticed.clear();
            }
        }
    }

    /// Lets work go on where all workers are paused. `all`: for classes, too, that only some workers may run.
    pub(super) fn relieve(&mut self, all: bool) {
        if self.paused_workers == 0 || self.classes.busy.is_empty() || self.is_gathering() {
            return;
        }
        for (environment, kind) in self.classes.busy.clone() {
            let classes = match self.classes.plain(environment, kind) {
                _ if all => self.classes.of_environment(environment),
                plain => plain.into_iter().collect(),
            };
            for class in classes {
                while self.is_pressed(class) && self.relieve_class(class) {}
            }
        }
        self.arm_relief();
    }

    pub(super) fn arm_relief(&mut self) {
        if self.relief_at.is_none() {
            let at = self.now + INTERVAL;
            self.relief_at = Some(at);
            self.timers.insert(at, Timer::Relief);
        }
    }

    /// Whether tasks of a class are queued, and all who may run them are paused, or about to go.
    pub(super) fn is_pressed(&self, class: ClassIndex) -> bool {
        let mut eligible = self.classes.eligible(class).iter();
        let queued = self.classes.slab[class].queue.iter().next();
        queued.is_some_and(|t| matches!(self.tasks[t].state, State::Queued))
            && !self.has_open_eligible(class)
            && eligible.any(|&w| self.workers[w].paused)
    }

    fn has_open_eligible(&self, class: ClassIndex) -> bool {
        self.classes.eligible(class).iter().any(|&w| self.workers[w].takes_work())
    }

    /// Gives one task of a class to a paused worker, or sees to it that clients hear why none can go on. Whether there was
    /// one.
    fn relieve_class(&mut self, class: ClassIndex) -> bool {
        let idle = self.idle_paused(class);
        let kind = self.classes.slab[class].demand.kind;
        let busy = self.classes.eligible(class).iter().any(|&w| !is_idle(&self.workers[w], kind));
        let found = self.freeing_task(class, &idle).or_else(|| {
            // One at a time: what it adds may be enough for a consumer.
            if busy { None } else { self.last_resort(class, &idle) }
        });
        match found {
            Some((t, w)) => {
                self.assign(t, w);
                true
            }
            None => {
                if !busy {
                    self.arm_notice(class);
                }
                false
            }
        }
    }

    /// The paused workers that may run tasks of a class, and have nothing to do.
    pub(super) fn idle_paused(&self, class: ClassIndex) -> Vec<WorkerIndex> {
        let demand = &self.classes.slab[class].demand;
        let mut idle = self.classes.eligible(class).to_vec();
        idle.retain(|&w| {
            let worker = &self.workers[w];
            worker.paused && !worker.retiring && is_idle(worker, demand.kind) && worker.has_left(&demand.resources)
        });
        idle
    }

    /// Of the queued tasks that consume what an idle worker holds: the one by which most is freed there, less what must
    /// come in for it; of equals the first.
    pub(super) fn freeing_task(&self, class: ClassIndex, idle: &[WorkerIndex]) -> Option<(TaskIndex, WorkerIndex)> {
        let mut best: Option<((i128, Reverse<usize>), TaskIndex, WorkerIndex)> = None;
        if idle.is_empty() {
            return None;
        }
        for (place, t) in self.classes.slab[class].queue.iter().take(LOOKED_AT).enumerate() {
            for &w in idle {
                let (mut here, mut freed, mut missing) = (0u128, 0i128, 0i128);
                for edge in &self.tasks[t].dependencies {
                    let input = &self.tasks[edge.task];
                    let nbytes = input.nbytes();
                    if input.is_held_by(w) {
                        here += u128::from(nbytes) + 1;
                        let last = input.waiters == 1 && input.wants.is_empty() && input.holds == 0;
                        freed += if last { i128::from(nbytes) } else { 0 };
                    } else {
                        missing += i128::from(nbytes);
                    }
                }
                let limit = self.workers[w].info.memory_limit;
                let fits = limit == 0 || missing <= i128::from(limit);
                let score = (freed - missing, Reverse(place));
                if here > 0 && fits && best.is_none_or(|(other, ..)| score > other) {
                    best = Some((score, t, w));
                }
            }
        }
        best.map(|(_, t, w)| (t, w))
    }

    /// The first queued task that others wait for, and the emptiest worker for it.
    fn last_resort(&self, class: ClassIndex, idle: &[WorkerIndex]) -> Option<(TaskIndex, WorkerIndex)> {
        let w = idle.iter().copied().min_by_key(|&w| self.fullness(w))?;
        if self.fullness(w) > LAST_RESORT_PER_MILLE {
            return None;
        }
        let mut queued = self.classes.slab[class].queue.iter().take(LOOKED_AT);
        queued.find(|&t| self.tasks[t].waiters > 0).map(|t| (t, w))
    }

    /// Which workers are full, and what to do.
    pub(super) fn explain_pressure(&self, class: ClassIndex) -> String {
        /// Workers named.
        const NAMED: usize = 3;
        let eligible = self.classes.eligible(class);
        let paused: Vec<_> = eligible.iter().copied().filter(|&w| self.workers[w].paused).collect();
        let of = |w: &WorkerIndex| {
            let worker = &self.workers[*w];
            format!("{} holds {} of {} bytes", worker.label(), worker.bytes, worker.info.memory_limit)
        };
        let more = paused.len().saturating_sub(NAMED);
        let mut named = paused.iter().take(NAMED).map(of).collect::<Vec<_>>().join(", ");
        if more > 0 {
            named.push_str(&format!(", and {more} more are like that"));
        }
        format!(
            "all {} workers that may run it are short of memory, and no task is left that would free some: {named}. Drop \
             the futures whose values are not needed any more, start more workers, or give the workers more memory",
            paused.len(),
        )
    }
}

/// Whether a worker has nothing to do as far as another task is concerned. One that needs a thread does not wait for
/// `async` tasks, which may wait for it.
fn is_idle(worker: &Worker, kind: Kind) -> bool {
    match kind {
        Kind::Thread => worker.assigned(Kind::Thread) == 0,
        Kind::Async => worker.processing.is_empty(),
    }
}
