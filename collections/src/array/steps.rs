//! Element-wise steps: how arrays of other shapes and chunks are brought together, and a step added.

use std::fmt;

use super::{
    Array, FanIn,
    create::checked,
    element::{DType, Element, Scalar},
    error::ArrayError,
    expression::{Builder, Expression},
    grid::{Grid, refine},
    program::{Program, Register, Step},
};

/// What stands beside an array in an element-wise step: another array, or one element for all.
#[derive(Clone)]
pub enum Term<T> {
    /// An array.
    Array(Array<T>),
    /// The same everywhere.
    Scalar(T),
}

impl<T: Element> fmt::Debug for Term<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Array(array) => array.fmt(f),
            Term::Scalar(value) => value.fmt(f),
        }
    }
}

impl<T: Element> From<Array<T>> for Term<T> {
    fn from(array: Array<T>) -> Self {
        Term::Array(array)
    }
}

impl<T: Element> From<&Array<T>> for Term<T> {
    fn from(array: &Array<T>) -> Self {
        Term::Array(array.clone())
    }
}

impl<T: Element> From<T> for Term<T> {
    fn from(value: T) -> Self {
        Term::Scalar(value)
    }
}

impl<T: Element> Array<T> {
    /// Both arrays in their common shape and chunks: axes of length 1, and those that are missing in front, are repeated. What is
    /// computed of both then can't fail for their shapes.
    ///
    /// # Errors
    /// If an axis has two lengths, neither of which is 1.
    pub fn broadcast_with<U: Element>(&self, other: &Array<U>) -> Result<(Array<T>, Array<U>), ArrayError> {
        let grid = common(&[self.grid(), other.grid()])?;
        Ok((self.repeated(&grid), other.repeated(&grid)))
    }

    /// The array in a shape that it can be repeated to.
    ///
    /// # Errors
    /// If an axis would change its length from another than 1.
    pub fn broadcast_to(&self, shape: impl Into<Vec<usize>>) -> Result<Array<T>, ArrayError> {
        let shape = shape.into();
        checked(&shape, size_of::<T>())?;
        let own = self.shape();
        let skip = shape.len().checked_sub(own.len());
        let fits = skip.is_some_and(|skip| own.iter().zip(&shape[skip..]).all(|(own, to)| own == to || *own == 1));
        let Some(skip) = skip.filter(|_| fits) else {
            let why = "only axes of length 1 are repeated, and new ones are in front";
            return Err(ArrayError::shapes(&own, &shape, why));
        };
        // New lengths are cut as all arrays are; what is there keeps its chunks.
        let auto = Grid::new(&shape, size_of::<T>(), &super::Chunks::Bytes(super::grid::AUTO_BYTES))?;
        let lengths = shape.iter().enumerate().map(|(axis, length)| match axis.checked_sub(skip) {
            Some(own_axis) if own[own_axis] == *length => self.grid().axes()[own_axis].clone(),
            _ => auto.axes()[axis].clone(),
        });
        Ok(self.repeated(&Grid::of_lengths(lengths.collect())))
    }

    /// The same elements as another type, as Rust's `as` converts them: floats lose their fractions, and stay within what an integer
    /// can be. A `bool` is 0 or 1, and whether a number is not 0.
    pub fn cast<U: Element>(&self) -> Array<U> {
        self.cast_to(U::DTYPE)
    }

    fn cast_to<U: Element>(&self, dtype: DType) -> Array<U> {
        if T::DTYPE == dtype {
            return Array::of_expression(self.grid().clone(), self.expression.clone(), self.tree());
        }
        self.step(|x, _| Step::Cast(dtype, x))
    }

    /// One more step. It is given the register of this array, and may add constants.
    pub(crate) fn step<U: Element>(&self, step: impl FnOnce(Register, &mut Builder) -> Step) -> Array<U> {
        let array = if Expression::are_too_long(&[&self.expression]) { &self.settled() } else { self };
        let mut builder = Builder::default();
        let x = builder.add(&array.expression);
        let step = step(x, &mut builder);
        let result = builder.step(step);
        Array::of_expression(self.grid().clone(), builder.finish(result), self.tree())
    }

