//! The only source of chance in a simulation.
//!
//! SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): eight bytes of state, and the
//! same numbers on every platform. Integers only, since floating point is not the same everywhere.

use std::{ops::RangeInclusive, time::Duration};

/// A stream of numbers that its seed determines.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub const fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next number, any of all.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`, or 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product: as good as a remainder, without its bias towards small numbers for large bounds.
        ((u128::from(self.number()) * u128::from(bound)) >> 64) as u64
    }

    /// A number of a range.
    ///
    /// # Panics
    /// If the range is empty.
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = range.into_inner();
        assert!(low <= high, "an empty range has no numbers");
        low + self.below((high - low).saturating_add(1))
    }

    /// An index below `len`, or 0 if `len` is 0.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// Whether something that happens so often in a thousand times happens now.
    pub fn chance(&mut self, per_thousand: u32) -> bool {
        self.below(1_000) < u64::from(per_thousand)
    }

    /// One of the items, if there are any.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.index(items.len()))
    }

    /// A span of time of a range, in whole nanoseconds.
    pub fn span(&mut self, range: &RangeInclusive<Duration>) -> Duration {
        let nanos = |span: &Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.within(nanos(range.start())..=nanos(range.end())))
    }

    /// A span that is mostly short and now and then long: each doubling up to `longest` is equally likely.
    pub fn long_tailed(&mut self, shortest: Duration, longest: Duration) -> Duration {
        let doublings = (longest.as_nanos() / shortest.as_nanos().max(1)).max(1).ilog2();
        let scale = shortest.saturating_mul(1 << self.within(0..=u64::from(doublings)).min(31));
        self.span(&(scale / 2..=scale.max(shortest).min(longest).max(scale / 2)))
    }

    /// A stream of its own, so that what one part draws does not change what another does.
    pub fn fork(&mut self) -> Random {
        Random(self.number())
    }
}

/// Scatters a number over all others; one to one.
pub const fn mix(number: u64) -> u64 {
    let mut z = number;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_paper() {
        // The first outputs of the reference implementation for the seed 1234567.
        let mut random = Random::new(1_234_567);
        let numbers = [random.number(), random.number(), random.number()];
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn ranges_are_kept_and_reached() {
        let mut random = Random::new(1);
        let mut seen = [false; 4];
        for _ in 0..200 {
            seen[random.within(3..=6) as usize - 3] = true;
        }
        assert_eq!(seen, [true; 4]);
        assert_eq!((random.below(0), random.index(0), random.pick::<u8>(&[])), (0, 0, None));
    }

    #[test]
    fn long_tails_stay_between_their_ends() {
        let (short, long) = (Duration::from_micros(10), Duration::from_millis(10));
        let mut random = Random::new(2);
        let spans: Vec<_> = (0..500).map(|_| random.long_tailed(short, long)).collect();
        assert!(spans.iter().all(|span| *span >= short / 2 && *span <= long));
        assert!(spans.iter().any(|span| *span < short * 2) && spans.iter().any(|span| *span > long / 4));
    }
}
