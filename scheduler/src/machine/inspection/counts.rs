//! How many tasks each function has in each state: kept with every transition, so that whoever draws it ten times a second
//! looks at no task.

use std::ops::{Index, IndexMut};

use brisk_core::state::TaskState;
use serde::{Deserialize, Serialize};

/// A number for each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateCounts([u64; TaskState::ALL.len()]);

impl StateCounts {
    /// How many there are in all states together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &StateCounts) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
    }
}

impl Index<TaskState> for StateCounts {
    type Output = u64;

    #[inline]
    fn index(&self, state: TaskState) -> &u64 {
        &self.0[state as usize]
    }
}

impl IndexMut<TaskState> for StateCounts {
    #[inline]
    fn index_mut(&mut self, state: TaskState) -> &mut u64 {
        &mut self.0[state as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_a_place_of_its_own() {
        let mut counts = StateCounts::default();
        TaskState::ALL.iter().zip(1..).for_each(|(state, n)| counts[*state] = n);
        TaskState::ALL.iter().zip(1..).for_each(|(state, n)| assert_eq!(counts[*state], n));
        let before = counts;
        counts.add(&before);
        assert_eq!(counts.total(), 2 * before.total());
    }
}