    /// A step of this array and another, or a constant.
    pub(crate) fn step_with<U: Element>(
        &self,
        term: &Term<T>,
        step: impl FnOnce(Register, Register) -> Step,
    ) -> Result<Array<U>, ArrayError> {
        match term {
            Term::Scalar(value) => Ok(self.step(|x, builder| {
                let y = builder.step(Step::Constant(value.scalar()));
                step(x, y)
            })),
            Term::Array(other) => together(&[self.grid(), other.grid()], self, |grid| {
                ([self.repeated(grid).expression, other.repeated(grid).expression], |[x, y]: [Register; 2]| step(x, y))
            }),
        }
    }

    /// The array in the shape and chunks of `grid`, to which it can be repeated.
    fn repeated(&self, grid: &Grid) -> Self {
        let skip = grid.axes().len() - self.ndim();
        let own = self.grid().axes().iter().zip(&grid.axes()[skip..]).map(|(own, to)| match own.as_slice() {
            [1] => vec![1],
            _ => to.clone(),
        });
        let array = self.in_grid(&Grid::of_lengths(own.collect()));
        if array.grid() == grid {
            return array;
        }
        // An axis that is repeated goes along no axis of the result.
        let same = |own: &usize| array.grid().axes()[*own] == grid.axes()[own + skip];
        let axes: Vec<Option<usize>> = (0..grid.axes().len()).map(|axis| axis.checked_sub(skip).filter(same)).collect();
        Array::of_expression(grid.clone(), array.expression.seen(&axes), self.tree())
    }
}

/// Where `condition` holds the elements of `yes`, elsewhere those of `no`: NumPy's `where`.
///
/// ```
/// # use brisk_collections::{Collection, array::{Array, ndarray::array, where_}};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let x = Array::from_ndarray(array![3.0, -1.0, 2.0]);
/// let y = where_(&x.lt(0.0), 0.0, &x)?;
/// assert_eq!(y.collect().run()?.elements(), [3.0, 0.0, 2.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the shapes do not broadcast together.
pub fn where_<T: Element>(
    condition: &Array<bool>,
    yes: impl Into<Term<T>>,
    no: impl Into<Term<T>>,
) -> Result<Array<T>, ArrayError> {
    let (yes, no) = (yes.into(), no.into());
    let mut grids = vec![condition.grid()];
    grids.extend([&yes, &no].into_iter().filter_map(|term| match term {
        Term::Array(array) => Some(array.grid()),
        Term::Scalar(_) => None,
    }));
    let expression = |term: &Term<T>, grid: &Grid| match term {
        Term::Array(array) => array.repeated(grid).expression,
        Term::Scalar(value) => Expression::of_constant(value.scalar()),
    };
    together(&grids, condition, |grid| {
        let parts = [condition.repeated(grid).expression, expression(&yes, grid), expression(&no, grid)];
        (parts, |[c, a, b]: [Register; 3]| Step::Choose(c, a, b))
    })
}

/// Brings expressions together in one grid, and adds a step of them.
fn together<A: Element, U: Element, const N: usize, S: FnOnce([Register; N]) -> Step>(
    grids: &[&Grid],
    first: &Array<A>,
    parts: impl FnOnce(&Grid) -> ([Expression; N], S),
) -> Result<Array<U>, ArrayError> {
    let grid = common(grids)?;
    let (mut parts, step) = parts(&grid);
    if Expression::are_too_long(&parts.each_ref()) {
        parts = parts.map(|part| part.settled(&grid));
    }
    let mut builder = Builder::default();
    let registers = parts.each_ref().map(|part| builder.add(part));
    let result = builder.step(step(registers));
    Ok(Array::of_expression(grid, builder.finish(result), first.tree()))
}

