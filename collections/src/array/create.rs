//! Arrays out of nothing, or out of what is here.

use std::sync::Arc;

use brisk_client::{Call, Delayed};
use ndarray::{Axis, Dimension, Slice};

use super::{
    Array,
    block::Block,
    element::{Element, Float, Number},
    error::ArrayError,
    generate::Distribution,
    grid::{AUTO_BYTES, Chunks, Grid, Region},
    leaf::Leaf,
};

/// NumPy's limit was this for long; no program has more.
const MAX_AXES: usize = 32;

impl<T: Element> Array<T> {
    /// An array whose blocks `call` describes: it runs here, once a block, and builds the call that makes the block's
    /// [`Region`]. The chunks are settled by [`chunks`](Array::chunks), before any call is built.
    ///
    /// ```
    /// use brisk_client::task;
    /// use brisk_collections::{Collection, array::{Array, Block, Region}};
    ///
    /// #[task]
    /// fn table(region: Region) -> Block<i64> {
    ///     Block::from_fn(&region, |index| (index[0] * index[1]) as i64)
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let products = Array::from_blocks([10, 10], table)?.chunks([5, 10])?;
    /// assert_eq!(products.collect().run()?[[7, 8]], 56);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the shape is more than an array can have.
    pub fn from_blocks<C: Call<Output = Block<T>>>(
        shape: impl Into<Vec<usize>>,
        call: impl Fn(Region) -> C + Send + Sync + 'static,
    ) -> Result<Self, ArrayError> {
        Array::made(&shape.into(), "from_blocks", move |region| call(region.clone()).delayed())
    }

    /// An array of blocks that other calls make, in order, the last axis fastest: what [`to_delayed`](crate::Collection::to_delayed)
    /// gives, with the lengths of the chunks along each axis.
    ///
    /// # Errors
    /// If there are more or fewer calls than blocks.
    pub fn from_delayed(lengths: Vec<Vec<usize>>, blocks: Vec<Delayed<Block<T>>>) -> Result<Self, ArrayError> {
        let shape: Vec<usize> = lengths.iter().map(|axis| axis.iter().sum()).collect();
        checked(&shape, size_of::<T>())?;
        let grid = Grid::new(&shape, size_of::<T>(), &Chunks::Exact(lengths))?;
        if grid.blocks() != blocks.len() {
            let why = format!("they are {} blocks, and {} calls were given", grid.blocks(), blocks.len());
            return Err(ArrayError::chunks(&shape, why));
        }
        Ok(Array::of_blocks(grid, blocks, "from_delayed"))
    }

    /// An array that is here. It travels with the calls, so it had better not be long: [`open_npy`](Array::open_npy) reads on the
    /// workers.
    ///
    /// # Panics
    /// If it has more than 32 axes.
    pub fn from_ndarray<D: Dimension>(array: ndarray::Array<T, D>) -> Self {
        let array = Arc::new(array.into_dyn());
        let shape = array.shape().to_vec();
        let made = Array::made(&shape, "from_ndarray", move |region| {
            let mut part = array.view();
            for (axis, (from, length)) in region.offset.iter().zip(&region.shape).enumerate() {
                part.slice_axis_inplace(Axis(axis), Slice::from(*from..from + length));
            }
            T::literal(Block::copy_of(part)).label("from_ndarray")
        });
        made.unwrap_or_else(|error| panic!("{error}"))
    }

    /// An array of one value.
    ///
    /// # Errors
    /// As [`from_blocks`](Array::from_blocks).
    pub fn full(shape: impl Into<Vec<usize>>, value: T) -> Result<Self, ArrayError> {
        Array::made(&shape.into(), "full", move |region| T::full(value, region.shape.clone()))
    }

    /// An array of zeros, or of `false`.
    ///
    /// # Errors
    /// As [`from_blocks`](Array::from_blocks).
    pub fn zeros(shape: impl Into<Vec<usize>>) -> Result<Self, ArrayError> {
        Array::full(shape, T::default())
    }

