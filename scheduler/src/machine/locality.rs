//! Whose turn it is, beside whose inputs are here.
//!
//! A worker that has room gets the next task, wherever its inputs are. If they are long and elsewhere, one of the tasks
//! right behind may have its inputs on that very worker: the next link of the chain that it has just worked on. That one
//! goes first then, and the next task waits until a worker that holds its inputs has room, or nobody behind it fits better
//! any more. Delay scheduling (Zaharia et al., 2010) waits likewise, by the clock; here the wait ends with the tasks that
//! the worker has the inputs of, and those are of the same client, submission and user priority, and not much nearer to the
//! end of their graph.

use super::{
    Scheduler,
    accounts::AccountId,
    placement::Place,
    slab::{ClassIndex, TaskIndex, WorkerIndex},
};

/// How many tasks behind the next one are looked at.
const LOOKED_AT: usize = 32;

/// Shorter transfers are not worth looking around for, in nanoseconds.
const WORTH_NS: u64 = 1_000_000;

/// How much further from the end of its graph the next task may be than the one that goes first, as a multiple of what
/// moving its inputs takes: a way that falls behind further is worth a transfer. Beside ones and twos, fours did best by
/// the makespans of `docs/scale.md`.
pub(super) const WORTH_OF_A_TRANSFER: u64 = 4;

/// Whether a transfer takes so long, beside a task that needs it, that the task should rather run where its inputs are.
pub(super) fn is_worth_staying(moving_ns: u64, run_ns: u64) -> bool {
    moving_ns >= WORTH_NS.max(run_ns / 8)
}

impl Scheduler {
    /// The task that a worker gets when it is the turn of `t`: that one, or one behind it.
    pub(super) fn nearest(&mut self, t: TaskIndex, w: WorkerIndex, class: ClassIndex, account: AccountId) -> TaskIndex {
        if self.tasks[t].dependencies.is_empty() {
            return self.next_of_stretch(t, w, class, account);
        }
        let missing = self.missing_bytes(t, w);
        let moving_ns = self.links.far.moving_ns(missing);
        let run_ns = self.functions.estimate_ns(self.tasks[t].function, self.config.unknown_duration);
        if !is_worth_staying(moving_ns, run_ns) {
            return self.least_critical(t, w, class, account);
        }
        let behind = self.classes.slab[class].queue.next(account).skip(1).take(LOOKED_AT);
        let (user, generation) = (self.tasks[t].priority.user, self.tasks[t].priority.generation);
        let margin = u32::try_from(moving_ns.saturating_mul(WORTH_OF_A_TRANSFER) / run_ns.max(1)).unwrap_or(u32::MAX);
        let least_way = self.tasks[t].way.saturating_sub(margin);
        let alike = behind.filter(|&other| {
            let task = &self.tasks[other];
            !task.dependencies.is_empty()
                && task.way >= least_way
                && (task.priority.user, task.priority.generation) == (user, generation)
        });
        let best = alike.map(|other| (self.missing_bytes(other, w), other)).min_by_key(|(bytes, _)| *bytes);
        match best {
            Some((bytes, other)) if bytes <= missing / 2 && self.place(other) == Place::On(w) => other,
            _ => t,
        }
    }

    /// The length of a task's inputs that a worker does not hold.
    fn missing_bytes(&self, t: TaskIndex, w: WorkerIndex) -> u64 {
        let inputs = self.tasks[t].dependencies.iter().map(|edge| &self.tasks[edge.task]);
        let missing = inputs.filter(|input| !input.is_held_by(w)).map(|input| input.nbytes());
        missing.fold(0, u64::saturating_add)
    }
}
