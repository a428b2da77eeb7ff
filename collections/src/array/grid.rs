//! How an array is cut into blocks: along each axis a list of chunk lengths.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::error::ArrayError;

/// More blocks than this are refused: each is a task, and so many are a mistake in the chunk size.
const MAX_BLOCKS: usize = 1 << 22;

/// The bytes of a block where nothing is said about chunks. Dask's is 128 MiB; with a thread's three blocks or so alive at once
/// that is much for a small machine, and a task's overhead is small long before.
pub(crate) const AUTO_BYTES: usize = 32 << 20;

/// How long an array's chunks are to be.
///
/// Numbers and lists convert to it: `x.chunks(1_000)` cuts each axis into chunks of 1,000, `x.chunks([100, 200])` gives the
/// lengths for each axis, and a list of lists every single one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunks {
    /// So long along every axis.
    Each(usize),
    /// So long along the axes, in order; the last chunk of an axis may be shorter.
    Shape(Vec<usize>),
    /// Exactly these, along the axes in order.
    Exact(Vec<Vec<usize>>),
    /// As long as may be with at most so many bytes a block: the longest axis is halved until it fits.
    Bytes(usize),
}

impl From<usize> for Chunks {
    fn from(length: usize) -> Self {
        Chunks::Each(length)
    }
}

impl From<Vec<usize>> for Chunks {
    fn from(shape: Vec<usize>) -> Self {
        Chunks::Shape(shape)
    }
}

impl<const N: usize> From<[usize; N]> for Chunks {
    fn from(shape: [usize; N]) -> Self {
        Chunks::Shape(shape.to_vec())
    }
}

impl From<Vec<Vec<usize>>> for Chunks {
    fn from(lengths: Vec<Vec<usize>>) -> Self {
        Chunks::Exact(lengths)
    }
}

/// Part of an array: where it begins, and how far it reaches along each axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Region {
    /// The index of its first element.
    pub offset: Vec<usize>,
    /// Its lengths.
    pub shape: Vec<usize>,
}

impl Region {
    /// How many elements it has.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (axis, (from, length)) in self.offset.iter().zip(&self.shape).enumerate() {
            write!(f, "{}{from}..{}", if axis > 0 { ", " } else { "" }, from + length)?;
        }
        f.write_str("]")
    }
}

/// The chunk lengths along each axis. An axis without elements has one chunk of length 0, so there is always a block.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Grid(Arc<[Vec<usize>]>);

impl Grid {
    /// Cuts `shape`, of elements of `width` bytes.
    pub(crate) fn new(shape: &[usize], width: usize, chunks: &Chunks) -> Result<Self, ArrayError> {
        let lengths = match chunks {
            Chunks::Each(length) => regular(shape, &vec![*length; shape.len()])?,
            Chunks::Shape(lengths) => regular(shape, lengths)?,
            Chunks::Exact(lengths) => exact(shape, lengths)?,
            Chunks::Bytes(bytes) => regular(shape, &fitting(shape, width, *bytes)?)?,
        };
        let blocks = lengths.iter().try_fold(1usize, |count, axis| count.checked_mul(axis.len()));
        match blocks {
            Some(blocks) if blocks <= MAX_BLOCKS => Ok(Grid(lengths.into())),
            _ => Err(ArrayError::chunks(shape, format!("that would be more than {MAX_BLOCKS} blocks"))),
        }
    }

    /// A grid of lengths that are known to be right.
    pub(crate) fn of_lengths(lengths: Vec<Vec<usize>>) -> Self {
        debug_assert!(lengths.iter().all(|axis| !axis.is_empty()));
        Grid(lengths.into())
    }

    /// One block of this shape.
    pub(crate) fn single(shape: &[usize]) -> Self {
        Grid(shape.iter().map(|length| vec![*length]).collect())
    }

    pub(crate) fn axes(&self) -> &[Vec<usize>] {
        &self.0
    }

    pub(crate) fn shape(&self) -> Vec<usize> {
        self.0.iter().map(|axis| axis.iter().sum()).collect()
    }

    /// How many blocks there are along each axis.
    pub(crate) fn counts(&self) -> Vec<usize> {
        self.0.iter().map(Vec::len).collect()
    }

    /// How many blocks there are.
    pub(crate) fn blocks(&self) -> usize {
        self.0.iter().map(Vec::len).product()
    }

