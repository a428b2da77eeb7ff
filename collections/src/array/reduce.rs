//! What reductions make of a block, how results of several blocks are put together, and what comes out in the end.

use serde::{Deserialize, Serialize};

mod fold;
mod locate;
mod moments;

use std::sync::Arc;

use super::{
    block::Block,
    element::{Element, Number},
    error::BlockError,
    evaluate::{greater, lesser},
    grid::Region,
};

/// What becomes of the elements along the reduced axes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// Their sum.
    Sum,
    /// Their product.
    Prod,
    /// The least; what is not a number wins.
    Min,
    /// The greatest; what is not a number wins.
    Max,
    /// Whether one holds.
    Any,
    /// Whether all hold.
    All,
    /// Their mean.
    Mean,
    /// Their variance, divided by their number less this.
    Var(u32),
    /// Its square root.
    Std(u32),
    /// Where the least is, the first of them.
    ArgMin,
    /// Where the greatest is, the first of them.
    ArgMax,
}

impl What {
    /// What tasks and errors call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            What::Sum => "sum",
            What::Prod => "prod",
            What::Min => "min",
            What::Max => "max",
            What::Any => "any",
            What::All => "all",
            What::Mean => "mean",
            What::Var(_) => "var",
            What::Std(_) => "std",
            What::ArgMin => "argmin",
            What::ArgMax => "argmax",
        }
    }
}

/// A reduction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reduction {
    /// What it makes.
    pub what: What,
    /// The axes that go, in order.
    pub axes: Vec<usize>,
    /// The shape of the whole array.
    pub whole: Vec<usize>,
}

/// What is known of some of the elements along the reduced axes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Partial {
    /// A sum, product, least or greatest.
    F64(Block<f64>),
    /// The same.
    F32(Block<f32>),
    /// The same.
    I64(Block<i64>),
    /// The same.
    I32(Block<i32>),
    /// The same.
    U8(Block<u8>),
    /// Whether one holds, or all.
    Bool(Block<bool>),
    /// How many, their mean, and the sum of the squares of what they differ from it by, if that is asked for.
    Moments(u64, Block<f64>, Option<Block<f64>>),
    /// The least or greatest, as a part of its own, and where it is.
    Located(Box<Partial>, Block<i64>),
}

/// What a reduction makes of a block.
pub(crate) fn partial<T: Element>(
    reduction: &Reduction,
    region: &Region,
    block: &Block<T>,
) -> Result<Partial, BlockError> {
    // The types are known when the task runs; the program before it made of the elements what the reduction takes.
    let block = Any::of(block);
    match (reduction.what, block) {
        (What::Any, Any::Bool(block)) => Ok(Partial::Bool(fold::truths(block, &reduction.axes, false))),
        (What::All, Any::Bool(block)) => Ok(Partial::Bool(fold::truths(block, &reduction.axes, true))),
        (What::Mean, Any::F64(block)) => moments::of_block(block, &reduction.axes, false),
        (What::Var(_) | What::Std(_), Any::F64(block)) => moments::of_block(block, &reduction.axes, true),
        (_, Any::F64(block)) => Ok(number(reduction, region, block, Partial::F64)),
        (_, Any::F32(block)) => Ok(number(reduction, region, block, Partial::F32)),
        (_, Any::I64(block)) => Ok(number(reduction, region, block, Partial::I64)),
        (_, Any::I32(block)) => Ok(number(reduction, region, block, Partial::I32)),
        (_, Any::U8(block)) => Ok(number(reduction, region, block, Partial::U8)),
        (what, Any::Bool(_)) => Err(BlockError::new(format!("{} is not for bool", what.name()))),
    }
}

fn number<T: Number>(
    reduction: &Reduction,
    region: &Region,
    block: &Block<T>,
    wrap: fn(Block<T>) -> Partial,
) -> Partial {
    let axes = &reduction.axes;
    match reduction.what {
        What::Sum => wrap(fold::sum(block, axes)),
        What::Prod => wrap(fold::prod(block, axes)),
        What::Min => wrap(fold::extreme(block, axes, lesser)),
        What::ArgMin => locate::of_block(reduction, region, block, wrap, |x, y| x < y),
        What::ArgMax => locate::of_block(reduction, region, block, wrap, |x, y| x > y),
        _ => wrap(fold::extreme(block, axes, greater)),
    }
}

/// What the results of several blocks come to.
pub(crate) fn combine(reduction: &Reduction, parts: &[Arc<Partial>]) -> Result<Partial, BlockError> {
    let Some((first, rest)) = parts.split_first() else {
        return Err(BlockError::new(format!("{} of no parts", reduction.what.name())));
    };
    let mut all = (**first).clone();
    for part in rest {
        pair(reduction, &mut all, part)?;
    }
    Ok(all)
}

