//! Dense storage under small indices.

use std::{collections::BTreeSet, fmt, marker::PhantomData, num::NonZeroU32};

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
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// Things under dense indices, which are used again once their thing is gone. Iterates in the order of the indices.
///
/// They lie in chunks of `N`. So nothing is ever moved, room for twice as many as there are is never kept, and a chunk that
/// has become empty gives its memory back, all but one. The lowest chunk with room is filled first.
pub(super) struct Slab<I, T, const N: usize = 16> {
    chunks: Vec<Chunk<T, N>>,
    /// All and only the chunks with room.
    open: BTreeSet<u32>,
    /// The one chunk that is empty and has memory, if there is one.
    spare: Option<u32>,
    len: usize,
    index: PhantomData<I>,
}

struct Chunk<T, const N: usize> {
    /// None while nothing is in it.
    slots: Option<Box<[Slot<T>; N]>>,
    /// How many things are in it.
    len: u32,
    /// The first vacant place; `N` if there is none.
    vacant: u32,
}

enum Slot<T> {
    Full(T),
    /// The next vacant place of the chunk; `N` after the last.
    Vacant(u32),
}

impl<T, const N: usize> Chunk<T, N> {
    const EMPTY: Self = Chunk { slots: None, len: 0, vacant: 0 };

    fn new_slots() -> Box<[Slot<T>; N]> {
        let slots: Box<[Slot<T>]> = (1..=N as u32).map(Slot::Vacant).collect();
        match slots.try_into() {
            Ok(slots) => slots,
            Err(_) => unreachable!("there are as many as were made"),
        }
    }
}

impl<I: Index, T, const N: usize> Slab<I, T, N> {
    pub(super) fn new() -> Self {
        Slab { chunks: Vec::new(), open: BTreeSet::new(), spare: None, len: 0, index: PhantomData }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, value: T) -> I {
        let number = self.open.first().copied().unwrap_or_else(|| {
            let number = u32::try_from(self.chunks.len()).expect("the limits keep every table below 2^32");
            self.chunks.push(Chunk::EMPTY);
            self.open.insert(number);
            number
        });
        let chunk = &mut self.chunks[number as usize];
        let slots = chunk.slots.get_or_insert_with(Chunk::new_slots);
        let place = chunk.vacant;
        let slot = &mut slots[place as usize];
        let Slot::Vacant(next) = *slot else { unreachable!("only vacant places are listed") };
        *slot = Slot::Full(value);
        chunk.vacant = next;
        chunk.len += 1;
        if chunk.len == 1 && self.spare == Some(number) {
            self.spare = None;
        }
        if chunk.vacant == N as u32 {
            self.open.remove(&number);
        }
        self.len += 1;
        I::from_u32(number * N as u32 + place)
    }

    /// Removing in the reverse order of insertion leaves the slab as it was.
    pub(super) fn remove(&mut self, index: I) -> T {
        let (number, place) = Self::position(index);
        let chunk = &mut self.chunks[number];
        let slots = chunk.slots.as_mut().expect("only what is there is removed");
        let Slot::Full(value) = std::mem::replace(&mut slots[place], Slot::Vacant(chunk.vacant)) else {
            panic!("only what is there is removed");
        };
        if chunk.vacant == N as u32 {
            self.open.insert(number as u32);
        }
        chunk.vacant = place as u32;
        chunk.len -= 1;
        self.len -= 1;
        if chunk.len == 0 {
            self.shrink(number as u32);
        }
        value
    }

    /// A chunk has become empty. One such chunk keeps its memory, so that things which come and go one by one take none
    /// each time.
    fn shrink(&mut self, number: u32) {
        if let Some(spare) = self.spare.replace(number) {
            self.spare = Some(spare.min(number));
            self.chunks[spare.max(number) as usize] = Chunk::EMPTY;
        }
        while self.chunks.last().is_some_and(|chunk| chunk.slots.is_none()) {
            self.chunks.pop();
            self.open.remove(&(self.chunks.len() as u32));
        }
    }

    fn position(index: I) -> (usize, usize) {
        let index = index.as_u32() as usize;
        (index / N, index % N)
    }

    pub(super) fn get(&self, index: I) -> Option<&T> {
        let (chunk, place) = Self::position(index);
        match &self.chunks.get(chunk)?.slots.as_ref()?[place] {
            Slot::Full(value) => Some(value),
            Slot::Vacant(_) => None,
        }
    }

