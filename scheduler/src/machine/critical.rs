//! Long ways go to fast workers, where workers differ in speed.
//!
//! What is left on the longest way to the end of a graph decides when everything ends, so that is what a slow worker should
//! not hold up. A slow worker that has room gets the task with the shortest way of those that are next, and so leaves the
//! longer ones to the next fast worker that has room. HEFT (Topcuoglu, Hariri and Wu, 2002) comes to the same by giving
//! each task, the longest way first, to whoever ends it first; but it has the whole graph before it, and every duration.
//!
//! For that all tasks that become ready at once must be compared, so they all go through the queue. Where all workers are
//! equally fast none of this does anything. Nor does it where the task's inputs are long: then it matters more
//! [where those are](super::locality).

use super::{
    Scheduler,
    accounts::AccountId,
    placement::Place,
    slab::{ClassIndex, TaskIndex, WorkerIndex},
};

impl Scheduler {
    /// The task that a worker gets when it is the turn of `t`, whose inputs are short: that one, or on a slow worker the
    /// one with the shortest way.
    pub(super) fn least_critical(
        &mut self,
        t: TaskIndex,
        w: WorkerIndex,
        class: ClassIndex,
        account: AccountId,
    ) -> TaskIndex {
        if self.lag_ns(t, w) == 0 {
            return t;
        }
        match self.classes.slab[class].queue.least_critical(account) {
            Some(other) if self.tasks[other].way < self.tasks[t].way && self.place(other) == Place::On(w) => other,
            _ => t,
        }
    }
}
