//! Memory for long batches, used again.
//!
//! Memory that is fresh from the system is taken page by page, at the first touch of each, and given back page by page.
//! For a value of many megabytes that costs more than to receive and decrypt it. So what a long value occupied is kept for
//! a while for the next one, up to a limit; and what must be fresh is taken in huge pages, where the system has them.
//!
//! The memory taken for a batch that is announced and does not come is bounded all the same: fresh memory is only promised by
//! the system, and taken as bytes arrive.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use bytes::Bytes;
use memmap2::MmapMut;
use parking_lot::Mutex;
use tokio::runtime::Handle;

/// What is shorter comes from the allocator, which keeps memory of such lengths by itself.
const MIN_BYTES: usize = 256 << 10;

/// The lengths of mappings are multiples of this, so that equally long batches find each other's.
const STEP_BYTES: usize = 64 << 10;

/// What a huge page holds on most machines.
#[cfg(target_os = "linux")]
const HUGE_BYTES: usize = 2 << 20;

/// Memory that grows with what arrives does so in steps of at least this, and never beyond twice what has arrived.
const GROWTH_BYTES: usize = 1 << 20;

/// Spare buffers at a time, whatever their length, so that letting old ones go takes no time.
const MAX_SPARE: usize = 1_024;

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
    /// By length, then by the number of its return. Each with the time of that.
    buffers: BTreeMap<(usize, u64), (Instant, MmapMut)>,
    returns: u64,
    bytes: usize,
    /// Whether a task sees to it that they are not kept for ever.
    watched: bool,
}

impl Buffers {
    /// Keeps up to `limit` bytes.
    pub(crate) fn new(runtime: Handle, limit: usize) -> Arc<Self> {
        Arc::new(Buffers { runtime, limit, spare: Mutex::default() })
    }

    /// An empty buffer for `length` bytes: the spare one that suits best, or a new one.
    pub(crate) fn take(&self, length: usize) -> Buffer {
        if length < MIN_BYTES {
            return Buffer::Growing(Vec::new());
        }
        match self.take_spare(length).or_else(|| mapped(length)) {
            Some(memory) => Buffer::Mapped { memory, filled: 0 },
            None => Buffer::Growing(Vec::new()),
        }
    }

    fn take_spare(&self, length: usize) -> Option<MmapMut> {
        // Not one that is much longer: it would hold what it does not use for as long as the value lives.
        let suitable = (length, 0)..(length + length / 4 + 1, 0);
        let mut spare = self.spare.lock();
        let place = *spare.buffers.range(suitable).next()?.0;
        spare.bytes -= place.0;
        spare.buffers.remove(&place).map(|(_, memory)| memory)
    }

    /// What has been received, to be shared; the memory comes back here with the last share.
    pub(crate) fn share(self: &Arc<Self>, received: Buffer) -> Bytes {
        match received {
            Buffer::Growing(bytes) => bytes.into(),
            Buffer::Mapped { memory, filled } => {
                Bytes::from_owner(Lent { memory: Some(memory), filled, home: Arc::downgrade(self) })
            }
        }
    }

    fn give_back(self: &Arc<Self>, memory: MmapMut) {
        let mut spare = self.spare.lock();
        if spare.buffers.len() == MAX_SPARE || spare.bytes + memory.len() > self.limit {
            drop(spare);
            return;
        }
        spare.bytes += memory.len();
        spare.returns += 1;
        let place = (memory.len(), spare.returns);
        spare.buffers.insert(place, (Instant::now(), memory));
        if !std::mem::replace(&mut spare.watched, true) {
            self.runtime.spawn(watch(Arc::downgrade(self)));
        }
    }

