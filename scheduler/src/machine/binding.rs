//! Whether a long call is bound to a worker before its inputs exist.
//!
//! Sending a task [ahead](super::sent_ahead) saves a round trip, and binds it: whichever thread is free first when it is ready,
//! it waits for the one that makes its input, and whatever is more urgent by then, it has that thread. For short calls
//! the round trip is what counts. Beside a long call it is nothing, and being bound is dear: chains that are bound to their
//! threads can't change places, so that of 96 chains on 63 threads a third is left for the end (1.11 of the bound instead
//! of 1.02), and what follows a call on a slow worker stays on it.
//!
//! So a long call is bound only if it would go to that worker anyway, since its input will be long: as long as values of that
//! function have been so far. Of what was never measured nothing is known, and it is sent.

use super::{
    Scheduler,
    functions::LONG_NS,
    locality::is_worth_staying,
    slab::{TaskIndex, WorkerIndex},
};

impl Scheduler {
    /// Whether a task may be sent to the worker that makes its input, `parent`, before that exists.
    pub(super) fn is_worth_binding(&self, parent: TaskIndex, child: TaskIndex, w: WorkerIndex) -> bool {
        let (parent, task) = (&self.tasks[parent], &self.tasks[child]);
        let Some(run_ns) = self.functions.measured_ns(task.function).filter(|&ns| ns > LONG_NS) else { return true };
        let Some(nbytes) = self.functions.measured_bytes(parent.function) else { return true };
        let moving_ns = self.links.far.moving_ns(nbytes);
        is_worth_staying(moving_ns, run_ns) && moving_ns >= self.lag_ns(child, w)
    }
}
