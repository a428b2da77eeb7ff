//! A seed decides everything: else a failure could not be reproduced.

use brisk_sim::{
    faults::Options,
    simulation::{Report, Simulation},
    trace::Lines,
};

fn report(seed: u64, lines: Lines) -> Report {
    Simulation::new(Options::draw(seed)).with_lines(lines).run().expect("these seeds pass")
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in 0..25 {
        assert_eq!(report(seed, Lines::Hashed), report(seed, Lines::Hashed), "seed {seed}");
    }
}

#[test]
fn looking_changes_nothing() {
    for seed in 25..35 {
        assert_eq!(report(seed, Lines::Hashed), report(seed, Lines::Kept), "seed {seed}");
    }
}

#[test]
fn other_seeds_tell_other_stories() {
    let hashes: std::collections::BTreeSet<_> = (0..20).map(|seed| report(seed, Lines::Hashed).hash).collect();
    assert_eq!(hashes.len(), 20);
}
