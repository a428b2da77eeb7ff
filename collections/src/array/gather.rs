//! Reading an operand in the order of the result, wherever its axes lie and however often it is repeated.

use super::{error::BlockError, grid::Dims};

/// Rows that are copied together from an operand whose axes are turned: as many as there are elements of 8 bytes in a line of the cache,
/// each of which is then read once.
pub(crate) const TILE: usize = 8;

/// An operand's elements, as the result sees them.
#[derive(Debug)]
pub struct View<'a, T> {
    data: &'a [T],
    /// The result's shape, with axes that can be walked as one put together. Never empty.
    shape: Vec<usize>,
    /// For each of these axes, how far apart two neighbours are; 0 where it is the same all along.
    strides: Vec<usize>,
}

impl<'a, T: Copy> View<'a, T> {
    /// `data`, of shape `own`, for a result of shape `shape`, whose axes are `axes` of the data's.
    pub(crate) fn new(data: &'a [T], own: &[usize], axes: &[Option<u8>], shape: &[usize]) -> Result<Self, BlockError> {
        let misfit = || {
            let text = format!("a block of shape {} came where {} is made", Dims(own), Dims(shape));
            BlockError::new(text + ": the task that made it gave it another shape than the array was told")
        };
        if axes.len() != shape.len() {
            return Err(misfit());
        }
        let mut whole = vec![1usize; own.len()];
        for axis in (1..own.len()).rev() {
            whole[axis - 1] = whole[axis] * own[axis];
        }
        let mut view = View { data, shape: Vec::with_capacity(shape.len()), strides: Vec::with_capacity(shape.len()) };
        let mut covered = vec![false; own.len()];
        for (axis, length) in axes.iter().zip(shape) {
            let stride = match axis.map(usize::from) {
                None => 0,
                Some(axis) => {
                    let had = *own.get(axis).ok_or_else(misfit)?;
                    covered[axis] = true;
                    // One that is repeated goes along no axis: a block that is one long by mistake is not.
                    if had != *length {
                        return Err(misfit());
                    }
                    whole[axis]
                }
            };
            view.push(*length, stride);
        }
        // What the result does not go along must be one long.
        if own.iter().zip(&covered).any(|(length, covered)| !covered && *length != 1) {
            return Err(misfit());
        }
        if view.shape.is_empty() {
            view.push(1, 1);
        }
        Ok(view)
    }

    /// Appends an axis, or makes the last one longer if it goes on in the same steps.
    fn push(&mut self, length: usize, stride: usize) {
        if length == 1 && !self.shape.is_empty() {
            return;
        }
        match (self.shape.last_mut(), self.strides.last_mut()) {
            (Some(last), Some(step)) if *last == 1 || *step == stride * length => {
                *last *= length;
                *step = stride;
            }
            _ => {
                self.shape.push(length);
                self.strides.push(stride);
            }
        }
    }

