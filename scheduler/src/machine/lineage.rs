//! The bound on lineage.
//!
//! A value that is lost is computed again, and so everything that it was computed from must be remembered. A loop
//! (`x = client.submit(step(&x))`, for ever) would fill the scheduler with ancestors that nobody will ask for. So a value
//! whose lineage is deep becomes a *checkpoint*: it is kept, in two places, for as long as anything depends on it, and then
//! what it was computed from is forgotten; its descendants count their depth from it. In a loop one checkpoint takes the
//! place of the other, so that the number of tasks stays within the bound, and of values within a few. (Spark truncates
//! lineage at checkpoints that its users must write themselves; Ray evicts lineage beyond a size and leaves the loss.)
//!
//! A client may ask for a checkpoint itself, where it knows that a value took long to compute or came of much. It becomes one
//! when the copies that the client asks for exist, and stays what it was if they can't be had.
//!
//! If there is no second worker that could take a copy the lineage is cut all the same: one place has to do then. Who loses
//! all copies of a checkpoint hears so by name ([`LineageCut`](brisk_core::error::ErrorKind::LineageCut)).

use super::{Scheduler, slab::TaskIndex, unrepeatable::Unrepeatable};

/// In how many places a checkpoint is kept.
pub(super) const PLACES: u32 = 2;

impl Scheduler {
    /// A value exists: notes how deep its lineage is. Whether that is so deep that it becomes a checkpoint.
    pub(super) fn note_depth(&mut self, t: TaskIndex) {
        let dependencies = self.tasks[t].dependencies.iter();
        let Some(deepest) = dependencies.map(|edge| self.tasks[edge.task].marks.depth()).max() else { return };
        let depth = deepest.saturating_add(1);
        let task = &mut self.tasks[t];
        let is_deep = depth >= self.config.max_lineage;
        task.marks.set_checkpoint(is_deep);
        task.marks.set_depth(if is_deep { 0 } else { depth });
    }

    /// A client asked for a checkpoint, and the copies exist. What was computed from nothing stays what it is: it can be computed
    /// again.
    pub(super) fn make_checkpoint(&mut self, t: TaskIndex, count: u32) {
        let task = &mut self.tasks[t];
        if !task.dependencies.is_empty() {
            task.marks.set_checkpoint(true);
            task.marks.set_depth(0);
            self.keep_copies(t, count);
        }
    }

    /// There are as many copies of a value as there will be. If it is a checkpoint, its lineage is of no use any more.
    pub(super) fn copies_settled(&mut self, t: TaskIndex) {
        if !self.tasks[t].marks.checkpoint() || self.tasks[t].dependencies.is_empty() {
            return;
        }
        // Stronger than that it was to be started once only: even who tries it again has nothing to compute it from.
        self.tasks[t].marks.set_unrepeatable(Some(Unrepeatable::Cut));
        self.work.unneeded.extend(self.tasks.sever(t).iter().map(|edge| edge.task));
    }
}
