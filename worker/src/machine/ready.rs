//! Tasks that could start if there were a slot, the most urgent first.
//!
//! The scheduler sends tasks in the order in which they are to run, so most come last of all, and some, whose inputs have
//! just come, first of all. These stand in a plain line; only what belongs between others goes into a tree. The line is
//! short, so that taking one out of its midst costs little.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
};

use super::state::Rank;

/// A task and its rank.
pub(super) type Place = (Rank, u32);

/// The longest that the line may be.
const LINE: usize = 1_024;

#[derive(Default)]
pub(super) struct Ready {
    /// In order.
    line: VecDeque<Place>,
    others: BTreeSet<Place>,
}

impl Ready {
    pub(super) fn insert(&mut self, place: Place) {
        let is_last = self.line.back().is_none_or(|last| *last < place);
        if self.line.len() >= LINE {
            self.others.insert(place);
        } else if is_last {
            self.line.push_back(place);
        } else if self.line.front().is_some_and(|first| place < *first) {
            self.line.push_front(place);
        } else {
            self.others.insert(place);
        }
    }

    /// Takes the most urgent out.
    pub(super) fn pop_first(&mut self) -> Option<Place> {
        match (self.line.front(), self.others.first()) {
            (Some(first), Some(other)) if other < first => self.others.pop_first(),
            (None, _) => self.others.pop_first(),
            _ => self.line.pop_front(),
        }
    }

    pub(super) fn remove(&mut self, place: &Place) {
        match self.line.binary_search(place) {
            Ok(index) => _ = self.line.remove(index),
            Err(_) => _ = self.others.remove(place),
        }
    }

    pub(super) fn contains(&self, place: &Place) -> bool {
        self.line.binary_search(place).is_ok() || self.others.contains(place)
    }

    pub(super) fn len(&self) -> usize {
        self.line.len() + self.others.len()
    }

    /// For the invariants.
    pub(super) fn is_in_order(&self) -> bool {
        self.line.len() <= LINE
            && self.line.iter().is_sorted()
            && self.line.iter().all(|one| !self.others.contains(one))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty() && self.others.is_empty()
    }
}

impl FromIterator<Place> for Ready {
    fn from_iter<T: IntoIterator<Item = Place>>(places: T) -> Self {
        let mut ready = Ready::default();
        places.into_iter().for_each(|place| ready.insert(place));
        ready
    }
}

/// In order: where each stands is no part of what it is.
impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: BTreeSet<_> = self.line.iter().chain(&self.others).collect();
        f.debug_set().entries(all).finish()
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::message::Priority;

    use super::*;

    fn place(number: u32) -> Place {
        let priority = Priority { user: 0, generation: 1, order: number };
        (Rank { priority, turn: 0 }, number)
    }

    /// Whatever goes in and out, in whatever order, it is what an ordered set would be.
    #[test]
    fn it_is_an_ordered_set() {
        let (mut ready, mut set) = (Ready::default(), BTreeSet::new());
        let mut state = 1_u64;
        let mut any = |below: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u32 % below
        };
        for step in 0..20_000 {
            // Grows beyond the line's length, and is emptied in between.
            let grows = step % 5_000 < 3_500;
            match any(10) {
                0 => {
                    let taken = place(1_000_000 + any(3_000));
                    ready.remove(&taken);
                    set.remove(&taken);
                }
                kind if (kind < 9) == grows => {
                    let new = match any(3) {
                        0 => place(1_000_000 + any(3_000)),
                        1 => place(2_000_000 + step),
                        _ => place(1_000_000 - step),
                    };
                    if set.insert(new) {
                        assert!(!ready.contains(&new));
                        ready.insert(new);
                    }
                    assert!(ready.contains(&new));
                }
                _ => assert_eq!(ready.pop_first(), set.pop_first()),
            }
            assert_eq!((ready.len(), ready.is_empty()), (set.len(), set.is_empty()));
        }
        let again: Ready = set.iter().rev().copied().collect();
        assert_eq!(format!("{again:?}"), format!("{ready:?}"));
        while let Some(first) = set.pop_first() {
            assert_eq!(ready.pop_first(), Some(first));
        }
        assert_eq!(ready.pop_first(), None);
    }
}
