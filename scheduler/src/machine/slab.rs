//! Dense storage under small indices.

use std::{collections::BTreeSet, fmt, marker::PhantomData, num::NonZeroU32};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An index into a [`Slab`] of its own kind.
pub(super) trait Index: Copy + Ord + fmt::Debug {
    fn from_u32(index: u32) -> Self;
    fn as_u32(self) -> u32;
}

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// Kept as one more than it is, so that an `Option` of it is no larger.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub(super) struct $name(NonZeroU32);

        impl $name {
            #[allow(dead_code, reason = "not every kind of index is looked up in ranges")]
            pub(super) const MIN: $name = $name(NonZeroU32::MIN);
            /// Above every index that is in use.
            #[allow(dead_code, reason = "not every kind of index is looked up in ranges")]
            pub(super) const MAX: $name = $name(NonZeroU32::MAX);
        }

        impl Index for $name {
            fn from_u32(index: u32) -> Self {
                $name(NonZeroU32::MIN.saturating_add(index))
            }

            fn as_u32(self) -> u32 {
                self.0.get() - 1
            }
        }
    )*};
}

indices! {
    /// A task.
    TaskIndex;
    /// A worker.
    WorkerIndex;
    /// A client.
    ClientIndex;
    /// A build of a program.
    EnvironmentIndex;
    /// Tasks that the same workers may run.
    ClassIndex;
    /// A host of workers.
    HostIndex;
}

/// Things under dense indices, which are used again once their thing is gone, the lowest first. Iterates in the order of
/// the indices.
///
/// For peers, classes, builds and hosts: they are looked into many times with each task and have few entries, so these lie
/// side by side, and a look is one step. Tasks are in a [`ChunkedSlab`](super::chunked::ChunkedSlab).
pub(super) struct Slab<I, T> {
    /// The last one is not empty.
    places: Vec<Option<T>>,
    /// All and only the empty ones.
    vacant: BTreeSet<u32>,
    index: PhantomData<I>,
}

impl<I: Index, T> Slab<I, T> {
    pub(super) fn new() -> Self {
        Slab { places: Vec::new(), vacant: BTreeSet::new(), index: PhantomData }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.vacant.len()
    }

    pub(super) fn insert(&mut self, value: T) -> I {
        let place = self.vacant.pop_first().unwrap_or_else(|| {
            self.places.push(None);
            u32::try_from(self.places.len() - 1).expect("the limits keep every slab below 2^32")
        });
        self.places[place as usize] = Some(value);
        I::from_u32(place)
    }

    /// Puts something into a place of its own choice, as whoever restores a slab does. Whether the place was empty.
    pub(super) fn put(&mut self, index: I, value: T) -> bool {
        let place = index.as_u32();
        while self.places.len() <= place as usize {
            self.vacant.insert(self.places.len() as u32);
            self.places.push(None);
        }
        self.places[place as usize] = Some(value);
        self.vacant.remove(&place)
    }

    pub(super) fn remove(&mut self, index: I) -> T {
        let place = index.as_u32();
        let value = self.places[place as usize].take().expect("only what is there is removed");
        self.vacant.insert(place);
        while self.places.last().is_some_and(Option::is_none) {
            self.places.pop();
            self.vacant.remove(&(self.places.len() as u32));
        }
        value
    }

    #[inline]
    pub(super) fn get(&self, index: I) -> Option<&T> {
        self.places.get(index.as_u32() as usize)?.as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: I) -> Option<&mut T> {
        self.places.get_mut(index.as_u32() as usize)?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        let places = self.places.iter().zip(0..);
        places.filter_map(|(value, index)| Some((I::from_u32(index), value.as_ref()?)))
    }

    /// The indices in use.
    pub(super) fn indices(&self) -> impl Iterator<Item = I> {
        self.iter().map(|(index, _)| index)
    }
}

impl<I: Index, T> std::ops::Index<I> for Slab<I, T> {
    type Output = T;

