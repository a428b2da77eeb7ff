//! The same elements along other axes.

use super::{
    Array, Axes,
    axes::one,
    create::checked,
    element::Element,
    error::ArrayError,
    grid::{Grid, starts},
};

impl<T: Element> Array<T> {
    /// The array with its axes in reverse order. It makes no task of its own.
    pub fn t(&self) -> Array<T> {
        let axes: Vec<Option<usize>> = (0..self.ndim()).rev().map(Some).collect();
        self.seen(&axes)
    }

    /// The array with its axes in this order; see [`t`](Array::t).
    ///
    /// # Errors
    /// If an axis is missing, named twice, or not there.
    pub fn transpose(&self, axes: impl Into<Axes>) -> Result<Array<T>, ArrayError> {
        let axes = axes.into().in_given_order(&self.shape())?;
        if axes.len() != self.ndim() {
            let what = format!("an order of all {} axes is wanted, and {} were given", self.ndim(), axes.len());
            return Err(ArrayError::Refused { what });
        }
        Ok(self.seen(&axes.into_iter().map(Some).collect::<Vec<_>>()))
    }

    /// The array with a new axis of length 1, which will be axis `axis`.
    ///
    /// # Errors
    /// If there would be no such axis.
    pub fn insert_axis(&self, axis: isize) -> Result<Array<T>, ArrayError> {
        let shape = self.shape();
        let axis = one(axis, shape.len() + 1, &shape)?;
        let mut axes: Vec<Option<usize>> = (0..shape.len()).map(Some).collect();
        axes.insert(axis, None);
        checked(&vec![1; axes.len()], 1)?;
        Ok(self.seen(&axes))
    }

    /// The elements in one axis, in order, the last axis fastest.
    ///
    /// # Errors
    /// None that is known.
    pub fn flatten(&self) -> Result<Array<T>, ArrayError> {
        self.reshape([self.len()])
    }

    /// The elements in another shape, in order, the last axis fastest.
    ///
    /// Whole blocks are reshaped, each by itself: where axes are put together or taken apart, the array is cut along the first of them
    /// only, in about as many elements a block as before. If it is not cut so already, it is [rechunked](Array::rechunk) first.
    ///
    /// # Errors
    /// If there are more or fewer elements in such a shape.
    pub fn reshape(&self, shape: impl Into<Vec<usize>>) -> Result<Array<T>, ArrayError> {
        let (old, new) = (self.shape(), shape.into());
        checked(&new, size_of::<T>())?;
        let (had, wanted): (usize, usize) = (old.iter().product(), new.iter().product());
        if had != wanted {
            return Err(ArrayError::shapes(&old, &new, format!("they have {had} and {wanted} elements")));
        }
        if had == 0 {
            return Array::zeros(new);
        }
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for (olds, news) in groups(&old, &new) {
            let (from, to) = group(&self.grid().axes()[olds.clone()], &old[olds], &new[news]);
            before.extend(from);
            after.extend(to);
        }
        let array = self.in_grid(&Grid::of_lengths(before));
        let grid = Grid::of_lengths(after);
        let blocks =
            grid.indices().zip(array.lowered()).map(|(index, block)| T::reshape(block, grid.block_shape(&index)));
        let blocks = blocks.collect();
        Ok(Array { fan_in: self.tree(), ..Array::of_blocks(grid, blocks, "reshape") })
    }
}

type Range = std::ops::Range<usize>;

/// Axes of the one and of the other shape that have as many elements together, as few as may be.
fn groups(old: &[usize], new: &[usize]) -> Vec<(Range, Range)> {
    let mut groups = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < old.len() && j < new.len() {
        let (from, to) = (i, j);
        let (mut left, mut right) = (old[i], new[j]);
        while left != right {
            if left < right {
                i += 1;
                left *= old[i];
            } else {
                j += 1;
                right *= new[j];
            }
        }
        (i, j) = (i + 1, j + 1);
        groups.push((from..i, to..j));
    }
    // What is left has length 1.
    if i < old.len() || j < new.len() {
        groups.push((i..old.len(), j..new.len()));
    }
    groups
}

/// The chunks of a group of axes before and after: along the first axis only, if anything changes.
fn group(lengths: &[Vec<usize>], old: &[usize], new: &[usize]) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let single = |shape: &[usize]| shape.iter().map(|length| vec![*length]).collect::<Vec<_>>();
    if old.len() == 1 && new.len() == 1 {
        return (lengths.to_vec(), lengths.to_vec());
    }
    let (Some((first, old_rest)), Some((_, new_rest))) = (old.split_first(), new.split_first()) else {
        return (single(old), single(new));
    };
    let (inner_old, inner_new): (usize, usize) = (old_rest.iter().product(), new_rest.iter().product());
    // So many rows of the old axis are whole rows of the new one.
    let unit = inner_new / gcd(inner_old, inner_new);
    let rows = if lengths[1..].iter().all(|axis| axis.len() == 1) {
        snapped(&lengths[0], unit)
    } else {
        let elements: usize = lengths.iter().map(|axis| axis.iter().max().copied().unwrap_or(1)).product();
        let rows = (elements / inner_old / unit * unit).max(unit);
        let mut all = vec![rows; first / rows];
        all.extend((first % rows > 0).then_some(first % rows));
        all
    };
    let to = rows.iter().map(|rows| rows * inner_old / inner_new).collect();
    let with = |first: Vec<usize>, rest: &[usize]| std::iter::once(first).chain(single(rest)).collect();
    (with(rows, old_rest), with(to, new_rest))
}

/// The same chunks, with ends moved back to multiples of `unit`; the sum is one.
fn snapped(lengths: &[usize], unit: usize) -> Vec<usize> {
    let mut ends: Vec<usize> =
        starts(lengths).into_iter().skip(1).map(|end| end / unit * unit).filter(|end| *end > 0).collect();
    ends.dedup();
    let mut at = 0;
    ends.into_iter().map(|end| end - std::mem::replace(&mut at, end)).collect()
}

fn gcd(mut a: usize, mut b: usize) -> usize {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_go_together_that_have_as_many_elements() {
        assert_eq!(groups(&[4, 6], &[24]), [(0..2, 0..1)]);
        assert_eq!(groups(&[4, 6, 5], &[2, 12, 5]), [(0..2, 0..2), (2..3, 2..3)]);
        assert_eq!(groups(&[2, 1, 3], &[2, 3]), [(0..1, 0..1), (1..3, 1..2)]);
        assert_eq!(groups(&[2], &[2, 1, 1]), [(0..1, 0..1), (1..1, 1..3)]);
        assert_eq!(groups(&[], &[1]), [(0..0, 0..1)]);
    }

    #[test]
    fn chunks_end_where_both_shapes_have_whole_rows() {
        // (6, 4) to (8, 3): three rows of the one are four of the other.
        assert_eq!(group(&[vec![2, 4], vec![4]], &[6, 4], &[8, 3]), (vec![vec![6], vec![4]], vec![vec![8], vec![3]]));
        assert_eq!(
            group(&[vec![4, 2], vec![4]], &[6, 4], &[8, 3]),
            (vec![vec![3, 3], vec![4]], vec![vec![4, 4], vec![3]])
        );
        assert_eq!(group(&[vec![3, 3]], &[6], &[2, 3]), (vec![vec![3, 3]], vec![vec![1, 1], vec![3]]));
        assert_eq!(group(&[vec![2, 2], vec![3, 3]], &[4, 6], &[24]).1, [[6, 6, 6, 6]]);
    }
}
