//! Functions of elements. None of them makes a task of its own: see the [module](super).

use super::{
    Array,
    element::{Element, Float, Number},
    program::{Binary, Compare, Step, Test, Unary},
    steps::Term,
};

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident $step:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> Array<T> {
            self.step(|x, _| Step::Unary(Unary::$step, x))
        }
    )*};
}

macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident $step:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Panics
        /// If the shapes do not broadcast together.
        #[track_caller]
        pub fn $name(&self, other: impl Into<Term<T>>) -> Array<T> {
            self.operate(&other.into(), |x, y| Step::Binary(Binary::$step, x, y))
        }
    )*};
}

macro_rules! compare {
    ($($(#[$doc:meta])* $name:ident $step:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Panics
        /// If the shapes do not broadcast together.
        #[track_caller]
        pub fn $name(&self, other: impl Into<Term<T>>) -> Array<bool> {
            self.operate(&other.into(), |x, y| Step::Compare(Compare::$step, x, y))
        }
    )*};
}

impl<T: Element> Array<T> {
    compare! {
        /// Whether elements are less than others.
        lt Lt;
        /// Whether elements are at most others.
        le Le;
        /// Whether elements are greater than others.
        gt Gt;
        /// Whether elements are at least others.
        ge Ge;
        /// Whether elements equal others.
        eq Eq;
        /// Whether elements differ from others.
        ne Ne;
    }
}

impl<T: Number> Array<T> {
    unary! {
        /// The absolute values.
        abs Abs;
        /// -1, 0 or 1, as the sign is.
        signum Signum;
    }

    binary! {
        /// The lesser of two elements. What is not a number wins.
        minimum Minimum;
        /// The greater of two elements. What is not a number wins.
        maximum Maximum;
    }

    /// To an integer power. Integers to a negative one are cut to integers.
    pub fn powi(&self, exponent: i32) -> Array<T> {
        self.step(|x, _| Step::Powi(exponent, x))
    }

    /// Each element, or the bound that it is beyond.
    pub fn clip(&self, low: T, high: T) -> Array<T> {
        self.maximum(low).minimum(high)
    }
}

impl<T: Float> Array<T> {
    unary! {
        /// The square roots.
        sqrt Sqrt;
        /// The cube roots.
        cbrt Cbrt;
        /// e to the power of each.
        exp Exp;
        /// The same less one, also where that is small.
        exp_m1 ExpM1;
        /// The natural logarithms.
        ln Ln;
        /// Those of one more, also where that is nearly one.
        ln_1p Ln1p;
        /// The logarithms to base 2.
        log2 Log2;
        /// The logarithms to base 10.
        log10 Log10;
        /// The sines, of radians.
        sin Sin;
        /// The cosines, of radians.
        cos Cos;
        /// The tangents, of radians.
        tan Tan;
        /// The angles that have these sines.
        asin Asin;
        /// The angles that have these cosines.
        acos Acos;
        /// The angles that have these tangents.
        atan Atan;
        /// The hyperbolic sines.
        sinh Sinh;
        /// The hyperbolic cosines.
        cosh Cosh;
        /// The hyperbolic tangents.
        tanh Tanh;
        /// Rounded down.
        floor Floor;
        /// Rounded up.
        ceil Ceil;
        /// Rounded to the nearest integer, halves to the even one.
        round Round;
        /// Rounded towards zero.
        trunc Trunc;
    }

    binary! {
        /// To a power.
        powf Powf;
        /// The angles of points whose heights these are, and whose distances to the right the others.
        atan2 Atan2;
        /// The lengths of points.
        hypot Hypot;
    }

    /// Whether elements are not numbers.
    pub fn is_nan(&self) -> Array<bool> {
        self.step(|x, _| Step::Test(Test::Nan, x))
    }

    /// Whether elements are numbers, and finite.
    pub fn is_finite(&self) -> Array<bool> {
        self.step(|x, _| Step::Test(Test::Finite, x))
    }

    /// Whether elements are infinite.
    pub fn is_infinite(&self) -> Array<bool> {
        self.step(|x, _| Step::Test(Test::Infinite, x))
    }
}
