//! What arrays are made of: six types of elements, known by [`DType`] where the compiler does not know them.

use std::fmt;

use bytemuck::NoUninit;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    generate::{OfIndex, OfUnit},
    kernels::{FloatKernels, Kernels, NumberKernels},
    matmul::Multiply,
};

/// The type of an array's elements, where it is data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DType {
    /// `f64`
    F64,
    /// `f32`
    F32,
    /// `i64`
    I64,
    /// `i32`
    I32,
    /// `u8`
    U8,
    /// `bool`
    Bool,
}

impl DType {
    /// The bytes that an element takes.
    pub fn width(self) -> usize {
        match self {
            DType::F64 | DType::I64 => 8,
            DType::F32 | DType::I32 => 4,
            DType::U8 | DType::Bool => 1,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DType::F64 => "f64",
            DType::F32 => "f32",
            DType::I64 => "i64",
            DType::I32 => "i32",
            DType::U8 => "u8",
            DType::Bool => "bool",
        })
    }
}

/// What an array may hold: `f64`, `f32`, `i64`, `i32`, `u8` and `bool`, and nothing else.
pub trait Element:
    Kernels + NoUninit + Copy + PartialOrd + Default + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The type, as data.
    const DTYPE: DType;

    /// What sums and products of it are: itself for floats, `i64` for all others.
    type Sum: Element;

    /// What its mean, variance and deviation are: itself for floats, `f64` for all others.
    type Mean: Float;
}

/// An [`Element`] to calculate with: any but `bool`.
///
/// Integers wrap around where they overflow, as those of NumPy do; to divide by zero fails the task.
pub trait Number: Arithmetic + NumberKernels + OfIndex + Multiply {}

/// A [`Number`] that can be negative: any but `u8`.
pub trait Signed: Number {}

/// A [`Number`] with a fraction: `f64` and `f32`.
pub trait Float: Signed + FloatKernels + OfUnit {}

/// One element, whatever its type.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Scalar {
    /// An `f64`.
    F64(f64),
    /// An `f32`.
    F32(f32),
    /// An `i64`.
    I64(i64),
    /// An `i32`.
    I32(i32),
    /// A `u8`.
    U8(u8),
    /// A `bool`.
    Bool(bool),
}

impl Scalar {
    pub(crate) fn dtype(self) -> DType {
        match self {
            Scalar::F64(_) => DType::F64,
            Scalar::F32(_) => DType::F32,
            Scalar::I64(_) => DType::I64,
            Scalar::I32(_) => DType::I32,
            Scalar::U8(_) => DType::U8,
            Scalar::Bool(_) => DType::Bool,
        }
    }

    fn bits(self) -> u64 {
        match self {
            Scalar::F64(value) => value.to_bits(),
            Scalar::F32(value) => value.to_bits().into(),
            Scalar::I64(value) => value.cast_unsigned(),
            Scalar::I32(value) => value.cast_unsigned().into(),
            Scalar::U8(value) => value.into(),
            Scalar::Bool(value) => value.into(),
        }
    }
}

/// By bits: not a number is itself, and the zeros differ.
impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.dtype() == other.dtype() && self.bits() == other.bits()
    }
}

impl Eq for Scalar {}

/// Elements of any type.
#[derive(Debug)]
pub enum Column {
    /// Of `f64`.
    F64(Vec<f64>),
    /// Of `f32`.
    F32(Vec<f32>),
    /// Of `i64`.
    I64(Vec<i64>),
    /// Of `i32`.
    I32(Vec<i32>),
    /// Of `u8`.
    U8(Vec<u8>),
    /// Of `bool`.
    Bool(Vec<bool>),
}

impl Column {
    /// So many elements of a type, all zero.
    pub(crate) fn zeros(dtype: DType, count: usize) -> Self {
        match dtype {
            DType::F64 => Column::F64(vec![0.0; count]),
            DType::F32 => Column::F32(vec![0.0; count]),
            DType::I64 => Column::I64(vec![0; count]),
            DType::I32 => Column::I32(vec![0; count]),
            DType::U8 => Column::U8(vec![0; count]),
            DType::Bool => Column::Bool(vec![false; count]),
        }
    }

    /// So many copies of one.
    pub(crate) fn full(value: Scalar, count: usize) -> Self {
        match value {
            Scalar::F64(value) => Column::F64(vec![value; count]),
            Scalar::F32(value) => Column::F32(vec![value; count]),
            Scalar::I64(value) => Column::I64(vec![value; count]),
            Scalar::I32(value) => Column::I32(vec![value; count]),
            Scalar::U8(value) => Column::U8(vec![value; count]),
            Scalar::Bool(value) => Column::Bool(vec![value; count]),
        }
    }
}

