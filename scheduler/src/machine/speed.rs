//! How fast each worker is, as a ratio: what its calls took to what calls of the same functions take.
//!
//! Hosts differ, in their processors and in what else runs on them, and mostly nobody says by how much. HEFT (Topcuoglu, Hariri
//! and Wu, 2002) is told what each task takes on each host; here the same is estimated as a product: how long calls of a
//! function take on an ordinary worker, times the *pace* of the worker. Each report of a call teaches both. It is compared
//! with other calls of the same function only, and what it took is divided by the worker's pace before the function
//! learns from it: so a function that ran on slow workers only is not taken for a long one, nor a worker that ran long functions
//! only for a slow one.
//!
//! What is learnt comes too late for what was handed out before the first call had ended: one of the first calls that takes
//! as long as everything else together and is on a slow worker decides when all ends. So an operator may say how fast a
//! worker's host is, as HTCondor and BOINC measure it with a benchmark before they give it anything. That counts for as
//! much as a few calls, and no more: what calls take there is what decides.
//!
//! Calls of one function differ, so a pace is an average that begins with a few imagined calls at the pace that was told or the ordinary one, counts
//! the last hundred or so, and takes no single call for more than four times slower or faster than it should be. Decisions
//! see it in coarse steps, which are left only when the average is clearly beyond their bounds: workers that are equal but
//! for chance are on one step, and treated as if there were no paces.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Scheduler,
    class::Kind,
    functions::nanos,
    slab::{TaskIndex, WorkerIndex},
};

/// What is known of a worker's speed. New workers are ordinary, unless something else was said.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Speed {
    /// The sum of the ratios of the calls that count, in units of [`ONE`].
    ratios: u32,
    /// How many calls those are.
    calls: u32,
    /// The pace at which it is presumed to have run a few calls before the first.
    presumed: u32,
    step: Step,
}

/// A pace, in steps of a quarter of a doubling: the lower, the faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Step(u8);

/// How many workers are on each step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Paces {
    counts: [u32; STEPS],
    /// The first step with workers, and whether there is another; kept since they are asked for with each task.
    fastest: Step,
    uneven: bool,
}

/// The ordinary pace.
const ONE: u32 = 1_024;

/// The pace of each step.
const PACES: [u32; STEPS] =
    [256, 304, 362, 431, 512, 609, 724, 861, ONE, 1_218, 1_448, 1_722, 2_048, 2_435, 2_896, 3_444, 4_096];

pub(super) const STEPS: usize = 17;

/// A step is left when the average is further from its pace than this, which is a little more than halfway to the next
/// (1.09); and the ordinary one when it is further than that.
const BEYOND: u32 = ONE * 110 / 100;
const BEYOND_ORDINARY: u32 = ONE * 114 / 100;

/// How many calls a worker is presumed to have run before the first.
const PRESUMED: u32 = 2;

/// With so many calls all count half from then on.
const ENOUGH: u32 = 128;

/// Shorter calls say more of clocks than of speed, in nanoseconds.
const SHORTEST_NS: u64 = 100_000;

impl Default for Step {
    fn default() -> Self {
        Step(8)
    }
}

impl Step {
    /// How long something takes at this pace that takes so long at the ordinary one.
    pub(super) fn scale(self, ordinary_ns: u64) -> u64 {
        if self == Step::default() { ordinary_ns } else { scaled(ordinary_ns, self.pace(), ONE) }
    }

    /// How long something would have taken at the ordinary pace.
    pub(super) fn ordinary(self, took_ns: u64) -> u64 {
        if self == Step::default() { took_ns } else { scaled(took_ns, ONE, self.pace()) }
    }

    /// How fast a worker is at this pace, in per cent of an ordinary one.
    pub(super) fn percent(self) -> u32 {
        ONE * 100 / self.pace()
    }

    /// The number of the step, from the fastest on; less than [`STEPS`].
    pub(super) fn number(self) -> usize {
        usize::from(self.0)
    }

    fn pace(self) -> u32 {
        PACES[self.number()]
    }

    /// The step that is nearest to a pace, in steps.
    fn nearest(pace: u32) -> Step {
        let faster =
            PACES.windows(2).take_while(|pair| u64::from(pace).pow(2) > u64::from(pair[0]) * u64::from(pair[1]));
        Step(faster.count() as u8)
    }
}

