//! Submissions from within tasks: children go before their parent's siblings.
//!
//! A running task that submits others holds a thread, or at least its inputs, until they have ended; what was submitted
//! beside it has nothing begun yet. So its children go first: among themselves the newest submission first, which is depth
//! first where children submit too. That is the order of the deque of a work-stealing thread (Cilk; Blumofe and Leiserson,
//! "Scheduling Multithreaded Computations by Work Stealing", 1999), where only as many branches are open at once as there
//! are threads. A first-in-first-out order would open all before it ends one.
//!
//! Submissions are numbered in steps of [`Priority::STEP`]. One from within a task comes as far before its *top*, the
//! submission of the task at the top of which it is a child or a child's child, as submissions were made since. So it goes
//! before what is left of the top and after all that was submitted earlier; Dask puts children there likewise, a hundredth
//! of a generation before their parent. No two submissions come to one number, and nothing is counted anew.
//!
//! Priorities compare within an account only, so children are on their parent's: the client whose task it is pays for all
//! that comes of it, whichever session says so. A worker has a session of its own, and would else compete with the very
//! clients that it works for.
//!
//! Only the parent's current run counts. What comes too late is an ordinary submission: the parent has ended, or was taken
//! away, and nobody waits for its children on a thread. So it is where the top is 2^24 submissions old (a day, at two
//! hundred a second), and everywhere after 2^39 submissions (two months, at a hundred thousand a second).

use brisk_core::{
    id::{RequestId, RunId},
    key::Key,
    message::Priority,
};
use serde::{Deserialize, Serialize};

use super::{Scheduler, accounts::AccountId, slab::ClientIndex};

/// Up to here submissions are numbered in steps, and with all numbers beyond: those would last for ever.
const LAST_STEP: u64 = 1 << 63;

/// Whose task a submission comes from within.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Within {
    /// Who pays.
    pub(super) account: AccountId,
    /// The parent's user priority, as it stands in a [`Priority`]: those of the children come on top.
    pub(super) user: i32,
}

/// The number of the submission that is made after `last`.
pub(super) fn after(last: u64) -> u64 {
    last + if last < LAST_STEP { Priority::STEP } else { 1 }
}

/// Whether a task was submitted from within another one.
pub(super) fn is_nested(priority: &Priority) -> bool {
    priority.generation < LAST_STEP && !priority.generation.is_multiple_of(Priority::STEP)
}

/// The place of a submission that is made as number `own` from within a task of the submission `parent`, if there is one.
fn before(parent: u64, own: u64) -> Option<u64> {
    if own > LAST_STEP {
        return None;
    }
    let top = parent.next_multiple_of(Priority::STEP);
    let since = (own - top) / Priority::STEP;
    top.checked_sub(since).filter(|_| since < Priority::STEP)
}

impl Scheduler {
    /// A submission follows that comes from within a task.
    pub(super) fn submit_from(&mut self, c: ClientIndex, submission: RequestId, parent: Key, run: RunId) {
        if !self.open_submission(c, submission, false) {
            return;
        }
        let found = self.within(c, parent, run, self.next_generation);
        self.counters.late_parents += u64::from(found.is_none());
        if let Some((open, (within, generation))) = self.clients[c].open.get_mut(&submission).zip(found) {
            (open.within, open.generation) = (Some(within), generation);
        }
    }

    /// Where children of a run go, if it is still the task's and there is a place for the submission `own`.
    fn within(&self, c: ClientIndex, parent: Key, run: RunId, own: u64) -> Option<(Within, u64)> {
        let task = &self.tasks[self.tasks.find(parent)?];
        task.run().filter(|current| current.id == run)?;
        // Accounts are of a build, as priorities are.
        if self.classes.slab[task.class].environment != self.clients[c].environment {
            return None;
        }
        let Priority { user, generation, .. } = task.priority;
        Some((Within { account: task.account, user }, before(generation, own)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_within(generation: u64) -> bool {
        is_nested(&Priority { generation, ..Priority::default() })
    }

    #[test]
    fn children_come_after_what_is_earlier_and_before_their_top_and_the_newest_comes_first() {
        let [first, top, third, fourth] = [1, 2, 3, 4].map(|number| number * Priority::STEP);
        assert_eq!((after(0), after(first)), (first, top));
        let child = before(top, third).unwrap();
        let grandchild = before(child, fourth).unwrap();
        assert!([first, grandchild, child, top].is_sorted_by(|a, b| a < b), "a child's children have the same top");
        assert_eq!(before(top, fourth), Some(grandchild), "and go with all that is of that age");
        assert!([grandchild, child].into_iter().all(is_within) && ![0, first, top].into_iter().any(is_within));
    }

    #[test]
    fn the_oldest_tops_and_the_last_submissions_have_no_children_of_their_own() {
        let newest = Priority::STEP * Priority::STEP;
        assert_eq!(before(Priority::STEP, newest), Some(1));
        assert_eq!(before(Priority::STEP, newest + Priority::STEP), None);
        let before_last = LAST_STEP - Priority::STEP;
        assert_eq!(before(before_last, LAST_STEP), Some(before_last - 1));
        assert_eq!((after(before_last), after(LAST_STEP)), (LAST_STEP, LAST_STEP + 1));
        assert_eq!(before(LAST_STEP, LAST_STEP + 1), None);
        assert!(!is_within(LAST_STEP) && !is_within(LAST_STEP + 1) && is_within(before_last - 1));
    }
}