    /// The indices of all blocks, the last axis fastest.
    pub(crate) fn indices(&self) -> impl Iterator<Item = Vec<usize>> + use<> {
        indices(self.counts())
    }

    /// The place of a block in the order of [`indices`](Grid::indices).
    pub(crate) fn place(&self, index: &[usize]) -> usize {
        self.0.iter().zip(index).fold(0, |place, (axis, index)| place * axis.len() + index)
    }

    /// The shape of the block at `index`.
    pub(crate) fn block_shape(&self, index: &[usize]) -> Vec<usize> {
        self.0.iter().zip(index).map(|(axis, index)| axis[*index]).collect()
    }

    /// What part of the array each block is, in the order of [`indices`](Grid::indices).
    pub(crate) fn regions(&self) -> impl Iterator<Item = Region> + '_ {
        let starts: Vec<Vec<usize>> = self.0.iter().map(|axis| starts(axis)).collect();
        self.indices().map(move |index| Region {
            offset: starts.iter().zip(&index).map(|(axis, index)| axis[*index]).collect(),
            shape: self.block_shape(&index),
        })
    }
}

/// Where each chunk begins, and where the last one ends.
pub(crate) fn starts(lengths: &[usize]) -> Vec<usize> {
    let mut starts = Vec::with_capacity(lengths.len() + 1);
    let mut at = 0;
    for length in lengths {
        starts.push(at);
        at += length;
    }
    starts.push(at);
    starts
}

/// All indices of something with so many places along each axis, the last axis fastest.
pub(crate) fn indices(counts: Vec<usize>) -> impl Iterator<Item = Vec<usize>> {
    let mut next = (!counts.contains(&0)).then(|| vec![0; counts.len()]);
    std::iter::from_fn(move || {
        let now = next.take()?;
        let mut after = now.clone();
        for axis in (0..counts.len()).rev() {
            after[axis] += 1;
            if after[axis] < counts[axis] {
                next = Some(after);
                break;
            }
            after[axis] = 0;
        }
        Some(now)
    })
}

/// The lengths that divide an axis wherever one of these divides it.
pub(crate) fn refine(one: &[usize], other: &[usize]) -> Vec<usize> {
    if one == other {
        return one.to_vec();
    }
    let mut ends: Vec<usize> = starts(one).into_iter().chain(starts(other)).filter(|end| *end > 0).collect();
    ends.sort_unstable();
    ends.dedup();
    let mut at = 0;
    let lengths: Vec<usize> = ends.into_iter().map(|end| end - std::mem::replace(&mut at, end)).collect();
    if lengths.is_empty() { vec![0] } else { lengths }
}

fn regular(shape: &[usize], lengths: &[usize]) -> Result<Vec<Vec<usize>>, ArrayError> {
    if lengths.len() != shape.len() {
        let why = format!("a length for each of {} axes is wanted, and {} were given", shape.len(), lengths.len());
        return Err(ArrayError::chunks(shape, why));
    }
    let mut all = Vec::with_capacity(shape.len());
    for (axis, (whole, length)) in shape.iter().zip(lengths).enumerate() {
        if *length == 0 {
            return Err(ArrayError::chunks(shape, format!("the chunks of axis {axis} have length 0")));
        }
        if whole.div_ceil(*length) > MAX_BLOCKS {
            return Err(ArrayError::chunks(shape, format!("that would be more than {MAX_BLOCKS} blocks")));
        }
        let mut axis = vec![*length; whole / length];
        if whole % length > 0 || *whole == 0 {
            axis.push(whole % length);
        }
        all.push(axis);
    }
    Ok(all)
}

fn exact(shape: &[usize], lengths: &[Vec<usize>]) -> Result<Vec<Vec<usize>>, ArrayError> {
    if lengths.len() != shape.len() {
        let why = format!("a list for each of {} axes is wanted, and {} were given", shape.len(), lengths.len());
        return Err(ArrayError::chunks(shape, why));
    }
    for (axis, (whole, lengths)) in shape.iter().zip(lengths).enumerate() {
        let sum = lengths.iter().try_fold(0usize, |sum, length| sum.checked_add(*length));
        if sum != Some(*whole) || lengths.is_empty() {
            let why = format!("the chunks of axis {axis}, {lengths:?}, do not add up to {whole}");
            return Err(ArrayError::chunks(shape, why));
        }
        if *whole > 0 && lengths.contains(&0) {
            return Err(ArrayError::chunks(shape, format!("axis {axis} has a chunk of length 0")));
        }
    }
    let once = |lengths: &Vec<usize>| if lengths.iter().all(|length| *length == 0) { vec![0] } else { lengths.clone() };
    Ok(lengths.iter().map(once).collect())
}

