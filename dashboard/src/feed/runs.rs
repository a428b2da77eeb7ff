//! Runs, as the task stream draws them.

use std::collections::VecDeque;

use brisk_core::key::Key;
use brisk_scheduler::server::EndedRun;
use serde::{
    Serialize, Serializer,
    ser::{SerializeSeq, SerializeStruct},
};

use super::rows::{Hex, micros};

/// A run in its lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) worker: u64,
    pub(super) lane: u32,
    /// In microseconds since the scheduler began.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) function: u32,
    pub(super) key: Key,
    pub(super) bytes: u64,
    pub(super) ok: bool,
}

/// Leaves the longest `most` of them, in their order. How many are left out.
pub(super) fn longest(runs: &mut Vec<EndedRun>, most: usize) -> u64 {
    let surplus = runs.len().saturating_sub(most);
    if most == 0 {
        runs.clear();
    } else if surplus > 0 {
        let mut spans: Vec<u64> = runs.iter().map(|run| run.took_ns).collect();
        let (shorter, &mut least, _) = spans.select_nth_unstable(surplus);
        // Of those that took just as long as the shortest one that is shown, so many are left out.
        let mut ties = surplus - shorter.iter().filter(|&&took| took < least).count();
        runs.retain(|run| {
            let left_out = run.took_ns < least || run.took_ns == least && ties > 0;
            ties -= usize::from(left_out && run.took_ns == least);
            !left_out
        });
    }
    surplus as u64
}

/// Runs as columns, without the first few.
pub(super) struct Columns<'a> {
    pub(super) runs: &'a VecDeque<Shown>,
    pub(super) skipped: usize,
    pub(super) lost: u64,
}

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut columns = serializer.serialize_struct("Runs", 9)?;
        columns.serialize_field("worker", &self.column(|run| run.worker))?;
        columns.serialize_field("lane", &self.column(|run| run.lane))?;
        columns.serialize_field("start", &self.column(|run| micros(run.start)))?;
        columns.serialize_field("end", &self.column(|run| micros(run.end)))?;
        columns.serialize_field("function", &self.column(|run| run.function))?;
        columns.serialize_field("key", &self.column(|run| Hex(run.key)))?;
        columns.serialize_field("bytes", &self.column(|run| run.bytes))?;
        columns.serialize_field("ok", &self.column(|run| u8::from(run.ok)))?;
        columns.serialize_field("lost", &self.lost)?;
        columns.end()
    }
}

impl<'a> Columns<'a> {
    fn column<F: Fn(&Shown) -> T, T: Serialize>(&self, of: F) -> Column<'a, F> {
        Column { runs: self.runs, skipped: self.skipped, of }
    }
}

struct Column<'a, F> {
    runs: &'a VecDeque<Shown>,
    skipped: usize,
    of: F,
}

impl<F: Fn(&Shown) -> T, T: Serialize> Serialize for Column<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let runs = self.runs.range(self.skipped.min(self.runs.len())..);
        let mut column = serializer.serialize_seq(Some(runs.len()))?;
        for run in runs {
            column.serialize_element(&(self.of)(run))?;
        }
        column.end()
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::{
        id::{Incarnation, WorkerId},
        time::Moment,
    };
    use brisk_scheduler::machine::FunctionIndex;

    use super::*;

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
        for spans in [vec![5, 1, 5, 5, 2, 9], vec![1; 6], vec![1, 2, 3, 4, 5, 6]] {
            for most in 0..=7 {
                let mut runs: Vec<_> = (0..).zip(&spans).map(|(number, &took)| run(number, took)).collect();
                let surplus = longest(&mut runs, most);
                assert_eq!(runs.len(), most.min(spans.len()), "{spans:?} {most}");
                assert_eq!(surplus as usize + runs.len(), spans.len());
                assert!(runs.is_sorted_by_key(|run| run.ended));
                let mut kept: Vec<_> = runs.iter().map(|run| run.took_ns).collect();
                let mut best = spans.clone();
                kept.sort_unstable();
                best.sort_unstable();
                assert_eq!(kept, best[surplus as usize..]);
            }
        }
    }

    #[test]
    fn columns_are_what_the_page_expects() {
        let shown = |key, lane| Shown {
            worker: 2,
            lane,
            start: 1_500_000,
            end: 1_500_001,
            function: 3,
            key: Key::from_u128(key),
            bytes: 8,
            ok: key == 1,
        };
        let runs = VecDeque::from([shown(0, 0), shown(1, 0), shown(0xab << 120, 1)]);
        let text = serde_json::to_string(&Columns { runs: &runs, skipped: 1, lost: 7 }).unwrap();
        assert_eq!(
            text,
            r#"{"worker":[2,2],"lane":[0,1],"start":[1.5,1.5],"end":[1.500001,1.500001],"function":[3,3],"key":["00000000000000000000000000000001","ab000000000000000000000000000000"],"bytes":[8,8],"ok":[1,0],"lost":7}"#
        );
    }
}