    /// The elements from `start` on, if they lie side by side.
    pub(crate) fn piece(&self, start: usize, count: usize) -> Option<&'a [T]> {
        match (self.shape.as_slice(), self.strides.as_slice()) {
            ([_], [1]) => self.data.get(start..start + count),
            _ => None,
        }
    }

    /// The length of the result's rows, if what lies side by side here stands in a column there: rows had better be copied several at
    /// once.
    pub(crate) fn turned(&self) -> Option<usize> {
        match (self.shape.as_slice(), self.strides.as_slice()) {
            ([.., row], [.., 1, stride]) if *stride > 1 => Some(*row),
            _ => None,
        }
    }

    /// Copies the elements from `start` on, in the order of the result.
    pub(crate) fn copy(&self, start: usize, out: &mut [T]) {
        if out.is_empty() {
            return;
        }
        if let Some(row) = self.turned()
            && start.is_multiple_of(row)
            && out.len().is_multiple_of(row)
        {
            return self.copy_rows(start / row, row, out);
        }
        let last = self.shape.len() - 1;
        let mut index = vec![0; self.shape.len()];
        let mut rest = start;
        for axis in (0..=last).rev() {
            index[axis] = rest % self.shape[axis];
            rest /= self.shape[axis];
        }
        let mut filled = 0;
        while filled < out.len() {
            let run = (self.shape[last] - index[last]).min(out.len() - filled);
            let from: usize = index.iter().zip(&self.strides).map(|(index, stride)| index * stride).sum();
            self.run(from, &mut out[filled..filled + run]);
            filled += run;
            index[last] += run;
            for axis in (1..=last).rev() {
                if index[axis] < self.shape[axis] {
                    break;
                }
                index[axis] = 0;
                index[axis - 1] += 1;
            }
        }
    }

    /// Copies whole rows of length `row`, from number `first` on, of a view that is [turned](View::turned).
    fn copy_rows(&self, mut first: usize, row: usize, mut out: &mut [T]) {
        let planes = self.shape.len() - 2;
        let (rows, stride) = (self.shape[planes], self.strides[planes + 1]);
        while !out.is_empty() {
            let (mut plane, within) = (first / rows, first % rows);
            let count = TILE.min(rows - within).min(out.len() / row);
            let mut from = within;
            for axis in (0..planes).rev() {
                from += plane % self.shape[axis] * self.strides[axis];
                plane /= self.shape[axis];
            }
            let (some, rest) = out.split_at_mut(count * row);
            for (column, line) in self.data[from..].chunks(stride).take(row).enumerate() {
                for (place, x) in line[..count].iter().enumerate() {
                    some[place * row + column] = *x;
                }
            }
            (first, out) = (first + count, rest);
        }
    }

    /// Part of a row.
    fn run(&self, from: usize, out: &mut [T]) {
        match self.strides[self.strides.len() - 1] {
            0 => out.fill(self.data[from]),
            1 => out.copy_from_slice(&self.data[from..from + out.len()]),
            stride => out.iter_mut().zip(self.data[from..].iter().step_by(stride)).for_each(|(out, x)| *out = *x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(data: &[i64], own: &[usize], axes: &[Option<u8>], shape: &[usize]) -> Vec<i64> {
        let view = View::new(data, own, axes, shape).unwrap();
        let count = shape.iter().product();
        let mut out = vec![0; count];
        view.copy(0, &mut out);
        // In pieces it is the same, of whole rows and of others.
        for length in [5, *shape.last().unwrap_or(&1), 1] {
            let mut pieces = vec![0; count];
            for (piece, start) in pieces.chunks_mut(length.max(1)).zip((0..).step_by(length.max(1))) {
                view.copy(start, piece);
            }
            assert_eq!(out, pieces);
        }
        out
    }

    #[test]
    fn rows_are_copied_several_at_once() {
        // Each of 3 planes is turned: 19 rows, so that some are left over.
        let data: Vec<i64> = (0..3 * 5 * 19).collect();
        let turned = all(&data, &[3, 5, 19], &[Some(0), Some(2), Some(1)], &[3, 19, 5]);
        let index = |plane: usize, row: usize, column: usize| (plane * 19 + row) * 5 + column;
        for (plane, row, column) in (0..3).flat_map(|p| (0..19).flat_map(move |r| (0..5).map(move |c| (p, r, c)))) {
            assert_eq!(turned[index(plane, row, column)], ((plane * 5 + column) * 19 + row) as i64);
        }
        let view = View::new(&data, &[15, 19], &[Some(1), Some(0)], &[19, 15]).unwrap();
        assert_eq!(view.turned(), Some(15));
        assert_eq!(View::new(&data, &[15, 19], &[Some(0), Some(1)], &[15, 19]).unwrap().turned(), None);
    }

    #[test]
    fn axes_are_turned_and_repeated() {
        let data: Vec<i64> = (0..6).collect();
        assert_eq!(all(&data, &[2, 3], &[Some(1), Some(0)], &[3, 2]), [0, 3, 1, 4, 2, 5]);
        assert_eq!(all(&data[..3], &[3], &[None, Some(0)], &[2, 3]), [0, 1, 2, 0, 1, 2]);
        assert_eq!(all(&data[..2], &[2, 1], &[Some(0), None], &[2, 3]), [0, 0, 0, 1, 1, 1]);
        assert_eq!(all(&data[..1], &[], &[None], &[4]), [0; 4]);
        assert_eq!(all(&data, &[2, 1, 3], &[Some(2), None, Some(0)], &[3, 2, 2]), [0, 3, 0, 3, 1, 4, 1, 4, 2, 5, 2, 5]);
    }

    #[test]
    fn of_nothing_nothing_is_copied() {
        assert!(all(&[], &[0], &[None, Some(0)], &[3, 0]).is_empty());
    }

    #[test]
    fn what_lies_in_order_is_not_copied() {
        let data: Vec<i64> = (0..24).collect();
        let view = View::new(&data, &[2, 3, 4], &[Some(0), Some(1), Some(2)], &[2, 3, 4]).unwrap();
        assert_eq!(view.piece(20, 4).unwrap(), [20, 21, 22, 23]);
    }

    #[test]
    fn another_shape_is_an_error() {
        let error = View::new(&[1, 2], &[2], &[Some(0)], &[3]).unwrap_err();
        assert!(error.to_string().starts_with("a block of shape (2,) came where (3,) is made"), "{error}");
        assert!(View::new(&[1], &[1], &[Some(0)], &[3]).is_err());
        assert!(View::new(&[1, 2], &[2], &[None], &[3]).is_err());
        assert!(View::new(&[1, 2], &[2], &[Some(1)], &[2]).is_err());
    }
}
