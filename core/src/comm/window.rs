//! How much is under way in one direction, and those who wait for it to become less: at a sender what is not written yet,
//! at a receiver what is not handled yet. For transports.

use std::{
    future::poll_fn,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
};

use crate::{
    limits::{WINDOW_BATCHES, WINDOW_BYTES},
    wakers::WakerSet,
};

/// What one batch takes of a [`Window`].
#[derive(Clone, Copy, Debug)]
pub struct Weight(u64);

/// The batches and bytes under way, at most [`WINDOW_BATCHES`] and [`WINDOW_BYTES`]. Both counts live in one word, so that
/// taking and giving back cost one atomic operation each.
///
/// There is room while both counts are below their limits, whatever the next batch weighs: it may go beyond the limit of
/// bytes, alone. So "there is room" means the same for a short batch as for a long one, and whoever waited for it can
/// send.
#[derive(Default)]
pub struct Window {
    /// Batches in the upper 16 bits, bytes in the lower 48.
    held: AtomicU64,
    /// Whether anybody may wait. Spares the common case a look at the list of waiters.
    waiting: AtomicBool,
    waiters: Mutex<WakerSet>,
}

const ONE_BATCH: u64 = 1 << 48;

// Counts never carry into each other: a batch weighs at most the window, and is let in only below the limit.
const _: () = assert!(WINDOW_BATCHES < 1 << 15 && (WINDOW_BYTES as u64) < 1 << 46);

impl Weight {
    /// The weight of a batch of so many bytes. Beyond the whole window there is nothing to tell apart.
    pub fn of(bytes: usize) -> Self {
        Weight(ONE_BATCH | bytes.min(WINDOW_BYTES) as u64)
    }

    /// The weight of both, to be given back at once.
    #[must_use]
    pub fn and(self, other: Weight) -> Self {
        Weight(self.0 + other.0)
    }
}

impl AsRef<Window> for Window {
    fn as_ref(&self) -> &Window {
        self
    }
}

impl Window {
    /// An empty window.
    pub fn new() -> Self {
        Window::default()
    }

    /// Whether there is room.
    pub fn has_room(&self) -> bool {
        has_room(self.held.load(Ordering::SeqCst))
    }

    /// Takes `weight` if there is room.
    pub fn take(&self, weight: Weight) -> bool {
        let mut held = self.held.load(Ordering::Relaxed);
        loop {
            if !has_room(held) {
                return false;
            }
            match self.held.compare_exchange_weak(held, held + weight.0, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => held = now,
            }
        }
    }

    /// Gives back what [`take`](Window::take) took.
    pub fn give_back(&self, weight: Weight) {
        self.held.fetch_sub(weight.0, Ordering::SeqCst);
        self.wake();
    }

    /// Wakes everybody who waits, to look again.
    pub fn wake(&self) {
        // Either this load sees the mark of a waiter, or that waiter's look at `held` comes after our change to it: both
        // are sequentially consistent.
        if self.waiting.load(Ordering::SeqCst) && self.waiting.swap(false, Ordering::SeqCst) {
            let wakers = self.waiters().all();
            wakers.into_iter().for_each(|waker| waker.wake());
        }
    }

    /// Waits until there is room, or `ended` says that there is nothing to wait for. Cancel safe.
    pub async fn room(&self, ended: impl Fn() -> bool) {
        let mut waiter = Waiter { window: self, slot: None };
        poll_fn(|context| {
            if self.has_room() || ended() {
                return Poll::Ready(());
            }
            self.waiters().register(&mut waiter.slot, context.waker());
            self.waiting.store(true, Ordering::SeqCst);
            // What was freed before the mark was set has woken nobody.
            if self.has_room() || ended() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn waiters(&self) -> MutexGuard<'_, WakerSet> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits, and a place in the list, which goes with the wait.
struct Waiter<'a> {
    window: &'a Window,
    slot: Option<usize>,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.window.waiters().remove(slot);
        }
    }
}

fn has_room(held: u64) -> bool {
    (held >> 48) < WINDOW_BATCHES as u64 && (held & (ONE_BATCH - 1)) < WINDOW_BYTES as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_counted() {
        let window = Window::new();
        let light = Weight::of(0);
        assert!((0..WINDOW_BATCHES).all(|_| window.take(light)));
        assert!(!window.take(light));
        window.give_back(light);
        assert!(window.take(light));
    }

    #[test]
    fn a_permit_gives_back_once_what_its_batch_weighs() {
        let (window, weight) = (std::sync::Arc::new(Window::new()), Weight::of(usize::MAX));
        assert!(window.take(weight));
        let permit = crate::comm::Permit::of(window.clone(), weight);
        assert!(!window.has_room(), "it is held");
        drop(permit);
        assert!(window.has_room());
        assert_eq!(window.held.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn one_batch_may_exceed_the_bytes_alone() {
        let window = Window::new();
        let (light, heavy) = (Weight::of(1), Weight::of(usize::MAX));
        assert!(window.take(light) && window.take(heavy));
        assert!(!window.take(light), "it is full now");
        window.give_back(heavy);
        assert!(window.take(light));
    }

    #[test]
    fn nothing_is_left_when_all_is_given_back() {
        let window = Window::new();
        for bytes in [0, 1, WINDOW_BYTES - 2, 7] {
            assert!(window.take(Weight::of(bytes)));
        }
        for bytes in [7, WINDOW_BYTES - 2, 1, 0] {
            window.give_back(Weight::of(bytes));
        }
        assert_eq!(window.held.load(Ordering::SeqCst), 0);
    }
}
