//! Functions: their words, and how long their calls take.

use std::{fmt, time::Duration};

use brisk_core::function::{FunctionId, FunctionInfo};
use rustc_hash::FxHashMap;

use super::{class::Kind, record::FunctionIndex};

/// Every function that a client ever named. They are few, and records name them, so none is forgotten.
pub(super) struct Functions {
    list: Vec<Function>,
    /// By identity; keyed look-up only.
    by_id: FxHashMap<FunctionId, FunctionIndex>,
    /// What stands in for the function of scattered values, once there were any.
    scattered: Option<FunctionIndex>,
}

#[derive(Debug)]
struct Function {
    info: FunctionInfo,
    /// Moving average of what calls took, in nanoseconds.
    average_ns: Option<u64>,
}

/// Without the index, whose order means nothing.
impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.fmt(f)
    }
}

impl Functions {
    pub(super) fn new() -> Self {
        Functions { list: Vec::new(), by_id: FxHashMap::default(), scattered: None }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn find(&self, id: FunctionId) -> Option<FunctionIndex> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn get(&self, index: FunctionIndex) -> Option<&FunctionInfo> {
        self.list.get(index.0 as usize).map(|function| &function.info)
    }

    /// What its calls hold while they run.
    pub(super) fn kind(&self, index: FunctionIndex) -> Kind {
        if self.list[index.0 as usize].info.is_async { Kind::Async } else { Kind::Thread }
    }

    /// The words for a function that tasks name.
    pub(super) fn info(&self, index: FunctionIndex) -> &FunctionInfo {
        &self.list[index.0 as usize].info
    }

    pub(super) fn introduce(&mut self, info: FunctionInfo) {
        let next = FunctionIndex(self.list.len() as u32);
        self.by_id.entry(info.id).or_insert_with(|| {
            self.list.push(Function { info, average_ns: None });
            next
        });
    }

    /// What stands in for the function of scattered values. It is under no identity, so nobody can call it.
    pub(super) fn scattered(&mut self) -> FunctionIndex {
        let next = FunctionIndex(self.list.len() as u32);
        *self.scattered.get_or_insert_with(|| {
            let info = FunctionInfo {
                id: FunctionId::from_u128(0),
                name: "scattered".into(),
                module: "".into(),
                place: "".into(),
                is_async: false,
            };
            self.list.push(Function { info, average_ns: None });
            next
        })
    }

    /// What a call is presumed to take, in nanoseconds.
    pub(super) fn estimate_ns(&self, index: FunctionIndex, unknown: Duration) -> u64 {
        self.list[index.0 as usize].average_ns.unwrap_or_else(|| nanos(unknown))
    }

    /// Learns what a call took. Half of the new average is the last call, as in Dask: a function that changes its pace,
    /// its first call being slow for instance, is known again after a few calls.
    pub(super) fn measure(&mut self, index: FunctionIndex, took: Duration) {
        let took = nanos(took);
        let average = &mut self.list[index.0 as usize].average_ns;
        *average = Some(average.map_or(took, |before| before / 2 + took / 2).max(1));
    }
}

/// Spans are cut here, so that no sum of them overflows whatever a worker reports.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

pub(super) fn nanos(span: Duration) -> u64 {
    span.min(LONGEST).as_nanos() as u64
}
