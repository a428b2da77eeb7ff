//! The longest of many runs, chosen while they go by: whoever draws a hundred thousand runs a tenth of a second sees no more than
//! the longest thousand of them.

use std::cmp::Reverse;

use super::EndedRun;

/// Keeps the longest of what it is shown; of those that are equally long the first.
pub(in crate::server) struct Longest {
    most: usize,
    /// Those that may be among them, twice as many at most, each with its place in the order.
    kept: Vec<(u64, EndedRun)>,
    /// What takes no longer is not among them: there are enough that do.
    least: Option<u64>,
    shown: u64,
}

impl Longest {
    /// Will keep `most` of them.
    pub(in crate::server) fn new(most: usize) -> Self {
        Longest { most, kept: Vec::new(), least: None, shown: 0 }
    }

    pub(super) fn show(&mut self, run: &EndedRun) {
        let place = self.shown;
        self.shown += 1;
        if self.most == 0 || self.least.is_some_and(|least| run.took_ns <= least) {
            return;
        }
        self.kept.push((place, *run));
        if self.kept.len() >= self.most.saturating_mul(2) {
            self.choose();
        }
    }

    /// They, in the order in which they were shown, and how many others there were.
    pub(in crate::server) fn end(mut self) -> (Vec<EndedRun>, u64) {
        self.choose();
        self.kept.sort_unstable_by_key(|(place, _)| *place);
        let left_out = self.shown - self.kept.len() as u64;
        (self.kept.into_iter().map(|(_, run)| run).collect(), left_out)
    }

    fn choose(&mut self) {
        if self.kept.len() <= self.most {
            return;
        }
        let last = self.most - 1;
        let (_, shortest, _) =
            self.kept.select_nth_unstable_by_key(last, |(place, run)| (Reverse(run.took_ns), *place));
        self.least = Some(shortest.1.took_ns);
        self.kept.truncate(self.most);
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::{
        id::{Incarnation, WorkerId},
        key::Key,
        time::Moment,
    };

    use super::*;
    use crate::machine::FunctionIndex;

    fn run(number: u64, took_ns: u64) -> EndedRun {
        EndedRun {
            key: Key::from_u128(number.into()),
            function: FunctionIndex(3),
            worker: WorkerId(Incarnation(2)),
            ended: Moment::from_nanos(1_000 * number),
            took_ns,
            nbytes: 8,
            ok: true,
        }
    }

    #[test]
    fn the_longest_are_left_in_their_order_whatever_is_equal() {
        let long = (0..1_000).map(|number| number * 7_919 % 101).collect();
        for spans in
            [vec![5, 1, 5, 5, 2, 9], vec![1; 6], vec![1, 2, 3, 4, 5, 6], vec![6, 5, 4, 3, 2, 1], long, Vec::new()]
        {
            let runs: Vec<_> = (0..).zip(&spans).map(|(number, &took)| run(number, took)).collect();
            for most in [0, 1, 2, 3, 5, 6, 7, 100, 999, 1_000, 2_000] {
                let mut longest = Longest::new(most);
                runs.iter().for_each(|run| longest.show(run));
                assert!(longest.kept.len() <= 2 * most);
                let (kept, left_out) = longest.end();
                // As one would do it who has them all before him.
                let mut expected = runs.clone();
                expected.sort_by_key(|run| Reverse(run.took_ns));
                expected.truncate(most);
                expected.sort_by_key(|run| run.ended);
                assert_eq!(kept, expected, "{most} of {spans:?}");
                assert_eq!(left_out as usize, spans.len() - kept.len());
            }
        }
    }
}
