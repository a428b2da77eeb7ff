//! The results of `task_fn!` whose type is only inferred: nobody can name it, so methods are chosen by it.
//!
//! [`Tag<R>`] stands for the type `R` that a body returns. Its methods of one name are looked for in the order of this
//! file: those of a `Result` by what its error is, then those of any value. Method resolution does so by the number of
//! references to the tag, as with [`Probe`]; a tag must be called with exactly two `&`.

use std::marker::PhantomData;

use brisk_core::{
    error::{ErrorKind, Failure},
    graph::{Delayed, Slot},
    task::{Block, Inputs, Ran, TaskDef},
    typedef::{ErrorValueYes, Probe},
    value::{Datum, Value},
};

use super::{Caught, TaskFailure, fallible};

/// Runs a body; its arguments may be missing.
///
/// # Errors
/// Those of the arguments.
pub fn caught<R>(inputs: &mut Inputs, run: impl FnOnce(&mut Inputs) -> Caught<R>) -> Caught<R> {
    run(inputs)
}

/// The outcome of an async body.
pub fn boxed(run: impl Future<Output = Caught<Datum>> + Send + 'static) -> Ran {
    Ran::Future(Box::pin(run))
}

/// What a body is run for.
pub enum Made<'a> {
    /// One call.
    Call(Inputs),
    /// A block of them.
    Block(&'a mut Block),
}

/// What that came to.
pub enum Came {
    /// One call.
    Call(Ran),
    /// A block.
    Block(Caught<Datum>),
}

impl Came {
    /// The outcome of one call.
    pub fn of_call(self) -> Ran {
        match self {
            Came::Call(ran) => ran,
            Came::Block(outcome) => Ran::Done(outcome),
        }
    }

    /// The outcome of a block.
    ///
    /// # Errors
    /// The first of its calls'.
    pub fn of_block(self) -> Caught<Datum> {
        match self {
            Came::Block(outcome) | Came::Call(Ran::Done(outcome)) => outcome,
            Came::Call(Ran::Future(_)) => Came::no_block().of_block(),
        }
    }

    /// The outcome of a block of a function that can't be called so. The macro says so in its definition.
    pub fn no_block() -> Self {
        let text = "the function can't be called over a block of elements";
        Came::Block(Err(Box::new(Failure::new(ErrorKind::Refused, text))))
    }
}

/// Stands for the type that a body returns.
pub struct Tag<R>(PhantomData<fn() -> R>);

/// The tag of a body that was run.
pub fn tag<R>(_: &Caught<R>) -> Tag<R> {
    Tag(PhantomData)
}

/// The tag of a body that is never run.
pub fn tag_of<R>(_: impl FnOnce() -> R) -> Tag<R> {
    Tag(PhantomData)
}

/// The tag of an async body that is never run.
pub fn tag_of_future<F: Future>(_: impl FnOnce() -> F) -> Tag<F::Output> {
    Tag(PhantomData)
}

/// An argument for a body that is never run.
///
/// # Panics
/// If it is called.
pub fn any<T>() -> T {
    unreachable!("a body that is compiled for its type was run")
}

/// A method of every type: calling it makes the compiler find out the type, or say that it can't.
pub trait Known {
    /// Does nothing.
    fn __brisk_type_is_known(&self) {}
}

impl<T> Known for T {}

/// Bodies whose error is a string that stands in the program. The compiler would take it for a value, since it looks for
/// methods before it looks at lifetimes.
pub trait TagText<T> {
    /// Turns what the body returned into the value or the failure.
    ///
    /// # Errors
    /// The body's.
    fn finish(&self, outcome: Caught<Result<T, &str>>) -> Caught<Datum>;

    /// The same without its wrapping, for a block of calls.
    ///
    /// # Errors
    /// The body's.
    fn one(&self, outcome: Caught<Result<T, &str>>) -> Caught<T>;

    /// A call of the body.
    fn call(&self, def: &'static TaskDef, slots: impl IntoIterator<Item = Slot>) -> Delayed<T>;
}

impl<T: Value> TagText<T> for &Tag<Result<T, &str>> {
    fn finish(&self, outcome: Caught<Result<T, &str>>) -> Caught<Datum> {
        fallible(outcome?, None).map(Datum::new)
    }

    fn one(&self, outcome: Caught<Result<T, &str>>) -> Caught<T> {
        fallible(outcome?, None)
    }

    fn call(&self, def: &'static TaskDef, slots: impl IntoIterator<Item = Slot>) -> Delayed<T> {
        Delayed::call(def, slots)
    }
}

/// Bodies whose error is a value.
pub trait TagErrorValue<T, E> {
    /// Turns what the body returned into the value or the failure, which keeps the error.
    ///
    /// # Errors
    /// The body's.
    fn finish(&self, outcome: Caught<Result<T, E>>) -> Caught<Datum>;

    /// The same without its wrapping, for a block of calls.
    ///
    /// # Errors
    /// The body's.
    fn one(&self, outcome: Caught<Result<T, E>>) -> Caught<T>;

    /// A call of the body.
    fn call(&self, def: &'static TaskDef, slots: impl IntoIterator<Item = Slot>) -> Delayed<T>;
}

impl<T: Value, E: TaskFailure + Value> TagErrorValue<T, E> for &&Tag<Result<T, E>> {
    fn finish(&self, outcome: Caught<Result<T, E>>) -> Caught<Datum> {
        fallible(outcome?, Probe::<E>::NEW.error_value_fn()).map(Datum::new)
    }

    fn one(&self, outcome: Caught<Result<T, E>>) -> Caught<T> {
        fallible(outcome?, Probe::<E>::NEW.error_value_fn())
    }

    fn call(&self, def: &'static TaskDef, slots: impl IntoIterator<Item = Slot>) -> Delayed<T> {
        Delayed::call(def, slots)
    }
}

impl<T: Value, E: TaskFailure> Tag<Result<T, E>> {
    /// Turns what the body returned into the value or the failure.
    ///
    /// # Errors
    /// The body's.
    pub fn finish(&self, outcome: Caught<Result<T, E>>) -> Caught<Datum> {
        fallible(outcome?, None).map(Datum::new)
    }

    /// The same without its wrapping, for a block of calls.
    ///
    /// # Errors
    /// The body's.
    pub fn one(&self, outcome: Caught<Result<T, E>>) -> Caught<T> {
        fallible(outcome?, None)
    }

    /// A call of the body.
    pub fn call(&self, def: &'static TaskDef, slots: impl IntoIterator<Item = Slot>) -> Delayed<T> {
        Delayed::call(def, slots)
    }
}

/// Bodies that return a value.
pub trait TagValue<T> {
    /// Wraps the value.
    ///
    /// # Errors
    /// If an argument was missing.
    fn finish(&self, outcome: Caught<T>) -> Caught<Datum>
    where
        T: Value,
    {
        outcome.map(Datum::new)
    }

    /// The value itself, for a block of calls.
    ///
    /// # Errors
    /// If an argument was missing.
    fn one(&self, outcome: Caught<T>) -> Caught<T> {
        outcome
    }

    /// A call of the body.
    fn call(&self, def: &'static TaskDef, slots: impl IntoIterator<Item = Slot>) -> Delayed<T>
    where
        T: Value,
    {
        Delayed::call(def, slots)
    }
}

impl<T> TagValue<T> for Tag<T> {}
