//! Sums and means of numbers.

use brisk_client::{Delayed, Elem, Value, register_types, task};

use super::Bag;

/// A number that can be summed: the integers up to 64 bits, `f32` and `f64`.
pub trait Number: Value + Clone {
    /// What a sum is: `i64`, `u64` or `f64`.
    type Sum: Value + Clone + Default;

    /// A call that adds a number to a sum.
    #[doc(hidden)]
    fn add(sum: Elem<Self::Sum>, number: Elem<Self>) -> Delayed<Self::Sum>;

    /// A call that adds two sums.
    #[doc(hidden)]
    fn combine(a: Elem<Self::Sum>, b: Elem<Self::Sum>) -> Delayed<Self::Sum>;

    /// A call that adds a number to a sum and a count.
    #[doc(hidden)]
    fn weigh(sum: Elem<(f64, u64)>, number: Elem<Self>) -> Delayed<(f64, u64)>;
}

impl<T: Number> Bag<T> {
    /// The sum of all elements. The call fails if it is too great for its type.
    pub fn sum(&self) -> Delayed<T::Sum> {
        self.folded("sum", T::Sum::default(), T::add, T::combine)
    }

    /// The mean of all elements. The call fails if there are none.
    pub fn mean(&self) -> Delayed<f64> {
        quotient(self.folded("mean", (0.0, 0), T::weigh, both)).label("mean")
    }
}

#[task]
fn both(a: (f64, u64), b: (f64, u64)) -> (f64, u64) {
    (a.0 + b.0, a.1 + b.1)
}

#[task]
fn quotient(of: (f64, u64)) -> Result<f64, String> {
    let (sum, count) = of;
    if count == 0 {
        return Err("the mean of a bag without elements: there is none".to_owned());
    }
    Ok(sum / count as f64)
}

/// Adds counts.
#[task]
pub(super) fn total(counts: Vec<u64>) -> u64 {
    counts.iter().sum()
}

#[task]
fn combine_i64(a: i64, b: i64) -> Result<i64, String> {
    a.checked_add(b).ok_or_else(|| too_great("i64"))
}

#[task]
fn combine_u64(a: u64, b: u64) -> Result<u64, String> {
    a.checked_add(b).ok_or_else(|| too_great("u64"))
}

#[task]
fn combine_f64(a: f64, b: f64) -> f64 {
    a + b
}

fn too_great(name: &str) -> String {
    format!("the sum is too great for {name}: map the elements to f64 before it")
}

macro_rules! numbers {
    ($($number:ident as $sum:ident: $add:ident $weigh:ident $combine:ident, $checked:expr;)*) => {$(
        #[task]
        fn $add(sum: $sum, number: $number) -> Result<$sum, String> {
            let checked: fn($sum, $sum) -> Result<$sum, String> = $checked;
            checked(sum, $sum::from(number))
        }

        #[task]
        fn $weigh(sum: (f64, u64), number: $number) -> (f64, u64) {
            (sum.0 + number as f64, sum.1 + 1)
        }

        impl Number for $number {
            type Sum = $sum;

            fn add(sum: Elem<$sum>, number: Elem<$number>) -> Delayed<$sum> {
                $add(sum, number)
            }

            fn combine(a: Elem<$sum>, b: Elem<$sum>) -> Delayed<$sum> {
                $combine(a, b)
            }

            fn weigh(sum: Elem<(f64, u64)>, number: Elem<$number>) -> Delayed<(f64, u64)> {
                $weigh(sum, number)
            }
        }
    )*};
}

numbers! {
    i8 as i64: add_i8 weigh_i8 combine_i64, combine_i64::call;
    i16 as i64: add_i16 weigh_i16 combine_i64, combine_i64::call;
    i32 as i64: add_i32 weigh_i32 combine_i64, combine_i64::call;
    i64 as i64: add_i64 weigh_i64 combine_i64, combine_i64::call;
    u8 as u64: add_u8 weigh_u8 combine_u64, combine_u64::call;
    u16 as u64: add_u16 weigh_u16 combine_u64, combine_u64::call;
    u32 as u64: add_u32 weigh_u32 combine_u64, combine_u64::call;
    u64 as u64: add_u64 weigh_u64 combine_u64, combine_u64::call;
    f32 as f64: add_f32 weigh_f32 combine_f64, |a, b| Ok(a + b);
    f64 as f64: add_f64 weigh_f64 combine_f64, |a, b| Ok(a + b);
}

// The pairs that come of counting and folding by keys.
macro_rules! pairs {
    ($($first:ty),*) => {$(
        register_types!(
            ($first, String), ($first, i64), ($first, u64), ($first, f64), ($first, bool), ($first, usize)
        );
    )*};
}

pairs!(String, i64, u64, f64, bool);
