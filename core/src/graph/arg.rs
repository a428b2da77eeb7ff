//! What may be passed where a task takes a `T`, and what may be submitted.

use std::sync::Arc;

use super::{Delayed, Item, Slot};
use crate::{
    future::TaskFuture,
    value::{Datum, Value},
};

/// Something that a task takes as an argument of type `T`: a `T`, a [`TaskFuture<T>`], a [`Delayed<T>`], or a reference to
/// one of the last two. Where `T` is a container, also one of those: lists and arrays where it is a `Vec`, an `Option`, the
/// values of a map, and tuples of two and three, in which plain values may stand beside them. Of containers in containers the
/// usual ones: lists, options and maps of lists, lists and maps of pairs, pairs with a list. Any other goes through
/// [`pack`](super::pack()).
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be passed where the task takes `{T}`",
    label = "the task takes `{T}`, or a `TaskFuture` or `Delayed` of it",
    note = "pass a `{T}`, a `TaskFuture<{T}>`, a `Delayed<{T}>`, or a reference to one of the last two",
    note = "a container of futures within another container: `pack(…)` of it is a `Delayed` of the container of their values",
    note = "the argument's type must be known here: write `1.0_f64`, `1_i64`, `collect::<Vec<_>>()` where it is not"
)]
pub trait Arg<T> {
    /// The argument, ready for a [`Node`](super::Node).
    fn slot(self) -> Slot;
}

fn inline<T: Value>(value: T) -> Slot {
    Slot::One(Item::Inline(Datum::new(value)))
}

impl<T: Value> Arg<T> for T {
    fn slot(self) -> Slot {
        inline(self)
    }
}

impl<T: Value> Arg<T> for Arc<T> {
    fn slot(self) -> Slot {
        Slot::One(Item::Inline(Datum::from_shared(self)))
    }
}

impl Arg<String> for &str {
    fn slot(self) -> Slot {
        inline(self.to_owned())
    }
}

impl<T: Value> Arg<T> for TaskFuture<T> {
    fn slot(self) -> Slot {
        Slot::One(self.item())
    }
}

impl<T: Value> Arg<T> for &TaskFuture<T> {
    fn slot(self) -> Slot {
        Slot::One(self.item())
    }
}

impl<T: Value> Arg<T> for Delayed<T> {
    fn slot(self) -> Slot {
        Slot::One(self.item())
    }
}

impl<T: Value> Arg<T> for &Delayed<T> {
    fn slot(self) -> Slot {
        Slot::One(self.item())
    }
}

macro_rules! lists {
    ($([$($generics:tt)*] $list:ty;)*) => {$(
        impl<T: Value, $($generics)*> Arg<Vec<T>> for $list {
            fn slot(self) -> Slot {
                Slot::List(self.into_iter().map(|future| future.item()).collect())
            }
        }
    )*};
}

lists! {
    [] Vec<TaskFuture<T>>;
    [] &Vec<TaskFuture<T>>;
    [] &[TaskFuture<T>];
    [] Vec<&TaskFuture<T>>;
    [] Vec<Delayed<T>>;
    [] &Vec<Delayed<T>>;
    [] &[Delayed<T>];
    [] Vec<&Delayed<T>>;
    [const N: usize] [TaskFuture<T>; N];
    [const N: usize] [&TaskFuture<T>; N];
    [const N: usize] &[TaskFuture<T>; N];
    [const N: usize] [Delayed<T>; N];
    [const N: usize] [&Delayed<T>; N];
    [const N: usize] &[Delayed<T>; N];
}

impl<T: Value, const N: usize> Arg<Vec<T>> for [T; N] {
    fn slot(self) -> Slot {
        inline(Vec::from(self))
    }
}

impl<T: Value + Clone> Arg<Vec<T>> for &[T] {
    fn slot(self) -> Slot {
        inline(self.to_vec())
    }
}

/// Something that can be submitted: a [`Delayed`], or a reference to one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no call of a task",
    label = "not a call of a task",
    note = "submit what a `#[task]` function returns: `client.submit(add(1, 2))`; a closure given to `map` must return such a call"
)]
pub trait Call {
    /// The type of the call's result.
    type Output: Value;

    /// The call.
    fn delayed(self) -> Delayed<Self::Output>;
}

impl<T: Value> Call for Delayed<T> {
    type Output = T;

    fn delayed(self) -> Delayed<T> {
        self
    }
}

impl<T: Value> Call for &Delayed<T> {
    type Output = T;

    fn delayed(self) -> Delayed<T> {
        self.clone()
    }
}
