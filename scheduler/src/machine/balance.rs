//! Balance: moving runs that have not started from workers with much ahead to workers with threads to spare.
//!
//! Tasks are bound late, so mostly there is nothing to balance. But hundreds of short calls may be ahead at one worker, or
//! longer ones because their inputs are there, when another joins, is no longer paused, stays after all, or runs dry; and
//! `async` calls, which hold no thread but need one to start, may be stuck where all threads are taken.
//!
//! All is looked at together now and then, not with each task: at a fixed interval while anybody has work ahead, and
//! sooner, but not much, once somebody has a thread to spare. A look is bounded in what it looks at; whoever was passed
//! over comes first in a later one.
//!
//! A run is moved if its thief could start it earlier: once that has done what it has and was promised, its inputs have
//! come over the links as measured, and the question has made its round; a slow thief must make up for how much longer the
//! run takes there. The least urgent runs go first: they would start
//! last. (Dask weighs occupancy against the cost of moving as well, but looks through all workers whenever one is idle,
//! and forgets what it has asked for; HyperQueue takes the least urgent ones too.) What has not begun to move can't be
//! taken too often: see [`stealing`](super::stealing) for the rules.

use std::{cmp::Reverse, time::Duration};

use brisk_core::time::Moment;
use serde::{Deserialize, Serialize};

use super::{
    Scheduler,
    class::{KINDS, Kind},
    functions::nanos,
    moves::Moves,
    peers::Worker,
    slab::{TaskIndex, WorkerIndex},
    stealing::{MOVES, Theft},
    task::Run,
    timers::Timer,
};

/// The shortest time between two looks.
const BETWEEN: Duration = Duration::from_millis(5);

/// Workers that one look finds work for.
const THIEVES: usize = 16;

/// Runs, and inputs of runs, that one look looks at.
const LOOKED_AT: usize = 1_024;

/// What looks remember.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Looks {
    /// When the last one was.
    last: Moment,
    /// How many there were.
    count: usize,
    /// Runs up to this number were assigned a while ago, as watches go.
    old: u64,
    /// Those up to this one will have been so, a while after this moment.
    recent: (u64, Moment),
}

/// A worker with a thread to spare, with what it was promised and what this look adds.
#[derive(Debug)]
struct Thief {
    w: WorkerIndex,
    threads: usize,
    /// How many more runs it may be given, by kind.
    room: [usize; 2],
    runnable: usize,
    async_tasks: usize,
    occupancy_ns: u64,
    /// What moving inputs for it takes, of all that this look has found.
    moving_ns: u64,
    /// Whether it was promised something, which may take what else it has of a resource.
    promised: bool,
}

/// A worker with work ahead, less what this look takes from it.
#[derive(Clone, Copy, Debug)]
struct Victim {
    w: WorkerIndex,
    threads: usize,
    runnable: usize,
    async_tasks: usize,
    occupancy_ns: u64,
}

impl Scheduler {
    /// A worker may have a thread to spare: if others have work ahead, they are looked at soon.
    pub(super) fn note_spare(&mut self, w: WorkerIndex) {
        let Some(at) = self.watch_at else { return };
        let soon = self.now.max(self.looks.last + BETWEEN);
        if soon < at && self.workers[w].has_spare_thread() {
            self.timers.remove(at, Timer::Watch);
            self.timers.insert(soon, Timer::Watch);
            self.watch_at = Some(soon);
        }
    }

    /// Looks for workers with threads to spare and, if there are some, for runs that would start there earlier. Done when
    /// all that waited in queues has been assigned.
    pub(super) fn balance(&mut self) {
        if !std::mem::take(&mut self.work.look) {
            return;
        }
        self.note_look();
        let mut thieves = self.thieves();
        if thieves.is_empty() {
            return;
        }
        let behind = self.workers.in_order().filter(|(w, worker)| {
            worker.is_behind() && !worker.stalled && !worker.retiring && !worker.leaving && !self.owes_an_answer(*w)
        });
        let mut victims: Vec<_> =
            behind.map(|(w, worker)| (worker.passed_over, Reverse(worker.occupancy_ns), w)).collect();
        victims.sort_unstable();
        let mut left = LOOKED_AT;
        for (_, _, w) in victims {
            if left == 0 || thieves.iter().all(|thief| thief.room == [0, 0]) {
                break;
            }
            let runs = self.takeable(w, &mut thieves, &mut left);
            let worker = &mut self.workers[w];
            worker.passed_over = if runs.is_empty() { worker.passed_over.saturating_add(1) } else { 0 };
            self.ask(w, runs);
        }
    }

