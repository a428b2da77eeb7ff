//! Memory for long batches, used again.
//!
//! Memory that is fresh from the system is taken page by page, at the first touch of each, and given back page by page.
//! For a value of many megabytes that costs more than to receive and decrypt it. So what a long value occupied is kept for
//! a while for the next one, up to a limit. The memory taken for a batch that is announced and does not come is bounded all
//! the same: a buffer that was filled once is handed out whole, and any other grows as bytes arrive.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;

/// What is shorter comes from the allocator, which keeps memory of such lengths by itself.
const MIN_BYTES: usize = 256 << 10;

/// Spare buffers at a time, whatever their length, so that looking for one takes no time.
const MAX_SPARE: usize = 64;

/// A spare buffer that nobody took for so long goes back to the system.
const KEEP: Duration = Duration::from_secs(5);

/// The spare buffers of one transport.
pub(crate) struct Buffers {
    runtime: Handle,
    /// The most bytes to keep.
    limit: usize,
    spare: Mutex<Spare>,
}

#[derive(Default)]
struct Spare {
    /// Each with the time of its return, the latest last.
    buffers: Vec<(Instant, Vec<u8>)>,
    bytes: usize,
    /// Whether a task sees to it that they are not kept for ever.
    watched: bool,
}

impl Buffers {
    /// Keeps up to `limit` bytes.
    pub(crate) fn new(runtime: Handle, limit: usize) -> Arc<Self> {
        Arc::new(Buffers { runtime, limit, spare: Mutex::default() })
    }

    /// A spare buffer that suits `length` bytes, empty. If there is none, one without memory.
    pub(crate) fn take(&self, length: usize) -> Vec<u8> {
        if length < MIN_BYTES {
            return Vec::new();
        }
        let mut spare = self.spare.lock();
        // Not one that is much longer: it would hold what it does not use for as long as the value lives.
        let suits = |buffer: &Vec<u8>| (length..=length + length / 4).contains(&buffer.capacity());
        let Some(place) = spare.buffers.iter().rposition(|(_, buffer)| suits(buffer)) else { return Vec::new() };
        let (_, buffer) = spare.buffers.remove(place);
        spare.bytes -= buffer.capacity();
        buffer
    }

    /// What has been received, to be shared; the memory comes back here with the last share.
    pub(crate) fn share(self: &Arc<Self>, received: Vec<u8>) -> Bytes {
        if received.capacity() < MIN_BYTES {
            return received.into();
        }
        Bytes::from_owner(Lent { received, home: Arc::downgrade(self) })
    }

    fn give_back(self: &Arc<Self>, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut spare = self.spare.lock();
        if spare.buffers.len() == MAX_SPARE || spare.bytes + buffer.capacity() > self.limit {
            drop(spare);
            return;
        }
        spare.bytes += buffer.capacity();
        spare.buffers.push((Instant::now(), buffer));
        if !std::mem::replace(&mut spare.watched, true) {
            self.runtime.spawn(watch(Arc::downgrade(self)));
        }
    }

    /// Lets go what was spare for too long. Whether anything is left.
    fn sweep(&self, now: Instant) -> bool {
        let mut spare = self.spare.lock();
        let old = spare.buffers.partition_point(|(since, _)| now.duration_since(*since) >= KEEP);
        let old: Vec<_> = spare.buffers.drain(..old).collect();
        spare.bytes -= old.iter().map(|(_, buffer)| buffer.capacity()).sum::<usize>();
        spare.watched = !spare.buffers.is_empty();
        let left = spare.watched;
        drop(spare);
        if !old.is_empty() {
            // The system takes its time over long ones, and this thread has connections to see to.
            self.runtime.spawn_blocking(move || drop(old));
        }
        left
    }
}

async fn watch(buffers: Weak<Buffers>) {
    loop {
        tokio::time::sleep(KEEP).await;
        match buffers.upgrade() {
            Some(buffers) if buffers.sweep(Instant::now()) => {}
            _ => return,
        }
    }
}

/// Memory that somebody reads, and where it came from.
struct Lent {
    received: Vec<u8>,
    home: Weak<Buffers>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.received
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade() {
            home.give_back(std::mem::take(&mut self.received));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn buffers(limit: usize) -> (tokio::runtime::Runtime, Arc<Buffers>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let buffers = Buffers::new(runtime.handle().clone(), limit);
        (runtime, buffers)
    }

    #[test]
    fn memory_comes_back_with_the_last_share() {
        let (_runtime, buffers) = buffers(8 * MIB);
        let shared = buffers.share(vec![7; MIB]);
        let (place, part) = (shared.as_ptr(), shared.slice(10..20));
        drop(shared);
        assert_eq!(buffers.take(MIB).capacity(), 0, "a part of it is read still");
        assert_eq!(&*part, [7; 10]);
        drop(part);
        let again = buffers.take(MIB - 100);
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
    }

    #[test]
    fn a_short_value_does_not_take_the_memory_of_a_long_one() {
        let (_runtime, buffers) = buffers(8 * MIB);
        drop(buffers.share(vec![0; 4 * MIB]));
        assert_eq!(buffers.take(MIB).capacity(), 0);
        assert_eq!(buffers.take(5 * MIB).capacity(), 0);
        assert_eq!(buffers.take(4 * MIB).capacity(), 4 * MIB);
    }

    #[test]
    fn no_more_is_kept_than_the_limit_and_nothing_for_ever() {
        let (_runtime, buffers) = buffers(8 * MIB);
        let many: Vec<Bytes> = (0..5).map(|_| buffers.share(vec![0; 2 * MIB])).collect();
        drop(many);
        assert_eq!(buffers.spare.lock().bytes, 8 * MIB);
        assert!(buffers.sweep(Instant::now()), "they came back just now");
        assert!(!buffers.sweep(Instant::now() + KEEP));
        assert_eq!(buffers.spare.lock().bytes, 0);
        assert_eq!(buffers.take(2 * MIB).capacity(), 0);
    }

    #[test]
    fn short_ones_are_the_allocators() {
        let (_runtime, buffers) = buffers(8 * MIB);
        drop(buffers.share(vec![0; 1_000]));
        assert_eq!(buffers.spare.lock().buffers.len(), 0);
    }
}