/// The grid that arrays of these have together: as long as the longest along each axis, cut wherever one is cut.
fn common(grids: &[&Grid]) -> Result<Grid, ArrayError> {
    let count = grids.iter().map(|grid| grid.axes().len()).max().unwrap_or(0);
    let mut lengths = vec![vec![1]; count];
    for (place, grid) in grids.iter().enumerate() {
        let skip = count - grid.axes().len();
        for (axis, (all, own)) in lengths[skip..].iter_mut().zip(grid.axes()).enumerate() {
            if own.as_slice() == [1] {
                continue;
            }
            if all.as_slice() == [1] {
                all.clone_from(own);
                continue;
            }
            let (had, wanted): (usize, usize) = (all.iter().sum(), own.iter().sum());
            if had != wanted {
                let why = format!(
                    "axis {} is {had} long in one and {wanted} in the other",
                    axis as isize - grid.axes().len() as isize
                );
                let before = grids[..place]
                    .iter()
                    .rev()
                    .find(|before| has(before, count - skip - axis, had))
                    .unwrap_or(&grids[0]);
                return Err(ArrayError::shapes(&before.shape(), &grid.shape(), why));
            }
            *all = refine(all, own);
        }
    }
    let shape: Vec<usize> = lengths.iter().map(|axis| axis.iter().sum()).collect();
    checked(&shape, 8)?;
    Grid::new(&shape, 8, &super::Chunks::Exact(lengths))
}

/// Whether the axis that is so far from the end has this length.
fn has(grid: &Grid, from_end: usize, length: usize) -> bool {
    let axes = grid.axes();
    axes.len().checked_sub(from_end).is_some_and(|axis| axes[axis].iter().sum::<usize>() == length)
}

impl Program {
    /// What people are shown: what is done, if that is not much.
    pub(crate) fn name(&self) -> String {
        let names: Vec<String> = self.steps.iter().filter_map(Step::name).collect();
        match names.len() {
            0 => "view".to_owned(),
            1..=4 => names.join("-"),
            _ => "elementwise".to_owned(),
        }
    }
}

impl Step {
    fn name(&self) -> Option<String> {
        match self {
            Step::Load(_) | Step::Constant(_) => None,
            Step::Unary(function, _) => Some(format!("{function:?}").to_lowercase()),
            Step::Binary(function, ..) => Some(format!("{function:?}").to_lowercase()),
            Step::Compare(compare, ..) => Some(format!("{compare:?}").to_lowercase()),
            Step::Test(test, _) => Some(format!("is_{test:?}").to_lowercase()),
            Step::Powi(..) => Some("powi".to_owned()),
            Step::Not(_) => Some("not".to_owned()),
            Step::Choose(..) => Some("where".to_owned()),
            Step::Cast(..) => Some("cast".to_owned()),
        }
    }
}

impl Expression {
    /// A constant, of any shape.
    fn of_constant(value: Scalar) -> Self {
        let mut builder = Builder::default();
        let result = builder.step(Step::Constant(value));
        builder.finish(result)
    }

    /// The same as blocks, which are what other steps begin with. A constant stays one.
    fn settled(self, grid: &Grid) -> Self {
        fn of<T: Element>(expression: Expression, grid: &Grid) -> Expression {
            Array::<T>::of_expression(grid.clone(), expression, FanIn::default()).settled().expression
        }
        if self.program.operands.is_empty() || self.leaf().is_some() {
            return self;
        }
        match self.program.check().ok().and_then(|types| types.last().copied()) {
            Some(DType::F64) => of::<f64>(self, grid),
            Some(DType::F32) => of::<f32>(self, grid),
            Some(DType::I64) => of::<i64>(self, grid),
            Some(DType::I32) => of::<i32>(self, grid),
            Some(DType::U8) => of::<u8>(self, grid),
            Some(DType::Bool) => of::<bool>(self, grid),
            None => self,
        }
    }
}