    fn note_look(&mut self) {
        let looks = &mut self.looks;
        looks.last = self.now;
        looks.count = looks.count.wrapping_add(THIEVES);
        let (recent, since) = looks.recent;
        if self.now.since(since) >= self.config.steal_after {
            looks.old = recent;
            looks.recent = (self.next_run, self.now);
        }
    }

    /// Some of the workers with threads to spare. If there are many, others in each look.
    fn thieves(&self) -> Vec<Thief> {
        let spare = self.workers.in_order().filter(|(_, worker)| worker.has_spare_thread() && !worker.stalled);
        let mut spare: Vec<_> = spare.collect();
        if spare.len() > THIEVES {
            let first = self.looks.count % spare.len();
            spare.rotate_left(first);
            spare.truncate(THIEVES);
        }
        let thieves = spare.into_iter().map(|(w, worker)| {
            let promised = worker.promised;
            let [threads, asynchronous] = promised.runs.map(|runs| runs as usize);
            let room = KINDS.map(|kind| {
                let taken = worker.assigned(kind) + promised.runs[kind as usize] as usize;
                self.budget.cap(worker, kind).saturating_sub(taken)
            });
            Thief {
                w,
                threads: worker.threads(),
                room,
                runnable: worker.runnable(Kind::Thread) + threads,
                async_tasks: worker.async_tasks as usize + asynchronous,
                occupancy_ns: worker.occupancy_ns.saturating_add(promised.ns),
                moving_ns: 0,
                promised: promised.runs != [0, 0],
            }
        });
        thieves.filter(|thief| thief.runnable < thief.threads).collect()
    }

    /// The runs of a worker that others could start earlier, in order of urgency, and who.
    fn takeable(&mut self, w: WorkerIndex, thieves: &mut [Thief], left: &mut usize) -> Vec<(TaskIndex, Theft)> {
        let worker = &self.workers[w];
        let mut victim = Victim {
            w,
            threads: worker.threads(),
            runnable: worker.runnable(Kind::Thread),
            async_tasks: worker.async_tasks as usize,
            occupancy_ns: worker.occupancy_ns,
        };
        let may_move = |&t: &TaskIndex| {
            let task = &self.tasks[t];
            let run = task.run().filter(|run| !run.started() && run.awaiting == 0 && task.moves() < MOVES)?;
            Some((Reverse(task.priority), t, *run))
        };
        let mut candidates: Vec<_> = worker.processing.iter().filter_map(may_move).collect();
        candidates.sort_unstable_by_key(|&(priority, t, _)| (priority, t));
        let mut moves = std::mem::take(&mut self.scratch);
        let mut taken = Vec::new();
        for (_, t, run) in candidates {
            let cost = 1 + self.tasks[t].dependencies.len();
            if *left < cost {
                *left = 0;
                break;
            }
            *left -= cost;
            let kind = self.classes.slab[self.tasks[t].class].demand.kind;
            if let Some(start_ns) = self.start_at_victim(t, &victim, kind, &run)
                && let Some((i, moving_ns)) = self.best_thief(t, kind, &victim, start_ns, thieves, &mut moves)
            {
                victim.give(kind, &run);
                thieves[i].take(kind, &run, moving_ns);
                let theft = Theft { run: run.id, thief: Some(thieves[i].w), kind, estimate_ns: run.estimate_ns() };
                taken.push((t, theft));
            }
        }
        self.scratch = moves;
        taken.reverse();
        taken
    }

    /// When a run would presumably start where it is, in nanoseconds from now, and how much longer than on the fastest worker
    /// it would run; `None` if it is to stay.
    fn start_at_victim(&self, t: TaskIndex, victim: &Victim, kind: Kind, run: &Run) -> Option<u64> {
        match kind {
            // What the threads can take stays.
            Kind::Thread if victim.runnable <= victim.threads => None,
            Kind::Thread => {
                let start_ns = victim.occupancy_ns.saturating_sub(run.estimate_ns()) / victim.threads as u64;
                Some(start_ns.saturating_add(self.lag_ns(t, victim.w)))
            }
            // Nothing measures how long threads are taken; what has waited so long presumably waits as long again.
            Kind::Async => (run.id.0 <= self.looks.old).then(|| nanos(self.config.steal_after)),
        }
    }

