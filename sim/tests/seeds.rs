//! Some hundred small seeds, as a part of every test run. `cargo xtask sim` runs as many as one likes. What a seed means
//! changes with the simulator, so a bug that was found by one is told again in `scenarios`, by name.

use brisk_sim::{faults::Options, simulation::Simulation, trace::Lines};

fn passes(options: Options) {
    let seed = options.seed;
    if let Err(failed) = Simulation::new(options).with_lines(Lines::Kept).run() {
        let tail = failed.tail.join("\n");
        panic!("{tail}\n\n{}\nreproduce with: cargo xtask sim --seed {seed}", failed.failure);
    }
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
