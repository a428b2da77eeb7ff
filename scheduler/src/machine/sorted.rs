//! Tasks in the order of their priorities, in blocks.
//!
//! A queue may hold a million tasks, which mostly come in their order and go from its front. In a tree each costs a search
//! from the root, and a node that was filled in order stays half empty. Here tasks lie in blocks, which are filled to the end
//! where they come in order: what is added last or taken first is not searched for at all. Elsewhere a block is found by
//! halving, and now and then one is put between others: of a million tasks that moves a kilobyte for each that is added.

use std::{collections::VecDeque, fmt};

use brisk_core::message::Priority;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::slab::TaskIndex;

/// A task with its priority and the length of its way.
pub(super) type Entry = (Priority, u32, TaskIndex);

/// Tasks by priority; no two have the same.
#[derive(Default)]
pub(super) struct Sorted {
    /// None is empty, and none has tasks that come after one of the next.
    blocks: VecDeque<VecDeque<Entry>>,
}

/// The most tasks in one block.
const BLOCK: usize = 128;

impl Sorted {
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(super) fn first(&self) -> Option<&Entry> {
        self.blocks.front()?.front()
    }

    /// The last task of this priority or before it.
    pub(super) fn last_to(&self, priority: Priority) -> Option<&Entry> {
        let block = &self.blocks[self.block_of(priority)?];
        block.get(position(block, priority).unwrap_or_else(|behind| behind - 1))
    }

    /// All tasks of this priority or after it.
    pub(super) fn iter_from(&self, priority: Priority) -> impl Iterator<Item = &Entry> {
        let number = self.block_of(priority).unwrap_or(0);
        let first = self.blocks.get(number).into_iter().flat_map(move |block| {
            let (Ok(place) | Err(place)) = position(block, priority);
            block.range(place..)
        });
        first.chain(self.blocks.iter().skip(number + 1).flatten())
    }

    /// The task that has `n` others before it, of those of this priority or after it. Looks at each block between.
    pub(super) fn nth_from(&self, priority: Priority, mut n: usize) -> Option<&Entry> {
        let number = self.block_of(priority).unwrap_or(0);
        let (Ok(place) | Err(place)) = position(self.blocks.get(number)?, priority);
        n += place;
        for block in self.blocks.range(number..) {
            match block.get(n) {
                Some(entry) => return Some(entry),
                None => n -= block.len(),
            }
        }
        None
    }

    pub(super) fn get(&self, priority: Priority) -> Option<&Entry> {
        let block = &self.blocks[self.block_of(priority)?];
        block.get(position(block, priority).ok()?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.blocks.iter().flatten()
    }

    /// Adds a task whose priority is not there.
    pub(super) fn insert(&mut self, entry: Entry) {
        let Some(last) = self.blocks.back_mut() else {
            return self.blocks.push_back(VecDeque::from([entry]));
        };
        if last.back().is_some_and(|(back, ..)| *back > entry.0) {
            return self.insert_among(entry);
        }
        if last.len() < BLOCK {
            return last.push_back(entry);
        }
        let mut block = VecDeque::with_capacity(BLOCK);
        block.push_back(entry);
        self.blocks.push_back(block);
    }

    /// Adds a task that others come after.
    fn insert_among(&mut self, entry: Entry) {
        // What comes before all goes to the front of the first block.
        let number = self.block_of(entry.0).unwrap_or(0);
        let block = &mut self.blocks[number];
        let (Ok(place) | Err(place)) = position(block, entry.0);
        if block.len() < BLOCK {
            return block.insert(place, entry);
        }
        let mut behind = block.split_off(BLOCK / 2);
        match place.checked_sub(BLOCK / 2) {
            Some(place) => behind.insert(place, entry),
            None => block.insert(place, entry),
        }
        self.blocks.insert(number + 1, behind);
    }

    pub(super) fn remove(&mut self, priority: Priority) -> Option<Entry> {
        if self.first()?.0 == priority {
            return self.pop_first();
        }
        let number = self.block_of(priority)?;
        let block = &mut self.blocks[number];
        let entry = block.remove(position(block, priority).ok()?);
        if block.is_empty() {
            self.blocks.remove(number);
        } else if block.len() * 4 < block.capacity() {
            block.shrink_to(block.len() * 2);
        }
        entry
    }

    pub(super) fn pop_first(&mut self) -> Option<Entry> {
        let block = self.blocks.front_mut()?;
        let first = block.pop_front();
        if block.is_empty() {
            self.blocks.pop_front();
            if self.blocks.len() * 4 < self.blocks.capacity() {
                self.blocks.shrink_to(self.blocks.len() * 2);
            }
        }
        first
    }

    /// Whether all is in order.
    pub(super) fn is_sorted(&self) -> bool {
        self.blocks.iter().all(|block| !block.is_empty() && block.len() <= BLOCK)
            && self.iter().is_sorted_by(|a, b| a.0 < b.0)
    }

    /// The only block that may have a task of this priority; none if it comes before all.
    fn block_of(&self, priority: Priority) -> Option<usize> {
        self.blocks.partition_point(|block| block.front().is_some_and(|(first, ..)| *first <= priority)).checked_sub(1)
    }
}

impl Serialize for Sorted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Sorted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut sorted = Sorted::default();
        Vec::deserialize(deserializer)?.into_iter().for_each(|entry| sorted.insert(entry));
        Ok(sorted)
    }
}

