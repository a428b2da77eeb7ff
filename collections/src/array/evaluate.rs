//! Evaluates a [`Program`] over blocks, a piece at a time.

use std::{borrow::Cow, sync::Arc};

mod steps;

pub(crate) use steps::{greater, lesser};

use super::{
    block::Block,
    element::{Column, DType, Element},
    error::BlockError,
    gather::{TILE, View},
    program::{Program, Register, Step},
};

/// The elements of a piece. A program has a handful of registers; with 8 bytes an element they all stay in a first-level cache of
/// 32 KiB, or nearly so, while a step's overhead of some 10 ns is nothing beside it.
const PIECE: usize = 1024;

/// The elements of a piece of whole rows, at most: its registers then stay in a second-level cache.
const ROWS_PIECE: usize = 32 << 10;

/// The blocks that a program's operands are, a list for each type of element.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lists<'a> {
    pub(crate) f64s: &'a [Arc<Block<f64>>],
    pub(crate) f32s: &'a [Arc<Block<f32>>],
    pub(crate) i64s: &'a [Arc<Block<i64>>],
    pub(crate) i32s: &'a [Arc<Block<i32>>],
    pub(crate) u8s: &'a [Arc<Block<u8>>],
    pub(crate) bools: &'a [Arc<Block<bool>>],
}

/// The program's result for a block of shape `shape`. A program that only loads a block as it is lends that block.
pub(crate) fn evaluate<'a, T: Element>(
    program: &Program,
    shape: &[usize],
    lists: &Lists<'a>,
) -> Result<Cow<'a, Block<T>>, BlockError> {
    let types = program.check()?;
    if types.last() != Some(&T::DTYPE) {
        return Err(BlockError::new(format!("the program makes no {}", T::DTYPE)));
    }
    let views =
        program.operands.iter().map(|operand| AnyView::new(operand, shape, lists)).collect::<Result<Vec<_>, _>>()?;
    if let ([Step::Load(0)], [operand]) = (program.steps.as_slice(), program.operands.as_slice())
        && let Some(block) = T::list(lists).get(usize::from(operand.place))
        && block.shape() == shape
        && operand.axes.iter().enumerate().all(|(place, axis)| *axis == u8::try_from(place).ok())
    {
        return Ok(Cow::Borrowed(&**block));
    }
    let count = shape.iter().product();
    let mut out = Vec::with_capacity(count);
    let piece = piece(&views).min(count);
    let mut machine = Machine::new(program, &types, views, piece);
    let mut start = 0;
    while start < count {
        let length = piece.min(count - start);
        machine.run(start, length)?;
        out.extend_from_slice(machine.result::<T>(start, length)?);
        start += length;
    }
    Block::new(shape, out).map(Cow::Owned).ok_or_else(|| BlockError::new("a program made too few elements"))
}

