//! Brisk's macros. Users have them from `brisk-client`, which re-exports them; what they expand to is in its hidden
//! `__private` module, so that the expansion itself stays small: it is compiled once a task.
//!
//! In reading order: what the attribute may say (`options`), what a function may take and return (`param`,
//! `output`, `signature`), what becomes of it (`task`, `definition`, `instances`), functions in place
//! (`in_place`), and programs and tests (`entry`).

use proc_macro::TokenStream;

mod actor;
mod definition;
mod entry;
mod in_place;
mod instances;
mod options;
mod output;
mod param;
mod signature;
mod task;
mod text;

/// Makes a function a task: something that can be submitted to a cluster, and run on any of its workers.
///
/// The function of this name then *describes* a call: it takes values, futures or other calls, and returns a `Delayed`
/// of its result. The function itself is still there as `name::call`, for unit tests, recursion and other tasks.
///
/// ```ignore
/// /// The sum of a list.
/// #[task]
/// fn total(xs: &[i64]) -> i64 {
///     xs.iter().sum()
/// }
///
/// let sum = client.submit(total(vec![1, 2, 3]));
/// assert_eq!(total::call(&[1, 2, 3]), 6);
/// ```
///
/// A parameter is taken by value (its type is then `Clone`), borrowed (`&T`, `&[T]`, `&str`), or shared (`Arc<T>`,
/// `Vec<Arc<T>>`: a list of large values, none of them copied). The result is a value, or a `Result`, whose `Err` fails
/// the task. An `async fn` runs without holding a worker's thread.
///
/// # Options
///
/// - `retries = 3`: runs a call again, up to three times, when it fails by an error of its own.
/// - `priority = 1`: higher runs first.
/// - `impure`: two equal calls are two tasks; for functions with side effects, or whose result differs.
/// - `name = "other"`: what people are shown.
/// - `instances(f32, f64)`: the types for which a generic function exists on workers; for several type parameters
///   `instances((f32, u8), (f64, u16))`.
/// - `crate = path`: where `brisk_client` is, if it goes by another name.
#[proc_macro_attribute]
pub fn task(options: TokenStream, item: TokenStream) -> TokenStream {
    or_error(task::expand(options.into(), item.into()))
}

/// Makes an actor of a type: its `impl` block says how it is made, and how it is called.
///
/// ```ignore
/// struct Counter {
///     count: i64,
/// }
///
/// #[actor]
/// impl Counter {
///     fn new(start: i64) -> Self {
///         Counter { count: start }
///     }
///
///     fn add(&mut self, x: i64) -> i64 {
///         self.count += x;
///         self.count
///     }
/// }
///
/// let counter = client.actor(CounterActor::new(10));
/// assert_eq!(counter.add(1).await?, 11);
/// ```
///
/// The attribute makes a handle, `CounterActor`. Functions that return `Self`, or a `Result` of it, are its constructors:
/// they run on a worker, and take what tasks take, futures included. Methods, with `&self` or `&mut self`, are called
/// through the handle: their arguments are values, and what they return is awaited. A method may be an `async fn`; the
/// actor's next call waits for its end. Other functions are left alone, and so are other `impl` blocks: what is not for
/// callers goes there.
///
/// - `handle = Name`: what the handle is called.
/// - `crate = path`: where `brisk_client` is, if it goes by another name.
#[proc_macro_attribute]
pub fn actor(options: TokenStream, item: TokenStream) -> TokenStream {
    or_error(actor::expand(options.into(), item.into()))
}

/// A small task function in place: a closure that makes calls of it.
///
/// ```ignore
/// let doubled = client.map(0..100, task_fn!(|x: i64| x * 2));
/// let k = 10;
/// let shifted = client.map(&doubled, task_fn!([k: i64] |x: i64| x + k));
/// ```
///
/// What the body uses of its surroundings is listed, with types, in brackets before the closure: it travels with each
/// call as an argument, and may be a value, a future or another call. Parameters have types, and are taken as those of
/// `#[task]` functions. The task's name is its place in the source.
///
/// The type of the result is inferred where it can be. A body that contains tasks itself needs it written, as in
/// `task_fn!(|x: i64| -> i64 { … })`.
#[proc_macro]
pub fn task_fn(input: TokenStream) -> TokenStream {
    or_error(in_place::expand(input.into()))
}

/// Makes `main` the entry of a program that uses Brisk: where the process was started as a worker it becomes one, and
/// `main` does not run.
///
/// `#[main(setup = f)]` runs `f` first, in the program and in its workers.
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    or_error(entry::expand_main(options.into(), item.into()))
}

/// Makes an `async fn` a test with a local cluster of its own. A parameter, if there is one, is the cluster's client.
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    or_error(entry::expand_test(options.into(), item.into()))
}

fn or_error(expanded: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    expanded.unwrap_or_else(syn::Error::into_compile_error).into()
}
