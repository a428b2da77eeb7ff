//! What an array is made of: a program, and a leaf for each of its operands. Element-wise steps only make the program longer;
//! tasks come of it when a step needs blocks.

use std::sync::Arc;

use super::{
    element::DType,
    grid::Grid,
    kernels::Operands,
    leaf::AnyLeaf,
    program::{MAX_OPERANDS, MAX_STEPS, Operand, Program, Register, Step},
};

/// A program with what it works on.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub(crate) program: Arc<Program>,
    /// One for each operand. Along each of its axes a leaf has the chunks of the whole, or the axis is one long and goes along none.
    leaves: Vec<AnyLeaf>,
}

impl Expression {
    /// A leaf as it is.
    pub(crate) fn of_leaf(leaf: AnyLeaf) -> Self {
        let axes = (0..leaf.grid().axes().len()).map(axis).collect();
        let operand = Operand { dtype: leaf.dtype(), place: 0, axes };
        let program = Program { operands: vec![operand], steps: vec![Step::Load(0)] };
        Expression { program: Arc::new(program), leaves: vec![leaf] }
    }

    /// The leaf, if this is one as it is.
    pub(crate) fn leaf(&self) -> Option<&AnyLeaf> {
        let ([Step::Load(0)], [operand], [leaf]) =
            (self.program.steps.as_slice(), self.program.operands.as_slice(), self.leaves.as_slice())
        else {
            return None;
        };
        let as_it_is = operand.axes.iter().enumerate().all(|(place, given)| *given == axis(place));
        (as_it_is && operand.axes.len() == leaf.grid().axes().len()).then_some(leaf)
    }

    /// The same seen along other axes: for each new one the old one that it is, or none.
    pub(crate) fn seen(&self, axes: &[Option<usize>]) -> Self {
        let mut program = (*self.program).clone();
        for operand in &mut program.operands {
            operand.axes = axes.iter().map(|axis| axis.and_then(|axis| operand.axes[axis])).collect();
        }
        Expression { program: Arc::new(program), leaves: self.leaves.clone() }
    }

    /// The blocks that make the block at `index`.
    pub(crate) fn operands(&self, index: &[usize]) -> Operands {
        let mut operands = Operands::default();
        for (operand, leaf) in self.program.operands.iter().zip(&self.leaves) {
            let mut at = vec![0; leaf.grid().axes().len()];
            for (axis, place) in operand.axes.iter().zip(index) {
                if let Some(axis) = axis {
                    at[usize::from(*axis)] = *place;
                }
            }
            leaf.push(&at, &mut operands);
        }
        operands
    }

    /// Whether a program of both would be too long.
    pub(crate) fn are_too_long(all: &[&Expression]) -> bool {
        let steps: usize = all.iter().map(|one| one.program.steps.len()).sum();
        let operands: usize = all.iter().map(|one| one.leaves.len()).sum();
        steps + 2 > MAX_STEPS || operands > MAX_OPERANDS
    }

    /// Whether the leaves have the chunks of `grid` along each axis that they go along.
    pub(crate) fn fits(&self, grid: &Grid) -> bool {
        self.program.operands.iter().zip(&self.leaves).all(|(operand, leaf)| {
            operand
                .axes
                .iter()
                .zip(grid.axes())
                .all(|(axis, lengths)| axis.is_none_or(|axis| leaf.grid().axes()[usize::from(axis)] == *lengths))
        })
    }
}

fn axis(place: usize) -> Option<u8> {
    Some(u8::try_from(place).expect("an array has at most 32 axes"))
}

/// Puts programs together. A step that is there already is not added again, so what two arrays share is computed once.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    operands: Vec<Operand>,
    leaves: Vec<AnyLeaf>,
    steps: Vec<Step>,
}

impl Builder {
    /// Takes over an expression; returns the register of its result.
    pub(crate) fn add(&mut self, expression: &Expression) -> Register {
        let mut operands = Vec::with_capacity(expression.leaves.len());
        for (operand, leaf) in expression.program.operands.iter().zip(&expression.leaves) {
            operands.push(self.operand(operand, leaf));
        }
        let mut registers = Vec::with_capacity(expression.program.steps.len());
        for step in &expression.program.steps {
            let renamed = step.renamed(&registers, &operands);
            registers.push(self.step(renamed));
        }
        registers.pop().expect("a program has steps")
    }

    /// Adds a step; returns the register of its result.
    pub(crate) fn step(&mut self, step: Step) -> Register {
        let place = self.steps.iter().position(|there| *there == step).unwrap_or_else(|| {
            self.steps.push(step);
            self.steps.len() - 1
        });
        place as Register
    }

    /// The program whose result is `register`.
    pub(crate) fn finish(mut self, register: Register) -> Expression {
        // The result is what the last step makes. It is another only if the last step was there before.
        self.steps.truncate(usize::from(register) + 1);
        let program = Program { operands: self.operands, steps: self.steps };
        Expression { program: Arc::new(program), leaves: self.leaves }
    }

    fn operand(&mut self, operand: &Operand, leaf: &AnyLeaf) -> Register {
        let there = self.operands.iter().zip(&self.leaves).position(|(o, l)| o.axes == operand.axes && l.is(leaf));
        let place = there.unwrap_or_else(|| {
            let place = self.of_type(operand.dtype);
            self.operands.push(Operand { place, ..operand.clone() });
            self.leaves.push(leaf.clone());
            self.operands.len() - 1
        });
        place as Register
    }

    /// How many operands there are of a type.
    fn of_type(&self, dtype: DType) -> u16 {
        self.operands.iter().filter(|operand| operand.dtype == dtype).count() as u16
    }
}
