//! The tasks that are measured.

use brisk_client::task;

#[task(impure)]
pub(crate) fn noop() {}

#[task]
pub(crate) fn inc(x: i64) -> i64 {
    x + 1
}

/// As `inc`, but never the same task twice.
#[task(impure)]
pub(crate) fn inc_anew(x: i64) -> i64 {
    x + 1
}

#[task(impure)]
pub(crate) fn ident(x: i64) -> i64 {
    x
}

#[task(impure)]
pub(crate) fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task(impure)]
pub(crate) fn make_bytes(size: usize) -> Vec<u8> {
    vec![7; size]
}

/// The length and the first byte.
#[task(impure)]
pub(crate) fn consume(bytes: &[u8]) -> (usize, u8) {
    (bytes.len(), bytes[0])
}