    /// The worker where a task could start first, counting how much longer it runs on a slow one, if that is earlier than
    /// `start_ns`; and what moving its inputs takes.
    fn best_thief(
        &self,
        t: TaskIndex,
        kind: Kind,
        victim: &Victim,
        start_ns: u64,
        thieves: &[Thief],
        moves: &mut Moves,
    ) -> Option<(usize, u64)> {
        let round_trip_ns = self.links.far.latency_ns.saturating_mul(2);
        let first = thieves.first()?.w;
        let (moving, bytes) = (!self.tasks[t].dependencies.is_empty(), self.input_bytes(t));
        if moving {
            self.count_moves(t, first, moves);
        }
        let starts = thieves.iter().enumerate().filter(|(_, thief)| self.may_steal(t, kind, victim, bytes, thief));
        let starts = starts.map(|(i, thief)| {
            let host = self.workers[thief.w].host;
            let moving_ns = if moving { moves.cost(thief.w, host, &self.links.near, &self.links.far).0 } else { 0 };
            let lag_ns = if kind == Kind::Thread { self.lag_ns(t, thief.w) } else { 0 };
            let wait_ns = thief.start_ns(kind).saturating_add(moving_ns).saturating_add(round_trip_ns);
            (wait_ns.saturating_add(lag_ns), i, moving_ns)
        });
        let best = starts.min().filter(|&(start, _, _)| start < start_ns);
        moves.clear();
        best.map(|(_, i, moving_ns)| (i, moving_ns))
    }

    /// Whether a worker may be given a task that is another's.
    fn may_steal(&self, t: TaskIndex, kind: Kind, victim: &Victim, bytes: u64, thief: &Thief) -> bool {
        let (task, worker) = (&self.tasks[t], &self.workers[thief.w]);
        let scarce = !self.classes.slab[task.class].demand.resources.is_empty();
        thief.w != victim.w
            && thief.room[kind as usize] > 0
            && (kind == Kind::Thread || thief.has_fewer_calls(victim))
            && !(scarce && thief.promised)
            && !task.was_taken_from(worker.id)
            && worker.could_hold(bytes)
            && self.may_take(t, thief.w)
    }
}

impl Thief {
    fn start_ns(&self, kind: Kind) -> u64 {
        let wait_ns = match kind {
            Kind::Thread if self.runnable >= self.threads => self.occupancy_ns / self.threads as u64,
            Kind::Thread | Kind::Async => 0,
        };
        wait_ns.max(self.moving_ns)
    }

    /// Whether it would have fewer `async` calls than the victim, as threads go, with one more.
    fn has_fewer_calls(&self, victim: &Victim) -> bool {
        (self.async_tasks + 1) * victim.threads < victim.async_tasks * self.threads
    }

    fn take(&mut self, kind: Kind, run: &Run, moving_ns: u64) {
        self.room[kind as usize] -= 1;
        self.moving_ns = self.moving_ns.saturating_add(moving_ns);
        self.promised = true;
        match kind {
            Kind::Thread => self.runnable += 1,
            Kind::Async => self.async_tasks += 1,
        }
        self.occupancy_ns = self.occupancy_ns.saturating_add(run.estimate_ns());
    }
}

impl Victim {
    fn give(&mut self, kind: Kind, run: &Run) {
        match kind {
            Kind::Thread => self.runnable -= 1,
            Kind::Async => self.async_tasks -= 1,
        }
        self.occupancy_ns = self.occupancy_ns.saturating_sub(run.estimate_ns());
    }
}

impl Worker {
    /// Whether it could start something now.
    fn has_spare_thread(&self) -> bool {
        self.takes_work() && self.runnable(Kind::Thread) < self.threads()
    }

    /// Whether it has more than its threads can run, or `async` calls that were perhaps not started.
    pub(super) fn is_behind(&self) -> bool {
        self.has_work_ahead() || (self.async_tasks > 1 && self.processing.len() > self.started as usize)
    }
}
