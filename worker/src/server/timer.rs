//! One timer for all of the machine's deadlines.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use brisk_core::time::Moment;
use tokio::sync::Notify;

/// When the machine is to be woken next. Set after every event; the sleeper is only disturbed if it would sleep too long.
pub(super) struct Timer {
    /// In nanoseconds since the driver's origin.
    armed: AtomicU64,
    earlier: Notify,
}

const NEVER: u64 = u64::MAX;

impl Timer {
    pub(super) fn new() -> Self {
        Timer { armed: AtomicU64::new(NEVER), earlier: Notify::new() }
    }

    /// Wakes the sleeper at `deadline` or before. One that is armed for an earlier moment stays so: a wake-up too many
    /// costs less than to disturb it each time.
    pub(super) fn arm(&self, deadline: Option<Moment>) {
        if let Some(deadline) = deadline
            && deadline.as_nanos() < self.armed.load(Ordering::Relaxed)
            && deadline.as_nanos() < self.armed.fetch_min(deadline.as_nanos(), Ordering::AcqRel)
        {
            self.earlier.notify_one();
        }
    }

    /// Waits until the armed moment has come; `now` reads the driver's clock.
    pub(super) async fn due(&self, now: impl Fn() -> Moment) {
        loop {
            let armed = self.armed.load(Ordering::Acquire);
            let left = Duration::from_nanos(armed.saturating_sub(now().as_nanos()));
            if left.is_zero() {
                self.armed.store(NEVER, Ordering::Release);
                return;
            }
            let disturbed = self.earlier.notified();
            if armed == NEVER {
                disturbed.await;
            } else {
                let _ = tokio::time::timeout(left, disturbed).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;

    #[test]
    fn an_earlier_deadline_wakes_the_sleeper_in_time() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let timer = Timer::new();
        let clock = Rc::new(Cell::new(0));
        timer.arm(Some(Moment::from_nanos(u64::MAX - 1)));
        timer.arm(Some(Moment::from_nanos(5)));
        clock.set(5);
        let now = clock.clone();
        runtime.block_on(timer.due(move || Moment::from_nanos(now.get())));
        // Due once: it sleeps until it is armed anew.
        let again = Duration::from_millis(1);
        let slept = runtime.block_on(async { tokio::time::timeout(again, timer.due(|| Moment::from_nanos(9))).await });
        assert!(slept.is_err());
    }
}
