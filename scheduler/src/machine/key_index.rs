//! Which task a key is of.
//!
//! Every message names tasks by key, so this is looked into with each; it is never iterated. A hash map would keep each key
//! a second time: 33 bytes an entry, of which there are up to twice as many as tasks. Here an entry is the task's index and
//! its key's place, which is enough to tell nearly all other tasks apart without a look at them, and to grow without one.

use brisk_core::{key::Key, key_map::whole_hash};
use hashbrown::HashTable;

use super::slab::TaskIndex;

/// All tasks, by key.
#[derive(Default)]
pub(super) struct KeyIndex {
    entries: HashTable<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    /// The key's place.
    place: u32,
    task: TaskIndex,
}

/// A table that once was full keeps at most this many places for each task that is left.
const PLACES_A_TASK: usize = 8;

/// Smaller tables are left as they are.
const SMALL: usize = 4_096;

impl KeyIndex {
    /// The task of a key, given the keys of tasks.
    pub(super) fn find(&self, key: Key, key_of: impl Fn(TaskIndex) -> Key) -> Option<TaskIndex> {
        let place = key.place();
        let same = |entry: &Entry| entry.place == place && key_of(entry.task) == key;
        self.entries.find(whole_hash(place), same).map(|entry| entry.task)
    }

    /// Adds a task whose key is not there.
    pub(super) fn insert(&mut self, key: Key, task: TaskIndex) {
        let place = key.place();
        self.entries.insert_unique(whole_hash(place), Entry { place, task }, |entry| whole_hash(entry.place));
    }

    /// Takes a task out.
    pub(super) fn remove(&mut self, key: Key, task: TaskIndex) {
        if let Ok(entry) = self.entries.find_entry(whole_hash(key.place()), |entry| entry.task == task) {
            entry.remove();
        }
        let (len, places) = (self.entries.len(), self.entries.capacity());
        if places > SMALL && places > len * PLACES_A_TASK {
            self.entries.shrink_to(len * 2, |entry| whole_hash(entry.place));
        }
    }
}

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
}
