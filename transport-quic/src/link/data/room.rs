//! What a receiver lets in at a time, by length.

use std::sync::Arc;

use brisk_core::limits::{WINDOW_BATCHES, WINDOW_BYTES};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Length;

/// What a receiver lets in.
#[derive(Clone)]
pub(super) struct Room {
    places: Arc<Semaphore>,
    /// In KiB.
    medium: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

impl Room {
    pub(super) fn new() -> Self {
        Room {
            places: Arc::new(Semaphore::new(WINDOW_BATCHES)),
            medium: Arc::new(Semaphore::new(WINDOW_BYTES >> 10)),
            long: Arc::new(Semaphore::new(1)),
        }
    }

    pub(super) async fn place(&self) -> OwnedSemaphorePermit {
        acquire(&self.places, 1).await
    }

    /// Waits until a batch of this length may come in. `None` if that costs nothing beyond its place.
    pub(super) async fn charge(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        match Length::of(bytes) {
            Length::Short => None,
            Length::Medium => Some(acquire(&self.medium, bytes.div_ceil(1 << 10) as u32).await),
            Length::Long => Some(acquire(&self.long, 1).await),
        }
    }
}

async fn acquire(semaphore: &Arc<Semaphore>, count: u32) -> OwnedSemaphorePermit {
    match semaphore.clone().acquire_many_owned(count).await {
        Ok(permit) => permit,
        Err(_) => unreachable!("these semaphores are never closed"),
    }
}
