//! [`Elem`]: what a closure over a collection is traced with.

use std::{cmp::Ordering, convert::Infallible, marker::PhantomData, ops};

use super::{Arg, Item, Slot};
use crate::value::Value;

/// A placeholder for an element of a collection. A closure given to a collection runs once, here, with placeholders: it
/// builds the call that is then made for every element. A placeholder can be passed to tasks, and to nothing else: there
/// is no value to compute with yet.
#[derive(Debug)]
pub struct Elem<T> {
    index: u8,
    element: PhantomData<fn() -> T>,
}

impl<T> Elem<T> {
    /// The placeholder of the closure's parameter number `index`. For collections.
    #[doc(hidden)]
    pub fn placeholder(index: u8) -> Self {
        Elem { index, element: PhantomData }
    }
}

impl<T> Clone for Elem<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Elem<T> {}

impl<T: Value> Arg<T> for Elem<T> {
    fn slot(self) -> Slot {
        Slot::One(Item::Placeholder(self.index))
    }
}

/// What an operator asks of a placeholder, and what no placeholder is: there is no value to compute with yet. The compiler
/// names this trait where somebody tries all the same, so its name says what to do: put the expression into a task, a
/// `#[task]` function or, in place, `task_fn!(|x: T| …)`.
#[diagnostic::on_unimplemented(
    message = "there is no value to compute with: `{Self}` stands for the elements of a collection",
    label = "an expression over a placeholder",
    note = "put the expression into a task: a `#[task]` function, or in place `task_fn!(|x: T| …)`"
)]
pub trait PutTheExpressionIntoATaskFn {
    /// Never called: nothing implements this.
    #[doc(hidden)]
    fn never<R>(&self) -> R;
}

macro_rules! no_operators {
    ($($operator:ident $method:ident),*) => {$(
        impl<T, R> ops::$operator<R> for Elem<T>
        where
            Elem<T>: PutTheExpressionIntoATaskFn,
        {
            type Output = Infallible;

            fn $method(self, _: R) -> Infallible {
                self.never()
            }
        }
    )*};
}

no_operators!(Add add, Sub sub, Mul mul, Div div, Rem rem, BitAnd bitand, BitOr bitor, BitXor bitxor, Shl shl, Shr shr);

impl<T> ops::Neg for Elem<T>
where
    Elem<T>: PutTheExpressionIntoATaskFn,
{
    type Output = Infallible;

    fn neg(self) -> Infallible {
        self.never()
    }
}

impl<T> ops::Not for Elem<T>
where
    Elem<T>: PutTheExpressionIntoATaskFn,
{
    type Output = Infallible;

    fn not(self) -> Infallible {
        self.never()
    }
}

impl<T, R> PartialEq<R> for Elem<T>
where
    Elem<T>: PutTheExpressionIntoATaskFn,
{
    fn eq(&self, _: &R) -> bool {
        self.never()
    }
}

impl<T, R> PartialOrd<R> for Elem<T>
where
    Elem<T>: PutTheExpressionIntoATaskFn,
{
    fn partial_cmp(&self, _: &R) -> Option<Ordering> {
        self.never()
    }
}
