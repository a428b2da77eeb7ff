//! Sessions that end in the background, and the end of the program, which gives them a moment.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

/// How many sessions are closing.
static COUNT: Mutex<usize> = Mutex::new(0);
static NONE: Condvar = Condvar::new();

/// At the end of `main`, sessions that close in the background get this long: enough for their last words, not enough to
/// be noticed when somebody does not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A session that is closing, until it is dropped.
pub(crate) struct Closing(());

impl Closing {
    pub(crate) fn begin() -> Self {
        *COUNT.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Closing(())
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        *COUNT.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        NONE.notify_all();
    }
}

/// Waits for sessions that close in the background.
pub(crate) fn wait() {
    let count = COUNT.lock().unwrap_or_else(PoisonError::into_inner);
    // Whoever is not done by then ends with the process.
    let _ = NONE.wait_timeout_while(count, PATIENCE, |count| *count > 0);
}
