//! What was drawn on a lane: how much of a stretch of time is taken there.

use std::collections::VecDeque;

/// Looks that are remembered of a lane: six seconds at least. What was drawn before is taken for free.
const LOOKS: usize = 64;

/// What was drawn on a lane before.
#[derive(Default)]
pub(super) struct Drawn {
    /// One of each look, the newest last.
    looks: VecDeque<Stretch>,
}

/// The runs of one look: from when to when, and how much of that they take, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) busy: u64,
}

impl Stretch {
    /// With a run more.
    pub(super) fn add(&mut self, start: u64, end: u64) {
        *self = match self.busy {
            0 => Stretch { start, end, busy: end - start },
            busy => Stretch { start: self.start.min(start), end: self.end.max(end), busy: busy + (end - start) },
        };
    }
}

impl Drawn {
    pub(super) fn push(&mut self, look: Stretch) {
        if self.looks.len() >= LOOKS {
            self.looks.pop_front();
        }
        self.looks.push_back(look);
    }

    /// How much of the time from `start` to `end` is taken, in nanoseconds; no less than that.
    pub(super) fn overlap(&self, start: u64, end: u64) -> u64 {
        let later = self.looks.iter().rev().take_while(|look| look.end > start);
        later.map(|look| look.end.min(end).saturating_sub(look.start.max(start)).min(look.busy)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_counted_and_what_is_long_ago_forgotten() {
        let mut drawn = Drawn::default();
        for look in 0..1_000 {
            let mut stretch = Stretch::default();
            stretch.add(100 * look + 50, 100 * look + 60);
            stretch.add(100 * look + 10, 100 * look + 20);
            assert_eq!(stretch, Stretch { start: 100 * look + 10, end: 100 * look + 60, busy: 20 });
            drawn.push(stretch);
        }
        assert_eq!(drawn.looks.len(), LOOKS);
        assert_eq!(drawn.overlap(99_960, 100_000), 0);
        assert_eq!(drawn.overlap(99_955, 100_000), 5);
        assert_eq!(drawn.overlap(99_800, 100_000), 40);
        assert_eq!(drawn.overlap(0, 200_000), 20 * LOOKS as u64);
    }
}
