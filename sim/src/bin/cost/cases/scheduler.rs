//! What tasks and workers cost the scheduler's machine.

use std::mem::forget;

use brisk_sim::cost::{
    graphs::Shape,
    zero_worker::{Setting, ZeroWorkers},
};

use super::measured;

/// How many lives are counted, among more.
const SAMPLE: u32 = 1_000;

/// How many tasks run before: the scheduler has learnt then how long they take, and how many to hand out ahead.
const WARM: u32 = 5_000;

/// How many lives are counted from the first to the last.
const WHOLE: u32 = 12_000;

const PLAIN: Setting = Setting { workers: 10, encoded: false, records: false };

pub(super) fn life_among_1k() -> u32 {
    life_among(1_000, PLAIN)
}

pub(super) fn life_among_100k() -> u32 {
    life_among(100_000, PLAIN)
}

pub(super) fn life_among_1m() -> u32 {
    life_among(1_000_000, PLAIN)
}

pub(super) fn life_with_1k_workers() -> u32 {
    life_among(100_000, Setting { workers: 1_000, ..PLAIN })
}

pub(super) fn life_with_records() -> u32 {
    life_among(1_000, Setting { records: true, ..PLAIN })
}

/// Tasks are submitted, others run, others again are released, as many of each, while `live` others wait.
fn life_among(live: u32, setting: Setting) -> u32 {
    let shape = Shape::Independent;
    let mut zero = ZeroWorkers::new(setting);
    let submitted = live + WARM + SAMPLE;
    let submission = zero.submission(shape, 0..submitted);
    zero.say(submission);
    zero.work((WARM + SAMPLE) as usize);
    zero.release(shape, 0..WARM);
    let submission = zero.submission(shape, submitted..submitted + SAMPLE);
    measured(|| {
        zero.say(submission);
        zero.work(SAMPLE as usize);
        zero.release(shape, WARM..WARM + SAMPLE);
    });
    assert_eq!(zero.task_count() as u32, live + SAMPLE);
    forget(zero);
    SAMPLE
}

pub(super) fn life_in_chains() -> u32 {
    whole_lives(Shape::Chains)
}

pub(super) fn life_in_pairs() -> u32 {
    whole_lives(Shape::Pairs)
}

fn whole_lives(shape: Shape) -> u32 {
    let mut zero = ZeroWorkers::new(PLAIN);
    let submission = zero.submission(shape, 0..WHOLE);
    measured(|| {
        zero.say(submission);
        zero.work(usize::MAX);
        zero.release(shape, 0..WHOLE);
    });
    assert_eq!(zero.task_count(), 0);
    WHOLE
}

pub(super) fn leaving_1k() -> u32 {
    leaving(1_000)
}

pub(super) fn leaving_10k() -> u32 {
    leaving(10_000)
}

/// Workers leave that have held something that others were told of.
fn leaving(workers: u32) -> u32 {
    const LEAVING: u32 = 100;
    let mut zero = ZeroWorkers::new(Setting { workers, ..PLAIN });
    let tasks = 3 * workers;
    let submission = zero.submission(Shape::Pairs, 0..tasks);
    zero.say(submission);
    zero.work(usize::MAX);
    zero.release(Shape::Pairs, 0..tasks);
    // All over the order in which they joined.
    let leaving = (0..LEAVING).map(|number| number * (workers / LEAVING));
    measured(|| leaving.for_each(|index| zero.leave(index)));
    forget(zero);
    LEAVING
}
