//! What is true of few tasks, and how deep a task stands: together in four bytes, since there may be millions of tasks.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::unrepeatable::Unrepeatable;

/// What a task is marked with. Written down as what it says.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Plain", into = "Plain")]
pub(super) struct Marks(u32);

/// The same, each by itself.
#[derive(Debug, Serialize, Deserialize)]
struct Plain {
    detached: bool,
    held_for_lineage: bool,
    checkpoint: bool,
    depth: u32,
    unrepeatable: Option<Unrepeatable>,
}

/// A depth is no larger, which is deeper than any bound on lineage that makes sense: so many tasks take three gigabytes.
const DEEPEST: u32 = (1 << 24) - 1;

const DETACHED: u32 = 1 << 24;
const HELD_FOR_LINEAGE: u32 = 1 << 25;
const CHECKPOINT: u32 = 1 << 26;

/// Where it stands why a value can't be computed again, if there is a reason.
const WHY: u32 = 27;
const REASONS: [Option<Unrepeatable>; 4] =
    [None, Some(Unrepeatable::Scattered), Some(Unrepeatable::Once), Some(Unrepeatable::Cut)];

impl Marks {
    /// Whether it is to run to its end even if nobody wants it. Never of a finished or failed task.
    pub(super) fn detached(self) -> bool {
        self.0 & DETACHED > 0
    }

    pub(super) fn set_detached(&mut self, is: bool) {
        self.set(DETACHED, is);
    }

    /// Whether those that name it only want it known: they were made before, and its value may not be needed again.
    pub(super) fn held_for_lineage(self) -> bool {
        self.0 & HELD_FOR_LINEAGE > 0
    }

    pub(super) fn set_held_for_lineage(&mut self, is: bool) {
        self.set(HELD_FOR_LINEAGE, is);
    }

    /// Whether the value that is there is to be kept for as long as anything depends on it; see [`lineage`](super::lineage).
    pub(super) fn checkpoint(self) -> bool {
        self.0 & CHECKPOINT > 0
    }

    pub(super) fn set_checkpoint(&mut self, is: bool) {
        self.set(CHECKPOINT, is);
    }

    /// How many tasks in a row its value was computed from, back to one without dependencies or to a checkpoint.
    pub(super) fn depth(self) -> u32 {
        self.0 & DEEPEST
    }

    pub(super) fn set_depth(&mut self, depth: u32) {
        self.0 = self.0 & !DEEPEST | depth.min(DEEPEST);
    }

    /// Why its value can't be computed, or not again, if that is so.
    pub(super) fn unrepeatable(self) -> Option<Unrepeatable> {
        REASONS[(self.0 >> WHY) as usize % REASONS.len()]
    }

    pub(super) fn set_unrepeatable(&mut self, why: Option<Unrepeatable>) {
        let number = match why {
            None => 0,
            Some(Unrepeatable::Scattered) => 1,
            Some(Unrepeatable::Once) => 2,
            Some(Unrepeatable::Cut) => 3,
        };
        self.0 = self.0 & !(3 << WHY) | number << WHY;
    }

    fn set(&mut self, mark: u32, is: bool) {
        self.0 = if is { self.0 | mark } else { self.0 & !mark };
    }
}

impl From<Marks> for Plain {
    fn from(marks: Marks) -> Self {
        Plain {
            detached: marks.detached(),
            held_for_lineage: marks.held_for_lineage(),
            checkpoint: marks.checkpoint(),
            depth: marks.depth(),
            unrepeatable: marks.unrepeatable(),
        }
    }
}

impl From<Plain> for Marks {
    fn from(plain: Plain) -> Self {
        let mut marks = Marks::default();
        marks.set_detached(plain.detached);
        marks.set_held_for_lineage(plain.held_for_lineage);
        marks.set_checkpoint(plain.checkpoint);
        marks.set_depth(plain.depth);
        marks.set_unrepeatable(plain.unrepeatable);
        marks
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Plain::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change of one mark, and whether it is there.
    type Change = (fn(&mut Marks, bool), fn(Marks) -> bool);

    #[test]
    fn each_mark_stands_for_itself() {
        let depth: Change = (|marks, is| marks.set_depth(u32::from(is) * 7), |marks| marks.depth() == 7);
        let mut all: Vec<Change> = vec![
            (Marks::set_detached, Marks::detached),
            (Marks::set_held_for_lineage, Marks::held_for_lineage),
            (Marks::set_checkpoint, Marks::checkpoint),
            depth,
        ];
        all.push((
            |marks, is| marks.set_unrepeatable(is.then_some(Unrepeatable::Cut)),
            |marks| marks.unrepeatable() == Some(Unrepeatable::Cut),
        ));
        let there = |marks: Marks| all.iter().map(|(_, is)| is(marks)).collect::<Vec<_>>();
        for which in 0..all.len() {
            let (mut some, mut most) = (Marks::default(), Marks::default());
            all.iter().for_each(|(set, _)| set(&mut most, true));
            assert_eq!(there(most), vec![true; all.len()]);
            // Said twice, it is as if it were said once.
            for _ in 0..2 {
                all[which].0(&mut some, true);
                all[which].0(&mut most, false);
            }
            for (at, (alone, other)) in there(some).into_iter().zip(there(most)).enumerate() {
                assert_eq!((alone, other), (at == which, at != which), "{some:?} {most:?}");
            }
            all[which].0(&mut some, false);
            assert_eq!(some, Marks::default());
        }
    }

    #[test]
    fn every_reason_is_had_back_and_a_depth_ends_somewhere() {
        let mut marks = Marks::default();
        for why in REASONS {
            marks.set_unrepeatable(why);
            assert_eq!(marks.unrepeatable(), why);
        }
        for (depth, kept) in
            [(DEEPEST - 1, DEEPEST - 1), (DEEPEST, DEEPEST), (DEEPEST + 1, DEEPEST), (u32::MAX, DEEPEST)]
        {
            marks.set_depth(depth);
            assert_eq!((marks.depth(), marks.unrepeatable(), marks.detached()), (kept, REASONS[3], false));
        }
        assert_eq!(Marks::from(Plain::from(marks)), marks);
        assert!(format!("{marks:?}").contains("unrepeatable: Some(Cut)"), "{marks:?}");
    }
}
