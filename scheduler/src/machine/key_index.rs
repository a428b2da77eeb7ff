//! Which task a key is of.
//!
//! Every message names tasks by key, so this is looked into with each; it is never iterated. A hash map would keep each key
//! a second time: 33 bytes an entry, of which there are up to twice as many as tasks. Here an entry is the task's index and
//! half a hash, which is enough to tell nearly all other tasks apart without a look at them, and to grow without one.

use brisk_core::key::Key;
use hashbrown::HashTable;

use super::slab::TaskIndex;

/// All tasks, by key.
#[derive(Default)]
pub(super) struct KeyIndex {
    entries: HashTable<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    hash: u32,
    task: TaskIndex,
}

/// A table that once was full keeps at most this many places for each task that is left.
const PLACES_A_TASK: usize = 8;

/// Smaller tables are left as they are.
const SMALL: usize = 4_096;

impl KeyIndex {
    /// The task of a key, given the keys of tasks.
    pub(super) fn find(&self, key: Key, key_of: impl Fn(TaskIndex) -> Key) -> Option<TaskIndex> {
        let hash = hash_of(key);
        let same = |entry: &Entry| entry.hash == hash && key_of(entry.task) == key;
        self.entries.find(spread(hash), same).map(|entry| entry.task)
    }

    /// Adds a task whose key is not there.
    pub(super) fn insert(&mut self, key: Key, task: TaskIndex) {
        let hash = hash_of(key);
        self.entries.insert_unique(spread(hash), Entry { hash, task }, |entry| spread(entry.hash));
    }

    /// Takes a task out.
    pub(super) fn remove(&mut self, key: Key, task: TaskIndex) {
        if let Ok(entry) = self.entries.find_entry(spread(hash_of(key)), |entry| entry.task == task) {
            entry.remove();
        }
        let (len, places) = (self.entries.len(), self.entries.capacity());
        if places > SMALL && places > len * PLACES_A_TASK {
            self.entries.shrink_to(len * 2, |entry| spread(entry.hash));
        }
    }
}

/// Half a hash. Most keys are hashes themselves; those that tests and users make up are not.
fn hash_of(key: Key) -> u32 {
    let number = key.as_u128();
    let folded = number as u64 ^ ((number >> 64) as u64).rotate_left(32);
    (folded.wrapping_mul(FACTOR) >> 32) as u32
}

/// A whole hash of half a one: the table takes the place from its low bits, and what it looks at first from its highest.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(FACTOR)
}

/// The golden ratio's fraction: Knuth's multiplicative hashing.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::slab::Index;

    #[test]
    fn keys_lead_to_their_tasks_and_memory_goes_with_them() {
        let keys: Vec<Key> = (0..50_000).map(|n: u128| Key::from_u128(n << (n % 64))).collect();
        let keys: Vec<Key> = std::collections::BTreeSet::from_iter(keys).into_iter().collect();
        let mut index = KeyIndex::default();
        let key_of = |t: TaskIndex| keys[t.as_u32() as usize];
        let tasks = || (0..keys.len() as u32).map(TaskIndex::from_u32);
        tasks().for_each(|t| index.insert(key_of(t), t));
        assert!(tasks().all(|t| index.find(key_of(t), key_of) == Some(t)));
        assert_eq!(index.find(Key::from_u128(u128::MAX), key_of), None);
        let kept = 10;
        tasks().skip(kept).for_each(|t| index.remove(key_of(t), t));
        assert!(tasks().all(|t| index.find(key_of(t), key_of) == (t.as_u32() < kept as u32).then_some(t)));
        assert!(index.entries.capacity() <= SMALL);
    }

    #[test]
    fn keys_that_differ_in_few_bits_have_different_hashes() {
        for shift in [0, 16, 40, 64, 100] {
            let hashes: std::collections::BTreeSet<u32> =
                (0..10_000u128).map(|n| hash_of(Key::from_u128(n << shift))).collect();
            assert!(hashes.len() > 9_900, "{} of 10,000 with a shift of {shift}", hashes.len());
        }
    }
}
