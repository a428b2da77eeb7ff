//! Each bug that can be planted in a machine is found by the ordinary swarm.

use brisk_sim::planted::{Bug, SEEDS};

#[test]
fn every_planted_bug_is_found() {
    let missed: Vec<_> = Bug::all().filter(|bug| bug.search(SEEDS).is_none()).collect();
    assert!(missed.is_empty(), "{SEEDS} seeds do not find {missed:?}");
}
