//! When what a program says is sent: at once, or together with what it says next.
//!
//! To send one call drives the scheduler once, and in process the worker too; to send fifty drives them once as well. So
//! in a burst, where one message follows another within microseconds, messages wait for each other. They never wait for
//! long. They are sent as soon as
//!
//! - somebody waits for a future of this client, or asks the scheduler anything;
//! - half of what was sent before has been answered, so that a busy cluster is never left without work (Nagle's idea,
//!   RFC 896, with half a window in place of a whole one);
//! - there are [`FULL`] of them;
//! - [`HOLD`] is over, whatever the program does meanwhile.
//!
//! A message that follows none is sent at once. That nobody wants a value any more is urgent to nobody, and always waits
//! for company.

use std::{
    sync::{
        Weak,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::Session;

/// Messages that wait at most.
pub(super) const FULL: usize = 256;

/// How long a message waits at most. A timer of the runtime may add as much again.
const HOLD: Duration = Duration::from_millis(1);

/// What follows within this time is a burst.
const BURST: Duration = Duration::from_micros(50);

/// What is known of one session's outbox without looking into it.
pub(super) struct Cork {
    origin: Instant,
    /// When something was sent last, in nanoseconds since `origin`.
    sent: AtomicU64,
    /// Whether anything may be waiting. Set after the message is in the outbox, cleared before the outbox is looked at.
    held: AtomicBool,
    /// Whether a task looks after what waits.
    watched: AtomicBool,
    /// Answers after which what waits is sent.
    due: AtomicI64,
}

impl Cork {
    pub(super) fn new() -> Self {
        let (held, watched) = Default::default();
        // Long ago, as far as bursts go.
        let origin = Instant::now().checked_sub(BURST).unwrap_or_else(Instant::now);
        Cork { origin, sent: AtomicU64::new(0), held, watched, due: AtomicI64::new(0) }
    }

    /// The outbox is about to be emptied.
    pub(super) fn pull(&self) {
        if self.held.load(Ordering::SeqCst) {
            self.held.store(false, Ordering::SeqCst);
        }
    }

    /// So many messages were sent together.
    pub(super) fn sent(&self, messages: usize) {
        self.sent.store(self.now(), Ordering::Relaxed);
        self.due.store(i64::try_from(messages / 2).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// The scheduler has answered so many times. Whether what waits is to be sent now.
    pub(super) fn answered(&self, messages: usize) -> bool {
        let messages = i64::try_from(messages).unwrap_or(i64::MAX);
        self.due.fetch_sub(messages, Ordering::Relaxed) <= messages && self.is_held()
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.load(Ordering::SeqCst)
    }

    fn is_burst(&self) -> bool {
        let since = self.now().saturating_sub(self.sent.load(Ordering::Relaxed));
        u128::from(since) < BURST.as_nanos()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Session {
    /// Sends what is in the outbox now or soon. There are `waiting` messages.
    pub(super) fn pump_soon(&self, waiting: usize) {
        if waiting < FULL && self.cork.is_burst() { self.hold() } else { self.pump() }
    }

    /// Sends what is in the outbox soon.
    pub(super) fn hold(&self) {
        self.cork.held.store(true, Ordering::SeqCst);
        if !self.cork.watched.load(Ordering::SeqCst) && !self.cork.watched.swap(true, Ordering::SeqCst) {
            self.runtime.spawn(watch(self.this.clone()));
        }
    }

    /// Sends what waits.
    pub(super) fn let_go(&self) {
        if self.cork.is_held() {
            self.pump();
        }
    }
}

/// Sends what has waited for long enough, for as long as anything waits.
async fn watch(this: Weak<Session>) {
    loop {
        tokio::time::sleep(HOLD).await;
        let Some(session) = this.upgrade() else { return };
        if session.cork.is_held() {
            session.pump();
            continue;
        }
        session.cork.watched.store(false, Ordering::SeqCst);
        // Whoever held something back meanwhile has seen the mark, and relies on this task.
        if !session.cork.is_held() || session.cork.watched.swap(true, Ordering::SeqCst) {
            return;
        }
    }
}
