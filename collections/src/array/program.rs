//! Element-wise steps as data: what a fused task is told to do with its blocks.
//!
//! A chain such as `(&x * 2.0 + &y).sqrt()` is one program of a few steps, each with a register for its result. A task evaluates
//! it over pieces that fit into the processor's cache, so nothing between the first step and the last one is ever a block of
//! its own. (NumPy makes a whole temporary array each step; numexpr and Dask's blockwise fusion are the models.)

use serde::{Deserialize, Serialize};

use super::{
    element::{DType, Scalar},
    error::BlockError,
};

/// A program with more steps than this is evaluated, and its result a block, before it grows on: what it costs to hand one to
/// each task must stay small beside a block.
pub(crate) const MAX_STEPS: usize = 64;

/// Likewise for the blocks that one task takes.
pub(crate) const MAX_OPERANDS: usize = 16;

/// A result of a step: its place among the steps.
pub(crate) type Register = u16;

/// A function of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unary {
    /// Changes the sign.
    Neg,
    /// The absolute value.
    Abs,
    /// -1, 0 or 1.
    Signum,
    /// The square root.
    Sqrt,
    /// The cube root.
    Cbrt,
    /// e to its power.
    Exp,
    /// The same less one.
    ExpM1,
    /// The natural logarithm.
    Ln,
    /// That of one more.
    Ln1p,
    /// To base 2.
    Log2,
    /// To base 10.
    Log10,
    /// Of radians.
    Sin,
    /// Of radians.
    Cos,
    /// Of radians.
    Tan,
    /// In radians.
    Asin,
    /// In radians.
    Acos,
    /// In radians.
    Atan,
    /// Hyperbolic.
    Sinh,
    /// Hyperbolic.
    Cosh,
    /// Hyperbolic.
    Tanh,
    /// Down to an integer.
    Floor,
    /// Up to an integer.
    Ceil,
    /// To the nearest integer; halves to the even one, as NumPy does.
    Round,
    /// Towards zero.
    Trunc,
}

/// A function of two elements of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binary {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Quotient.
    Div,
    /// Remainder.
    Rem,
    /// The lesser; what is not a number wins.
    Minimum,
    /// The greater; what is not a number wins.
    Maximum,
    /// To a power; floats only.
    Powf,
    /// The angle of a point; floats only.
    Atan2,
    /// The length of a point; floats only.
    Hypot,
    /// Both; `bool` only.
    And,
    /// Either; `bool` only.
    Or,
    /// One only; `bool` only.
    Xor,
}

/// A comparison of two elements of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compare {
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `==`
    Eq,
    /// `!=`
    Ne,
}

/// A question to one float.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Test {
    /// Whether it is not a number.
    Nan,
    /// Whether it is a number, and finite.
    Finite,
    /// Whether it is infinite.
    Infinite,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// An operand's element.
    Load(Register),
    /// The same for all.
    Constant(Scalar),
    /// Of one.
    Unary(Unary, Register),
    /// Of two.
    Binary(Binary, Register, Register),
    /// A comparison.
    Compare(Compare, Register, Register),
    /// A question.
    Test(Test, Register),
    /// To an integer power.
    Powi(i32, Register),
    /// Turns a `bool` round.
    Not(Register),
    /// The second where the first holds, else the third.
    Choose(Register, Register, Register),
    /// As another type, as Rust's `as` does it; to `bool`, whether it is not zero.
    Cast(DType, Register),
}

/// Where an operand's elements are: which list of blocks, and how its axes lie in the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operand {
    /// Whose list.
    pub dtype: DType,
    /// Its place in that list.
    pub place: u16,
    /// For each axis of the result the operand's own axis, or none where it is the same all along.
    pub axes: Vec<Option<u8>>,
}

/// Steps, the last of which makes the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// What it is made of.
    pub operands: Vec<Operand>,
    /// What is done.
    pub steps: Vec<Step>,
}

