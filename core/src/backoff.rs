//! How long to wait before a call is tried again.

use std::time::Duration;

/// Delays that double up to a limit, each shortened by chance by up to a half: peers that lost the same scheduler at the
/// same moment must not all call it at the same moment again. The caller brings the chance.
#[derive(Clone, Debug)]
pub struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Delays that begin at about `first` and grow to about `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Backoff { next: first.min(longest), longest }
    }

    /// What peers of a scheduler use: soon at first, for one that was only started again, and about once a second then.
    pub fn for_scheduler() -> Self {
        Backoff::new(Duration::from_millis(100), Duration::from_secs(1))
    }

    /// The next delay. `random` is any number that other callers are unlikely to have too.
    pub fn delay(&mut self, random: u64) -> Duration {
        let whole = self.next;
        self.next = whole.saturating_mul(2).min(self.longest);
        let part = (random >> 32) as f64 / f64::from(u32::MAX);
        whole.mul_f64(0.5 + 0.5 * part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_limit_and_differ_by_chance() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(300));
        let all: Vec<_> = (0..4).map(|_| backoff.delay(u64::MAX)).collect();
        assert_eq!(all, [100, 200, 300, 300].map(Duration::from_millis));
        assert_eq!(backoff.delay(0), Duration::from_millis(150));
    }
}
