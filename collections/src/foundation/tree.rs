//! Reductions in trees: no task takes more than a few partitions' results, however many there are.

use brisk_client::{Delayed, Value};

use super::CollectionError;

/// How many results one task of a reduction puts together. More make a flatter tree of longer tasks, each of which must hold as
/// many results at once. Eight unless set, as Dask has it for bags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FanIn(usize);

impl FanIn {
    /// So many at once.
    ///
    /// # Errors
    /// If it is less than two: such a tree would have no end.
    pub fn new(count: usize) -> Result<Self, CollectionError> {
        if count < 2 {
            return Err(CollectionError::FanIn(count));
        }
        Ok(FanIn(count))
    }

    /// How many.
    pub fn get(self) -> usize {
        self.0
    }

    /// Puts `parts` together by `combine`, which is given neighbours, in order. One part is the result as it is, unless
    /// `combine` changes its type; the caller sees to there being at least one.
    ///
    /// # Panics
    /// If there are no parts.
    pub fn reduce<T: Value>(
        self,
        mut parts: Vec<Delayed<T>>,
        mut combine: impl FnMut(Vec<Delayed<T>>) -> Delayed<T>,
    ) -> Delayed<T> {
        assert!(!parts.is_empty(), "a reduction begins with at least one part");
        while parts.len() > 1 {
            let mut rest = parts.into_iter();
            let mut level = Vec::with_capacity(rest.len().div_ceil(self.0));
            loop {
                let mut group: Vec<_> = rest.by_ref().take(self.0).collect();
                match group.len() {
                    0 => break,
                    1 => level.extend(group.pop()),
                    _ => level.push(combine(group)),
                }
            }
            parts = level;
        }
        parts.pop().expect("there was at least one")
    }
}

impl Default for FanIn {
    fn default() -> Self {
        FanIn(8)
    }
}

#[cfg(test)]
mod tests {
    use brisk_client::task;

    use super::*;

    #[task]
    fn joined(words: Vec<String>) -> String {
        assert!(words.len() <= 3);
        words.concat()
    }

    #[task]
    fn word(index: usize) -> String {
        index.to_string()
    }

    #[test]
    fn any_number_of_parts_is_put_together_in_order() {
        let fan_in = FanIn::new(3).unwrap();
        for count in 1..40 {
            let whole = fan_in.reduce((0..count).map(word).collect(), joined);
            assert_eq!(whole.run().unwrap(), (0..count).map(|i| i.to_string()).collect::<String>());
        }
        assert!(FanIn::new(1).unwrap_err().to_string().contains("at least two"));
    }
}
