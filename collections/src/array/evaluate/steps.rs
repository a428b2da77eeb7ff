//! Single steps over a piece: one loop for each function and type, which the compiler can vectorise.

use super::{
    super::{
        element::{Arithmetic, Column, DType, Element},
        error::BlockError,
        program::{Binary, Compare, Register, Step, Test, Unary},
    },
    Read,
};

type Ran = Result<(), BlockError>;

/// Runs `$body` with `$t` as the type that `$dtype` names, which is one of those listed.
macro_rules! for_type {
    ($dtype:expr, [$($variant:ident $t:ty),*], $name:ident => $body:expr) => {
        match $dtype {
            $(DType::$variant => { type $name = $t; $body })*
            #[allow(unreachable_patterns)]
            other => Err(BlockError::new(format!("a step is not for {other}"))),
        }
    };
}

macro_rules! for_element {
    ($dtype:expr, $name:ident => $body:expr) => {
        for_type!($dtype, [F64 f64, F32 f32, I64 i64, I32 i32, U8 u8, Bool bool], $name => $body)
    };
}

macro_rules! for_number {
    ($dtype:expr, $name:ident => $body:expr) => {
        for_type!($dtype, [F64 f64, F32 f32, I64 i64, I32 i32, U8 u8], $name => $body)
    };
}

macro_rules! for_float {
    ($dtype:expr, $name:ident => $body:expr) => {
        for_type!($dtype, [F64 f64, F32 f32], $name => $body)
    };
}

/// Runs a step that is no load and no constant.
pub(super) fn run(step: &Step, read: &Read<'_, '_>, out: &mut Column) -> Ran {
    match step {
        Step::Load(_) | Step::Constant(_) => Ok(()),
        Step::Unary(function, a) => unary(*function, *a, read, out),
        Step::Binary(function, a, b) => binary(*function, *a, *b, read, out),
        Step::Compare(compare, a, b) => {
            for_element!(read.dtype(*a), T => comparison::<T>(*compare, read.register(*a)?, read.register(*b)?, room(read, out)?))
        }
        Step::Test(test, a) => for_float!(read.dtype(*a), T => {
            let (xs, out) = (read.register::<T>(*a)?, room(read, out)?);
            match test {
                Test::Nan => map(xs, out, |x| x.is_nan()),
                Test::Finite => map(xs, out, |x| x.is_finite()),
                Test::Infinite => map(xs, out, |x| x.is_infinite()),
            }
        }),
        Step::Powi(exponent, a) => for_number!(read.dtype(*a), T => {
            let xs = read.register::<T>(*a)?;
            if *exponent < 0 {
                divisors(xs)?;
            }
            powers(*exponent, xs, room(read, out)?)
        }),
        Step::Not(a) => map(read.register::<bool>(*a)?, room(read, out)?, |x| !x),
        Step::Choose(condition, a, b) => for_element!(read.dtype(*a), T => {
            let (condition, a, b) = (read.register::<bool>(*condition)?, read.register::<T>(*a)?, read.register::<T>(*b)?);
            let choices = condition.iter().zip(a.iter().zip(b));
            room::<T>(read, out)?.iter_mut().zip(choices).for_each(|(out, (c, (a, b)))| *out = if *c { *a } else { *b });
            Ok(())
        }),
        Step::Cast(to, a) => cast(*to, *a, read, out),
    }
}

/// A register's room for this piece.
fn room<'o, T: Element>(read: &Read<'_, '_>, out: &'o mut Column) -> Result<&'o mut [T], BlockError> {
    let room = T::column_mut(out).and_then(|column| column.get_mut(..read.length));
    room.ok_or_else(|| BlockError::new(format!("a step's register has no room for {}", T::DTYPE)))
}

fn map<A: Copy, B>(xs: &[A], out: &mut [B], function: impl Fn(A) -> B) -> Ran {
    out.iter_mut().zip(xs).for_each(|(out, x)| *out = function(*x));
    Ok(())
}

fn zip<A: Copy, B>(xs: &[A], ys: &[A], out: &mut [B], function: impl Fn(A, A) -> B) -> Ran {
    out.iter_mut().zip(xs.iter().zip(ys)).for_each(|(out, (x, y))| *out = function(*x, *y));
    Ok(())
}

/// Whether it can be divided by these.
fn divisors<T: Arithmetic>(ys: &[T]) -> Ran {
    if T::REFUSES_ZERO && ys.contains(&T::ZERO) {
        return Err(BlockError::new("attempt to divide an integer by zero"));
    }
    Ok(())
}

/// Small powers are products, which vectorise.
fn powers<T: Arithmetic>(exponent: i32, xs: &[T], out: &mut [T]) -> Ran {
    match exponent {
        2 => map(xs, out, |x| x.mul(x)),
        3 => map(xs, out, |x| x.mul(x).mul(x)),
        _ => map(xs, out, |x| x.powi(exponent)),
    }
}

