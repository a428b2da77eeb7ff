//! Reductions: a task a block, which also does the element-wise steps before; then a tree.

use std::sync::Arc;

use brisk_client::Delayed;

use super::{
    Array, Axes,
    element::{Element, Number},
    error::ArrayError,
    grid::Grid,
    kernels,
    reduce::{Partial, Reduction, What},
};

/// For each reduction: of all elements, and along some axes.
macro_rules! reductions {
    ($($(#[$doc:meta])* $name:ident $over:ident ($($more:ident: $type:ty)?) $what:expr, $of:ty => $result:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self $(, $more: $type)?) -> Delayed<$result> {
            self.of_all::<$of, $result>($what)
        }

        $(#[$doc])*
        /// Along some axes, which go.
        ///
        /// # Errors
        /// If there is no such axis.
        pub fn $over(&self, axes: impl Into<Axes> $(, $more: $type)?) -> Result<Array<$result>, ArrayError> {
            Ok(self.along::<$of, $result>($what, axes.into().of(&self.shape())?))
        }
    )*};
}

/// The same where there must be elements.
macro_rules! of_some {
    ($($(#[$doc:meta])* $name:ident $over:ident $what:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// If the array has no elements.
        pub fn $name(&self) -> Result<Delayed<T>, ArrayError> {
            let all: Vec<usize> = (0..self.ndim()).collect();
            self.has_some($what, &all)?;
            Ok(self.of_all::<T, T>($what))
        }

        $(#[$doc])*
        /// Along some axes, which go.
        ///
        /// # Errors
        /// If there is no such axis, or there are no elements along it.
        pub fn $over(&self, axes: impl Into<Axes>) -> Result<Array<T>, ArrayError> {
            let axes = axes.into().of(&self.shape())?;
            self.has_some($what, &axes)?;
            Ok(self.along::<T, T>($what, axes))
        }
    )*};
}

/// The same for places.
macro_rules! places {
    ($($(#[$doc:meta])* $name:ident $over:ident $what:expr;)*) => {$(
        $(#[$doc])*
        /// The place is that in order, the last axis fastest.
        ///
        /// # Errors
        /// If the array has no elements.
        pub fn $name(&self) -> Result<Delayed<i64>, ArrayError> {
            let all: Vec<usize> = (0..self.ndim()).collect();
            self.has_some($what, &all)?;
            Ok(self.of_all::<T, i64>($what))
        }

        $(#[$doc])*
        /// Along one axis, which goes; the place is the index along it.
        ///
        /// # Errors
        /// If there is no such axis, or there are no elements along it.
        pub fn $over(&self, axis: isize) -> Result<Array<i64>, ArrayError> {
            let axes = Axes::from(axis).of(&self.shape())?;
            self.has_some($what, &axes)?;
            Ok(self.along::<T, i64>($what, axes))
        }
    )*};
}

impl<T: Element> Array<T> {
    reductions! {
        /// The sum. Of `bool` it is how many hold. Of none it is 0.
        sum sum_over() What::Sum, T::Sum => T::Sum;
        /// The product. Of none it is 1.
        prod prod_over() What::Prod, T::Sum => T::Sum;
        /// The mean, computed in `f64`. Of none it is not a number.
        mean mean_over() What::Mean, f64 => T::Mean;
        /// The variance: the squares of what elements differ from their mean by, summed and divided by their number less `ddof`. Computed
        /// in `f64`, and exact where the mean is large beside it.
        var var_over(ddof: u32) What::Var(ddof), f64 => T::Mean;
        /// The standard deviation: the square root of the [variance](Array::var).
        std std_over(ddof: u32) What::Std(ddof), f64 => T::Mean;
        /// Whether an element is not 0, or holds.
        any any_over() What::Any, bool => bool;
        /// Whether no element is 0, or all hold.
        all all_over() What::All, bool => bool;
    }

    /// One element from all.
    fn of_all<A: Element, R: Element>(&self, what: What) -> Delayed<R> {
        let all = self.along::<A, R>(what, (0..self.ndim()).collect());
        R::only(all.lowered()[0].clone()).label(what.name())
    }

    /// The reduction of elements, as `A`, along `axes`.
    fn along<A: Element, R: Element>(&self, what: What, axes: Vec<usize>) -> Array<R> {
        let array = self.cast::<A>();
        let left: Vec<usize> = (0..self.ndim()).filter(|axis| !axes.contains(axis)).collect();
        let grid = Grid::of_lengths(left.iter().map(|axis| self.grid().axes()[*axis].clone()).collect());
        let last = if left.is_empty() { format!("{}-result", what.name()) } else { what.name().to_owned() };
        let reduction = Arc::new(Reduction { what, axes, whole: self.shape() });
        let mut parts: Vec<Vec<Delayed<Partial>>> = vec![Vec::new(); grid.blocks()];
        for (index, region) in array.grid().indices().zip(array.grid().regions()) {
            let operands = array.expression.operands(&index);
            let part = A::partial(reduction.clone(), region, array.expression.program.clone(), operands);
            let to: Vec<usize> = left.iter().map(|axis| index[*axis]).collect();
            parts[grid.place(&to)].push(part.label(&format!("{}-block", what.name())));
        }
        let tree = format!("{}-tree", what.name());
        let blocks = parts.into_iter().map(|parts| {
            let all = self.tree().reduce(parts, |some| kernels::combined(reduction.clone(), some).label(&tree));
            R::finish(reduction.clone(), all).label(&last)
        });
        let blocks = blocks.collect();
        Array { fan_in: self.tree(), ..Array::of_blocks(grid, blocks, what.name()) }
    }

    /// Whether there is anything along `axes`, where something is asked for.
    fn has_some(&self, what: What, axes: &[usize]) -> Result<(), ArrayError> {
        let shape = self.shape();
        let asked = shape.iter().enumerate().all(|(axis, length)| *length > 0 || axes.contains(&axis));
        if asked && axes.iter().any(|axis| shape[*axis] == 0) {
            return Err(ArrayError::Empty { what: what.name(), shape });
        }
        Ok(())
    }
}

impl<T: Number> Array<T> {
    of_some! {
        /// The least. What is not a number wins.
        min min_over What::Min;
        /// The greatest. What is not a number wins.
        max max_over What::Max;
    }

    places! {
        /// Where the least is: the first of them, or of what is not a number.
        argmin argmin_over What::ArgMin;
        /// Where the greatest is: the first of them, or of what is not a number.
        argmax argmax_over What::ArgMax;
    }
}