    pub(super) fn get_mut(&mut self, index: I) -> Option<&mut T> {
        let (chunk, place) = Self::position(index);
        match &mut self.chunks.get_mut(chunk)?.slots.as_mut()?[place] {
            Slot::Full(value) => Some(value),
            Slot::Vacant(_) => None,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        let slots = self.chunks.iter().zip(0..).flat_map(|(chunk, number)| {
            let slots = chunk.slots.iter().flat_map(|slots| slots.iter());
            slots.zip(number * N as u32..)
        });
        slots.filter_map(|(slot, index)| match slot {
            Slot::Full(value) => Some((I::from_u32(index), value)),
            Slot::Vacant(_) => None,
        })
    }

    /// The indices in use.
    pub(super) fn indices(&self) -> impl Iterator<Item = I> {
        self.iter().map(|(index, _)| index)
    }
}

impl<I: Index, T, const N: usize> std::ops::Index<I> for Slab<I, T, N> {
    type Output = T;

    fn index(&self, index: I) -> &T {
        self.get(index).expect("the index is of something that is there")
    }
}

impl<I: Index, T, const N: usize> std::ops::IndexMut<I> for Slab<I, T, N> {
    fn index_mut(&mut self, index: I) -> &mut T {
        self.get_mut(index).expect("the index is of something that is there")
    }
}

impl<I: Index, T: fmt::Debug, const N: usize> fmt::Debug for Slab<I, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A set of indices, one bit each.
#[derive(Clone, Default)]
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

    type Small = Slab<TaskIndex, u32, 4>;

    fn number(index: TaskIndex) -> u32 {
        index.as_u32()
    }

    #[test]
    fn slots_are_used_again_and_undoing_restores() {
        let mut slab = Small::new();
        let a = slab.insert(10);
        let b = slab.insert(11);
        slab.remove(a);
        let more: Vec<_> = (0..9).map(|value| slab.insert(value)).collect();
        assert_eq!((more[0], slab[b], slab[more[8]]), (a, 11, 8));
        more.iter().rev().for_each(|&index| {
            slab.remove(index);
        });
        assert_eq!((0..9).map(|value| slab.insert(value)).collect::<Vec<_>>(), more);
        assert_eq!(slab.indices().map(number).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        assert!(slab.get(TaskIndex::from_u32(10)).is_none() && slab.get(TaskIndex::MAX).is_none());
    }

    #[test]
    fn chunks_that_are_empty_give_their_memory_back_and_are_filled_from_below() {
        let mut slab = Small::new();
        let all: Vec<_> = (0..16).map(|value| slab.insert(value)).collect();
        let memory = |slab: &Small| slab.chunks.iter().filter(|chunk| chunk.slots.is_some()).count();
        assert_eq!((memory(&slab), slab.open.len()), (4, 0));
        all[6..15].iter().for_each(|&index| {
            slab.remove(index);
        });
        assert_eq!((memory(&slab), slab.spare), (4, Some(2)), "one in the middle is empty");
        all[4..6].iter().for_each(|&index| {
            slab.remove(index);
        });
        assert_eq!((memory(&slab), slab.spare), (3, Some(1)));
        let next: Vec<_> = (0..7).map(|value| slab.insert(value)).collect();
        assert!(next.iter().all(|&index| number(index) < 15), "{next:?}");
        all[..4].iter().chain(&next).for_each(|&index| {
            slab.remove(index);
        });
        slab.remove(all[15]);
        assert_eq!((memory(&slab), slab.chunks.len(), slab.len()), (1, 1, 0));
        assert!(number(slab.insert(1)) < 4);
    }

    #[test]
    fn one_that_comes_and_goes_takes_no_memory_each_time() {
        let mut slab = Small::new();
        (0..4).for_each(|value| {
            slab.insert(value);
        });
        for value in 0..3 {
            let index = slab.insert(value);
            slab.remove(index);
            assert!(slab.chunks[1].slots.is_some());
        }
    }

    #[test]
    fn sets_of_indices() {
        let (mut set, worker) = (IndexSet::default(), WorkerIndex::from_u32);
        assert!(set.insert(worker(70)) && !set.insert(worker(70)) && set.insert(worker(3)));
        assert!(set.contains(worker(70)) && !set.contains(worker(71)) && !set.contains(worker(700)));
        assert_eq!(set.iter::<WorkerIndex>().collect::<Vec<_>>(), [worker(3), worker(70)]);
        assert!(set.remove(worker(70)) && !set.remove(worker(70)));
        assert_eq!(set.0.len(), 1);
    }
}
