//! Slices: ranges with steps, single indices, new axes.

use super::{
    Array,
    block::Block,
    create::checked,
    element::Element,
    error::ArrayError,
    grid::{Grid, indices, starts},
    parts::{Part, Parts},
    pick::Pick,
};
use brisk_client::Delayed;

impl<T: Element> Array<T> {
    /// Part of the array: ranges, with [steps](super::step), single indices, which drop their axis, and [`NewAxis`](super::NewAxis),
    /// in a tuple or list. Negative bounds and indices count from the end. A negative step goes through its range from the end. Axes
    /// that are not named are taken whole.
    ///
    /// Only blocks that are touched are made.
    ///
    /// ```
    /// # use brisk_collections::{Collection, array::{Array, NewAxis, step}};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let x = Array::<i64>::arange(0, 1, 10)?.chunks(4)?;
    /// assert_eq!(x.slice(step(1..9, -3))?.collect().run()?.elements(), [8, 5, 2]);
    /// assert_eq!(x.slice(-1)?.collect().run()?.only(), Some(9));
    /// assert_eq!(x.reshape([2, 5])?.slice((.., NewAxis, 1..3))?.shape(), [2, 1, 2]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If a bound or index is beyond the end, or more axes are named than there are.
    pub fn slice(&self, parts: impl Parts) -> Result<Array<T>, ArrayError> {
        let shape = self.shape();
        let mut cuts = Vec::with_capacity(shape.len());
        // For each axis of the result whether it is one of those that are left, in order.
        let mut kept = Vec::new();
        for part in parts.parts() {
            match part {
                Part::New => kept.push(false),
                part => {
                    let Some(length) = shape.get(cuts.len()) else {
                        return Err(ArrayError::slice(&shape, "more axes are named than it has"));
                    };
                    let cut = Cut::new(part, *length)
                        .map_err(|why| ArrayError::slice(&shape, format!("axis {}: {why}", cuts.len())))?;
                    if !cut.drop {
                        kept.push(true);
                    }
                    cuts.push(cut);
                }
            }
        }
        for length in &shape[cuts.len()..] {
            cuts.push(Cut { start: 0, step: 1, count: *length, drop: false });
            kept.push(true);
        }
        checked(&vec![1; kept.len()], 1)?;
        let taken = self.cut(&cuts);
        if kept.iter().all(|kept| *kept) {
            return Ok(taken);
        }
        let mut next = 0..;
        let axes: Vec<Option<usize>> = kept.iter().map(|kept| if *kept { next.next() } else { None }).collect();
        Ok(taken.seen(&axes))
    }

    fn cut(&self, cuts: &[Cut]) -> Array<T> {
        let along: Vec<Vec<(usize, Pick)>> =
            cuts.iter().zip(self.grid().axes()).map(|(cut, lengths)| cut.picks(lengths)).collect();
        let old = self.lowered();
        let block = |at: Vec<usize>| -> Delayed<Block<T>> {
            let parts: Vec<&(usize, Pick)> = along.iter().zip(&at).map(|(axis, at)| &axis[*at]).collect();
            let from: Vec<usize> = parts.iter().map(|(chunk, _)| *chunk).collect();
            let block = &old[self.grid().place(&from)];
            let whole = parts.iter().zip(self.grid().block_shape(&from)).all(|((_, pick), length)| pick.is_all(length));
            if whole {
                return block.clone();
            }
            T::slice(block, parts.into_iter().map(|(_, pick)| pick.clone()).collect())
        };
        let blocks = indices(along.iter().map(Vec::len).collect()).map(block).collect();
        let left = cuts.iter().zip(&along).filter(|(cut, _)| !cut.drop);
        let lengths = left.map(|(_, picks)| picks.iter().map(|(_, pick)| pick.count).collect()).collect();
        Array { fan_in: self.tree(), ..Array::of_blocks(Grid::of_lengths(lengths), blocks, "slice") }
    }
}

/// What is taken along an axis: from `start` on in steps, so many.
struct Cut {
    start: usize,
    step: isize,
    count: usize,
    drop: bool,
}

impl Cut {
    fn new(part: Part, length: usize) -> Result<Cut, String> {
        let place =
            |index: isize| if index < 0 { length.checked_add_signed(index) } else { usize::try_from(index).ok() };
        let bound = |index: isize| {
            place(index).filter(|at| *at <= length).ok_or_else(|| format!("{index} is beyond its {length} elements"))
        };
        match part {
            Part::Index(index) => {
                let found = place(index).filter(|at| *at < length);
                let start = found.ok_or_else(|| format!("index {index} is beyond its {length} elements"))?;
                Ok(Cut { start, step: 1, count: 1, drop: true })
            }
            Part::Range(_, _, 0) => Err("a step of 0 goes nowhere".to_owned()),
            Part::Range(start, end, step) => {
                let (from, to) = (bound(start)?, end.map_or(Ok(length), bound)?);
                let count = to.saturating_sub(from).div_ceil(step.unsigned_abs());
                let start = if step > 0 || count == 0 { from } else { to - 1 };
                Ok(Cut { start, step, count, drop: false })
            }
            Part::New => Err("a new axis is no part of an old one".to_owned()),
        }
    }

    /// What is taken of which chunks, in the order of the result. There is at least one, if only with nothing of it.
    fn picks(&self, lengths: &[usize]) -> Vec<(usize, Pick)> {
        let begins = starts(lengths);
        let mut picks = Vec::new();
        let (mut at, mut left) = (self.start, self.count);
        let stride = self.step.unsigned_abs();
        while left > 0 {
            let chunk = begins.partition_point(|begin| *begin <= at) - 1;
            let room = if self.step > 0 { begins[chunk + 1] - 1 - at } else { at - begins[chunk] };
            let count = (room / stride + 1).min(left);
            picks.push((chunk, Pick { start: at - begins[chunk], step: self.step, count, drop: self.drop }));
            left -= count;
            if left > 0 {
                at = if self.step > 0 { at + count * stride } else { at - count * stride };
            }
        }
        if picks.is_empty() {
            picks.push((0, Pick::run(0, 0)));
        }
        picks
    }
}
