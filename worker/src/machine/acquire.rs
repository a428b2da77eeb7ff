//! Copies that the scheduler wants to have here, though no task of this worker needs them.
//!
//! A copy is a want like any other, with the last rank: it is fetched under the same limits, when nothing is left to
//! fetch that a task waits for, and never while memory is short. It is answered once, with `Added` or with `Missing`; what
//! follows a `Missing` is the scheduler's choice, which may know a better place. Of a copy that is here the scheduler was
//! told when it came, and it is not told twice: the second report could cross the message that frees the copy, and would
//! be believed.

use brisk_core::{
    key::Key,
    message::{DependencyInfo, WorkerToScheduler},
};
use smallvec::SmallVec;

use super::{
    Worker,
    state::{Phase, Rank, Want, WantState},
};

impl Worker {
    /// The scheduler wants a copy kept here.
    pub(super) fn acquire(&mut self, copy: DependencyInfo) {
        let DependencyInfo { key, nbytes, holders } = copy;
        if self.phase != Phase::Working {
            return self.tell(WorkerToScheduler::Missing { key, holders: Default::default() });
        }
        let holders = self.some_of(key, holders);
        let entry = self.entries.entry(key).or_default();
        if let Some(value) = &mut entry.value {
            // Asked before it could have heard of the copy. What was to go stays after all, and is a copy anew; and what a
            // run has made was no copy.
            let was_told = !value.doomed && value.made_by.is_none();
            value.doomed = false;
            value.made_by = None;
            if !was_told {
                self.added.push((key, value.nbytes));
            }
            return;
        }
        match &mut entry.want {
            Some(want) => {
                want.acquired = true;
                if matches!(want.state, WantState::Asked(_) | WantState::Resting(_)) {
                    self.revise(key, |want| {
                        want.holders = holders;
                        want.tried.clear();
                    });
                }
            }
            None => {
                entry.want = Some(Box::new(Want {
                    waiters: SmallVec::new(),
                    waiting: 0,
                    acquired: true,
                    rank: Rank::COPY,
                    nbytes,
                    holders,
                    tried: Default::default(),
                    asked: 0,
                    seeking: false,
                    state: WantState::Loose,
                }));
                self.revise(key, |_| {});
            }
        }
    }

    /// The scheduler wants a copy no more that has not come. Tasks may still need it; if it is on its way for nobody, it is
    /// dropped on arrival.
    pub(super) fn release_copy(&mut self, key: Key) {
        let Some(want) = self.entries.get_mut(&key).and_then(|entry| entry.want.as_mut()) else { return };
        want.acquired = false;
        if want.is_idle() {
            self.drop_want(key);
        }
    }
}
