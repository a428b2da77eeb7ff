//! Virtual time: what is going to happen, in order.
//!
//! What is due at one moment happens in the order in which it was entered, so that a seed decides everything.

use std::{collections::BTreeMap, time::Duration};

use brisk_core::time::Moment;

/// All and only what has not happened yet, by moment and then by order of entry.
#[derive(Debug)]
pub struct Calendar<T> {
    now: Moment,
    entered: u64,
    entries: BTreeMap<(Moment, u64), T>,
}

impl<T> Calendar<T> {
    /// An empty calendar at the origin of time.
    pub fn new() -> Self {
        Calendar { now: Moment::ORIGIN, entered: 0, entries: BTreeMap::new() }
    }

    /// The moment of what was taken last.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// Enters something. What is entered for the past happens now.
    pub fn enter(&mut self, at: Moment, entry: T) {
        self.entered += 1;
        self.entries.insert((at.max(self.now), self.entered), entry);
    }

    /// Enters something that happens after a while.
    pub fn enter_after(&mut self, delay: Duration, entry: T) {
        self.enter(self.now + delay, entry);
    }

    /// When the next thing happens, if anything does.
    pub fn next(&self) -> Option<Moment> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next thing; its moment is now.
    pub fn take(&mut self) -> Option<T> {
        let ((at, _), entry) = self.entries.pop_first()?;
        self.now = at;
        Some(entry)
    }

    /// Lets time pass in which nothing happens, up to `at` or up to the next entry, whichever comes first.
    pub fn wait_until(&mut self, at: Moment) {
        let until = self.next().map_or(at, |next| next.min(at));
        self.now = self.now.max(until);
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing will happen any more.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<T> Default for Calendar<T> {
    fn default() -> Self {
        Calendar::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_of_time_and_then_of_entry() {
        let mut calendar = Calendar::new();
        for (at, name) in [(5, 'c'), (1, 'a'), (5, 'd'), (2, 'b')] {
            calendar.enter(Moment::from_nanos(at), name);
        }
        assert_eq!(std::iter::from_fn(|| calendar.take()).collect::<String>(), "abcd");
        calendar.enter(Moment::ORIGIN, 'e');
        assert_eq!(calendar.next(), Some(Moment::from_nanos(5)), "the past is now");
        calendar.wait_until(Moment::from_nanos(9));
        assert_eq!(calendar.now(), Moment::from_nanos(5), "nothing is passed over");
    }
}
