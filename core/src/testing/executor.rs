//! The smallest way to wait for a future: this thread, parked.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

/// No wait of a test takes longer: what has not happened by then will not happen.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for `future` on this thread.
///
/// # Panics
/// If it takes longer than [`DEADLINE`].
pub fn block_on<F: Future>(future: F) -> F::Output {
    match block_on_for(DEADLINE, future) {
        Some(output) => output,
        None => panic!("nothing came of it within {DEADLINE:?}"),
    }
}

/// Waits for `future` on this thread for so long; `None` if it takes longer. The future is dropped then.
pub fn block_on_for<F: Future>(patience: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let deadline = Instant::now() + patience;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
