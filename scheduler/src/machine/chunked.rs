//! A slab of many things: tasks, of which there may be millions.

use std::{collections::BTreeSet, fmt, marker::PhantomData};

use super::slab::Index;

/// Things under dense indices, which are used again once their thing is gone. Iterates in the order of the indices.
///
/// They lie in chunks of `N`. So nothing is ever moved, room for twice as many as there are is never kept, and a chunk that
/// has become empty gives its memory back, all but one. The lowest chunk with room is filled first.
pub(super) struct ChunkedSlab<I, T, const N: usize> {
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

impl<I: Index, T, const N: usize> ChunkedSlab<I, T, N> {
    pub(super) fn new() -> Self {
        ChunkedSlab { chunks: Vec::new(), open: BTreeSet::new(), spare: None, len: 0, index: PhantomData }
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

    /// Takes out what is there, without moving it. Removing in the reverse order of insertion leaves the slab as it was.
    pub(super) fn remove(&mut self, index: I) {
        let (number, place) = Self::position(index);
        let chunk = &mut self.chunks[number];
        let slots = chunk.slots.as_mut().expect("only what is there is removed");
        assert!(matches!(slots[place], Slot::Full(_)), "only what is there is removed");
        slots[place] = Slot::Vacant(chunk.vacant);
        if chunk.vacant == N as u32 {
            self.open.insert(number as u32);
        }
        chunk.vacant = place as u32;
        chunk.len -= 1;
        self.len -= 1;
        if chunk.len == 0 {
            self.shrink(number as u32);
        }
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

    /// The vacant places of each chunk, in the order in which they are filled; none of one without memory.
    pub(super) fn vacancies(&self) -> impl Iterator<Item = Option<Vec<u32>>> {
        self.chunks.iter().map(|chunk| {
            let slots = chunk.slots.as_ref()?;
            let listed = |place: u32| Some(place).filter(|place| *place < N as u32);
            let next = |place: &u32| match slots[*place as usize] {
                Slot::Vacant(next) => listed(next),
                Slot::Full(_) => None,
            };
            Some(std::iter::successors(listed(chunk.vacant), next).collect())
        })
    }

    /// A slab of which places are vacant is known, and what is in the others is still to be [`put`](Self::put) there. `None` if
    /// there is no such slab.
    pub(super) fn restore(vacancies: Vec<Option<Vec<u32>>>) -> Option<Self> {
        let mut slab = Self::new();
        for (vacant, number) in vacancies.into_iter().zip(0..) {
            let mut chunk = Chunk::EMPTY;
            if let Some(vacant) = &vacant {
                let slots = chunk.slots.insert(Chunk::new_slots());
                // What is still to come has no next place, and stands in no list.
                slots.iter_mut().for_each(|slot| *slot = Slot::Vacant(u32::MAX));
                chunk.vacant = N as u32;
                for place in vacant.iter().rev() {
                    let slot = slots.get_mut(*place as usize)?;
                    if !matches!(slot, Slot::Vacant(u32::MAX)) {
                        return None;
                    }
                    *slot = Slot::Vacant(chunk.vacant);
                    chunk.vacant = *place;
                }
                chunk.len = N as u32 - u32::try_from(vacant.len()).ok()?;
                slab.len += chunk.len as usize;
            }
            if chunk.vacant < N as u32 {
                slab.open.insert(number);
            }
            if chunk.slots.is_some() && chunk.len == 0 && slab.spare.replace(number).is_some() {
                return None;
            }
            slab.chunks.push(chunk);
        }
        Some(slab)
    }

    /// Puts something into its place in a slab that is restored. Whether it belongs there.
    pub(super) fn put(&mut self, index: I, value: T) -> bool {
        let (chunk, place) = Self::position(index);
        let slots = self.chunks.get_mut(chunk).and_then(|chunk| chunk.slots.as_mut());
        match slots.map(|slots| &mut slots[place]) {
            Some(slot @ Slot::Vacant(u32::MAX)) => {
                *slot = Slot::Full(value);
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn position(index: I) -> (usize, usize) {
        let index = index.as_u32() as usize;
        (index / N, index % N)
    }

    #[inline]
    pub(super) fn get(&self, index: I) -> Option<&T> {
        let (chunk, place) = Self::position(index);
        match &self.chunks.get(chunk)?.slots.as_ref()?[place] {
            Slot::Full(value) => Some(value),
            Slot::Vacant(_) => None,
        }
    }

    #[inline]
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
}

impl<I: Index, T, const N: usize> std::ops::Index<I> for ChunkedSlab<I, T, N> {
    type Output = T;

    #[inline]
    fn index(&self, index: I) -> &T {
        self.get(index).expect("the index is of something that is there")
    }
}

impl<I: Index, T, const N: usize> std::ops::IndexMut<I> for ChunkedSlab<I, T, N> {
    #[inline]
    fn index_mut(&mut self, index: I) -> &mut T {
        self.get_mut(index).expect("the index is of something that is there")
    }
}

impl<I: Index, T: fmt::Debug, const N: usize> fmt::Debug for ChunkedSlab<I, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::slab::TaskIndex;

    type Small = ChunkedSlab<TaskIndex, u32, 4>;

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
        more.iter().rev().for_each(|&index| slab.remove(index));
        assert_eq!((0..9).map(|value| slab.insert(value)).collect::<Vec<_>>(), more);
        assert_eq!(slab.iter().map(|(index, _)| number(index)).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        assert!(slab.get(TaskIndex::from_u32(10)).is_none() && slab.get(TaskIndex::MAX).is_none());
    }

    #[test]
    fn chunks_that_are_empty_give_their_memory_back_and_are_filled_from_below() {
        let mut slab = Small::new();
        let all: Vec<_> = (0..16).map(|value| slab.insert(value)).collect();
        let memory = |slab: &Small| slab.chunks.iter().filter(|chunk| chunk.slots.is_some()).count();
        assert_eq!((memory(&slab), slab.open.len()), (4, 0));
        all[6..15].iter().for_each(|&index| slab.remove(index));
        assert_eq!((memory(&slab), slab.spare), (4, Some(2)), "one in the middle is empty");
        all[4..6].iter().for_each(|&index| slab.remove(index));
        assert_eq!((memory(&slab), slab.spare), (3, Some(1)));
        let next: Vec<_> = (0..7).map(|value| slab.insert(value)).collect();
        assert!(next.iter().all(|&index| number(index) < 15), "{next:?}");
        all[..4].iter().chain(&next).for_each(|&index| slab.remove(index));
        slab.remove(all[15]);
        assert_eq!((memory(&slab), slab.chunks.len(), slab.len()), (1, 1, 0));
        assert!(number(slab.insert(1)) < 4);
    }

    #[test]
    fn a_slab_is_restored_with_the_order_of_its_vacant_places() {
        let mut slab = Small::new();
        let all: Vec<_> = (0..16).map(|value| slab.insert(value)).collect();
        for place in [13, 1, 3, 2, 5, 8, 9, 11, 10] {
            slab.remove(all[place]);
        }
        let restored = |slab: &Small| {
            let mut restored = Small::restore(slab.vacancies().collect()).unwrap();
            slab.iter().for_each(|(index, &value)| assert!(restored.put(index, value)));
            restored
        };
        let mut other = restored(&slab);
        assert_eq!((format!("{other:?}"), other.len(), other.spare), (format!("{slab:?}"), slab.len(), slab.spare));
        assert!(!other.put(all[0], 1) && !other.put(all[1], 1) && !other.put(TaskIndex::MAX, 1));
        (0..20).for_each(|value| assert_eq!(other.insert(value), slab.insert(value)));
        all[4..8].iter().chain(&all[8..12]).for_each(|&index| slab.remove(index));
        let mut other = restored(&slab);
        (0..9).for_each(|value| assert_eq!(other.insert(value), slab.insert(value)));
        for wrong in [vec![Some(vec![4])], vec![Some(vec![1, 1])], vec![Some(vec![0, 1, 2, 3]); 2]] {
            assert!(Small::restore(wrong).is_none());
        }
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
}
