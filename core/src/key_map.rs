//! Tables of keys.
//!
//! Each report names its task by key, and each table that is asked for a random key has to wait for memory. The keys of calls
//! that are made one after the other follow each other ([`Key::unique`]), and so do their places here: who asks for them in about
//! that order finds the next ones where it has just been.

use std::hash::{BuildHasherDefault, Hasher};

use crate::key::Key;

/// A table by key.
#[allow(clippy::disallowed_types, reason = "its hasher is not seeded at random")]
pub type KeyMap<V> = std::collections::HashMap<Key, V, BuildHasherDefault<PlaceOfKey>>;

/// Leads a hash table to [`Key::place`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PlaceOfKey(u64);

/// What a hash table compares before it looks at an entry: the highest bits of a hash.
const TAG: u64 = 0x7f << 57;

/// A whole hash from a place: a table takes the place from its low bits, and the tag from its highest, in which neighbours
/// must differ.
pub fn whole_hash(place: u32) -> u64 {
    let place = u64::from(place);
    place | (place.wrapping_mul(0x9e37_79b9_7f4a_7c15) & TAG)
}

impl Hasher for PlaceOfKey {
    fn write_u128(&mut self, number: u128) {
        self.0 = whole_hash(Key::from_u128(number).place());
    }

    /// Not what a key is hashed by.
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u128((u128::from(self.0) << 8) | u128::from(byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_any_kind_are_found() {
        let unique = (0..200).flat_map(|block| Key::unique(7, block));
        let keys: Vec<Key> = unique.chain((0..10_000).map(|n| Key::from_u128(n << (n % 100)))).collect();
        let map: KeyMap<usize> = keys.iter().copied().zip(0..).collect();
        assert!(keys.iter().all(|key| map.contains_key(key)));
        assert!(!map.contains_key(&Key::from_u128(u128::MAX)));
        assert_eq!(map.len(), keys.iter().collect::<std::collections::BTreeSet<_>>().len());
    }
}