    /// Lets go what was spare for too long. Whether anything is left.
    fn sweep(&self, now: Instant) -> bool {
        let mut spare = self.spare.lock();
        let is_old = |_: &_, (since, _): &mut (Instant, _)| now.duration_since(*since) >= KEEP;
        let old: Vec<_> = spare.buffers.extract_if(.., is_old).collect();
        spare.bytes -= old.iter().map(|((capacity, _), _)| capacity).sum::<usize>();
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

/// Where a batch is received.
pub(crate) enum Buffer {
    /// The allocator's memory.
    Growing(Vec<u8>),
    /// The system's.
    Mapped {
        /// May be longer than what is received.
        memory: MmapMut,
        filled: usize,
    },
}

impl Buffer {
    pub(crate) fn len(&self) -> usize {
        match self {
            Buffer::Growing(bytes) => bytes.len(),
            Buffer::Mapped { filled, .. } => *filled,
        }
    }

    /// Adds bytes; there will be `length` of them in the end, as was said when the buffer was taken.
    pub(crate) fn extend(&mut self, piece: &[u8], length: usize) {
        match self {
            Buffer::Growing(bytes) => {
                grow(bytes, piece.len(), length);
                bytes.extend_from_slice(piece);
            }
            Buffer::Mapped { memory, filled } => {
                memory[*filled..*filled + piece.len()].copy_from_slice(piece);
                *filled += piece.len();
            }
        }
    }
}

/// Makes room for `more` bytes: twice what is there, but no more than there will be in the end.
pub(crate) fn grow(bytes: &mut Vec<u8>, more: usize, length: usize) {
    if bytes.capacity() - bytes.len() < more {
        let target = (bytes.len() * 2).max(bytes.len() + GROWTH_BYTES).min(length).max(bytes.len() + more);
        bytes.reserve_exact(target - bytes.len());
    }
}

/// Fresh memory for `length` bytes; `None` if the system promises no more, and then it may still give what really comes.
fn mapped(length: usize) -> Option<MmapMut> {
    let memory = MmapMut::map_anon(length.checked_next_multiple_of(STEP_BYTES)?).ok()?;
    // Whole pages only: the rest of the last one would be taken too. A system without huge pages refuses, and all is well.
    #[cfg(target_os = "linux")]
    if length >= HUGE_BYTES {
        let _ = memory.advise_range(memmap2::Advice::HugePage, 0, length / HUGE_BYTES * HUGE_BYTES);
    }
    Some(memory)
}

/// Memory that somebody reads, and where it came from.
struct Lent {
    /// Taken when it goes back.
    memory: Option<MmapMut>,
    filled: usize,
    home: Weak<Buffers>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.memory.as_deref().map_or(&[], |memory| &memory[..self.filled])
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(home), Some(memory)) = (self.home.upgrade(), self.memory.take()) {
            home.give_back(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::limits::MAX_DATA_PAYLOAD_BYTES;

    use super::*;

    const MIB: usize = 1 << 20;

    fn buffers(limit: usize) -> (tokio::runtime::Runtime, Arc<Buffers>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let buffers = Buffers::new(runtime.handle().clone(), limit);
        (runtime, buffers)
    }

    fn received(buffers: &Arc<Buffers>, byte: u8, length: usize) -> Bytes {
        let mut buffer = buffers.take(length);
        vec![byte; length].chunks(6_400).for_each(|piece| buffer.extend(piece, length));
        assert_eq!(buffer.len(), length);
        buffers.share(buffer)
    }

    fn spare(buffers: &Buffers) -> Vec<usize> {
        buffers.spare.lock().buffers.keys().map(|(length, _)| *length).collect()
    }

    #[test]
    fn memory_comes_back_with_the_last_share() {
        let (_runtime, buffers) = buffers(8 * MIB);
        let shared = received(&buffers, 7, MIB);
        let (place, part) = (shared.as_ptr(), shared.slice(10..20));
        drop(shared);
        assert!(spare(&buffers).is_empty(), "a part of it is read still");
        assert_eq!(&*part, [7; 10]);
        drop(part);
        assert_eq!(spare(&buffers), [MIB]);
        let again = received(&buffers, 8, MIB - 100);
        assert_eq!((again.as_ptr(), again.len()), (place, MIB - 100));
        assert!(again.iter().all(|byte| *byte == 8));
    }

    #[test]
    fn a_short_value_does_not_take_the_memory_of_a_long_one() {
        let (_runtime, buffers) = buffers(16 * MIB);
        drop([received(&buffers, 0, 4 * MIB), received(&buffers, 0, 5 * MIB)]);
        assert!(buffers.take_spare(MIB).is_none() && buffers.take_spare(6 * MIB).is_none());
        assert_eq!(
            buffers.take_spare(4 * MIB - 1).map(|memory| memory.len()),
            Some(4 * MIB),
            "the one that suits best"
        );
        assert_eq!(buffers.take_spare(4 * MIB).map(|memory| memory.len()), Some(5 * MIB));
        assert_eq!(buffers.spare.lock().bytes, 0);
    }

    #[test]
    fn no_more_is_kept_than_the_limit_and_nothing_for_ever() {
        let (_runtime, buffers) = buffers(8 * MIB);
        let many: Vec<Bytes> = (0..5).map(|_| received(&buffers, 1, 2 * MIB)).collect();
        drop(many);
        assert_eq!(buffers.spare.lock().bytes, 8 * MIB);
        assert!(buffers.sweep(Instant::now()), "they came back just now");
        assert!(!buffers.sweep(Instant::now() + KEEP));
        assert_eq!(buffers.spare.lock().bytes, 0);
        assert!(spare(&buffers).is_empty());
    }

    #[test]
    fn short_ones_are_the_allocators() {
        let (_runtime, buffers) = buffers(8 * MIB);
        drop(received(&buffers, 0, 1_000));
        assert!(spare(&buffers).is_empty());
    }

    #[test]
    fn what_is_announced_takes_no_memory_before_it_comes() {
        let (_runtime, buffers) = buffers(8 * MIB);
        let length = MAX_DATA_PAYLOAD_BYTES as usize;
        let mut buffer = buffers.take(length);
        buffer.extend(&[1; 100], length);
        assert_eq!(buffer.len(), 100);
    }
}
