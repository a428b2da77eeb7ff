//! Threads that are left to bodies which do not end, and others that take their places.

use std::sync::Arc;

use brisk_core::id::RunId;

use super::driver::{News, Shared};

impl Shared {
    /// Leaves a run's thread to its body, for which nobody waits any more, and has another take its place.
    pub(super) fn abandon(self: &Arc<Self>, run: RunId) {
        let started = match self.executor.replace(run) {
            Ok(None) => return,
            Ok(Some(seat)) => self.start_thread(seat).map_err(|error| {
                self.executor.abandon(seat);
                error.to_string()
            }),
            Err(why) => Err(why.explain(&self.name)),
        };
        match started {
            Ok(()) => tracing::warn!(worker = %self.name, %run, "a task's code does not end: its thread is left to it"),
            Err(error) => {
                tracing::warn!(worker = %self.name, %run, error, "a task's code does not end, and holds its thread");
                self.executor.keep(run);
                self.tell(News::Kept(run));
            }
        }
    }
}
