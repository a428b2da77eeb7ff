//! [`Array`]: an n-dimensional array in chunks, each an `ndarray` on some worker.
//!
//! ```
//! use brisk_client::Client;
//! use brisk_collections::array::Array;
//!
//! #[brisk_client::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = Client::local().await?;
//!     // Nothing is made yet: 16 blocks, each of which a task will make.
//!     let x = Array::<f64>::random([1_000, 1_000], 42)?.chunks(250)?;
//!     let y = client.persist((&x + &x.t()) / 2.0);
//!     let mean = client.submit(y.mean());
//!     assert!((mean.result().await? - 0.5).abs() < 1e-3);
//!     Ok(())
//! }
//! ```
//!
//! Element-wise steps make no tasks of their own: a chain of them is one task a block, and goes into the reduction that follows it.
//! Shapes broadcast as in NumPy. What is known to be wrong when an array is built is an error there: an [`ArrayError`], or a panic of
//! an operator, which has no way to return one; [`Array::broadcast_with`] asks beforehand.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    vec,
};

use brisk_client::{
    Delayed, Persist,
    graph::{Handle, Node},
};

pub use ndarray;

mod axes;
mod block;
mod create;
mod element;
mod error;
mod evaluate;
mod expression;
mod functions;
mod gather;
mod generate;
mod grid;
#[cfg(feature = "hdf5")]
mod hdf5;
mod join;
mod kernels;
mod leaf;
mod map;
mod matmul;
mod npy;
mod operators;
mod parts;
mod pick;
mod program;
mod rechunk;
mod reduce;
mod reductions;
mod reshape;
mod slicing;
mod steps;

pub use axes::Axes;
pub use block::Block;
pub use element::{DType, Element, Float, Number, Signed};
pub use error::{ArrayError, BlockError};
pub use grid::{Chunks, Region};
pub use join::{concatenate, stack};
pub use parts::{NewAxis, Part, Parts, step};
pub use steps::{Term, where_};

use crate::foundation::{Collection, CollectionError, FanIn};
use expression::Expression;
use grid::{Dims, Grid};
use leaf::Leaf;

/// An array in blocks that are not made yet. Clones share the blocks. See the [module](self).
pub struct Array<T> {
    grid: Grid,
    expression: Expression,
    /// The calls of its blocks, described once somebody asks.
    lowered: Arc<OnceLock<Vec<Delayed<Block<T>>>>>,
    name: Arc<str>,
    fan_in: FanIn,
}

impl<T> Clone for Array<T> {
    fn clone(&self) -> Self {
        Array {
            grid: self.grid.clone(),
            expression: self.expression.clone(),
            lowered: self.lowered.clone(),
            name: self.name.clone(),
            fan_in: self.fan_in,
        }
    }
}

impl<T: Element> Array<T> {
    /// Its lengths along the axes.
    pub fn shape(&self) -> Vec<usize> {
        self.grid.shape()
    }

