//! Short lists, in the place of two words.
//!
//! A task has four lists of which each mostly holds one item or two: who it depends on, who depends on it, who wants it, who
//! holds it. A vector takes three words even if it is empty, and so does a small vector that keeps its items inside; with a
//! million tasks that is memory, and every byte of a task is a part of a cache line. Here the place of the items says itself
//! whether they are there, so nothing else is kept; whoever has more of them pays for a vector of its own.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What can be told apart from a place that holds nothing.
pub(super) trait Vacant: Copy {
    /// What stands where nothing is.
    const VACANT: Self;

    fn is_vacant(&self) -> bool;
}

/// A list, the first `N` items of which take no memory of their own. Reads and changes like a slice.
#[derive(Clone)]
pub(super) enum Few<T, const N: usize> {
    /// The items, then vacant places.
    Inside([T; N]),
    /// More than `N` items, or fewer after there were more.
    Outside(#[expect(clippy::box_collection, reason = "a vector by itself would make each list larger")] Box<Vec<T>>),
}

impl<T: Vacant, const N: usize> Few<T, N> {
    pub(super) const fn new() -> Self {
        Few::Inside([T::VACANT; N])
    }

    pub(super) fn of(item: T) -> Self {
        let mut items = [T::VACANT; N];
        items[0] = item;
        Few::Inside(items)
    }

    /// As of a slice, without counting: most lists are asked for nothing else.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first().is_none()
    }

    #[inline]
    pub(super) fn first(&self) -> Option<&T> {
        match self {
            Few::Inside(items) => items.first().filter(|item| !item.is_vacant()),
            Few::Outside(items) => items.first(),
        }
    }

    pub(super) fn push(&mut self, item: T) {
        match self {
            Few::Inside(items) => match items.iter_mut().find(|place| place.is_vacant()) {
                Some(place) => *place = item,
                None => {
                    let mut outside = Vec::with_capacity(2 * N + 2);
                    outside.extend_from_slice(items);
                    outside.push(item);
                    *self = Few::Outside(Box::new(outside));
                }
            },
            Few::Outside(items) => items.push(item),
        }
    }

    /// Takes the last item out.
    pub(super) fn pop(&mut self) -> Option<T> {
        let last = self.len().checked_sub(1)?;
        Some(self.swap_remove(last))
    }

    /// Takes an item out, and puts the last one into its place.
    ///
    /// # Panics
    /// If there is none at this index.
    pub(super) fn swap_remove(&mut self, index: usize) -> T {
        let count = self.len();
        match self {
            Few::Inside(items) => {
                items[..count].swap(index, count - 1);
                std::mem::replace(&mut items[count - 1], T::VACANT)
            }
            Few::Outside(items) => {
                let item = items.swap_remove(index);
                if items.is_empty() {
                    *self = Few::new();
                }
                item
            }
        }
    }
}

impl<T: Vacant, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Few::new()
    }
}

impl<T: Vacant, const N: usize> Deref for Few<T, N> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match self {
            Few::Inside(items) => &items[..items.iter().take_while(|item| !item.is_vacant()).count()],
            Few::Outside(items) => items,
        }
    }
}

impl<T: Vacant, const N: usize> DerefMut for Few<T, N> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Few::Inside(items) => {
                let count = items.iter().take_while(|item| !item.is_vacant()).count();
                &mut items[..count]
            }
            Few::Outside(items) => items,
        }
    }
}

impl<'a, T: Vacant, const N: usize> IntoIterator for &'a Few<T, N> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Vacant + Serialize, const N: usize> Serialize for Few<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de, T: Vacant + Deserialize<'de>, const N: usize> Deserialize<'de> for Few<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut few = Few::new();
        Vec::deserialize(deserializer)?.into_iter().for_each(|item| few.push(item));
        Ok(few)
    }
}

impl<T: Vacant + fmt::Debug, const N: usize> fmt::Debug for Few<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{
        slab::{Index, TaskIndex},
        task::Edge,
    };

    fn edge(number: u32) -> Edge {
        Edge { task: TaskIndex::from_u32(number), slot: number }
    }

    #[test]
    fn it_is_a_list_inside_and_outside() {
        let (mut few, mut list): (Few<Edge, 2>, Vec<Edge>) = Default::default();
        for number in 0..5 {
            assert_eq!(&few[..], &list[..]);
            assert_eq!((few.first(), few.is_empty()), (list.first(), list.is_empty()));
            few.push(edge(number));
            list.push(edge(number));
        }
        for index in [1, 3, 0, 1, 0] {
            assert_eq!(few.swap_remove(index), list.swap_remove(index));
            assert_eq!(&few[..], &list[..]);
            assert_eq!((few.first(), few.is_empty()), (list.first(), list.is_empty()));
        }
        assert!(few.is_empty() && matches!(few, Few::Inside(_)) && few.pop().is_none());
        few.push(edge(7));
        few[0].slot = 9;
        assert_eq!(few.iter().map(|edge| edge.slot).collect::<Vec<_>>(), [9]);
        assert_eq!(few.pop().map(|edge| edge.task), Some(edge(7).task));
        assert_eq!(Few::<Edge, 2>::of(edge(1)).swap_remove(0), edge(1));
    }

    #[test]
    fn what_is_inside_takes_no_more_than_itself() {
        assert_eq!(size_of::<Few<Edge, 2>>(), size_of::<[Edge; 2]>());
    }
}
