//! Functions: their words, and how long their calls take.
//!
//! Of the time a mean is kept, and how far calls are from it, by the estimator that TCP has for round trips (Jacobson,
//! "Congestion Avoidance and Control", 1988): two moving averages, no list of samples.

use std::{fmt, time::Duration};

use brisk_core::{
    function::{FunctionId, FunctionInfo},
    state::TaskState,
};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::{class::Kind, inspection::StateCounts, record::FunctionIndex, speed::Step};

/// Every function that a client ever named. They are few, and records name them, so none is forgotten.
pub(super) struct Functions {
    list: Vec<Function>,
    /// By identity; keyed look-up only.
    by_id: FxHashMap<FunctionId, FunctionIndex>,
    /// What stands in for the function of scattered values, once there were any.
    pub(super) scattered: Option<FunctionIndex>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Function {
    info: FunctionInfo,
    /// How many of its tasks there are in each state.
    tasks: StateCounts,
    /// Moving average of what calls took, at the ordinary pace, in nanoseconds.
    average_ns: Option<u64>,
    /// The same over many more calls, and how many there were, up to [`MANY`].
    long_average_ns: u64,
    calls: u32,
    /// Moving average of how far calls were from the average before.
    deviation_ns: u64,
    /// Moving average of how long values are, in bytes.
    average_bytes: Option<u64>,
    /// Whether calls were ever presumed to be long.
    was_long: bool,
}

/// Beside calls that take longer a round trip or two is nothing, in nanoseconds.
pub(super) const LONG_NS: u64 = 20_000_000;

/// The latest of so many calls is so much of the long average.
const MANY: u32 = 32;

impl Function {
    fn new(info: FunctionInfo) -> Self {
        Function {
            info,
            tasks: StateCounts::default(),
            average_ns: None,
            long_average_ns: 0,
            calls: 0,
            deviation_ns: 0,
            average_bytes: None,
            was_long: false,
        }
    }
}

/// What a call is presumed to take, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Presumed {
    /// On average.
    pub(super) mean_ns: u64,
    /// What it counts for when a worker is fed ahead; see [`Functions::presume`].
    pub(super) fed_ns: u64,
}

