//! Some hundred small seeds, as a part of every test run. `cargo xtask sim` runs as many as one likes.

use brisk_sim::{faults::Options, simulation::Simulation, trace::Lines};

/// Seeds that failed once, each for its own reason; they stay.
const FAILED_ONCE: &[(u64, &str)] = &[
    (648, "a worker's loss took a value and its input, and the input was left in memory without a holder"),
    (1_274, "a retry of what another client had retried was never answered"),
    (3_159, "a failed task was cancelled for everybody, and tried again by one who had not heard"),
];

fn passes(options: Options) {
    let seed = options.seed;
    if let Err(failed) = Simulation::new(options).with_lines(Lines::Kept).run() {
        let tail = failed.tail.join("\n");
        panic!("{tail}\n\n{}\nreproduce with: cargo xtask sim --seed {seed}", failed.failure);
    }
}

#[test]
fn seeds_that_failed_once_pass() {
    FAILED_ONCE.iter().for_each(|(seed, _)| passes(Options::draw(*seed)));
}

#[test]
fn seeds_pass() {
    (0..150).for_each(|seed| passes(Options::draw(seed)));
}

#[test]
fn more_seeds_pass() {
    (1_000..1_150).for_each(|seed| passes(Options::draw(seed)));
}

/// Where nothing goes wrong, nothing is computed twice.
#[test]
fn seeds_without_faults_pass() {
    (0..60).for_each(|seed| passes(Options::draw(seed).without_faults()));
}
