//! Runs, as the task stream draws them.

use std::collections::VecDeque;

use brisk_core::key::Key;
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
    use super::*;

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
