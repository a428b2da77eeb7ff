//! The tasks that are measured.

use std::{sync::Arc, time::Duration};

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

/// Takes 20 ms, and holds its thread meanwhile, as a task that computes does.
#[task(impure)]
pub(crate) fn sleep_inc(x: i64) -> i64 {
    std::thread::sleep(Duration::from_millis(20));
    x + 1
}

/// A piece for each consumer.
#[task(impure)]
pub(crate) fn produce(i: usize, pieces: usize, size: usize) -> Vec<Vec<u8>> {
    (0..pieces).map(|j| vec![((i + j) % 256) as u8; size]).collect()
}

#[task(impure)]
pub(crate) fn pick(pieces: &[Vec<u8>], j: usize) -> Vec<u8> {
    pieces[j].clone()
}

// Lists of inputs are taken as shared ones: a list that is borrowed has copies of its items.

#[task(impure)]
pub(crate) fn consume_pieces(pieces: Vec<Arc<Vec<u8>>>) -> usize {
    pieces.iter().map(|piece| piece.len()).sum()
}

/// Of each row its piece for consumer `j`.
#[task(impure)]
pub(crate) fn consume_column(j: usize, rows: Vec<Arc<Vec<Vec<u8>>>>) -> usize {
    rows.iter().map(|row| row[j].len()).sum()
}

#[task(impure)]
pub(crate) fn make_bytes(size: usize, tag: usize) -> Vec<u8> {
    filled((tag % 256) as u8, size)
}

/// So many bytes of floats.
#[task(impure)]
pub(crate) fn make_array(size: usize, tag: usize) -> Vec<f64> {
    filled((tag % 256) as f64, size / 8)
}

/// A vector that is in memory: one made of zeros by `vec!` is a promise, which the first reader would pay for.
fn filled<T: Copy>(item: T, count: usize) -> Vec<T> {
    let mut items = Vec::with_capacity(count);
    items.extend(std::iter::repeat_n(item, count));
    items
}

/// The length and the first byte.
#[task(impure)]
pub(crate) fn consume_bytes(bytes: &[u8]) -> usize {
    bytes.len() + usize::from(bytes[0])
}

/// The same of floats.
#[task(impure)]
pub(crate) fn consume_array(array: &[f64]) -> usize {
    size_of_val(array) + array[0] as usize
}

#[task(impure)]
pub(crate) fn consume_all_bytes(all: Vec<Arc<Vec<u8>>>) -> usize {
    all.iter().map(|bytes| bytes.len() + usize::from(bytes[0])).sum()
}

#[task(impure)]
pub(crate) fn consume_all_arrays(all: Vec<Arc<Vec<f64>>>) -> usize {
    all.iter().map(|array| size_of_val(&***array) + array[0] as usize).sum()
}