    /// How many axes it has.
    pub fn ndim(&self) -> usize {
        self.grid.axes().len()
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The memory that all of it would take, in bytes.
    pub fn nbytes(&self) -> u64 {
        self.len() as u64 * size_of::<T>() as u64
    }

    /// The lengths of its chunks along each axis.
    pub fn chunk_lengths(&self) -> Vec<Vec<usize>> {
        self.grid.axes().to_vec()
    }

    /// How many results one task of a reduction puts together; see [`FanIn`].
    ///
    /// # Errors
    /// If it is less than two.
    pub fn fan_in(mut self, count: usize) -> Result<Self, CollectionError> {
        self.fan_in = FanIn::new(count)?;
        Ok(self)
    }

    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn tree(&self) -> FanIn {
        self.fan_in
    }

    fn of_expression(grid: Grid, expression: Expression, fan_in: FanIn) -> Self {
        debug_assert!(expression.fits(&grid));
        let name = expression.program.name().into();
        Array { grid, expression, lowered: Arc::default(), name, fan_in }
    }

    fn of_leaf(leaf: Arc<Leaf<T>>, name: &str) -> Self {
        Array {
            grid: leaf.grid().clone(),
            expression: Expression::of_leaf(T::any_leaf(leaf)),
            lowered: Arc::default(),
            name: name.into(),
            fan_in: FanIn::default(),
        }
    }

    fn of_blocks(grid: Grid, blocks: Vec<Delayed<Block<T>>>, name: &str) -> Self {
        Array::of_leaf(Leaf::of_blocks(grid, blocks), name)
    }

    /// The same, whose blocks are what other steps begin with.
    fn settled(&self) -> Self {
        let settled = Array::of_blocks(self.grid.clone(), self.lowered().to_vec(), &self.name);
        Array { fan_in: self.fan_in, ..settled }
    }

    /// The calls of the blocks, in order, the last axis fastest.
    fn lowered(&self) -> &[Delayed<Block<T>>] {
        self.lowered.get_or_init(|| {
            if let Some(leaf) = self.expression.leaf().and_then(T::leaf) {
                return leaf.blocks().to_vec();
            }
            let block = |index: Vec<usize>| {
                let operands = self.expression.operands(&index);
                let shape = self.grid.block_shape(&index);
                T::elementwise(self.expression.program.clone(), shape, operands).label(&self.name)
            };
            self.grid.indices().map(block).collect()
        })
    }

    /// The same elements along other axes: for each new one the old one that it is, or none for a new one of length 1. An old one that
    /// is left out has length 1.
    fn seen(&self, axes: &[Option<usize>]) -> Self {
        let lengths = axes.iter().map(|axis| axis.map_or_else(|| vec![1], |axis| self.grid.axes()[axis].clone()));
        Array::of_expression(Grid::of_lengths(lengths.collect()), self.expression.seen(axes), self.fan_in)
    }
}

impl<T: Element> Collection for Array<T> {
    type Part = Block<T>;
    type Whole = Block<T>;

    fn to_delayed(&self) -> Vec<Delayed<Block<T>>> {
        self.lowered().to_vec()
    }

    fn collect(&self) -> Delayed<Block<T>> {
        let whole = self.in_grid(&Grid::single(&self.shape()));
        whole.lowered()[0].clone()
    }

    fn partitions(&self) -> usize {
        self.grid.blocks()
    }

    fn name(&self) -> String {
        self.name.to_string()
    }
}

impl<T: Element> Persist for Array<T> {
    fn nodes(&self, nodes: &mut Vec<Arc<Node>>) {
        self.lowered().iter().for_each(|block| block.nodes(nodes));
    }

    fn persisted(self, handles: &mut vec::IntoIter<Handle>) -> Self {
        let blocks = self.lowered().to_vec().persisted(handles);
        Array { fan_in: self.fan_in, ..Array::of_blocks(self.grid.clone(), blocks, &self.name) }
    }
}

impl<T: Element> fmt::Debug for Array<T> {
    /// As in `<Array f64 (1000, 1000), 16 blocks of (250, 250), 8.0 MB>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths: Vec<usize> = self.grid.axes().iter().map(|axis| axis[0]).collect();
        let even = self.grid.axes().iter().all(|axis| axis[..axis.len() - 1].iter().all(|length| *length == axis[0]));
        let blocks = match self.partitions() {
            1 => "1 block".to_owned(),
            count if even => format!("{count} blocks of {}", Dims(&lengths)),
            count => format!("{count} blocks of several lengths"),
        };
        write!(f, "<Array {} {}, {blocks}, {}>", T::DTYPE, Dims(&self.shape()), bytes(self.nbytes()))
    }
}

fn bytes(count: u64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let mut unit = 0;
    let mut scaled = count as f64;
    while scaled >= 1000.0 && unit + 1 < units.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} bytes") } else { format!("{scaled:.1} {}", units[unit]) }
}
