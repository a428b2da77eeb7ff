//! A library of tasks, as a user would write one: under lints stricter than most, with Brisk under another name, and
//! without a `use` of anything.
//!
//! Tests link it with `use brisk_test_tasks as _;` alone.

#![forbid(unsafe_code)]
#![deny(
    missing_docs,
    missing_debug_implementations,
    missing_copy_implementations,
    non_camel_case_types,
    unreachable_pub,
    unused_qualifications,
    warnings,
    clippy::all,
    clippy::pedantic
)]

/// What can't be printed.
#[derive(serde::Serialize, serde::Deserialize, Clone, Copy)]
#[allow(missing_debug_implementations)]
pub struct Mute(pub i64);

/// Halves a number.
///
/// # Errors
/// If it is odd.
#[brisk::task(crate = brisk)]
pub fn half_of(x: i64) -> Result<i64, String> {
    if x % 2 == 0 { Ok(x / 2) } else { Err(format!("{x} is odd")) }
}

/// Wraps a number.
#[brisk::task(crate = brisk, retries = 2)]
#[must_use]
pub fn wrap(x: &i64) -> Mute {
    Mute(*x)
}

/// Adds numbers of one kind.
#[brisk::task(crate = brisk, instances(i32, i64))]
#[must_use]
pub fn total_of<T>(xs: &[T], _scale: u8) -> T
where
    T: Copy + core::iter::Sum<T>,
{
    xs.iter().copied().sum()
}

/// Waits for nothing.
#[brisk::task(crate = brisk)]
pub async fn later(x: std::sync::Arc<String>) -> usize {
    core::future::ready(x.len()).await
}

/// What others reach by its path only.
pub mod deeper {
    /// Counts.
    #[brisk::task(crate = brisk, impure)]
    #[must_use]
    pub fn count(xs: &[std::sync::Arc<super::Mute>]) -> usize {
        xs.len()
    }

    /// Nobody calls it from here, and nobody else can.
    #[brisk::task(crate = brisk)]
    pub(super) fn inner(x: u8, y: u8) -> u8 {
        x.max(y)
    }
}

/// Calls what is private here.
pub fn larger(x: u8, y: u8) -> brisk::Delayed<u8> {
    deeper::inner(x, y)
}

/// Calls a function in place.
pub fn tripled() -> impl Fn(i64) -> brisk::Delayed<i64> {
    let three = 3;
    brisk::task_fn!(crate = brisk; [three: i64] |x: i64| x * three)
}
