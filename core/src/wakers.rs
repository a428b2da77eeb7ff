//! Those who wait for one thing: the end of a future, room in a window.

use std::task::Waker;

use smallvec::SmallVec;

/// Wakers in slots. A waiting party keeps its slot from its first wait to its own drop, so a party that polls often, or
/// is dropped in a `select!`, never leaves anything behind.
#[derive(Default)]
pub(crate) struct WakerSet {
    slots: SmallVec<[Option<Waker>; 1]>,
}

impl WakerSet {
    /// Registers a party under its slot, or gives it one.
    pub(crate) fn register(&mut self, slot: &mut Option<usize>, waker: &Waker) {
        let index = slot.unwrap_or_else(|| match self.slots.iter().position(Option::is_none) {
            Some(free) => free,
            None => {
                self.slots.push(None);
                self.slots.len() - 1
            }
        });
        *slot = Some(index);
        match &mut self.slots[index] {
            Some(known) if known.will_wake(waker) => {}
            other => *other = Some(waker.clone()),
        }
    }

    /// The party will wait no more.
    pub(crate) fn remove(&mut self, slot: usize) {
        self.slots[slot] = None;
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
        }
    }

    /// A copy of every waker, to be woken outside the lock.
    pub(crate) fn all(&self) -> SmallVec<[Waker; 1]> {
        self.slots.iter().flatten().cloned().collect()
    }

    /// Wakes all, who have nothing left to wait for.
    pub(crate) fn wake(self) {
        self.slots.into_iter().flatten().for_each(Waker::wake);
    }

    /// Every waker, to be cloned and woken outside the lock.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Waker> {
        self.slots.iter().flatten()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slots.iter().flatten().count()
    }
}