    /// An array that `make` describes the regions of.
    pub(crate) fn made(
        shape: &[usize],
        name: &str,
        make: impl Fn(&Region) -> Delayed<Block<T>> + Send + Sync + 'static,
    ) -> Result<Self, ArrayError> {
        checked(shape, size_of::<T>())?;
        let grid = Grid::new(shape, size_of::<T>(), &Chunks::Bytes(AUTO_BYTES))?;
        Ok(Array::of_leaf(Leaf::made(grid, Arc::new(make)), name))
    }
}

impl<T: Number> Array<T> {
    /// An array of ones.
    ///
    /// # Errors
    /// As [`from_blocks`](Array::from_blocks).
    pub fn ones(shape: impl Into<Vec<usize>>) -> Result<Self, ArrayError> {
        Array::full(shape, T::ONE)
    }

    /// `count` numbers from `start` on, in steps of `step`.
    ///
    /// # Errors
    /// As [`from_blocks`](Array::from_blocks).
    pub fn arange(start: T, step: T, count: usize) -> Result<Self, ArrayError> {
        Array::made(&[count], "arange", move |region| T::arange(start, step, region.clone()))
    }
}

impl<T: Float> Array<T> {
    /// Random numbers, spread evenly from 0 up to but not including 1. The same seed and shape give the same numbers, whatever the
    /// chunks and however many workers make them.
    ///
    /// # Errors
    /// As [`from_blocks`](Array::from_blocks).
    pub fn random(shape: impl Into<Vec<usize>>, seed: u64) -> Result<Self, ArrayError> {
        Array::uniform(shape, 0.0, 1.0, seed)
    }

    /// Random numbers, spread evenly from `low` up to but not including `high`; as [`random`](Array::random).
    ///
    /// # Errors
    /// As [`from_blocks`](Array::from_blocks), or if a bound is infinite or no number.
    pub fn uniform(shape: impl Into<Vec<usize>>, low: f64, high: f64, seed: u64) -> Result<Self, ArrayError> {
        if !(low.is_finite() && high.is_finite()) {
            return Err(ArrayError::Refused { what: format!("no numbers are spread evenly from {low} to {high}") });
        }
        Array::distributed(shape.into(), Distribution::Uniform(low, high), seed)
    }

    /// Random numbers of the normal distribution; as [`random`](Array::random).
    ///
    /// # Errors
    /// As [`from_blocks`](Array::from_blocks), or if the deviation is negative or no number.
    pub fn normal(shape: impl Into<Vec<usize>>, mean: f64, deviation: f64, seed: u64) -> Result<Self, ArrayError> {
        if deviation.is_nan() || deviation < 0.0 {
            return Err(ArrayError::Refused { what: format!("{deviation} is no deviation of a normal distribution") });
        }
        Array::distributed(shape.into(), Distribution::Normal(mean, deviation), seed)
    }

    fn distributed(shape: Vec<usize>, distribution: Distribution, seed: u64) -> Result<Self, ArrayError> {
        let whole = shape.clone();
        Array::made(&shape, "random", move |region| T::random(distribution, seed, whole.clone(), region.clone()))
    }
}

/// Whether there can be an array of this shape.
pub(crate) fn checked(shape: &[usize], width: usize) -> Result<(), ArrayError> {
    if shape.len() > MAX_AXES {
        let what = format!("an array has at most {MAX_AXES} axes, and {} are asked for", shape.len());
        return Err(ArrayError::Refused { what });
    }
    let bytes = shape.iter().try_fold(width, |bytes, length| bytes.checked_mul(*length));
    match bytes.and_then(|bytes| isize::try_from(bytes).ok()) {
        Some(_) => Ok(()),
        None => Err(ArrayError::chunks(shape, "it has more elements than can be counted")),
    }
}
