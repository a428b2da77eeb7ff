//! The heads of one account's queues: the first of its tasks in each class that is listed.
//!
//! Mostly there is one class. Its head changes with every task, and that takes no search then; a set is kept where there
//! are several.

use std::collections::BTreeSet;

use brisk_core::message::Priority;
use serde::{Deserialize, Serialize};

use super::slab::ClassIndex;

/// The first task of a class's queue.
pub(super) type Head = (Priority, ClassIndex);

/// One head or more, by priority.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Heads {
    One(Head),
    /// At least two.
    Several(BTreeSet<Head>),
}

impl Heads {
    /// The most urgent one.
    pub(super) fn first(&self) -> Option<Head> {
        match self {
            Heads::One(head) => Some(*head),
            Heads::Several(heads) => heads.first().copied(),
        }
    }

    /// All of them, the most urgent first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Head> {
        let (one, several) = match self {
            Heads::One(head) => (Some(*head), None),
            Heads::Several(heads) => (None, Some(heads)),
        };
        one.into_iter().chain(several.into_iter().flatten().copied())
    }

    pub(super) fn insert(&mut self, head: Head) {
        match self {
            Heads::One(first) if *first == head => {}
            Heads::One(first) => *self = Heads::Several(BTreeSet::from([*first, head])),
            Heads::Several(heads) => _ = heads.insert(head),
        }
    }

    /// Takes a head out. Whether it was the only one; then these heads are to be forgotten.
    pub(super) fn remove(&mut self, head: Head) -> bool {
        match self {
            Heads::One(only) => *only == head,
            Heads::Several(heads) => {
                heads.remove(&head);
                if let (1, Some(&only)) = (heads.len(), heads.first()) {
                    *self = Heads::One(only);
                }
                false
            }
        }
    }

    /// Another task of a class is its first now.
    pub(super) fn replace(&mut self, from: Head, to: Head) {
        match self {
            Heads::One(only) if *only == from => *only = to,
            Heads::One(_) => self.insert(to),
            Heads::Several(heads) => {
                heads.remove(&from);
                heads.insert(to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::slab::Index;

    fn head(order: u32, class: u32) -> Head {
        (Priority { user: 0, generation: 1, order }, ClassIndex::from_u32(class))
    }

    #[test]
    fn they_are_a_set_however_many_there_are() {
        let mut heads = Heads::One(head(5, 0));
        let mut set = BTreeSet::from([head(5, 0)]);
        let check = |heads: &Heads, set: &BTreeSet<Head>| {
            assert_eq!(heads.iter().collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
            assert_eq!(heads.first(), set.first().copied());
            assert_eq!(matches!(heads, Heads::One(_)), set.len() == 1);
        };
        let replace = |heads: &mut Heads, set: &mut BTreeSet<Head>, from: Head, to: Head| {
            heads.replace(from, to);
            set.remove(&from);
            set.insert(to);
            check(heads, set);
        };
        replace(&mut heads, &mut set, head(5, 0), head(7, 0));
        for order in [7, 3, 9] {
            heads.insert(head(order, u32::from(order != 7)));
            set.insert(head(order, u32::from(order != 7)));
            check(&heads, &set);
        }
        replace(&mut heads, &mut set, head(3, 1), head(8, 1));
        for gone in [head(8, 1), head(7, 0)] {
            assert!(!heads.remove(gone) && set.remove(&gone));
            check(&heads, &set);
        }
        assert!(!heads.remove(head(1, 1)) && heads.remove(head(9, 1)));
    }
}
