//! When a worker's reports are sent: at once, or together with those of the tasks that end next.
//!
//! Each report that is sent by itself drives the scheduler once, and over a wire is a frame and a wake-up. While a thread
//! goes from one call to the next of the same function, and those take microseconds, reports wait for each other. They are
//! sent as soon as
//!
//! - no further task is at hand, or one of another function, which may take long;
//! - anything else is to be said;
//! - [`BURST`] has passed since the last were sent, and a task ends;
//! - [`HOLD`] is over: the next call took longer than those before it.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use brisk_core::time::Moment;

use super::driver::Shared;

/// A task that takes no longer is likely to be followed by others like it.
pub(super) const SHORT: Duration = Duration::from_micros(20);

/// Reports wait for others only within this time of the last that were sent.
const BURST: Duration = Duration::from_micros(50);

/// How long a report waits at most. A timer of the runtime may add as much again.
const HOLD: Duration = Duration::from_millis(1);

/// What is known of the reports that wait.
#[derive(Default)]
pub(super) struct Reports {
    /// When some were sent last, in nanoseconds since the driver's origin.
    sent: AtomicU64,
    /// Whether any may be waiting. Set after they are in the queue, cleared before the queue is looked at.
    held: AtomicBool,
    /// Whether a task looks after those that wait.
    watched: AtomicBool,
}

impl Reports {
    fn is_held(&self) -> bool {
        self.held.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Sends what there is to say to the scheduler; at once, unless it may wait for company, `patient` since a moment just past.
    pub(super) fn report(self: &Arc<Self>, patient: Option<Moment>) {
        let reports = &self.reports;
        let sent = reports.sent.load(Ordering::Relaxed);
        if patient.is_none_or(|now| u128::from(now.as_nanos().saturating_sub(sent)) >= BURST.as_nanos()) {
            return self.report_now();
        }
        reports.held.store(true, Ordering::SeqCst);
        if !reports.watched.load(Ordering::SeqCst) && !reports.watched.swap(true, Ordering::SeqCst) {
            self.runtime.spawn(watch(Arc::downgrade(self)));
        }
    }

    /// Sends the reports that wait, if any do.
    pub(super) fn report_held(&self) {
        if self.reports.is_held() {
            self.report_now();
        }
    }

    fn report_now(&self) {
        let Some(session) = self.session.get() else { return };
        self.reports.held.store(false, Ordering::SeqCst);
        self.reports.sent.store(self.now().as_nanos(), Ordering::Relaxed);
        session.scheduler.flush();
    }
}

/// Sends what has waited for long enough, for as long as anything waits.
async fn watch(this: Weak<Shared>) {
    loop {
        tokio::time::sleep(HOLD).await;
        let Some(shared) = this.upgrade() else { return };
        let reports = &shared.reports;
        if reports.is_held() {
            shared.report_held();
            continue;
        }
        reports.watched.store(false, Ordering::SeqCst);
        // Whoever held something back meanwhile has seen the mark, and relies on this task.
        if !reports.is_held() || reports.watched.swap(true, Ordering::SeqCst) {
            return;
        }
    }
}
