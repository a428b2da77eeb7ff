//! `+ - * / %` of arrays and numbers, `-` of signed ones, `& | ^ !` of `bool`.
//!
//! An operator can't return an error: one whose shapes do not broadcast together panics, as `ndarray`'s do, with both shapes.
//! [`Array::broadcast_with`] asks beforehand.

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Rem, Sub};

use super::{
    Array,
    element::{Element, Number, Signed},
    program::{Binary, Register, Step, Unary},
    steps::Term,
};

impl<T: Element> Array<T> {
    /// A step of two.
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[track_caller]
    pub(crate) fn operate<U: Element>(
        &self,
        term: &Term<T>,
        step: impl FnOnce(Register, Register) -> Step,
    ) -> Array<U> {
        self.step_with(term, step).unwrap_or_else(|error| panic!("{error}"))
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $bound:ident;)*) => {$(
        impl<T: $bound> $trait<&Array<T>> for &Array<T> {
            type Output = Array<T>;

            #[track_caller]
            fn $method(self, other: &Array<T>) -> Array<T> {
                self.operate(&other.into(), |x, y| Step::Binary(binary!($trait), x, y))
            }
        }

        impl<T: $bound> $trait<Array<T>> for &Array<T> {
            type Output = Array<T>;

            #[track_caller]
            fn $method(self, other: Array<T>) -> Array<T> {
                self.$method(&other)
            }
        }

        impl<T: $bound> $trait<&Array<T>> for Array<T> {
            type Output = Array<T>;

            #[track_caller]
            fn $method(self, other: &Array<T>) -> Array<T> {
                (&self).$method(other)
            }
        }

        impl<T: $bound> $trait<Array<T>> for Array<T> {
            type Output = Array<T>;

            #[track_caller]
            fn $method(self, other: Array<T>) -> Array<T> {
                (&self).$method(&other)
            }
        }
    )*};
}

/// The steps that the traits stand for.
macro_rules! binary {
    (BitAnd) => {
        Binary::And
    };
    (BitOr) => {
        Binary::Or
    };
    (BitXor) => {
        Binary::Xor
    };
    ($name:ident) => {
        Binary::$name
    };
}

macro_rules! with_numbers {
    ($($trait:ident $method:ident;)*) => {$(
        operators! { $trait $method Number; }

        impl<T: Number> $trait<T> for &Array<T> {
            type Output = Array<T>;

            fn $method(self, other: T) -> Array<T> {
                self.operate(&Term::Scalar(other), |x, y| Step::Binary(Binary::$trait, x, y))
            }
        }

        impl<T: Number> $trait<T> for Array<T> {
            type Output = Array<T>;

            fn $method(self, other: T) -> Array<T> {
                (&self).$method(other)
            }
        }

        from_numbers! { $trait $method f64 f32 i64 i32 u8 }
    )*};
}

macro_rules! from_numbers {
    ($trait:ident $method:ident $($t:ty)*) => {$(
        impl $trait<&Array<$t>> for $t {
            type Output = Array<$t>;

            fn $method(self, other: &Array<$t>) -> Array<$t> {
                other.operate(&Term::Scalar(self), |x, y| Step::Binary(Binary::$trait, y, x))
            }
        }

        impl $trait<Array<$t>> for $t {
            type Output = Array<$t>;

            fn $method(self, other: Array<$t>) -> Array<$t> {
                self.$method(&other)
            }
        }
    )*};
}

with_numbers! {
    Add add;
    Sub sub;
    Mul mul;
    Div div;
    Rem rem;
}

macro_rules! with_truths {
    ($($trait:ident $method:ident;)*) => {$(
        impl $trait<&Array<bool>> for &Array<bool> {
            type Output = Array<bool>;

            #[track_caller]
            fn $method(self, other: &Array<bool>) -> Array<bool> {
                self.operate(&other.into(), |x, y| Step::Binary(binary!($trait), x, y))
            }
        }

        impl $trait<Array<bool>> for Array<bool> {
            type Output = Array<bool>;

            #[track_caller]
            fn $method(self, other: Array<bool>) -> Array<bool> {
                (&self).$method(&other)
            }
        }
    )*};
}

with_truths! {
    BitAnd bitand;
    BitOr bitor;
    BitXor bitxor;
}

impl<T: Signed> Neg for &Array<T> {
    type Output = Array<T>;

    fn neg(self) -> Array<T> {
        self.step(|x, _| Step::Unary(Unary::Neg, x))
    }
}

impl<T: Signed> Neg for Array<T> {
    type Output = Array<T>;

    fn neg(self) -> Array<T> {
        -&self
    }
}

impl Not for &Array<bool> {
    type Output = Array<bool>;

    fn not(self) -> Array<bool> {
        self.step(|x, _| Step::Not(x))
    }
}

impl Not for Array<bool> {
    type Output = Array<bool>;

    fn not(self) -> Array<bool> {
        !&self
    }
}