/// A function of which so many calls were measured is taken by its measure alone.
const TRUSTED: u32 = 16;

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

    /// Counts a task that came in this state.
    pub(super) fn task_came(&mut self, index: FunctionIndex, state: TaskState) {
        self.list[index.0 as usize].tasks[state] += 1;
    }

    /// Counts a task that went from one state to another.
    #[inline]
    pub(super) fn task_moved(&mut self, index: FunctionIndex, from: TaskState, to: TaskState) {
        let tasks = &mut self.list[index.0 as usize].tasks;
        tasks[from] -= 1;
        tasks[to] += 1;
    }

    /// Counts a task that went in this state.
    pub(super) fn task_went(&mut self, index: FunctionIndex, state: TaskState) {
        self.list[index.0 as usize].tasks[state] -= 1;
    }

    /// How many tasks each function has in each state.
    pub(super) fn counted(&self) -> impl Iterator<Item = (FunctionIndex, &StateCounts)> {
        (0..).map(FunctionIndex).zip(self.list.iter().map(|function| &function.tasks))
    }

    /// What its calls hold while they run.
    pub(super) fn kind(&self, index: FunctionIndex) -> Kind {
        if self.list[index.0 as usize].info.is_async { Kind::Async } else { Kind::Thread }
    }

    /// The words for a function that tasks name.
    pub(super) fn info(&self, index: FunctionIndex) -> &FunctionInfo {
        &self.list[index.0 as usize].info
    }

    /// All of them, in the order of their indices.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Function> {
        self.list.iter()
    }

    /// Adds one that was written down, behind those that are there. Whether it was not there.
    pub(super) fn put(&mut self, function: Function) -> bool {
        let next = FunctionIndex(self.list.len() as u32);
        let is_new = self.scattered == Some(next) || self.by_id.insert(function.info.id, next).is_none();
        self.list.push(function);
        is_new
    }

    pub(super) fn introduce(&mut self, info: FunctionInfo) {
        let next = FunctionIndex(self.list.len() as u32);
        self.by_id.entry(info.id).or_insert_with(|| {
            self.list.push(Function::new(info));
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
            self.list.push(Function::new(info));
            next
        })
    }

    /// What a call is presumed to take at the ordinary pace, in nanoseconds.
    pub(super) fn estimate_ns(&self, index: FunctionIndex, unknown: Duration) -> u64 {
        self.list[index.0 as usize].average_ns.unwrap_or_else(|| nanos(unknown))
    }

    /// What a call is presumed to take at a worker's pace, and for how much of a budget of `budget_ns` a thread it counts.
    ///
    /// A worker that is fed ahead must neither run dry in the middle of short calls nor hold some hostage behind long ones.
    /// So a call counts with its mean and deviation, being pessimistic: what is ahead should not wait much longer than the
    /// budget. But with twice the mean at most: however much calls differ, half of the budget's work is ahead on average,
    /// and that is several round trips. And with the whole budget at most: a long call takes one thread's part of it, and
    /// the other threads are fed as if it were not there.
    ///
    /// Of a function that was never measured one call fills a thread's budget; with each that ends twice as many do (the
    /// slow start of the same paper). So the first ones tell what there is to wait for before many wait, and a function of
    /// short calls is fed in full after a handful.
    pub(super) fn presume(&self, index: FunctionIndex, unknown: Duration, step: Step, budget_ns: u64) -> Presumed {
        let function = &self.list[index.0 as usize];
        let Some(mean_ns) = function.average_ns else {
            return Presumed { mean_ns: step.scale(nanos(unknown)), fed_ns: budget_ns };
        };
        let pessimistic_ns = step.scale(mean_ns + function.deviation_ns.min(mean_ns));
        let untrusted_ns = if function.calls < TRUSTED { budget_ns >> function.calls } else { 0 };
        Presumed { mean_ns: step.scale(mean_ns), fed_ns: pessimistic_ns.max(untrusted_ns).min(budget_ns) }
    }

    /// What calls have taken for a good while at the ordinary pace, in nanoseconds, once there were a few: what one call is
    /// compared with.
    pub(super) fn long_average_ns(&self, index: FunctionIndex) -> Option<u64> {
        let function = &self.list[index.0 as usize];
        (function.calls >= 2).then_some(function.long_average_ns)
    }

    /// What a call took on average at the ordinary pace, in nanoseconds, once one was measured.
    pub(super) fn measured_ns(&self, index: FunctionIndex) -> Option<u64> {
        self.list[index.0 as usize].average_ns
    }

    /// How long values were on average, in bytes, once there was one.
    pub(super) fn measured_bytes(&self, index: FunctionIndex) -> Option<u64> {
        self.list[index.0 as usize].average_bytes
    }

    /// Whether calls took longer on average than [`LONG_NS`] at any time.
    pub(super) fn was_long(&self, index: FunctionIndex) -> bool {
        self.list[index.0 as usize].was_long
    }

    /// Learns how long a value is. Half of the new average is the last one.
    pub(super) fn measure_value(&mut self, index: FunctionIndex, nbytes: u64) {
        let average = &mut self.list[index.0 as usize].average_bytes;
        *average = Some(average.map_or(nbytes, |before| before / 2 + nbytes / 2));
    }

    /// Learns what a call would have taken at the ordinary pace. Half of the new average is the last call, as in Dask: a
    /// function that changes its pace, its first call being slow for instance, is known again after a few calls. The
    /// deviation follows half as fast.
    pub(super) fn measure(&mut self, index: FunctionIndex, took_ns: u64) {
        let function = &mut self.list[index.0 as usize];
        let off_ns = function.average_ns.map_or(took_ns / 2, |before| took_ns.abs_diff(before) / 4);
        function.deviation_ns = function.deviation_ns / 4 * 3 + off_ns;
        function.average_ns = Some(function.average_ns.map_or(took_ns, |before| before / 2 + took_ns / 2).max(1));
        function.was_long |= function.average_ns > Some(LONG_NS);
        function.calls = (function.calls + 1).min(MANY);
        let (before, share) = (function.long_average_ns, u64::from(function.calls));
        function.long_average_ns = before - before / share + took_ns / share;
    }
}

