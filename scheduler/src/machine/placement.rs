//! Which worker gets a task: the one where it can presumably start first.
//!
//! A start waits for two things: a free thread, and the inputs that are not there yet. Candidates are the workers that
//! hold inputs, some beside them, and the open worker with the least to do: all others have as many bytes to fetch as
//! that one, and more to do. A worker that holds inputs may be given the task even if it has enough to do already, if moving the inputs
//! would take longer than its backlog; Dask weighs the same sum, but never looks at workers that hold nothing.

use super::{
    Scheduler,
    class::Kind,
    config::Config,
    functions::nanos,
    moves::Moves,
    peers::Worker,
    pool::FEW,
    slab::{TaskIndex, WorkerIndex},
    task::LONGEST_FED,
};

/// How far ahead of its threads a worker is fed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    time_ns: u64,
    one_ns: u64,
    tasks: usize,
    async_tasks: usize,
}

impl Budget {
    pub(super) fn new(config: &Config) -> Self {
        Budget {
            time_ns: nanos(config.prefetch_time).min(LONGEST_FED),
            one_ns: config.prefetch_one_time.as_nanos() as u64,
            tasks: config.prefetch_tasks as usize,
            async_tasks: config.async_tasks as usize,
        }
    }

    /// How far ahead a thread is fed, in nanoseconds.
    pub(super) fn time_ns(&self) -> u64 {
        self.time_ns
    }

    /// Whether a worker should be given more of this kind: it has a thread to spare, or less work ahead than the budget
    /// says.
    pub(super) fn is_open(&self, worker: &Worker, kind: Kind) -> bool {
        let threads = worker.threads();
        if !worker.takes_work() {
            return false;
        }
        if kind == Kind::Async || worker.runnable(kind) < threads {
            return worker.assigned(kind) < self.cap(worker, kind);
        }
        if worker.stalled {
            return false;
        }
        let ahead = worker.ahead();
        // By thread; multiplied, since this is asked with each task, and dividing takes longer.
        let within = |ns: u64, bound_ns: u64| ns < bound_ns.saturating_mul(threads as u64);
        (ahead < self.tasks && within(worker.fed_ns, self.time_ns))
            || (ahead == 0 && self.tasks > 0 && within(worker.occupancy_ns, self.one_ns))
    }

    /// Whether a worker may be given more, if there is a reason.
    pub(super) fn has_room(&self, worker: &Worker, kind: Kind) -> bool {
        let takes = worker.takes_work() && (!worker.stalled || kind == Kind::Async);
        takes && worker.assigned(kind) < self.cap(worker, kind)
    }

    /// Whether a task may be sent ahead to a worker. `heir`: it is the first to follow the task whose thread it will take;
    /// `parent_ns`: what that task presumably takes. What waits for a long one is better given out when that has ended.
    pub(super) fn may_send_ahead(&self, worker: &Worker, kind: Kind, heir: bool, parent_ns: u64) -> bool {
        let soon = parent_ns < self.time_ns && worker.fed_a_thread_ns() < self.time_ns;
        self.has_room(worker, kind)
            && match kind {
                Kind::Thread => worker.ahead() < self.tasks && (heir || soon),
                // Nothing measures how long they keep others waiting: they don't.
                Kind::Async => heir,
            }
    }

    /// The most tasks of a kind that a worker may have.
    pub(super) fn cap(&self, worker: &Worker, kind: Kind) -> usize {
        match kind {
            Kind::Thread => worker.threads() + self.tasks,
            Kind::Async => self.async_tasks,
        }
    }
}

/// Where a task goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// To this worker.
    On(WorkerIndex),
    /// Nowhere: none of those that may run it has room.
    Nowhere,
    /// Nowhere as things are: not all that may run tasks of its class could hold its inputs.
    Unfit,
}

/// What a candidate would mean, the better the lower: when the task could start, in nanoseconds from now, and how much longer
/// than on the fastest worker it would run; how much would have to be moved; how much the worker has to do.
type Cost = (u64, u64, u64);

impl Scheduler {
    /// The worker for a task that has all its dependencies.
    pub(super) fn place(&mut self, t: TaskIndex) -> Place {
        let Some(open) = self.least_loaded(t) else { return Place::Nowhere };
        if self.tasks[t].dependencies.is_empty() {
            return Place::On(open);
        }
        let mut moves = std::mem::take(&mut self.scratch);
        self.count_moves(t, open, &mut moves);
        let place = self.cheapest(t, open, &moves);
        moves.clear();
        self.scratch = moves;
        place
    }

    /// The candidate where a task could start first.
    fn cheapest(&self, t: TaskIndex, open: WorkerIndex, moves: &Moves) -> Place {
        let class = self.tasks[t].class;
        if moves.total > self.classes.least_limit(class) {
            return Place::Unfit;
        }
        let kind = self.classes.slab[class].demand.kind;
        let mut best = (self.cost(t, open, kind, moves), open);
        for w in moves.candidates() {
            if w != open && self.may_take(t, w) {
                best = best.min((self.cost(t, w, kind, moves), w));
            }
        }
        Place::On(best.1)
    }

    fn cost(&self, t: TaskIndex, w: WorkerIndex, kind: Kind, moves: &Moves) -> Cost {
        let worker = &self.workers[w];
        let (moving_ns, missing) = moves.cost(w, worker.host, &self.links.near, &self.links.far);
        let lag_ns = if kind == Kind::Thread { self.lag_ns(t, w) } else { 0 };
        (worker.backlog_ns(kind).saturating_add(moving_ns).saturating_add(lag_ns), missing, worker.load(kind))
    }

    /// The open worker with the least to do, of those that may run a task.
    fn least_loaded(&self, t: TaskIndex) -> Option<WorkerIndex> {
        let class = &self.classes.slab[self.tasks[t].class];
        if class.is_plain() {
            let pool = &self.classes.environments[class.environment].pool;
            return pool.least_loaded(class.demand.kind);
        }
        let (kind, index) = (class.demand.kind, self.tasks[t].class);
        let has_left = |w: &WorkerIndex| self.workers[*w].has_left(&class.demand.resources);
        let eligible = self.classes.eligible(index);
        let pool = &self.classes.environments[class.environment].pool;
        match pool.in_order(kind) {
            // Few of them may be open, and the first that will do is the best.
            Some(mut open) if eligible.len() > FEW => {
                open.find(|w| has_left(w) && self.classes.may_run(index, &self.workers[*w]))
            }
            _ => {
                let open = eligible.iter().copied().filter(|&w| self.budget.is_open(&self.workers[w], kind));
                open.filter(has_left).min_by_key(|&w| self.workers[w].load(kind))
            }
        }
    }

    /// Whether a worker that holds inputs may be given the task.
    pub(super) fn may_take(&self, t: TaskIndex, w: WorkerIndex) -> bool {
        let class = &self.classes.slab[self.tasks[t].class];
        let worker = &self.workers[w];
        self.budget.has_room(worker, class.demand.kind)
            && worker.has_left(&class.demand.resources)
            && self.classes.may_run(self.tasks[t].class, worker)
    }
}
