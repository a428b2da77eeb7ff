//! Matrix products: a task for each block of the result and each few blocks along the inner axis, which adds up as it multiplies;
//! then a tree of sums.
//!
//! One task for all of a row and a column would hold them all at once, and leave a product of a wide with a tall matrix to one worker;
//! one task a pair of blocks would make a block for each. This is in between.

use std::sync::Arc;

use ndarray::{Ix2, linalg::general_mat_mul};

use super::{
    Array,
    block::Block,
    element::{Element, Number},
    error::{ArrayError, BlockError},
    grid::{Grid, refine},
};

/// Blocks along the inner axis that one task multiplies.
const DEPTH: usize = 4;

/// How two-dimensional blocks of a type are multiplied.
pub trait Multiply: Element {
    /// Adds the product of `a` and `b` to `c`.
    fn multiply_add(a: ndarray::ArrayView2<'_, Self>, b: ndarray::ArrayView2<'_, Self>, c: &mut ndarray::Array2<Self>);
}

macro_rules! floats {
    ($($t:ty)*) => {$(
        impl Multiply for $t {
            fn multiply_add(a: ndarray::ArrayView2<'_, Self>, b: ndarray::ArrayView2<'_, Self>, c: &mut ndarray::Array2<Self>) {
                general_mat_mul(1.0, &a, &b, 1.0, c);
            }
        }
    )*};
}

floats!(f64 f32);

macro_rules! integers {
    ($($t:ty)*) => {$(
        impl Multiply for $t {
            /// Row by row, which vectorises; wraps around.
            fn multiply_add(a: ndarray::ArrayView2<'_, Self>, b: ndarray::ArrayView2<'_, Self>, c: &mut ndarray::Array2<Self>) {
                for (a, mut c) in a.rows().into_iter().zip(c.rows_mut()) {
                    for (x, b) in a.iter().zip(b.rows()) {
                        c.zip_mut_with(&b, |c, b| *c = c.wrapping_add(x.wrapping_mul(*b)));
                    }
                }
            }
        }
    )*};
}

integers!(i64 i32 u8);

/// The sum of the products of blocks of a row with those of a column.
pub(crate) fn multiply<T: Multiply>(left: &[Arc<Block<T>>], right: &[Arc<Block<T>>]) -> Result<Block<T>, BlockError> {
    let misfit = || BlockError::new("blocks of a matrix product do not fit each other".to_owned());
    let (first, last) = (left.first().ok_or_else(misfit)?, right.first().ok_or_else(misfit)?);
    let ([rows, _], [_, columns]) = (first.shape(), last.shape()) else { return Err(misfit()) };
    let mut sum = ndarray::Array2::from_elem((*rows, *columns), T::default());
    for (a, b) in left.iter().zip(right) {
        let view = |block: &Arc<Block<T>>| block.shape().len() == 2;
        if !view(a) || !view(b) || a.shape()[1] != b.shape()[0] || [a.shape()[0], b.shape()[1]] != [*rows, *columns] {
            return Err(misfit());
        }
        let (a, b) = (a.view().into_dimensionality::<Ix2>(), b.view().into_dimensionality::<Ix2>());
        T::multiply_add(a.map_err(|_| misfit())?, b.map_err(|_| misfit())?, &mut sum);
    }
    Ok(Block::from(sum))
}

/// The sum of blocks of one shape.
pub(crate) fn add<T: Number>(parts: &[Arc<Block<T>>]) -> Result<Block<T>, BlockError> {
    let (first, rest) = parts.split_first().ok_or_else(|| BlockError::new("a sum of no blocks"))?;
    let mut sum = (**first).clone();
    for part in rest {
        if part.shape() != sum.shape() {
            return Err(BlockError::new("blocks of a sum have several shapes"));
        }
        sum.elements_mut().iter_mut().zip(part.elements()).for_each(|(sum, x)| *sum = sum.add(*x));
    }
    Ok(sum)
}

impl<T: Number> Array<T> {
    /// The product of two matrices, or of a matrix with a vector, in either order, or of two vectors. The chunks along the axis that
    /// goes need not be the same.
    ///
    /// ```
    /// # use brisk_collections::{Collection, array::{Array, ndarray::array}};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let x = Array::from_ndarray(array![[1.0, 2.0], [3.0, 4.0]]).chunks(1)?;
    /// let y = Array::from_ndarray(array![10.0, 100.0]);
    /// assert_eq!(x.matmul(&y)?.collect().run()?.elements(), [210.0, 430.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the axes that go together have other lengths, or an array has no axis, or more than two.
    pub fn matmul(&self, other: &Array<T>) -> Result<Array<T>, ArrayError> {
        let misfit = |why: &str| ArrayError::shapes(&self.shape(), &other.shape(), why);
        if !(1..=2).contains(&self.ndim()) || !(1..=2).contains(&other.ndim()) {
            return Err(misfit("a product is of matrices and vectors: arrays of one or two axes"));
        }
        let left = if self.ndim() == 1 { self.seen(&[None, Some(0)]) } else { self.clone() };
        let right = if other.ndim() == 1 { other.seen(&[Some(0), None]) } else { other.clone() };
        if left.shape()[1] != right.shape()[0] {
            return Err(misfit("a product takes as many rows on the right as there are columns on the left"));
        }
        let product = product(&left, &right);
        let axes: Vec<Option<usize>> = [(self.ndim() == 2).then_some(0), (other.ndim() == 2).then_some(1)]
            .into_iter()
            .flatten()
            .map(Some)
            .collect();
        Ok(product.seen(&axes))
    }
}

/// The product of two matrices that fit.
fn product<T: Number>(left: &Array<T>, right: &Array<T>) -> Array<T> {
    let (rows, columns) = (left.grid().axes()[0].clone(), right.grid().axes()[1].clone());
    let inner = refine(&left.grid().axes()[1], &right.grid().axes()[0]);
    let left = left.in_grid(&Grid::of_lengths(vec![rows.clone(), inner.clone()]));
    let right = right.in_grid(&Grid::of_lengths(vec![inner.clone(), columns.clone()]));
    let (a, b) = (left.lowered(), right.lowered());
    let grid = Grid::of_lengths(vec![rows, columns.clone()]);
    let along: Vec<usize> = (0..inner.len()).collect();
    let blocks = grid.indices().map(|at| {
        let products = along.chunks(DEPTH).map(|some| {
            let row = some.iter().map(|k| a[at[0] * inner.len() + k].clone()).collect();
            let column = some.iter().map(|k| b[k * columns.len() + at[1]].clone()).collect();
            T::multiply(row, column).label("matmul")
        });
        left.tree().reduce(products.collect(), |parts| T::sum_blocks(parts).label("matmul-sum"))
    });
    let blocks = blocks.collect();
    Array::of_blocks(grid, blocks, "matmul")
}
