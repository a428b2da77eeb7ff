//! Whoever waits looks around for a moment before it sleeps.
//!
//! In one process the result of a short call is there after some microseconds, and to fall asleep and be woken takes tens of
//! them; what is more, the worker's thread has fallen asleep by then too. So a thread that is about to wait looks at the future
//! for [`LOOK`], about as long as falling asleep and waking cost (competitive spinning: Karlin et al., 1991). It is never much
//! worse off than without, and where results take longer it soon stops trying: each look in vain doubles the number of waits
//! that go by until the next one, up to [`MOST_SKIPPED`] (as adaptive mutexes do). One thread of a session looks at a time,
//! none within a task, and none where there is one processor only.

use std::{
    cell::OnceCell,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use brisk_core::future::{Handle, Status};

use super::Session;

/// How long one look takes at most.
const LOOK: Duration = Duration::from_micros(40);

/// The processor's own pauses between two glances: about a quarter of a microsecond.
const PAUSES: u32 = 8;

/// Waits that go by without a look, at most, before it is tried again.
const MOST_SKIPPED: u32 = 256;

/// What has come of looking so far.
#[derive(Default)]
pub(super) struct Looks {
    /// Whether a thread looks.
    taken: AtomicBool,
    /// How many waits go by before the next look.
    skipped: AtomicU32,
    /// How many go by after the next look that is in vain; 0 counts as one.
    after: AtomicU32,
}

impl Looks {
    /// Looks until `is_there`, or `has_passed`, if it is time for a look again.
    fn look(&self, is_there: impl Fn() -> bool, has_passed: impl Fn() -> bool) {
        if self.skipped.load(Ordering::Relaxed) > 0 {
            // A look more or less does not matter, so nobody need be told of a number that others change too.
            self.skipped.store(self.skipped.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
            return;
        }
        if self.taken.swap(true, Ordering::Acquire) {
            return;
        }
        let mut found = is_there();
        while !found && !has_passed() {
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
            found = is_there();
        }
        let after = self.after.load(Ordering::Relaxed).max(1);
        let (skipped, after) = if found { (0, 1) } else { (after, (2 * after).min(MOST_SKIPPED)) };
        self.skipped.store(skipped, Ordering::Relaxed);
        self.after.store(after, Ordering::Relaxed);
        self.taken.store(false, Ordering::Release);
    }
}

impl Session {
    /// Waits a moment for the end of a future without going to sleep, where that is worth while.
    pub(super) fn look_around(&self, handle: &Handle) {
        if self.of_tasks || !self.is_by_reference() || !has_another_processor() {
            return;
        }
        let until = OnceCell::new();
        let has_passed = || Instant::now() >= *until.get_or_init(|| Instant::now() + LOOK);
        self.looks.look(|| handle.status() != Status::Pending, has_passed);
    }
}

/// Whether anybody could make a result while this thread looks.
fn has_another_processor() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| thread::available_parallelism().is_ok_and(|processors| processors.get() > 1))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Which of so many waits look, if what they wait for comes at the glance of this number.
    fn waits_that_look(looks: &Looks, waits: usize, comes: u32) -> Vec<usize> {
        let mut looked = Vec::new();
        for wait in 0..waits {
            let glances = Cell::new(0);
            let glance = || {
                glances.set(glances.get() + 1);
                glances.get() > comes
            };
            looks.look(glance, || glances.get() >= 10);
            if glances.get() > 0 {
                assert_eq!(glances.get(), 10.min(comes + 1));
                looked.push(wait);
            }
        }
        looked
    }

    #[test]
    fn looks_in_vain_grow_rare_and_one_that_finds_makes_them_frequent() {
        let looks = Looks::default();
        assert_eq!(waits_that_look(&looks, 40, 100), [0, 2, 5, 10, 19, 36]);
        let rare = waits_that_look(&looks, 10_000, 100).len();
        assert!((39..50).contains(&rare), "{rare}");
        // The first that finds what it waits for.
        let found = waits_that_look(&looks, 300, 3);
        assert!(found.len() > 40 && found.windows(2).all(|pair| pair[1] == pair[0] + 1), "{found:?}");
        assert_eq!(waits_that_look(&looks, 3, 0), [0, 1, 2]);
    }

    #[test]
    fn one_thread_looks_at_a_time() {
        let looks = Looks::default();
        looks.look(
            || {
                assert!(waits_that_look(&looks, 1, 0).is_empty());
                true
            },
            || false,
        );
        assert_eq!(waits_that_look(&looks, 1, 0), [0]);
    }
}
