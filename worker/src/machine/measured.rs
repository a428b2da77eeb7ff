//! What transfers have taken, for the scheduler's estimates.
//!
//! Not one message a transfer: what was measured is sent when it is some time old, or much. A short transfer shows what a
//! question costs, a long one what a link carries, so that both are told as they were, and averaged by who uses them.

use brisk_core::{
    id::WorkerId,
    message::{Transfer, WorkerToScheduler},
    time::Moment,
};
use serde::{Deserialize, Serialize};

use super::{Worker, state::Request, timers::Timer};

/// So many transfers are told in one message.
pub(super) const MOST: usize = 64;

/// Transfers that the scheduler was not told of.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) transfers: Vec<Transfer>,
    /// When it is to be told, if there are any.
    pub(super) due: Option<Moment>,
}

impl Worker {
    /// All that was asked of a peer has been answered.
    pub(super) fn measure(&mut self, request: &Request) {
        let Some(nbytes) = request.came else { return };
        let from: WorkerId = request.peer;
        self.measured.transfers.push(Transfer { from, nbytes, took: self.now - request.asked });
        if self.measured.transfers.len() >= MOST {
            self.tell_transfers();
        } else if self.measured.due.is_none() {
            let due = self.now + self.config.health_interval;
            self.measured.due = Some(due);
            self.timers.set(due, Timer::Transfers);
        }
    }

    /// Tells the scheduler of all that was measured.
    pub(super) fn tell_transfers(&mut self) {
        if let Some(due) = self.measured.due.take() {
            self.timers.clear(due, Timer::Transfers);
        }
        let transfers = std::mem::take(&mut self.measured.transfers);
        if !transfers.is_empty() {
            self.tell(WorkerToScheduler::Transfers(transfers));
        }
    }
}