/// Without the blocks, which depend on what was there before.
impl fmt::Debug for Sorted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

fn position(block: &VecDeque<Entry>, priority: Priority) -> Result<usize, usize> {
    block.binary_search_by(|(other, ..)| other.cmp(&priority))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::machine::slab::Index;

    fn entry(order: u32) -> Entry {
        (Priority { user: 0, generation: 1, order }, order + 1, TaskIndex::from_u32(order))
    }

    /// Adds and takes as told, beside a tree that does the same.
    fn check(adding: impl Iterator<Item = u32>, taking: impl Iterator<Item = u32>) {
        let (mut sorted, mut tree) = (Sorted::default(), BTreeMap::new());
        for order in adding {
            if tree.insert(entry(order).0, entry(order)).is_none() {
                sorted.insert(entry(order));
            }
            assert_eq!(sorted.first(), tree.values().next());
        }
        assert!(sorted.is_sorted() && sorted.iter().eq(tree.values()));
        for order in taking {
            assert_eq!(sorted.get(entry(order).0), tree.get(&entry(order).0));
            let from = || tree.range(entry(order).0..).map(|(_, entry)| entry);
            assert!(sorted.iter_from(entry(order).0).take(200).eq(from().take(200)));
            assert_eq!(sorted.nth_from(entry(order).0, 300), from().nth(300));
            assert_eq!(
                sorted.last_to(entry(order).0),
                tree.range(..=entry(order).0).next_back().map(|(_, entry)| entry)
            );
            assert_eq!(sorted.remove(entry(order).0), tree.remove(&entry(order).0));
            assert!(sorted.is_sorted());
        }
        assert!(sorted.iter().eq(tree.values()));
        while let Some(first) = sorted.pop_first() {
            assert_eq!(Some(first), tree.pop_first().map(|(_, entry)| entry));
        }
        assert!(sorted.is_empty() && tree.is_empty());
    }

    #[test]
    fn it_sorts_whatever_the_order_in_which_tasks_come_and_go() {
        let scattered = |factor: u32| (0..1_400u32).map(move |n| n.wrapping_mul(factor) % 2_011);
        check(0..1_400, (0..1_400).step_by(3));
        check((0..1_400).rev(), (0..1_400).rev().step_by(2));
        check(scattered(523), scattered(77));
        check(scattered(811).chain(900..1_200), 100..1_250);
    }

    #[test]
    fn blocks_that_are_filled_in_order_are_full_and_give_their_memory_back() {
        let mut sorted = Sorted::default();
        (0..100 * BLOCK as u32).for_each(|order| sorted.insert(entry(order)));
        assert_eq!(sorted.blocks.len(), 100);
        (0..99 * BLOCK as u32).for_each(|order| assert_eq!(sorted.remove(entry(order).0), Some(entry(order))));
        assert!(sorted.blocks.len() == 1 && sorted.blocks.capacity() <= 8);
    }
}
