//! The last runs, numbered, for readers who come when they like.

use std::collections::VecDeque;

use brisk_core::{id::WorkerId, key::Key, time::Moment};

use super::Longest;
use crate::machine::FunctionIndex;

/// A run that has ended, as its worker reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedRun {
    /// The task.
    pub key: Key,
    /// Its function.
    pub function: FunctionIndex,
    /// The worker.
    pub worker: WorkerId,
    /// When the report was handled.
    pub ended: Moment,
    /// How long the task's own code took, in nanoseconds.
    pub took_ns: u64,
    /// The value's length in bytes; 0 if there is none.
    pub nbytes: u64,
    /// Whether there is a value.
    pub ok: bool,
}

/// The last runs. Each has a number, one more than the one before.
#[derive(Default)]
pub(in crate::server) struct Ring {
    kept: VecDeque<EndedRun>,
    /// How many are kept.
    most: usize,
    /// The number of the oldest that is kept.
    first: u64,
}

impl Ring {
    pub(super) fn new(most: usize) -> Self {
        Ring { most, ..Ring::default() }
    }

    pub(super) fn push(&mut self, run: EndedRun) {
        if self.kept.len() >= self.most {
            self.first += 1;
            if self.kept.pop_front().is_none() {
                return;
            }
        }
        self.kept.push_back(run);
    }

    /// The number that the next run will have.
    pub(in crate::server) fn next(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// Shows the runs from number `from` on, `most` at most. How many of those asked for are kept no more, and from where to go
    /// on.
    pub(in crate::server) fn read(&self, from: u64, most: usize, into: &mut Longest) -> (u64, u64) {
        let begin = from.clamp(self.first, self.next());
        let lost = self.first.saturating_sub(from);
        let skipped = usize::try_from(begin - self.first).unwrap_or(usize::MAX);
        let end = self.kept.len().min(skipped.saturating_add(most));
        self.kept.range(skipped..end).for_each(|run| into.show(run));
        (lost, self.first + end as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: u64) -> EndedRun {
        EndedRun {
            key: Key::from_u128(number.into()),
            function: FunctionIndex(0),
            worker: WorkerId(brisk_core::id::Incarnation(1)),
            ended: Moment::from_nanos(number),
            took_ns: 0,
            nbytes: 0,
            ok: true,
        }
    }

    #[test]
    fn readers_follow_by_number_and_are_told_what_they_missed() {
        let mut ring = Ring::new(4);
        (0..6).for_each(|number| ring.push(run(number)));
        let mut read = Longest::new(10);
        assert_eq!(ring.read(0, 3, &mut read), (2, 5));
        assert_eq!(ring.read(5, 3, &mut read), (0, 6));
        assert_eq!(ring.read(6, 3, &mut read), (0, 6));
        // A reader of another scheduler's numbers is behind nothing.
        assert_eq!(ring.read(100, 3, &mut read), (0, 6));
        assert_eq!(read.end(), (vec![run(2), run(3), run(4), run(5)], 0));
    }

    #[test]
    fn nothing_is_kept_where_nothing_may_be() {
        let mut ring = Ring::new(0);
        (0..3).for_each(|number| ring.push(run(number)));
        let mut read = Longest::new(10);
        assert_eq!(ring.read(0, 10, &mut read), (3, 3));
        assert_eq!(read.end(), (Vec::new(), 0));
    }
}