/// How many elements go through all steps together: whole rows, several at once, where an operand's axes are turned.
fn piece(views: &[AnyView<'_>]) -> usize {
    let row = views.iter().find_map(AnyView::turned);
    row.filter(|row| (1..=ROWS_PIECE / TILE).contains(row))
        .map_or(PIECE, |row| row * TILE.max(PIECE / row / TILE * TILE))
}

/// A view of any type.
#[derive(Debug)]
pub enum AnyView<'a> {
    F64(View<'a, f64>),
    F32(View<'a, f32>),
    I64(View<'a, i64>),
    I32(View<'a, i32>),
    U8(View<'a, u8>),
    Bool(View<'a, bool>),
}

impl<'a> AnyView<'a> {
    fn new(operand: &super::program::Operand, shape: &[usize], lists: &Lists<'a>) -> Result<Self, BlockError> {
        fn of<'a, T: Element>(
            list: &'a [Arc<Block<T>>],
            operand: &super::program::Operand,
            shape: &[usize],
        ) -> Result<View<'a, T>, BlockError> {
            let missing = || BlockError::new(format!("operand {} of {} was not given", operand.place, operand.dtype));
            let block = list.get(usize::from(operand.place)).ok_or_else(missing)?;
            View::new(block.elements(), block.shape(), &operand.axes, shape)
        }
        Ok(match operand.dtype {
            DType::F64 => AnyView::F64(of(lists.f64s, operand, shape)?),
            DType::F32 => AnyView::F32(of(lists.f32s, operand, shape)?),
            DType::I64 => AnyView::I64(of(lists.i64s, operand, shape)?),
            DType::I32 => AnyView::I32(of(lists.i32s, operand, shape)?),
            DType::U8 => AnyView::U8(of(lists.u8s, operand, shape)?),
            DType::Bool => AnyView::Bool(of(lists.bools, operand, shape)?),
        })
    }

    fn lies_in_order(&self) -> bool {
        match self {
            AnyView::F64(view) => view.piece(0, 0).is_some(),
            AnyView::F32(view) => view.piece(0, 0).is_some(),
            AnyView::I64(view) => view.piece(0, 0).is_some(),
            AnyView::I32(view) => view.piece(0, 0).is_some(),
            AnyView::U8(view) => view.piece(0, 0).is_some(),
            AnyView::Bool(view) => view.piece(0, 0).is_some(),
        }
    }

    fn turned(&self) -> Option<usize> {
        match self {
            AnyView::F64(view) => view.turned(),
            AnyView::F32(view) => view.turned(),
            AnyView::I64(view) => view.turned(),
            AnyView::I32(view) => view.turned(),
            AnyView::U8(view) => view.turned(),
            AnyView::Bool(view) => view.turned(),
        }
    }

    fn copy(&self, start: usize, out: &mut Column, length: usize) {
        match (self, out) {
            (AnyView::F64(view), Column::F64(out)) => view.copy(start, &mut out[..length]),
            (AnyView::F32(view), Column::F32(out)) => view.copy(start, &mut out[..length]),
            (AnyView::I64(view), Column::I64(out)) => view.copy(start, &mut out[..length]),
            (AnyView::I32(view), Column::I32(out)) => view.copy(start, &mut out[..length]),
            (AnyView::U8(view), Column::U8(out)) => view.copy(start, &mut out[..length]),
            (AnyView::Bool(view), Column::Bool(out)) => view.copy(start, &mut out[..length]),
            _ => unreachable!("a register has its step's type"),
        }
    }
}

/// A program on its way through a block.
struct Machine<'p, 'a> {
    program: &'p Program,
    types: &'p [DType],
    views: Vec<AnyView<'a>>,
    /// One for each step. That of a load which lies in order stays empty, and is read where it lies.
    registers: Vec<Column>,
}

impl<'p, 'a> Machine<'p, 'a> {
    fn new(program: &'p Program, types: &'p [DType], views: Vec<AnyView<'a>>, piece: usize) -> Self {
        let register = |(step, dtype): (&Step, &DType)| match step {
            Step::Constant(value) => Column::full(*value, piece),
            Step::Load(operand) if views[usize::from(*operand)].lies_in_order() => Column::zeros(*dtype, 0),
            _ => Column::zeros(*dtype, piece),
        };
        let registers = program.steps.iter().zip(types).map(register).collect();
        Machine { program, types, views, registers }
    }

    /// Runs all steps for the elements from `start` on.
    fn run(&mut self, start: usize, length: usize) -> Result<(), BlockError> {
        for (place, step) in self.program.steps.iter().enumerate() {
            let (done, rest) = self.registers.split_at_mut(place);
            let read = Read { program: self.program, types: self.types, views: &self.views, done, start, length };
            match step {
                Step::Constant(_) => {}
                Step::Load(operand) => {
                    let view = &self.views[usize::from(*operand)];
                    if !view.lies_in_order() {
                        view.copy(start, &mut rest[0], length);
                    }
                }
                step => steps::run(step, &read, &mut rest[0])?,
            }
        }
        Ok(())
    }

    fn result<T: Element>(&self, start: usize, length: usize) -> Result<&[T], BlockError> {
        let (program, types, views) = (self.program, self.types, self.views.as_slice());
        let read = Read { program, types, views, done: &self.registers, start, length };
        read.register((self.registers.len() - 1) as Register)
    }
}

/// What a step reads.
struct Read<'m, 'a> {
    program: &'m Program,
    types: &'m [DType],
    views: &'m [AnyView<'a>],
    done: &'m [Column],
    start: usize,
    length: usize,
}

impl<'m> Read<'m, '_> {
    fn dtype(&self, register: Register) -> DType {
        self.types[usize::from(register)]
    }

    /// The piece in a register.
    fn register<T: Element>(&self, register: Register) -> Result<&'m [T], BlockError> {
        let place = usize::from(register);
        if let Step::Load(operand) = &self.program.steps[place]
            && let Some(piece) =
                T::view(&self.views[usize::from(*operand)]).and_then(|view| view.piece(self.start, self.length))
        {
            return Ok(piece);
        }
        let column = T::column(&self.done[place]).and_then(|column| column.get(..self.length));
        column.ok_or_else(|| BlockError::new(format!("register {register} holds no {}", T::DTYPE)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{
        element::Scalar,
        program::{Binary, Compare, Operand, Unary},
    };

    fn operand(dtype: DType, axes: &[Option<u8>]) -> Operand {
        Operand { dtype, place: 0, axes: axes.to_vec() }
    }

    #[test]
    fn steps_go_through_pieces_of_several_types() {
        let count = 2 * PIECE + 7;
        let xs = [Arc::new(Block::new(&[count], (0..count).map(|i| i as f64 - 1500.0).collect()).unwrap())];
        let lists = Lists { f64s: &xs, ..Lists::default() };
        let steps = vec![
            Step::Load(0),
            Step::Constant(Scalar::F64(0.0)),
            Step::Compare(Compare::Lt, 0, 1),
            Step::Unary(Unary::Neg, 0),
            Step::Choose(2, 3, 0),
            Step::Binary(Binary::Sub, 4, 0),
            Step::Cast(DType::I64, 5),
        ];
        let program = Program { operands: vec![operand(DType::F64, &[Some(0)])], steps };
        let block = evaluate::<i64>(&program, &[count], &lists).unwrap();
        assert!(block.elements().iter().enumerate().all(|(i, x)| *x == (3000 - 2 * i as i64).max(0)));
    }

    #[test]
    fn a_turned_operand_is_read_in_whole_rows() {
        let (rows, columns) = (37, 300);
        let xs = [
            Arc::new(Block::new(&[rows, columns], (0..rows * columns).map(|i| i as i64).collect()).unwrap()),
            Arc::new(
                Block::new(&[columns, rows], (0..rows * columns).map(|i| 1_000_000 * i as i64).collect()).unwrap(),
            ),
        ];
        let lists = Lists { i64s: &xs, ..Lists::default() };
        let operands = vec![
            operand(DType::I64, &[Some(0), Some(1)]),
            Operand { place: 1, ..operand(DType::I64, &[Some(1), Some(0)]) },
        ];
        let steps = vec![Step::Load(0), Step::Load(1), Step::Binary(Binary::Add, 0, 1)];
        let sum = evaluate::<i64>(&Program { operands, steps }, &[rows, columns], &lists).unwrap();
        for (place, x) in sum.elements().iter().enumerate() {
            let (row, column) = (place / columns, place % columns);
            assert_eq!(*x, place as i64 + 1_000_000 * (column * rows + row) as i64);
        }
    }

    #[test]
    fn a_block_that_is_only_loaded_is_lent() {
        let xs = [Arc::new(Block::new(&[2], vec![1.0, 2.0]).unwrap())];
        let lists = Lists { f64s: &xs, ..Lists::default() };
        let program = |axes| Program { operands: vec![operand(DType::F64, axes)], steps: vec![Step::Load(0)] };
        assert!(matches!(evaluate::<f64>(&program(&[Some(0)]), &[2], &lists).unwrap(), Cow::Borrowed(_)));
        let repeated = evaluate::<f64>(&program(&[None, Some(0)]), &[2, 2], &lists).unwrap();
        assert_eq!(repeated.elements(), [1.0, 2.0, 1.0, 2.0]);
        assert!(evaluate::<f32>(&program(&[Some(0)]), &[2], &lists).is_err());
    }

    #[test]
    fn to_divide_integers_by_zero_is_an_error() {
        let xs = [Arc::new(Block::new(&[2], vec![1i32, 2]).unwrap())];
        let lists = Lists { i32s: &xs, ..Lists::default() };
        let steps = vec![Step::Load(0), Step::Constant(Scalar::I32(0)), Step::Binary(Binary::Rem, 0, 1)];
        let program = Program { operands: vec![operand(DType::I32, &[Some(0)])], steps };
        assert_eq!(
            evaluate::<i32>(&program, &[2], &lists).unwrap_err().to_string(),
            "attempt to divide an integer by zero"
        );
    }
}
