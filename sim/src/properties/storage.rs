//! A worker stores exactly what its machine accounts for (I40), and runs no more than it may (I34, I37).

use std::collections::BTreeMap;

use brisk_core::{id::WorkerId, key::Key};
use brisk_worker::machine::Worker;

use crate::failure::Failure;

/// A value in a worker's store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The value.
    pub value: u64,
    /// Its length, as everybody was told, in bytes.
    pub nbytes: u64,
}

/// Checks one worker, between two events.
///
/// # Errors
/// If its books do not fit its store.
pub fn check(
    id: WorkerId,
    machine: &Worker,
    store: &BTreeMap<Key, Stored>,
    running: (u32, u32),
    threads: u32,
) -> Result<(), Failure> {
    let broken = |found: String| Err(Failure::safety("storage", format!("worker {id} {found}")));
    let bytes: u64 = store.values().map(|stored| stored.nbytes).sum();
    if (machine.values(), machine.bytes()) != (store.len() as u64, bytes) {
        let (values, counted) = (machine.values(), machine.bytes());
        return broken(format!("counts {values} values of {counted} bytes, and stores {} of {bytes}", store.len()));
    }
    let (on_threads, detached) = running;
    if machine.running() != on_threads + detached {
        return broken(format!("counts {} runs, and has {}", machine.running(), on_threads + detached));
    }
    if on_threads > threads {
        return broken(format!("runs {on_threads} tasks on {threads} threads"));
    }
    Ok(())
}