/// Chunk lengths with at most `bytes` a block. The longest is halved first, so blocks tend to be as long as wide, which serves
/// reductions and products along any axis.
fn fitting(shape: &[usize], width: usize, bytes: usize) -> Result<Vec<usize>, ArrayError> {
    if bytes < width {
        let why = format!("{bytes} bytes a block is less than an element, which takes {width}");
        return Err(ArrayError::chunks(shape, why));
    }
    let mut lengths: Vec<usize> = shape.iter().map(|length| (*length).max(1)).collect();
    let too_long = |lengths: &[usize]| {
        lengths.iter().try_fold(width, |all, length| all.checked_mul(*length)).is_none_or(|all| all > bytes)
    };
    while too_long(&lengths) {
        let longest = lengths.iter_mut().max_by_key(|length| **length).expect("a single element fits");
        *longest = longest.div_ceil(2);
    }
    Ok(lengths)
}

/// A shape as NumPy writes it: `(2, 3)`, `(4,)`, `()`.
pub(crate) struct Dims<'a>(pub(crate) &'a [usize]);

impl fmt::Display for Dims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [one] => write!(f, "({one},)"),
            several => {
                let list: Vec<String> = several.iter().map(usize::to_string).collect();
                write!(f, "({})", list.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(shape: &[usize], chunks: impl Into<Chunks>) -> Result<Vec<Vec<usize>>, ArrayError> {
        Grid::new(shape, 8, &chunks.into()).map(|grid| grid.axes().to_vec())
    }

    #[test]
    fn the_last_chunk_may_be_shorter() {
        assert_eq!(grid(&[5, 4], 2).unwrap(), [vec![2, 2, 1], vec![2, 2]]);
        assert_eq!(grid(&[5, 4], [9, 1]).unwrap(), [vec![5], vec![1, 1, 1, 1]]);
        assert_eq!(grid(&[0], 3).unwrap(), [vec![0]]);
        assert!(grid(&[], 3).unwrap().is_empty());
    }

    #[test]
    fn bytes_halve_the_longest_axis() {
        assert_eq!(
            grid(&[100, 10], Chunks::Bytes(8 * 130)).unwrap(),
            [vec![13; 7].into_iter().chain([9]).collect(), vec![10]]
        );
        assert_eq!(grid(&[3], Chunks::Bytes(8)).unwrap(), [[1, 1, 1]]);
    }

    #[test]
    fn chunks_that_make_no_sense_are_refused() {
        let text = |shape: &[usize], chunks: Chunks| grid(shape, chunks).unwrap_err().to_string();
        assert!(text(&[4], Chunks::Each(0)).contains("length 0"));
        assert!(text(&[4], vec![1, 1].into()).contains("1 axes is wanted, and 2"));
        assert!(text(&[4], vec![vec![2, 3]].into()).contains("do not add up to 4"));
        assert!(text(&[4], vec![vec![4, 0]].into()).contains("chunk of length 0"));
        assert!(text(&[4], Chunks::Bytes(7)).contains("less than an element"));
        assert!(text(&[1 << 40], Chunks::Each(1)).contains("more than"));
        assert!(text(&[1 << 12, 1 << 12], Chunks::Each(1)).contains("more than"));
    }

    #[test]
    fn blocks_are_counted_the_last_axis_fastest() {
        let grid = Grid::new(&[3, 3], 8, &Chunks::Each(2)).unwrap();
        let regions: Vec<String> = grid.regions().map(|region| region.to_string()).collect();
        assert_eq!(regions, ["[0..2, 0..2]", "[0..2, 2..3]", "[2..3, 0..2]", "[2..3, 2..3]"]);
        assert!(grid.indices().enumerate().all(|(place, index)| grid.place(&index) == place));
        assert_eq!(Grid::single(&[]).indices().count(), 1);
    }

    #[test]
    fn a_refinement_has_the_boundaries_of_both() {
        assert_eq!(refine(&[2, 2, 2], &[3, 3]), [2, 1, 1, 2]);
        assert_eq!(refine(&[0], &[0]), [0]);
    }
}
