//! Where an array's elements come from: blocks that some task makes.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use brisk_client::Delayed;

use super::{
    block::Block,
    element::{DType, Element},
    grid::{Grid, Region},
    kernels::Operands,
};

/// Describes the call that makes a region of an array.
pub(crate) type Make<T> = Arc<dyn Fn(&Region) -> Delayed<Block<T>> + Send + Sync>;

/// An array's blocks.
pub struct Leaf<T> {
    grid: Grid,
    /// How other chunks would be made, if they can be made at all: of what is read or generated any region can.
    make: Option<Make<T>>,
    blocks: OnceLock<Vec<Delayed<Block<T>>>>,
}

impl<T: Element> Leaf<T> {
    /// These blocks, in the order of the grid's indices.
    pub(crate) fn of_blocks(grid: Grid, blocks: Vec<Delayed<Block<T>>>) -> Arc<Self> {
        debug_assert_eq!(grid.blocks(), blocks.len());
        Arc::new(Leaf { grid, make: None, blocks: OnceLock::from(blocks) })
    }

    /// Blocks that `make` describes when somebody asks for them.
    pub(crate) fn made(grid: Grid, make: Make<T>) -> Arc<Self> {
        Arc::new(Leaf { grid, make: Some(make), blocks: OnceLock::new() })
    }

    pub(crate) fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The same array made in other chunks, if it can be.
    pub(crate) fn in_chunks(&self, grid: &Grid) -> Option<Arc<Self>> {
        self.make.as_ref().map(|make| Leaf::made(grid.clone(), make.clone()))
    }

    /// The calls that make the blocks, in the order of the grid's indices.
    pub(crate) fn blocks(&self) -> &[Delayed<Block<T>>] {
        self.blocks.get_or_init(|| {
            let make = self.make.as_ref().expect("a leaf has blocks or knows how to make them");
            self.grid.regions().map(|region| make(&region)).collect()
        })
    }

    fn block(&self, index: &[usize]) -> Delayed<Block<T>> {
        self.blocks()[self.grid.place(index)].clone()
    }
}

impl<T: Element> fmt::Debug for Leaf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaf<{}>({} blocks)", T::DTYPE, self.grid.blocks())
    }
}

/// A leaf of any type of element.
#[derive(Clone, Debug)]
pub enum AnyLeaf {
    /// Of `f64`.
    F64(Arc<Leaf<f64>>),
    /// Of `f32`.
    F32(Arc<Leaf<f32>>),
    /// Of `i64`.
    I64(Arc<Leaf<i64>>),
    /// Of `i32`.
    I32(Arc<Leaf<i32>>),
    /// Of `u8`.
    U8(Arc<Leaf<u8>>),
    /// Of `bool`.
    Bool(Arc<Leaf<bool>>),
}

impl AnyLeaf {
    pub(crate) fn dtype(&self) -> DType {
        match self {
            AnyLeaf::F64(_) => DType::F64,
            AnyLeaf::F32(_) => DType::F32,
            AnyLeaf::I64(_) => DType::I64,
            AnyLeaf::I32(_) => DType::I32,
            AnyLeaf::U8(_) => DType::U8,
            AnyLeaf::Bool(_) => DType::Bool,
        }
    }

    pub(crate) fn grid(&self) -> &Grid {
        match self {
            AnyLeaf::F64(leaf) => leaf.grid(),
            AnyLeaf::F32(leaf) => leaf.grid(),
            AnyLeaf::I64(leaf) => leaf.grid(),
            AnyLeaf::I32(leaf) => leaf.grid(),
            AnyLeaf::U8(leaf) => leaf.grid(),
            AnyLeaf::Bool(leaf) => leaf.grid(),
        }
    }

    /// Whether they are one leaf.
    pub(crate) fn is(&self, other: &AnyLeaf) -> bool {
        match (self, other) {
            (AnyLeaf::F64(a), AnyLeaf::F64(b)) => Arc::ptr_eq(a, b),
            (AnyLeaf::F32(a), AnyLeaf::F32(b)) => Arc::ptr_eq(a, b),
            (AnyLeaf::I64(a), AnyLeaf::I64(b)) => Arc::ptr_eq(a, b),
            (AnyLeaf::I32(a), AnyLeaf::I32(b)) => Arc::ptr_eq(a, b),
            (AnyLeaf::U8(a), AnyLeaf::U8(b)) => Arc::ptr_eq(a, b),
            (AnyLeaf::Bool(a), AnyLeaf::Bool(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// Appends the block at `index` to the list of its type.
    pub(crate) fn push(&self, index: &[usize], operands: &mut Operands) {
        match self {
            AnyLeaf::F64(leaf) => operands.f64s.push(leaf.block(index)),
            AnyLeaf::F32(leaf) => operands.f32s.push(leaf.block(index)),
            AnyLeaf::I64(leaf) => operands.i64s.push(leaf.block(index)),
            AnyLeaf::I32(leaf) => operands.i32s.push(leaf.block(index)),
            AnyLeaf::U8(leaf) => operands.u8s.push(leaf.block(index)),
            AnyLeaf::Bool(leaf) => operands.bools.push(leaf.block(index)),
        }
    }
}
