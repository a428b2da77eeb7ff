//! What the macros expand to. Not for people: anything here may change at any time.
//!
//! An expansion is compiled once a task, so it holds only what differs from task to task; the rest is here.

use std::{error::Error, marker::PhantomData, sync::Arc};

pub use brisk_core::{
    self as core,
    actor::{ActorCell, ActorGuard},
    error::Failure,
    function::Identity,
    graph::{Arg, Delayed},
    inventory,
    options::Defaults,
    registry::{TaskEntry, TypeEntry},
    show,
    task::{Block, Giving, Inputs, Lending, LendingText, Ran, SameFn, Sharing, TaskDef, TaskItem},
    type_def,
    typedef::{
        ErrorValueNo, ErrorValueYes, Probe,
        items::{AnyClone, Clones},
    },
    value::Value,
};
use brisk_core::{
    error::ErrorValue,
    value::{Datum, Lent},
};

mod containers;
pub use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod inferred;

pub use crate::{
    __identity as identity,
    actor::{ActorFuture, ActorHandle, NewActor, RawActor},
    entry::{run_blocking_main, run_main, run_test},
    process::TestHook,
};
pub use inferred::{
    Came, Known, Made, Tag, TagErrorValue, TagText, TagValue, any, boxed, caught, tag, tag_of, tag_of_future,
};

// The results that the macro does not register once more for each task.
crate::register_types!((), bool, char, String, f32, f64, i8, i16, i32, i64, i128, u8, u16, u32, u64, u128, usize);

/// What a call of a task came to.
pub type Caught<T> = Result<T, Box<Failure>>;

/// Runs a function to its end: the trampoline of a task.
pub fn ready<T: Value>(mut inputs: Inputs, run: impl FnOnce(&mut Inputs) -> Caught<T>) -> Ran {
    Ran::Done(run(&mut inputs).map(Datum::new))
}

/// Runs an `async fn`: the trampoline of a task.
pub fn pending<T: Value>(run: impl Future<Output = Caught<T>> + Send + 'static) -> Ran {
    Ran::Future(Box::pin(async move { run.await.map(Datum::new) }))
}

/// The state of the actor that is a method's first argument.
///
/// # Errors
/// If the actor has ended.
pub fn enter<A: Send + 'static>(inputs: &mut Inputs, method: &'static str) -> Caught<ActorGuard<A>> {
    inputs.shared::<ActorCell<A>>(0)?.enter(method)
}

/// An argument of a method.
pub fn argument<T: Value>(value: T) -> Datum {
    Datum::new(value)
}

/// Turns what a task returned into its value or its failure. `keep` encodes the error, if it is a value.
///
/// # Errors
/// The `Err`, with its sources.
pub fn fallible<T, E: TaskFailure>(
    returned: Result<T, E>,
    keep: Option<fn(&E) -> Option<ErrorValue>>,
) -> Result<T, Box<Failure>> {
    returned.map_err(|error| {
        let value = keep.and_then(|keep| keep(&error));
        let error: Box<dyn Error + Send + Sync> = error.into();
        Box::new(Failure::from_error(&*error).with_value(value))
    })
}

/// An error that a task may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a task's error",
    label = "not an error that can travel",
    note = "a task's error implements `std::error::Error + Send + Sync + 'static`, or is a `String`, a `&'static str` or an `anyhow::Error`"
)]
pub trait TaskFailure: Into<Box<dyn Error + Send + Sync>> {}

#[diagnostic::do_not_recommend]
impl<E: Into<Box<dyn Error + Send + Sync>>> TaskFailure for E {}

/// The two types of a `Result`, whatever it is called.
pub trait Fallible {
    /// Of `Ok`.
    type Value;
    /// Of `Err`.
    type Error;
}

impl<T, E> Fallible for Result<T, E> {
    type Value = T;
    type Error = E;
}

/// A parameter that holds a `T`. The methods of `Param<Vec<_>>` are found before those that [`AnyParam`] gives to every
/// type: a `Vec` may have come as a list of futures. Must be called on a concrete type.
pub struct Param<T>(PhantomData<fn() -> T>);

impl<T: Value + Clone> Param<Vec<T>> {
    /// The argument by value.
    ///
    /// # Errors
    /// See [`Inputs::owned_list`].
    pub fn owned(inputs: &mut Inputs, index: usize) -> Caught<Vec<T>> {
        inputs.owned_list(index)
    }

    /// The argument, shared.
    ///
    /// # Errors
    /// See [`Inputs::list`].
    pub fn shared(inputs: &mut Inputs, index: usize) -> Caught<Arc<Vec<T>>> {
        inputs.list(index)
    }

    /// The argument, lent.
    ///
    /// # Errors
    /// See [`Inputs::slice`].
    pub fn slice(inputs: &mut Inputs, index: usize) -> Caught<Lent<T>> {
        inputs.slice(index)
    }
}