/// How numbers are calculated with, element by element.
pub trait Arithmetic: Copy + PartialOrd {
    /// What sums begin with.
    const ZERO: Self;
    /// What products begin with.
    const ONE: Self;
    /// Whether zero can't be divided by.
    const REFUSES_ZERO: bool;
    /// Wraps around.
    #[must_use]
    fn add(self, other: Self) -> Self;
    /// Wraps around.
    #[must_use]
    fn sub(self, other: Self) -> Self;
    /// Wraps around.
    #[must_use]
    fn mul(self, other: Self) -> Self;
    /// Rounds towards zero. The divisor was checked.
    #[must_use]
    fn div(self, other: Self) -> Self;
    /// Has the sign of `self`. The divisor was checked.
    #[must_use]
    fn rem(self, other: Self) -> Self;
    /// Wraps around.
    #[must_use]
    fn neg(self) -> Self;
    /// Wraps around.
    #[must_use]
    fn abs(self) -> Self;
    /// -1, 0 or 1; what is not a number stays so.
    #[must_use]
    fn signum(self) -> Self;
    /// Wraps around. Integers to a negative power are 0, 1 or -1, as the fraction is cut off; zero there was checked.
    #[must_use]
    fn powi(self, exponent: i32) -> Self;
    /// Whether it is not a number.
    fn is_nan(self) -> bool;
    /// As a float.
    fn to_f64(self) -> f64;
}

macro_rules! integers {
    ($($t:ty, abs $abs:expr, signum $signum:expr;)*) => {$(
        impl Arithmetic for $t {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const REFUSES_ZERO: bool = true;
            fn add(self, other: Self) -> Self { self.wrapping_add(other) }
            fn sub(self, other: Self) -> Self { self.wrapping_sub(other) }
            fn mul(self, other: Self) -> Self { self.wrapping_mul(other) }
            fn div(self, other: Self) -> Self { self.wrapping_div(other) }
            fn rem(self, other: Self) -> Self { self.wrapping_rem(other) }
            fn neg(self) -> Self { self.wrapping_neg() }
            fn abs(self) -> Self { ($abs)(self) }
            fn signum(self) -> Self { ($signum)(self) }
            fn powi(self, exponent: i32) -> Self {
                match u32::try_from(exponent) {
                    Ok(exponent) => self.wrapping_pow(exponent),
                    Err(_) if self == 1 => 1,
                    Err(_) if self.wrapping_add(1) == 0 && <$t>::MIN != 0 => if exponent % 2 == 0 { 1 } else { self },
                    Err(_) => 0,
                }
            }
            fn is_nan(self) -> bool { false }
            fn to_f64(self) -> f64 { self as f64 }
        }
    )*};
}

integers! {
    i64, abs i64::wrapping_abs, signum i64::signum;
    i32, abs i32::wrapping_abs, signum i32::signum;
    u8, abs |x: u8| x, signum |x: u8| u8::from(x > 0);
}

macro_rules! floats {
    ($($t:ty)*) => {$(
        impl Arithmetic for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const REFUSES_ZERO: bool = false;
            fn add(self, other: Self) -> Self { self + other }
            fn sub(self, other: Self) -> Self { self - other }
            fn mul(self, other: Self) -> Self { self * other }
            fn div(self, other: Self) -> Self { self / other }
            fn rem(self, other: Self) -> Self { self % other }
            fn neg(self) -> Self { -self }
            fn abs(self) -> Self { <$t>::abs(self) }
            // Rust's own gives 1 for zero.
            fn signum(self) -> Self { if self == 0.0 { 0.0 } else { <$t>::signum(self) } }
            fn powi(self, exponent: i32) -> Self { <$t>::powi(self, exponent) }
            fn is_nan(self) -> bool { <$t>::is_nan(self) }
            fn to_f64(self) -> f64 { self.into() }
        }
        impl Number for $t {}
        impl Signed for $t {}
        impl Float for $t {}
    )*};
}

floats!(f64 f32);

impl Number for i64 {}
impl Number for i32 {}
impl Number for u8 {}
impl Signed for i64 {}
impl Signed for i32 {}

macro_rules! elements {
    ($($t:ty, $variant:ident, sum $sum:ty, mean $mean:ty;)*) => {$(
        impl Element for $t {
            const DTYPE: DType = DType::$variant;
            type Sum = $sum;
            type Mean = $mean;
        }
    )*};
}

elements! {
    f64, F64, sum f64, mean f64;
    f32, F32, sum f32, mean f32;
    i64, I64, sum i64, mean f64;
    i32, I32, sum i64, mean f64;
    u8, U8, sum i64, mean f64;
    bool, Bool, sum i64, mean f64;
}