fn unary(function: Unary, a: Register, read: &Read<'_, '_>, out: &mut Column) -> Ran {
    match function {
        Unary::Neg => for_number!(read.dtype(a), T => map(read.register::<T>(a)?, room(read, out)?, Arithmetic::neg)),
        Unary::Abs => for_number!(read.dtype(a), T => map(read.register::<T>(a)?, room(read, out)?, Arithmetic::abs)),
        Unary::Signum => {
            for_number!(read.dtype(a), T => map(read.register::<T>(a)?, room(read, out)?, Arithmetic::signum))
        }
        _ => for_float!(read.dtype(a), T => {
            let (xs, out): (&[T], &mut [T]) = (read.register(a)?, room(read, out)?);
            match function {
                Unary::Neg | Unary::Abs | Unary::Signum => Ok(()),
                Unary::Sqrt => map(xs, out, T::sqrt),
                Unary::Cbrt => map(xs, out, T::cbrt),
                Unary::Exp => map(xs, out, T::exp),
                Unary::ExpM1 => map(xs, out, T::exp_m1),
                Unary::Ln => map(xs, out, T::ln),
                Unary::Ln1p => map(xs, out, T::ln_1p),
                Unary::Log2 => map(xs, out, T::log2),
                Unary::Log10 => map(xs, out, T::log10),
                Unary::Sin => map(xs, out, T::sin),
                Unary::Cos => map(xs, out, T::cos),
                Unary::Tan => map(xs, out, T::tan),
                Unary::Asin => map(xs, out, T::asin),
                Unary::Acos => map(xs, out, T::acos),
                Unary::Atan => map(xs, out, T::atan),
                Unary::Sinh => map(xs, out, T::sinh),
                Unary::Cosh => map(xs, out, T::cosh),
                Unary::Tanh => map(xs, out, T::tanh),
                Unary::Floor => map(xs, out, T::floor),
                Unary::Ceil => map(xs, out, T::ceil),
                Unary::Round => map(xs, out, T::round_ties_even),
                Unary::Trunc => map(xs, out, T::trunc),
            }
        }),
    }
}

fn binary(function: Binary, a: Register, b: Register, read: &Read<'_, '_>, out: &mut Column) -> Ran {
    match function {
        Binary::And | Binary::Or | Binary::Xor => {
            let (xs, ys, out) = (read.register::<bool>(a)?, read.register::<bool>(b)?, room(read, out)?);
            match function {
                Binary::And => zip(xs, ys, out, |x, y| x & y),
                Binary::Or => zip(xs, ys, out, |x, y| x | y),
                _ => zip(xs, ys, out, |x: bool, y| x ^ y),
            }
        }
        Binary::Powf | Binary::Atan2 | Binary::Hypot => for_float!(read.dtype(a), T => {
            let (xs, ys, out): (&[T], &[T], &mut [T]) = (read.register(a)?, read.register(b)?, room(read, out)?);
            match function {
                Binary::Powf => zip(xs, ys, out, T::powf),
                Binary::Atan2 => zip(xs, ys, out, T::atan2),
                _ => zip(xs, ys, out, T::hypot),
            }
        }),
        _ => {
            for_number!(read.dtype(a), T => arithmetic::<T>(function, read.register(a)?, read.register(b)?, room(read, out)?))
        }
    }
}

fn arithmetic<T: Arithmetic>(function: Binary, xs: &[T], ys: &[T], out: &mut [T]) -> Ran {
    match function {
        Binary::Add => zip(xs, ys, out, T::add),
        Binary::Sub => zip(xs, ys, out, T::sub),
        Binary::Mul => zip(xs, ys, out, T::mul),
        Binary::Div => {
            divisors(ys)?;
            zip(xs, ys, out, T::div)
        }
        Binary::Rem => {
            divisors(ys)?;
            zip(xs, ys, out, T::rem)
        }
        Binary::Minimum => zip(xs, ys, out, lesser),
        Binary::Maximum => zip(xs, ys, out, greater),
        other => Err(BlockError::new(format!("{other:?} is not for numbers"))),
    }
}

/// The lesser of two; what is not a number wins, as in NumPy.
pub(crate) fn lesser<T: Arithmetic>(x: T, y: T) -> T {
    if x < y || x.is_nan() { x } else { y }
}

/// The greater of two; what is not a number wins, as in NumPy.
pub(crate) fn greater<T: Arithmetic>(x: T, y: T) -> T {
    if x > y || x.is_nan() { x } else { y }
}

fn comparison<T: Element>(compare: Compare, xs: &[T], ys: &[T], out: &mut [bool]) -> Ran {
    match compare {
        Compare::Lt => zip(xs, ys, out, |x, y| x < y),
        Compare::Le => zip(xs, ys, out, |x, y| x <= y),
        Compare::Gt => zip(xs, ys, out, |x, y| x > y),
        Compare::Ge => zip(xs, ys, out, |x, y| x >= y),
        Compare::Eq => zip(xs, ys, out, |x, y| x == y),
        Compare::Ne => zip(xs, ys, out, |x, y| x != y),
    }
}

fn cast(to: DType, a: Register, read: &Read<'_, '_>, out: &mut Column) -> Ran {
    match (read.dtype(a), to) {
        (DType::Bool, DType::Bool) => map(read.register::<bool>(a)?, room(read, out)?, |x: bool| x),
        (DType::Bool, to) => {
            for_number!(to, T => map(read.register::<bool>(a)?, room(read, out)?, |x| if x { T::ONE } else { T::ZERO }))
        }
        (from, DType::Bool) => for_number!(from, T => map(read.register::<T>(a)?, room(read, out)?, |x| x != T::ZERO)),
        (from, to) => for_number!(from, A => for_number!(to, B => {
            #[allow(clippy::unnecessary_cast, trivial_numeric_casts, reason = "a type may be cast to itself")]
            map(read.register::<A>(a)?, room(read, out)?, |x: A| x as B)
        })),
    }
}