impl<T: Value + Clone> Param<T> {
    /// A list of `T`, each shared.
    ///
    /// # Errors
    /// See [`Inputs::shares`].
    pub fn shares(inputs: &mut Inputs, index: usize) -> Caught<Vec<Arc<T>>> {
        inputs.shares(index)
    }
}

/// How an argument of any type is had.
pub trait AnyParam<T> {
    /// The argument by value.
    ///
    /// # Errors
    /// See [`Inputs::owned`].
    fn owned(inputs: &mut Inputs, index: usize) -> Caught<T>
    where
        T: ByValue,
    {
        inputs.owned(index)
    }

    /// The argument, shared.
    ///
    /// # Errors
    /// See [`Inputs::shared`].
    fn shared(inputs: &mut Inputs, index: usize) -> Caught<Arc<T>>
    where
        T: Value,
    {
        inputs.shared(index)
    }

    /// The argument, shared, to be lent as a slice.
    ///
    /// # Errors
    /// See [`Inputs::shared`].
    fn slice(inputs: &mut Inputs, index: usize) -> Caught<Arc<T>>
    where
        T: Value,
    {
        inputs.shared(index)
    }

    /// A list of `T`, each shared: without `Clone` only a list of futures will do.
    ///
    /// # Errors
    /// See [`Inputs::shares_of_list`].
    fn shares(inputs: &mut Inputs, index: usize) -> Caught<Vec<Arc<T>>>
    where
        T: Value,
    {
        inputs.shares_of_list(index)
    }
}

impl<T> AnyParam<T> for Param<T> {}

/// A column of a block whose elements are given away.
///
/// # Errors
/// See [`Giving::of`].
pub fn giving<T: ByValue>(block: &mut Block, index: usize, same: SameFn<T>) -> Caught<Giving<T>> {
    Giving::of(block, index, same)
}

/// A column of a block whose elements are lent.
///
/// # Errors
/// See [`Lending::of`].
pub fn lending<T: Value>(block: &mut Block, index: usize, same: SameFn<T>) -> Caught<Lending<T>> {
    Lending::of(block, index, same)
}

/// A column of a block whose texts are lent.
///
/// # Errors
/// See [`LendingText::of`].
pub fn lending_text(block: &mut Block, index: usize, same: SameFn<String>) -> Caught<LendingText> {
    LendingText::of(block, index, same)
}

/// A column of a block whose elements are shared.
///
/// # Errors
/// See [`Sharing::of`].
pub fn sharing<T: Value>(
    block: &mut Block,
    index: usize,
    same: SameFn<T>,
    clone: Option<fn(&T) -> T>,
) -> Caught<Sharing<T>> {
    Sharing::of(block, index, same, clone)
}

/// What a task takes by value.
#[diagnostic::on_unimplemented(
    message = "a task can't take `{Self}` by value",
    label = "not a value that can be copied for the call",
    note = "what is taken by value is a `Clone` value, since others may need it too; take `&{Self}` or `Arc<{Self}>` if it is no `Clone`",
    note = "a value implements serde's `Serialize` and `Deserialize`, is `Send + Sync`, and borrows nothing"
)]
pub trait ByValue: Value + Clone {}

#[diagnostic::do_not_recommend]
impl<T: Value + Clone> ByValue for T {}

/// Asks whether a type is a `Result`. Must be asked of a concrete type.
pub struct Shape<T>(PhantomData<fn() -> T>);

impl<T, E> Shape<Result<T, E>> {
    /// It is.
    pub const IS_RESULT: bool = true;
}

/// The answer of any other type.
pub trait AnyShape {
    /// It is not.
    const IS_RESULT: bool = false;
}

impl<T> AnyShape for Shape<T> {}

/// An instance of a generic task, for the type `T` that its attribute lists, or for the tuple of them.
#[diagnostic::on_unimplemented(
    message = "the task `{Self}` has no instance for `{T}`",
    label = "workers do not know `{Self}` for `{T}`",
    note = "add it to the task's attribute: `#[task(instances(…, {T}))]`"
)]
pub trait Instance<T> {
    /// Its definition.
    const DEF: &'static TaskDef;
}

/// Where a function stands: `identity!(name, signature)`. Its place is that of the macro that was called first.
#[doc(hidden)]
#[macro_export]
macro_rules! __identity {
    ($name:expr, $signature:expr) => {
        $crate::__private::Identity {
            package: ::core::env!("CARGO_PKG_NAME"),
            version: ::core::env!("CARGO_PKG_VERSION"),
            module: ::core::module_path!(),
            name: $name,
            file: ::core::file!(),
            line: ::core::line!(),
            column: ::core::column!(),
            signature: $signature,
        }
    };
}

/// Tells the program what can be done with values of these types. `#[task]` does so for the results of tasks.
///
/// ```
/// # #[derive(serde::Serialize, serde::Deserialize)] struct Account;
/// brisk_client::register_types!(Account, Vec<Account>);
/// ```
#[macro_export]
macro_rules! register_types {
    ($($type:ty),* $(,)?) => {
        $($crate::__private::inventory::submit! { $crate::__private::TypeEntry($crate::__private::type_def!($type)) })*
    };
}