fn pair(reduction: &Reduction, all: &mut Partial, part: &Partial) -> Result<(), BlockError> {
    let misfit = || BlockError::new(format!("parts of a {} do not fit each other", reduction.what.name()));
    match (all, part) {
        (Partial::F64(all), Partial::F64(part)) => numbers(reduction.what, all, part).ok_or_else(misfit),
        (Partial::F32(all), Partial::F32(part)) => numbers(reduction.what, all, part).ok_or_else(misfit),
        (Partial::I64(all), Partial::I64(part)) => numbers(reduction.what, all, part).ok_or_else(misfit),
        (Partial::I32(all), Partial::I32(part)) => numbers(reduction.what, all, part).ok_or_else(misfit),
        (Partial::U8(all), Partial::U8(part)) => numbers(reduction.what, all, part).ok_or_else(misfit),
        (Partial::Bool(all), Partial::Bool(part)) => {
            let or = reduction.what == What::Any;
            zip(all, part, |x, y| if or { x | y } else { x & y }).ok_or_else(misfit)
        }
        (Partial::Moments(count, mean, squares), Partial::Moments(more, other, others)) => {
            moments::pair((count, mean, squares), (*more, other, others)).ok_or_else(misfit)
        }
        (Partial::Located(values, places), Partial::Located(others, other_places)) => {
            locate::pair(reduction.what, (values, places), (others, other_places)).ok_or_else(misfit)
        }
        _ => Err(misfit()),
    }
}

fn numbers<T: Number>(what: What, all: &mut Block<T>, part: &Block<T>) -> Option<()> {
    match what {
        What::Sum => zip(all, part, T::add),
        What::Prod => zip(all, part, T::mul),
        What::Min => zip(all, part, lesser),
        What::Max => zip(all, part, greater),
        _ => None,
    }
}

fn zip<T: Element>(all: &mut Block<T>, part: &Block<T>, pair: impl Fn(T, T) -> T) -> Option<()> {
    if all.shape() != part.shape() {
        return None;
    }
    all.elements_mut().iter_mut().zip(part.elements()).for_each(|(all, part)| *all = pair(*all, *part));
    Some(())
}

/// What comes out in the end.
pub(crate) fn finish<T: Element>(reduction: &Reduction, partial: &Partial) -> Result<Block<T>, BlockError> {
    let found = match (partial, reduction.what) {
        (Partial::F64(block), _) => T::cast_block(Any::F64(block)),
        (Partial::F32(block), _) => T::cast_block(Any::F32(block)),
        (Partial::I64(block), _) => T::cast_block(Any::I64(block)),
        (Partial::I32(block), _) => T::cast_block(Any::I32(block)),
        (Partial::U8(block), _) => T::cast_block(Any::U8(block)),
        (Partial::Bool(block), _) => T::cast_block(Any::Bool(block)),
        (Partial::Located(_, places), _) => T::cast_block(Any::I64(places)),
        (Partial::Moments(_, mean, None), What::Mean) => T::cast_block(Any::F64(mean)),
        (Partial::Moments(count, _, Some(squares)), What::Var(ddof)) => {
            T::cast_block(Any::F64(&moments::variance(*count, squares, ddof)))
        }
        (Partial::Moments(count, _, Some(squares)), What::Std(ddof)) => {
            let mut block = moments::variance(*count, squares, ddof);
            block.elements_mut().iter_mut().for_each(|x| *x = x.sqrt());
            T::cast_block(Any::F64(&block))
        }
        (Partial::Moments(..), _) => None,
    };
    let wrong = || BlockError::new(format!("a {} of another type than {} came", reduction.what.name(), T::DTYPE));
    found.ok_or_else(wrong)
}

/// A block of any type.
#[derive(Debug)]
pub enum Any<'a> {
    /// Of `f64`.
    F64(&'a Block<f64>),
    /// Of `f32`.
    F32(&'a Block<f32>),
    /// Of `i64`.
    I64(&'a Block<i64>),
    /// Of `i32`.
    I32(&'a Block<i32>),
    /// Of `u8`.
    U8(&'a Block<u8>),
    /// Of `bool`.
    Bool(&'a Block<bool>),
}

impl<'a> Any<'a> {
    fn of<T: Element>(block: &'a Block<T>) -> Self {
        T::any_block(block)
    }
}

#[cfg(test)]
mod tests;