impl Program {
    /// The type of each step's result. A program that this accepts is safe to evaluate.
    pub(crate) fn check(&self) -> Result<Vec<DType>, BlockError> {
        let mut types: Vec<DType> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let found = self.type_of(step, &types);
            types.push(found.ok_or_else(|| BlockError::new(format!("step {step:?} does not fit what it is made of")))?);
        }
        if types.is_empty() {
            return Err(BlockError::new("a program has at least one step"));
        }
        Ok(types)
    }

    fn type_of(&self, step: &Step, types: &[DType]) -> Option<DType> {
        let of = |register: &Register| types.get(usize::from(*register)).copied();
        let same = |a, b| of(a).filter(|dtype| of(b) == Some(*dtype));
        match step {
            Step::Load(operand) => self.operands.get(usize::from(*operand)).map(|operand| operand.dtype),
            Step::Constant(value) => Some(value.dtype()),
            Step::Unary(function, a) => of(a).filter(|dtype| function.takes(*dtype)),
            Step::Binary(function, a, b) => same(a, b).filter(|dtype| function.takes(*dtype)),
            Step::Compare(_, a, b) => same(a, b).map(|_| DType::Bool),
            Step::Test(_, a) => of(a).filter(|dtype| dtype.is_float()).map(|_| DType::Bool),
            Step::Powi(_, a) => of(a).filter(|dtype| *dtype != DType::Bool),
            Step::Not(a) => of(a).filter(|dtype| *dtype == DType::Bool),
            Step::Choose(condition, a, b) => same(a, b).filter(|_| of(condition) == Some(DType::Bool)),
            Step::Cast(dtype, a) => of(a).map(|_| *dtype),
        }
    }
}

impl Unary {
    fn takes(self, dtype: DType) -> bool {
        match self {
            Unary::Neg | Unary::Abs | Unary::Signum => dtype != DType::Bool,
            _ => dtype.is_float(),
        }
    }
}

impl Binary {
    fn takes(self, dtype: DType) -> bool {
        match self {
            Binary::And | Binary::Or | Binary::Xor => dtype == DType::Bool,
            Binary::Powf | Binary::Atan2 | Binary::Hypot => dtype.is_float(),
            _ => dtype != DType::Bool,
        }
    }
}

impl DType {
    pub(crate) fn is_float(self) -> bool {
        matches!(self, DType::F64 | DType::F32)
    }
}

impl Step {
    /// The same step with other names for the registers and operands that it takes.
    pub(crate) fn renamed(&self, registers: &[Register], operands: &[Register]) -> Step {
        let r = |register: &Register| registers[usize::from(*register)];
        match self {
            Step::Load(operand) => Step::Load(operands[usize::from(*operand)]),
            Step::Constant(value) => Step::Constant(*value),
            Step::Unary(function, a) => Step::Unary(*function, r(a)),
            Step::Binary(function, a, b) => Step::Binary(*function, r(a), r(b)),
            Step::Compare(compare, a, b) => Step::Compare(*compare, r(a), r(b)),
            Step::Test(test, a) => Step::Test(*test, r(a)),
            Step::Powi(exponent, a) => Step::Powi(*exponent, r(a)),
            Step::Not(a) => Step::Not(r(a)),
            Step::Choose(condition, a, b) => Step::Choose(r(condition), r(a), r(b)),
            Step::Cast(dtype, a) => Step::Cast(*dtype, r(a)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_fit_is_refused() {
        let check = |steps: Vec<Step>| Program { operands: Vec::new(), steps }.check();
        let one = || Step::Constant(Scalar::F64(1.0));
        assert_eq!(check(vec![one(), Step::Compare(Compare::Lt, 0, 0)]).unwrap(), [DType::F64, DType::Bool]);
        for wrong in [
            vec![],
            vec![Step::Load(0)],
            vec![Step::Unary(Unary::Exp, 0)],
            vec![one(), Step::Not(0)],
            vec![one(), Step::Constant(Scalar::I64(1)), Step::Binary(Binary::Add, 0, 1)],
            vec![Step::Constant(Scalar::I64(1)), Step::Unary(Unary::Exp, 0)],
            vec![one(), Step::Choose(0, 0, 0)],
        ] {
            assert!(check(wrong.clone()).is_err(), "{wrong:?}");
        }
    }
}
