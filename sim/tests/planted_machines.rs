//! Each bug that can be planted in a machine is found by the ordinary swarm.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use brisk_sim::planted::{Bug, SEEDS};

#[test]
fn every_planted_bug_is_found() {
    let bugs: Vec<Bug> = Bug::all().collect();
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let search = || {
        while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if bug.search(SEEDS).is_none() {
                missed.lock().expect("no thread panics with it").push(bug);
            }
        }
    };
    // Each search is by itself, and some take a minute.
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(search);
        }
    });
    let missed = missed.into_inner().expect("no thread panics with it");
    assert!(missed.is_empty(), "{SEEDS} seeds do not find {missed:?}");
}