fn scaled(ns: u64, by: u32, of: u32) -> u64 {
    u64::try_from(u128::from(ns) * u128::from(by) / u128::from(of)).unwrap_or(u64::MAX)
}

impl Default for Speed {
    fn default() -> Self {
        Speed { ratios: 0, calls: 0, presumed: ONE, step: Step::default() }
    }
}

impl Speed {
    /// That of a worker of which it is said that it is so many per cent as fast as an ordinary one.
    pub(super) fn told(percent: u32) -> Self {
        let presumed = (ONE * 100 / percent.clamp(1, 10_000)).clamp(PACES[0], PACES[STEPS - 1]);
        Speed { presumed, step: Step::nearest(presumed), ..Speed::default() }
    }

    pub(super) fn step(&self) -> Step {
        self.step
    }

    /// Learns from a call that took so long, where one at the ordinary pace would have presumably taken so long. Whether
    /// the step is another now.
    pub(super) fn learn(&mut self, took_ns: u64, ordinary_ns: u64) -> bool {
        if took_ns.min(ordinary_ns) < SHORTEST_NS {
            return false;
        }
        // What a worker reports is cut at a month, so this saturates for nobody.
        let ratio = took_ns.saturating_mul(u64::from(ONE)) / ordinary_ns;
        let ratio = u32::try_from(ratio).unwrap_or(u32::MAX);
        self.ratios += ratio.clamp(PACES[0], PACES[STEPS - 1]);
        self.calls += 1;
        if self.calls >= ENOUGH {
            (self.ratios, self.calls) = (self.ratios / 2, self.calls / 2);
        }
        let (pace, of_step) = ((self.ratios + PRESUMED * self.presumed) / (self.calls + PRESUMED), self.step.pace());
        let before = self.step;
        let beyond = if before == Step::default() { BEYOND_ORDINARY } else { BEYOND };
        if pace.max(of_step) * ONE > pace.min(of_step) * beyond {
            self.step = Step::nearest(pace);
        }
        before != self.step
    }
}

impl Paces {
    pub(super) fn enter(&mut self, step: Step) {
        self.counts[step.number()] += 1;
        self.note();
    }

    pub(super) fn leave(&mut self, step: Step) {
        self.counts[step.number()] -= 1;
        self.note();
    }

    /// The step of the fastest worker.
    pub(super) fn fastest(&self) -> Step {
        self.fastest
    }

    /// Whether there are faster and slower workers.
    pub(super) fn is_uneven(&self) -> bool {
        self.uneven
    }

    fn note(&mut self) {
        let mut steps = (0..STEPS).filter(|&step| self.counts[step] > 0);
        self.fastest = steps.next().map_or_else(Step::default, |step| Step(step as u8));
        self.uneven = steps.next().is_some();
    }
}

impl Scheduler {
    /// A call has ended well: what it took, beside other calls of its function, tells how fast its worker is.
    pub(super) fn learn_speed(&mut self, t: TaskIndex, w: WorkerIndex, took: Duration) {
        if nanos(took) < SHORTEST_NS {
            return;
        }
        let function = self.tasks[t].function;
        // Calls that hold no thread mostly wait, and that takes as long everywhere.
        if self.functions.kind(function) == Kind::Async {
            return;
        }
        let Some(ordinary_ns) = self.functions.long_average_ns(function) else { return };
        let worker = &mut self.workers[w];
        let before = worker.speed.step();
        if worker.speed.learn(nanos(took), ordinary_ns) {
            let (environment, after) = (worker.environment, worker.speed.step());
            self.classes.environments[environment].pool.change_pace(before, after);
            self.load_changed(w);
        }
    }