/// Spans are cut here, so that no sum of them overflows whatever a worker reports.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

pub(super) fn nanos(span: Duration) -> u64 {
    span.min(LONGEST).as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Duration = Duration::from_millis(5);
    const UNKNOWN: Duration = Duration::from_millis(100);

    /// What calls count for, in microseconds, after some took so many.
    fn fed_us(took: &[u64]) -> u64 {
        let mut functions = Functions::new();
        let index = functions.scattered();
        took.iter().for_each(|&us| functions.measure(index, nanos(Duration::from_micros(us))));
        functions.presume(index, UNKNOWN, Step::default(), nanos(BUDGET)).fed_ns / 1_000
    }

    #[test]
    fn a_function_that_was_hardly_measured_counts_for_half_as_much_with_each_call() {
        let counts: Vec<_> = (0..6).map(|calls| fed_us(&vec![1; calls])).collect();
        assert_eq!(counts, [5_000, 2_500, 1_250, 625, 312, 156]);
        assert_eq!(fed_us(&[1; 16]), 1);
    }

    #[test]
    fn the_first_call_may_be_off_by_half_and_the_second_tells() {
        assert_eq!(fed_us(&[2_000]), 3_000);
        let mut functions = Functions::new();
        let index = functions.scattered();
        [1_000, 3_000].iter().for_each(|&ns| functions.measure(index, ns));
        assert_eq!(functions.measured_ns(index), Some(2_000));
        [1_001, 3_001].iter().for_each(|&nbytes| functions.measure_value(index, nbytes));
        assert_eq!(functions.measured_bytes(index), Some(2_000));
    }

    #[test]
    fn what_differs_widely_counts_for_more_and_never_for_more_than_twice() {
        assert_eq!(fed_us(&[1_000; 40]), 1_000);
        let varied: Vec<_> = (0..40).map(|i| if i % 2 == 0 { 500 } else { 1_500 }).collect();
        let counts = fed_us(&varied);
        assert!((1_500..2_400).contains(&counts), "{counts}");
        // One in ten takes a hundred times as long; at the end of nine short ones the mean is low, and the deviation is not.
        let rare: Vec<_> = (1..40).map(|i| if i % 10 == 0 { 10_000 } else { 100 }).collect();
        let mut functions = Functions::new();
        let index = functions.scattered();
        rare.iter().for_each(|&us| functions.measure(index, nanos(Duration::from_micros(us))));
        let presumed = functions.presume(index, UNKNOWN, Step::default(), nanos(BUDGET));
        assert_eq!(presumed.fed_ns, 2 * presumed.mean_ns);
    }

    #[test]
    fn a_long_call_counts_for_one_threads_budget() {
        assert_eq!(fed_us(&[10_000_000; 20]), 5_000);
    }

    #[test]
    fn a_long_call_counts_in_full_on_a_fast_worker_too() {
        let mut functions = Functions::new();
        let index = functions.scattered();
        functions.measure(index, nanos(Duration::from_secs(3)));
        let mut fast = crate::machine::speed::Speed::default();
        for _ in 0..64 {
            fast.learn(1_000_000_000, 4_000_000_000);
        }
        assert!(fast.step() < Step::default());
        assert_eq!(functions.presume(index, UNKNOWN, fast.step(), nanos(BUDGET)).fed_ns, nanos(BUDGET));
    }

    #[test]
    fn no_span_overflows() {
        assert_eq!(fed_us(&[u64::MAX / 1_000; 40]), 5_000);
        assert_eq!(fed_us(&[0; 40]), 0);
    }
}