    #[inline]
    fn index(&self, index: I) -> &T {
        self.get(index).expect("the index is of something that is there")
    }
}

impl<I: Index, T> std::ops::IndexMut<I> for Slab<I, T> {
    #[inline]
    fn index_mut(&mut self, index: I) -> &mut T {
        self.get_mut(index).expect("the index is of something that is there")
    }
}

/// As a list of the places.
impl<I, T: Serialize> Serialize for Slab<I, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.places.serialize(serializer)
    }
}

impl<'de, I: Index, T: Deserialize<'de>> Deserialize<'de> for Slab<I, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut slab = Slab::new();
        for (value, place) in Vec::<Option<T>>::deserialize(deserializer)?.into_iter().zip(0..) {
            if let Some(value) = value {
                slab.put(I::from_u32(place), value);
            }
        }
        Ok(slab)
    }
}

impl<I: Index, T: fmt::Debug> fmt::Debug for Slab<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A set of indices, one bit each.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct IndexSet(Vec<u64>);

impl IndexSet {
    /// Adds an index. Whether it was not there.
    pub(super) fn insert(&mut self, index: impl Index) -> bool {
        let (word, bit) = (index.as_u32() as usize / 64, 1u64 << (index.as_u32() % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }

    /// Takes an index out. Whether it was there.
    pub(super) fn remove(&mut self, index: impl Index) -> bool {
        let (word, bit) = (index.as_u32() as usize / 64, 1u64 << (index.as_u32() % 64));
        let there = self.0.get(word).is_some_and(|w| w & bit != 0);
        if there {
            self.0[word] &= !bit;
            while self.0.last() == Some(&0) {
                self.0.pop();
            }
        }
        there
    }

    pub(super) fn contains(&self, index: impl Index) -> bool {
        self.0.get(index.as_u32() as usize / 64).is_some_and(|word| word & (1 << (index.as_u32() % 64)) != 0)
    }

    pub(super) fn iter<I: Index>(&self) -> impl Iterator<Item = I> {
        let bits = |word: u64| (0..64).filter(move |bit| word & (1 << bit) != 0);
        self.0
            .iter()
            .enumerate()
            .flat_map(move |(i, &word)| bits(word).map(move |bit| I::from_u32(i as u32 * 64 + bit)))
    }
}

impl fmt::Debug for IndexSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter::<TaskIndex>().map(Index::as_u32)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_place_is_used_again_and_what_is_empty_at_the_end_goes() {
        let mut slab: Slab<WorkerIndex, u32> = Slab::new();
        let all: Vec<_> = (0..5).map(|value| slab.insert(value)).collect();
        [3, 1].into_iter().for_each(|place: usize| assert_eq!(slab.remove(all[place]), place as u32));
        assert_eq!((slab.len(), slab.get(all[1])), (3, None));
        assert_eq!(slab.insert(11), all[1]);
        assert_eq!(slab.remove(all[4]), 4);
        assert_eq!((slab.places.len(), slab.vacant.len()), (3, 0), "3 was empty already");
        assert_eq!(slab.iter().map(|(_, &value)| value).collect::<Vec<_>>(), [0, 11, 2]);
        slab[all[0]] = 7;
        assert_eq!((slab[all[0]], slab.get(WorkerIndex::MAX)), (7, None));
        assert_eq!(slab.indices().collect::<Vec<_>>(), all[..3]);
    }

    #[test]
    fn sets_of_indices() {
        let (mut set, worker) = (IndexSet::default(), WorkerIndex::from_u32);
        assert!(set.insert(worker(70)) && !set.insert(worker(70)) && set.insert(worker(3)));
        assert!(set.contains(worker(70)) && !set.contains(worker(71)) && !set.contains(worker(700)));
        assert_eq!(set.iter::<WorkerIndex>().collect::<Vec<_>>(), [worker(3), worker(70)]);
        assert!(!set.remove(worker(6)) && set.remove(worker(70)) && !set.remove(worker(70)));
        assert_eq!(set.0.len(), 1);
    }
}
