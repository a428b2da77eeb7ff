//! What has failed, in groups: a thousand tasks that fail alike are one line for people.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
};

use brisk_core::{error::TaskError, key::Key, time::Moment};
use rustc_hash::FxHasher;

use crate::machine::FunctionIndex;

/// Groups that are kept. Of more, the one whose last failure is the longest ago goes.
const MOST: usize = 200;

/// A task that has failed.
pub(super) struct Failed {
    pub(super) key: Key,
    pub(super) function: FunctionIndex,
    pub(super) at: Moment,
    pub(super) error: TaskError,
}

/// Tasks of one function that have failed for the same reason, in the same words.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorGroup {
    /// A number that no other group has, or had.
    pub id: u64,
    /// The function.
    pub function: FunctionIndex,
    /// How many have failed so.
    pub count: u64,
    /// The last of them.
    pub key: Key,
    /// Why that one failed.
    pub error: TaskError,
    /// When it did.
    pub at: Moment,
}

/// All groups.
#[derive(Default)]
pub(in crate::server) struct Errors {
    groups: BTreeMap<(FunctionIndex, u64), ErrorGroup>,
    next: u64,
    /// How many failures were added.
    pub(in crate::server) revision: u64,
}

impl Errors {
    pub(super) fn add(&mut self, Failed { key, function, at, error }: Failed) {
        self.revision += 1;
        let words = words(&error);
        if let Some(group) = self.groups.get_mut(&(function, words)) {
            group.count += 1;
            (group.key, group.error, group.at) = (key, error, at);
            return;
        }
        if self.groups.len() >= MOST
            && let Some(oldest) = self.groups.iter().min_by_key(|(_, group)| group.at).map(|(key, _)| *key)
        {
            self.groups.remove(&oldest);
        }
        self.next += 1;
        self.groups.insert((function, words), ErrorGroup { id: self.next, function, count: 1, key, error, at });
    }

    pub(in crate::server) fn groups(&self) -> Vec<ErrorGroup> {
        self.groups.values().cloned().collect()
    }
}

/// A number for the kind and the words of a failure.
fn words(error: &TaskError) -> u64 {
    let mut hasher = FxHasher::default();
    error.kind().hash(&mut hasher);
    error.report().failure.message.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use brisk_core::error::ErrorKind;

    use super::*;

    fn failed(number: u64, function: u32, text: &str) -> Failed {
        Failed {
            key: Key::from_u128(number.into()),
            function: FunctionIndex(function),
            at: Moment::from_nanos(number),
            error: TaskError::new(ErrorKind::Failed, text),
        }
    }

    #[test]
    fn the_same_words_of_one_function_are_one_group() {
        let mut errors = Errors::default();
        for (number, function, text) in [(1, 0, "odd"), (2, 0, "odd"), (3, 1, "odd"), (4, 0, "even")] {
            errors.add(failed(number, function, text));
        }
        let seen: Vec<_> = errors.groups().iter().map(|group| (group.function.0, group.count, group.id)).collect();
        assert_eq!(seen.len(), 3);
        assert!(seen.contains(&(0, 2, 1)) && seen.contains(&(1, 1, 2)) && seen.contains(&(0, 1, 3)), "{seen:?}");
        let group = errors.groups().into_iter().find(|group| group.count == 2).unwrap();
        assert_eq!((group.key, group.at), (Key::from_u128(2), Moment::from_nanos(2)));
    }

    #[test]
    fn groups_are_bounded_and_the_oldest_goes() {
        let mut errors = Errors::default();
        (0..MOST as u64 + 5).for_each(|number| errors.add(failed(number, 0, &format!("it was {number}"))));
        let groups = errors.groups();
        assert_eq!(groups.len(), MOST);
        assert!(groups.iter().all(|group| group.at >= Moment::from_nanos(5)));
    }
}
