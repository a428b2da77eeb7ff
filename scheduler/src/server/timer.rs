//! Time: the one clock, and one task that sleeps until the machine wants to be woken.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use brisk_core::time::Moment;

use super::{Shared, drive::Input};

/// The scheduler's clock. It starts with the scheduler.
pub(super) struct Clock(Instant);

#[expect(clippy::disallowed_methods, reason = "the machine has no clock: this is where its time comes from")]
impl Clock {
    pub(super) fn start() -> Self {
        Clock(Instant::now())
    }

    pub(super) fn now(&self) -> Moment {
        Moment::ORIGIN + self.0.elapsed()
    }
}

/// Wakes the machine at its deadlines, until the shutdown.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let deadline = shared.deadline.load(Ordering::SeqCst);
        // Far enough for a deadline that is never.
        let span = Moment::from_nanos(deadline).since(shared.now()).min(Duration::from_secs(24 * 3600));
        tokio::select! {
            () = shared.until_end() => return,
            // A permit that was left before this wait began ends it at once.
            () = shared.deadline_is_earlier.notified() => {}
            () = tokio::time::sleep(span) => {
                // The next deadline is stored by whoever handles this.
                shared.deadline.store(u64::MAX, Ordering::SeqCst);
                shared.push(Input::Tick);
            }
        }
    }
}

impl Shared {
    /// The machine wants to be woken then. A later deadline than the one that is waited for needs no word: an early tick
    /// does nothing but come back here.
    pub(super) fn set_deadline(&self, deadline: Option<Moment>) {
        let new = deadline.map_or(u64::MAX, Moment::as_nanos);
        if self.deadline.fetch_min(new, Ordering::SeqCst) > new {
            self.deadline_is_earlier.notify_one();
        }
    }
}