    /// How much longer a call of a task's function presumably takes on a worker than on the fastest of its build, in
    /// nanoseconds.
    pub(super) fn lag_ns(&self, t: TaskIndex, w: WorkerIndex) -> u64 {
        let worker = &self.workers[w];
        let paces = &self.classes.environments[worker.environment].pool.paces;
        if worker.speed.step() == paces.fastest() {
            return 0;
        }
        let ordinary_ns = self.functions.estimate_ns(self.tasks[t].function, self.config.unknown_duration);
        worker.speed.step().scale(ordinary_ns).saturating_sub(paces.fastest().scale(ordinary_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn after(calls: impl IntoIterator<Item = (u64, u64)>) -> Step {
        let mut speed = Speed::default();
        for (took, ordinary) in calls {
            speed.learn(took, ordinary);
        }
        speed.step()
    }

    #[test]
    fn half_the_speed_is_known_after_a_few_calls_and_stays_known() {
        assert!(after([(20 * MS, 10 * MS); 4]) > Step::default());
        for (calls, faster, slower) in [(8, 50..75, 150..210), (1_000, 50..51, 200..201)] {
            assert!(slower.contains(&after(vec![(20 * MS, 10 * MS); calls]).scale(100)), "after {calls}");
            assert!(faster.contains(&after(vec![(5 * MS, 10 * MS); calls]).scale(100)), "after {calls}");
        }
    }

    #[test]
    fn calls_that_differ_by_a_fifth_make_no_difference() {
        let mut speed = Speed::default();
        for call in 0..10_000u64 {
            let took = 8 + call * 7_919 % 5;
            assert!(!speed.learn(took * MS, 10 * MS), "after {call} calls");
        }
    }

    #[test]
    fn a_step_is_left_only_when_the_next_is_clearly_nearer() {
        // The next step is nearest from 1.09 on, and twelve in a hundred are not enough to leave the ordinary one.
        assert_eq!(after([(112 * MS, 100 * MS); 500]), Step::default());
        assert_eq!(after([(118 * MS, 100 * MS); 500]).number(), Step::default().number() + 1);
    }

    #[test]
    fn what_was_said_counts_until_calls_say_otherwise() {
        for (percent, longer) in
            [(100, 100..=100), (50, 200..=200), (200, 50..=50), (0, 400..=400), (u32::MAX, 25..=25)]
        {
            assert!(longer.contains(&Speed::told(percent).step().scale(100)), "{percent} %");
        }
        let mut speed = Speed::told(50);
        (0..8).for_each(|_| _ = speed.learn(20 * MS, 10 * MS));
        assert_eq!(speed.step().scale(100), 200);
        (0..200).for_each(|_| _ = speed.learn(10 * MS, 10 * MS));
        assert_eq!(speed.step(), Step::default());
    }

    #[test]
    fn one_call_that_took_for_ever_makes_nobody_slow_for_long() {
        let outlier = [(10_000_000 * MS, 10 * MS)];
        assert_eq!(after([(10 * MS, 10 * MS); 60].into_iter().chain(outlier)), Step::default());
        assert_eq!(after(outlier.into_iter().chain([(10 * MS, 10 * MS); 60])), Step::default());
    }

    #[test]
    fn short_calls_teach_nothing() {
        assert_eq!(after([(90_000, 1_000); 100]), Step::default());
    }

    #[test]
    fn a_worker_that_gets_faster_is_known_anew() {
        let slow = [(20 * MS, 10 * MS); 500].into_iter();
        assert_eq!(after(slow.chain([(10 * MS, 10 * MS); 500])), Step::default());
    }

    #[test]
    fn steps_are_nearest_and_paces_go_both_ways() {
        for (number, &pace) in PACES.iter().enumerate() {
            let step = Step::nearest(pace);
            assert_eq!(step.number(), number);
            assert!(step.ordinary(step.scale(1_000_000)).abs_diff(1_000_000) < 10);
        }
        assert_eq!((Step::nearest(0), Step::nearest(u32::MAX)), (Step(0), Step(16)));
        assert_eq!(Step(16).scale(u64::MAX), u64::MAX);
    }

    #[test]
    fn the_fastest_is_known_as_workers_come_and_go() {
        let mut paces = Paces::default();
        assert_eq!((paces.fastest(), paces.is_uneven()), (Step::default(), false));
        for step in [Step(12), Step(8), Step(8)] {
            paces.enter(step);
        }
        assert_eq!((paces.fastest(), paces.is_uneven()), (Step(8), true));
        paces.leave(Step(8));
        assert!(paces.is_uneven());
        paces.leave(Step(8));
        assert_eq!((paces.fastest(), paces.is_uneven()), (Step(12), false));
    }
}
