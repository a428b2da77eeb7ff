//! When a cluster is to grow, and when to shrink, by what the scheduler says the work wants.
//!
//! As Dask's `Adaptive`: looked at each second, up at once, and down only after three looks in a row have said so, since work
//! that comes in bursts would otherwise start and end workers all the time. Then it goes down to the most that these looks
//! asked for.

use std::{ops::RangeInclusive, time::Duration};

/// The scheduler is asked this often.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// So many looks in a row must ask for fewer workers.
const LOOKS: u32 = 3;

/// How many workers there should be, from look to look.
#[derive(Debug)]
pub(super) struct Adaptive {
    range: RangeInclusive<u32>,
    /// How many looks in a row have asked for fewer, and the most that they asked for.
    fewer: u32,
    most: u32,
}

impl Adaptive {
    /// From so many to so many workers.
    pub(super) fn new(range: RangeInclusive<u32>) -> Self {
        Adaptive { range, fewer: 0, most: 0 }
    }

    /// One look: there are `present` workers, and the work wants `wanted`. How many there should be instead, if it is time.
    pub(super) fn look(&mut self, present: u32, wanted: u32) -> Option<u32> {
        let wanted = wanted.clamp(*self.range.start(), *self.range.end());
        if wanted >= present {
            (self.fewer, self.most) = (0, 0);
            return (wanted > present).then_some(wanted);
        }
        (self.fewer, self.most) = (self.fewer + 1, self.most.max(wanted));
        if self.fewer < LOOKS {
            return None;
        }
        self.fewer = 0;
        Some(std::mem::take(&mut self.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_at_once_and_down_after_three_looks() {
        let mut adaptive = Adaptive::new(1..=8);
        assert_eq!(adaptive.look(1, 5), Some(5));
        assert_eq!(adaptive.look(5, 100), Some(8), "no more than the most");
        assert_eq!([adaptive.look(8, 0), adaptive.look(8, 2), adaptive.look(8, 0)], [None, None, Some(2)]);
        assert_eq!([adaptive.look(2, 0), adaptive.look(2, 0), adaptive.look(2, 0)], [None, None, Some(1)]);
        assert_eq!(adaptive.look(1, 0), None, "no fewer than the fewest");
    }

    #[test]
    fn one_look_that_needs_them_begins_the_count_again() {
        let mut adaptive = Adaptive::new(0..=8);
        assert_eq!([adaptive.look(4, 1), adaptive.look(4, 1), adaptive.look(4, 4)], [None; 3]);
        assert_eq!([adaptive.look(4, 0), adaptive.look(4, 0), adaptive.look(4, 0)], [None, None, Some(0)]);
    }
}
