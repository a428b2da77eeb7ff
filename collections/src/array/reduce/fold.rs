//! Folding a block along some of its axes, in the order in which it lies in memory.
//!
//! Sums are pairwise: the error grows with the logarithm of the number of elements, not with it (Higham, "The accuracy of floating
//! point summation", 1993; NumPy does the same). Loops have several accumulators, so that they vectorise.

use super::super::{
    block::Block,
    element::{Arithmetic, Element, Number},
};

/// Elements that are summed one after the other, in lanes; from here on sums are pairwise.
const RUN: usize = 512;

/// Accumulators that do not wait for each other.
const LANES: usize = 16;

/// Rows that are added to one accumulator before that is added to the next.
const ROWS: usize = 128;

/// The sums along `axes`.
pub(super) fn sum<T: Number>(block: &Block<T>, axes: &[usize]) -> Block<T> {
    fold(block, axes, T::ZERO, |line| pairwise(line), T::add)
}

/// The products along `axes`.
pub(super) fn prod<T: Number>(block: &Block<T>, axes: &[usize]) -> Block<T> {
    fold(block, axes, T::ONE, |line| lanes(line, T::ONE, T::mul), T::mul)
}

/// The least or greatest along `axes`, of which there is at least one where anything is left to be found.
pub(super) fn extreme<T: Number>(block: &Block<T>, axes: &[usize], pick: impl Fn(T, T) -> T + Copy) -> Block<T> {
    let line = |line: &[T]| line.first().map_or(T::ZERO, |first| lanes(line, *first, pick));
    // It is never used: an accumulator begins with its first row.
    fold(block, axes, T::ZERO, line, pick)
}

/// Whether one holds, or all, along `axes`.
pub(super) fn truths(block: &Block<bool>, axes: &[usize], all: bool) -> Block<bool> {
    if all {
        fold(block, axes, true, |line| line.iter().all(|x| *x), |x, y| x & y)
    } else {
        fold(block, axes, false, |line| line.iter().any(|x| *x), |x, y| x | y)
    }
}

/// Folds along `axes`, neighbouring ones at once, the last first: what is left for the next is shorter by then.
fn fold<T: Element>(
    block: &Block<T>,
    axes: &[usize],
    of_nothing: T,
    line: impl Fn(&[T]) -> T + Copy,
    pair: impl Fn(T, T) -> T + Copy,
) -> Block<T> {
    let mut shape = block.shape().to_vec();
    let mut folded: Option<Vec<T>> = None;
    let mut rest = axes;
    while let Some((last, before)) = rest.split_last() {
        let mut first = *last;
        rest = before;
        while let Some((axis, before)) = rest.split_last()
            && axis + 1 == first
        {
            (first, rest) = (*axis, before);
        }
        let data = folded.as_deref().unwrap_or(block.elements());
        let sizes = [
            shape[..first].iter().product(),
            shape[first..=*last].iter().product(),
            shape[last + 1..].iter().product(),
        ];
        folded = Some(middle(data, sizes, of_nothing, line, pair));
        shape.drain(first..=*last);
    }
    match folded {
        Some(folded) => Block::new(&shape, folded).expect("one for each that is left"),
        None => block.clone(),
    }
}

/// Folds the middle of three axes.
fn middle<T: Copy>(
    data: &[T],
    [outer, count, inner]: [usize; 3],
    of_nothing: T,
    line: impl Fn(&[T]) -> T,
    pair: impl Fn(T, T) -> T,
) -> Vec<T> {
    if count == 0 {
        return vec![of_nothing; outer * inner];
    }
    if inner == 1 {
        return data.chunks_exact(count).map(line).collect();
    }
    let mut out = Vec::with_capacity(outer * inner);
    let add = |all: &mut [T], row: &[T]| all.iter_mut().zip(row).for_each(|(all, x)| *all = pair(*all, *x));
    let mut some = Vec::with_capacity(inner);
    for slab in data.chunks_exact((count * inner).max(1)) {
        let begin = out.len();
        for (place, rows) in slab.chunks(ROWS * inner).enumerate() {
            let (first, others) = rows.split_at(inner);
            some.clear();
            some.extend_from_slice(first);
            others.chunks_exact(inner).for_each(|row| add(&mut some, row));
            if place == 0 {
                out.extend_from_slice(&some);
            } else {
                add(&mut out[begin..], &some);
            }
        }
    }
    out
}

/// A sum in which each element goes through a number of additions that is the logarithm of their number.
pub(super) fn pairwise<T: Arithmetic>(xs: &[T]) -> T {
    // At place i the sum of 2^i runs, if one is open there: a binary counter, in place of recursion.
    let mut open = [T::ZERO; usize::BITS as usize];
    let mut runs = 0usize;
    for run in xs.chunks(RUN) {
        let mut sum = lanes(run, T::ZERO, T::add);
        let mut place = 0;
        while runs >> place & 1 == 1 {
            sum = open[place].add(sum);
            place += 1;
        }
        open[place] = sum;
        runs += 1;
    }
    (0..open.len()).filter(|place| runs >> place & 1 == 1).fold(T::ZERO, |sum, place| open[place].add(sum))
}

fn lanes<T: Copy>(xs: &[T], start: T, pair: impl Fn(T, T) -> T) -> T {
    let mut lanes = [start; LANES];
    let (rows, rest) = xs.as_chunks::<LANES>();
    for row in rows {
        for (lane, x) in lanes.iter_mut().zip(row) {
            *lane = pair(*lane, *x);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane = pair(*lane, *x);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for place in 0..width {
            lanes[place] = pair(lanes[place], lanes[place + width]);
        }
        width /= 2;
    }
    lanes[0]
}
