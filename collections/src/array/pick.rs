//! Parts of blocks, and blocks of parts.

use std::sync::Arc;

use ndarray::{ArrayD, Axis, IxDyn, Slice};
use serde::{Deserialize, Serialize};

use super::{block::Block, element::Element, error::BlockError, grid::Dims};

/// What is taken along one axis of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pick {
    /// The first that is taken.
    pub start: usize,
    /// From one that is taken to the next; negative ones go backwards.
    pub step: isize,
    /// How many are taken.
    pub count: usize,
    /// Whether the axis is dropped: a single one is taken then.
    pub drop: bool,
}

impl Pick {
    /// All from `start` on, so many.
    pub(crate) fn run(start: usize, count: usize) -> Self {
        Pick { start, step: 1, count, drop: false }
    }

    /// Whether that is all of an axis, as it is.
    pub(crate) fn is_all(&self, length: usize) -> bool {
        !self.drop && self.start == 0 && self.count == length && (self.step == 1 || length <= 1)
    }

    /// The last that is taken.
    fn last(&self) -> Option<usize> {
        let way = isize::try_from(self.count.checked_sub(1)?).ok()?.checked_mul(self.step)?;
        self.start.checked_add_signed(way)
    }
}

/// What `picks` take of a block.
pub(crate) fn slice<T: Element>(block: &Block<T>, picks: &[Pick]) -> Result<Block<T>, BlockError> {
    let beyond = || {
        let text = format!("a block of shape {} has no part {picks:?}", Dims(block.shape()));
        BlockError::new(text + ": the task that made it gave it another shape than the array was told")
    };
    if picks.len() != block.ndim() {
        return Err(beyond());
    }
    let mut view = block.view();
    for (axis, pick) in picks.iter().enumerate() {
        let slice = match pick.last() {
            _ if pick.count == 0 => Slice::new(0, Some(0), 1),
            Some(last) if pick.step != 0 && pick.start.max(last) < view.shape()[axis] => {
                let (from, to) = (pick.start.min(last), pick.start.max(last) + 1);
                Slice::new(from as isize, Some(to as isize), pick.step)
            }
            _ => return Err(beyond()),
        };
        view.slice_axis_inplace(Axis(axis), slice);
    }
    for (axis, pick) in picks.iter().enumerate().rev().filter(|(_, pick)| pick.drop) {
        if pick.count != 1 {
            return Err(beyond());
        }
        view = view.index_axis_move(Axis(axis), 0);
    }
    Ok(Block::copy_of(view))
}

/// A block of shape `shape`, of parts that begin at these indices.
pub(crate) fn assemble<T: Element>(
    shape: &[usize],
    offsets: &[Vec<usize>],
    parts: &[Arc<Block<T>>],
) -> Result<Block<T>, BlockError> {
    let misfit = |part: &Block<T>| {
        let text = format!("a block of shape {} came as part of one of shape {}", Dims(part.shape()), Dims(shape));
        BlockError::new(text + ": the task that made it gave it another shape than the array was told")
    };
    let mut whole = ArrayD::from_elem(IxDyn(shape), T::default());
    let mut filled = 0;
    for (offset, part) in offsets.iter().zip(parts) {
        if offset.len() != shape.len() || part.ndim() != shape.len() {
            return Err(misfit(part));
        }
        let mut room = whole.view_mut();
        for (axis, (from, length)) in offset.iter().zip(part.shape()).enumerate() {
            if from + length > shape[axis] {
                return Err(misfit(part));
            }
            room.slice_axis_inplace(Axis(axis), Slice::from(*from..from + length));
        }
        room.assign(&part.view());
        filled += part.len();
    }
    if filled != whole.len() || offsets.len() != parts.len() {
        let text = format!("parts of {filled} elements came for a block of shape {}", Dims(shape));
        return Err(BlockError::new(text + ": a task made its block shorter than the array was told"));
    }
    Ok(Block::from(whole))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn parts_are_taken_forwards_and_backwards() {
        let block = Block::from(array![[1i64, 2, 3, 4], [5, 6, 7, 8]]);
        let back = Pick { start: 3, step: -2, count: 2, drop: false };
        let row = Pick { start: 1, step: 1, count: 1, drop: true };
        let taken = slice(&block, &[row, back]).unwrap();
        assert_eq!((taken.shape(), taken.elements()), (&[2][..], &[8, 6][..]));
        assert_eq!(slice(&block, &[Pick::run(0, 2), Pick::run(1, 0)]).unwrap().shape(), [2, 0]);
        assert!(slice(&block, &[Pick::run(0, 2), Pick::run(1, 4)]).is_err());
        assert!(slice(&block, &[Pick::run(0, 2)]).is_err());
    }

    #[test]
    fn parts_that_do_not_fill_a_block_are_refused() {
        let part = Arc::new(Block::from(array![1u8, 2]));
        let whole = assemble(&[4], &[vec![2], vec![0]], &[part.clone(), part.clone()]).unwrap();
        assert_eq!(whole.elements(), [1, 2, 1, 2]);
        assert!(assemble(&[4], &[vec![2]], std::slice::from_ref(&part)).is_err());
        assert!(assemble(&[4], &[vec![3]], &[part]).is_err());
    }
}
