//! Dense storage under small indices.

use std::{fmt, marker::PhantomData};

/// An index into a [`Slab`] of its own kind.
pub(super) trait Index: Copy + Ord + fmt::Debug {
    fn from_u32(index: u32) -> Self;
    fn as_u32(self) -> u32;
}

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(super) struct $name(u32);

        impl $name {
            #[allow(dead_code, reason = "not every kind of index is looked up in ranges")]
            pub(super) const MIN: $name = $name(u32::MIN);
            #[allow(dead_code, reason = "not every kind of index is looked up in ranges")]
            pub(super) const MAX: $name = $name(u32::MAX);
        }

        impl Index for $name {
            fn from_u32(index: u32) -> Self {
                $name(index)
            }

            fn as_u32(self) -> u32 {
                self.0
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
pub(super) struct Slab<I, T> {
    slots: Vec<Option<T>>,
    /// The vacant slots but for those cut off at the end.
    free: Vec<u32>,
    len: usize,
    index: PhantomData<I>,
}

impl<I: Index, T> Slab<I, T> {
    pub(super) fn new() -> Self {
        Slab { slots: Vec::new(), free: Vec::new(), len: 0, index: PhantomData }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, value: T) -> I {
        self.len += 1;
        if let Some(index) = self.free.pop() {
            self.slots[index as usize] = Some(value);
            return I::from_u32(index);
        }
        let index = u32::try_from(self.slots.len()).expect("the limits keep every table below 2^32");
        self.slots.push(Some(value));
        I::from_u32(index)
    }

    /// Removing in the reverse order of insertion leaves the slab as it was.
    pub(super) fn remove(&mut self, index: I) -> T {
        let position = index.as_u32() as usize;
        let value = self.slots[position].take().expect("only what is there is removed");
        if position + 1 == self.slots.len() {
            self.slots.pop();
        } else {
            self.free.push(index.as_u32());
        }
        self.len -= 1;
        value
    }

    pub(super) fn get(&self, index: I) -> Option<&T> {
        self.slots.get(index.as_u32() as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, index: I) -> Option<&mut T> {
        self.slots.get_mut(index.as_u32() as usize)?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.slots.iter().enumerate().filter_map(|(i, slot)| Some((I::from_u32(i as u32), slot.as_ref()?)))
    }

    /// The indices in use.
    pub(super) fn indices(&self) -> impl Iterator<Item = I> {
        self.iter().map(|(index, _)| index)
    }
}

impl<I: Index, T> std::ops::Index<I> for Slab<I, T> {
    type Output = T;

    fn index(&self, index: I) -> &T {
        self.slots[index.as_u32() as usize].as_ref().expect("the index is of something that is there")
    }
}

impl<I: Index, T> std::ops::IndexMut<I> for Slab<I, T> {
    fn index_mut(&mut self, index: I) -> &mut T {
        self.slots[index.as_u32() as usize].as_mut().expect("the index is of something that is there")
    }
}

impl<I: Index, T: fmt::Debug> fmt::Debug for Slab<I, T> {
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
    fn slots_are_used_again_and_undoing_restores() {
        let mut slab: Slab<TaskIndex, char> = Slab::new();
        let a = slab.insert('a');
        let b = slab.insert('b');
        slab.remove(a);
        let before = (slab.slots.clone(), slab.free.clone());
        let c = slab.insert('c');
        let d = slab.insert('d');
        assert_eq!((c, slab[b], slab[d]), (a, 'b', 'd'));
        slab.remove(d);
        slab.remove(c);
        assert_eq!((slab.slots.clone(), slab.free.clone()), before);
        assert_eq!(slab.indices().collect::<Vec<_>>(), [b]);
    }

    #[test]
    fn sets_of_indices() {
        let mut set = IndexSet::default();
        assert!(set.insert(WorkerIndex(70)) && !set.insert(WorkerIndex(70)) && set.insert(WorkerIndex(3)));
        assert_eq!(set.iter::<WorkerIndex>().collect::<Vec<_>>(), [WorkerIndex(3), WorkerIndex(70)]);
        assert!(set.remove(WorkerIndex(70)) && !set.remove(WorkerIndex(70)));
        assert_eq!(set.0.len(), 1);
    }
}
