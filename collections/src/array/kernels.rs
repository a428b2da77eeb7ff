//! What tasks do with blocks, and the calls of them for each type of element.

use std::{io, sync::Arc};

use brisk_client::{Delayed, task};
use bytemuck::{AnyBitPattern, NoUninit};

#[cfg(feature = "hdf5")]
use super::hdf5::{self, Hdf5};
use super::{
    block::Block,
    element::{Column, Element, Float, Number, Scalar},
    error::BlockError,
    evaluate::{AnyView, Lists, evaluate},
    gather::View,
    generate::{self, Distribution},
    grid::Region,
    leaf::{AnyLeaf, Leaf},
    matmul,
    npy::{self, Npy},
    pick::{self, Pick},
    program::Program,
    reduce::{Any, Partial, Reduction, finish, partial},
};

/// Reads bytes into their place.
type Fill<'a> = &'a mut dyn FnMut(&mut [u8]) -> io::Result<()>;

/// What is known of each type of element, and of no others: [`Element`] can't be implemented outside.
#[doc(hidden)]
#[allow(private_interfaces, reason = "hidden, and sealed by it")]
pub trait Kernels: Sized {
    fn of_bytes(bytes: &[u8]) -> Option<Vec<Self>>;
    fn scalar(self) -> Scalar;
    fn column(column: &Column) -> Option<&[Self]>;
    fn column_mut(column: &mut Column) -> Option<&mut [Self]>;
    fn list<'a>(lists: &Lists<'a>) -> &'a [Arc<Block<Self>>];
    fn view<'v, 'a>(view: &'v AnyView<'a>) -> Option<&'v View<'a, Self>>;
    fn any_leaf(leaf: Arc<Leaf<Self>>) -> AnyLeaf;
    fn leaf(leaf: &AnyLeaf) -> Option<&Arc<Leaf<Self>>>;
    fn any_block(block: &Block<Self>) -> Any<'_>;
    fn cast_block(block: Any<'_>) -> Option<Block<Self>>;
    /// Elements as `fill` puts their bytes in place; `None` if those are none.
    fn filled(count: usize, swap: bool, fill: Fill<'_>) -> io::Result<Option<Vec<Self>>>;

    fn elementwise(program: Arc<Program>, shape: Vec<usize>, operands: Operands) -> Delayed<Block<Self>>;
    fn partial(
        reduction: Arc<Reduction>,
        region: Region,
        program: Arc<Program>,
        operands: Operands,
    ) -> Delayed<Partial>;
    fn finish(reduction: Arc<Reduction>, partial: Delayed<Partial>) -> Delayed<Block<Self>>;
    fn only(block: Delayed<Block<Self>>) -> Delayed<Self>;
    fn slice(block: &Delayed<Block<Self>>, picks: Vec<Pick>) -> Delayed<Block<Self>>;
    fn assemble(shape: Vec<usize>, offsets: Vec<Vec<usize>>, parts: Vec<Delayed<Block<Self>>>) -> Delayed<Block<Self>>;
    fn reshape(block: &Delayed<Block<Self>>, shape: Vec<usize>) -> Delayed<Block<Self>>;
    fn literal(block: Block<Self>) -> Delayed<Block<Self>>;
    fn full(value: Self, shape: Vec<usize>) -> Delayed<Block<Self>>;
    fn read_npy(file: Arc<Npy>, region: Region) -> Delayed<Block<Self>>;
    fn write_npy(file: Arc<Npy>, created: &Delayed<()>, region: Region, block: &Delayed<Block<Self>>) -> Delayed<u64>;
    #[cfg(feature = "hdf5")]
    fn read_hdf5(file: Arc<Hdf5>, region: Region) -> Delayed<Block<Self>>;
    #[cfg(feature = "hdf5")]
    fn write_hdf5(file: Arc<Hdf5>, before: &Delayed<u64>, region: Region, block: &Delayed<Block<Self>>)
    -> Delayed<u64>;
}

/// The calls that make the blocks of a program's operands, a list for each type of element.
#[derive(Debug, Default)]
pub struct Operands {
    pub(crate) f64s: Vec<Delayed<Block<f64>>>,
    pub(crate) f32s: Vec<Delayed<Block<f32>>>,
    pub(crate) i64s: Vec<Delayed<Block<i64>>>,
    pub(crate) i32s: Vec<Delayed<Block<i32>>>,
    pub(crate) u8s: Vec<Delayed<Block<u8>>>,
    pub(crate) bools: Vec<Delayed<Block<bool>>>,
}

/// Element-wise steps over a block, all in one go.
#[task(instances(f64, f32, i64, i32, u8, bool))]
#[allow(clippy::too_many_arguments, reason = "a list for each type of element")]
fn elementwise<T: Element>(
    program: Arc<Program>,
    shape: Vec<usize>,
    f64s: Vec<Arc<Block<f64>>>,
    f32s: Vec<Arc<Block<f32>>>,
    i64s: Vec<Arc<Block<i64>>>,
    i32s: Vec<Arc<Block<i32>>>,
    u8s: Vec<Arc<Block<u8>>>,
    bools: Vec<Arc<Block<bool>>>,
) -> Result<Block<T>, BlockError> {
    let lists = Lists { f64s: &f64s, f32s: &f32s, i64s: &i64s, i32s: &i32s, u8s: &u8s, bools: &bools };
    Ok(evaluate::<T>(&program, &shape, &lists)?.into_owned())
}

/// Element-wise steps over a block, and what a reduction makes of their result.
#[task(instances(f64, f32, i64, i32, u8, bool))]
#[allow(clippy::too_many_arguments, reason = "a list for each type of element")]
fn reduce_block<T: Element>(
    reduction: Arc<Reduction>,
    region: Region,
    program: Arc<Program>,
    f64s: Vec<Arc<Block<f64>>>,
    f32s: Vec<Arc<Block<f32>>>,
    i64s: Vec<Arc<Block<i64>>>,
    i32s: Vec<Arc<Block<i32>>>,
    u8s: Vec<Arc<Block<u8>>>,
    bools: Vec<Arc<Block<bool>>>,
) -> Result<Partial, BlockError> {
    let lists = Lists { f64s: &f64s, f32s: &f32s, i64s: &i64s, i32s: &i32s, u8s: &u8s, bools: &bools };
    partial(&reduction, &region, &*evaluate::<T>(&program, &region.shape, &lists)?)
}

/// What several blocks' reductions come to.
#[task]
fn combine(reduction: Arc<Reduction>, parts: Vec<Arc<Partial>>) -> Result<Partial, BlockError> {
    super::reduce::combine(&reduction, &parts)
}

/// The call that puts some results of a reduction together.
pub(crate) fn combined(reduction: Arc<Reduction>, parts: Vec<Delayed<Partial>>) -> Delayed<Partial> {
    combine(reduction, parts)
}

/// The result of a reduction, as a block.
#[task(instances(f64, f32, i64, i32, u8, bool))]
fn finish_block<T: Element>(reduction: Arc<Reduction>, partial: Arc<Partial>) -> Result<Block<T>, BlockError> {
    finish(&reduction, &partial)
}

/// The element of a block that has but one.
#[task(instances(f64, f32, i64, i32, u8, bool))]
fn only<T: Element>(block: Arc<Block<T>>) -> Result<T, BlockError> {
    block.only().ok_or_else(|| BlockError::new(format!("a block of {} elements is no single one", block.len())))
}

/// Part of a block.
#[task(instances(f64, f32, i64, i32, u8, bool))]
fn slice<T: Element>(block: Arc<Block<T>>, picks: Vec<Pick>) -> Result<Block<T>, BlockError> {
    pick::slice(&block, &picks)
}

/// A block of parts of others.
#[task(instances(f64, f32, i64, i32, u8, bool))]
fn assemble<T: Element>(
    shape: Vec<usize>,
    offsets: Vec<Vec<usize>>,
    parts: Vec<Arc<Block<T>>>,
) -> Result<Block<T>, BlockError> {
    pick::assemble(&shape, &offsets, &parts)
}

/// The same elements in another shape.
#[task(instances(f64, f32, i64, i32, u8, bool))]
fn reshape<T: Element>(block: Block<T>, shape: Vec<usize>) -> Result<Block<T>, BlockError> {
    let had = block.len();
    let (elements, _) = block.into_ndarray().into_raw_vec_and_offset();
    Block::new(&shape, elements).ok_or_else(|| BlockError::new(format!("{had} elements have no shape {shape:?}")))
}

/// A block that came with the call.
#[task(instances(f64, f32, i64, i32, u8, bool))]
fn literal<T: Element>(block: Block<T>) -> Block<T> {
    block
}

/// A block of one value.
#[task(instances(f64, f32, i64, i32, u8, bool))]
fn full<T: Element>(value: T, shape: Vec<usize>) -> Block<T> {
    Block::from(ndarray::ArrayD::from_elem(shape, value))
}

/// Numbers in equal steps.
#[task(instances(f64, f32, i64, i32, u8))]
fn arange<T: Number>(start: T, step: T, region: Region) -> Block<T> {
    generate::arange(start, step, &region)
}

/// Random numbers.
#[task(instances(f64, f32))]
fn random<T: Float>(distribution: Distribution, seed: u64, whole: Vec<usize>, region: Region) -> Block<T> {
    generate::random(distribution, seed, &whole, &region)
}

/// The product of a row of blocks with a column of blocks.
#[task(instances(f64, f32, i64, i32, u8))]
fn multiply<T: Number>(left: Vec<Arc<Block<T>>>, right: Vec<Arc<Block<T>>>) -> Result<Block<T>, BlockError> {
    matmul::multiply(&left, &right)
}

/// The sum of blocks of one shape.
#[task(instances(f64, f32, i64, i32, u8))]
fn add<T: Number>(parts: Vec<Arc<Block<T>>>) -> Result<Block<T>, BlockError> {
    matmul::add(&parts)
}

/// Part of a file.
#[task(instances(f64, f32, i64, i32, u8, bool))]
fn read_npy<T: Element>(file: Arc<Npy>, region: Region) -> Result<Block<T>, BlockError> {
    npy::read(&file, &region)
}

/// Puts a block into a file.
#[task(instances(f64, f32, i64, i32, u8, bool))]
fn write_npy<T: Element>(file: Arc<Npy>, created: (), region: Region, block: Arc<Block<T>>) -> Result<u64, BlockError> {
    let () = created;
    npy::write(&file, &region, &block)
}

/// Part of a dataset.
#[cfg(feature = "hdf5")]
#[task(instances(f64, f32, i64, i32, u8, bool))]
fn read_hdf5<T: Element + hdf5_metno::H5Type>(file: Arc<Hdf5>, region: Region) -> Result<Block<T>, BlockError> {
    hdf5::read(&file, &region)
}

/// Puts a block into a dataset.
#[cfg(feature = "hdf5")]
#[task(instances(f64, f32, i64, i32, u8, bool))]
fn write_hdf5<T: Element + hdf5_metno::H5Type>(
    file: Arc<Hdf5>,
    before: u64,
    region: Region,
    block: Arc<Block<T>>,
) -> Result<u64, BlockError> {
    hdf5::write(&file, before, &region, &block)
}

/// Calls of kernels that are for numbers only.
#[doc(hidden)]
pub trait NumberKernels: Sized {
    fn arange(start: Self, step: Self, region: Region) -> Delayed<Block<Self>>;
    fn multiply(left: Vec<Delayed<Block<Self>>>, right: Vec<Delayed<Block<Self>>>) -> Delayed<Block<Self>>;
    fn sum_blocks(parts: Vec<Delayed<Block<Self>>>) -> Delayed<Block<Self>>;
}

/// Calls of kernels that are for floats only.
#[doc(hidden)]
pub trait FloatKernels: Sized {
    fn random(distribution: Distribution, seed: u64, whole: Vec<usize>, region: Region) -> Delayed<Block<Self>>;
}

macro_rules! kernels {
    ($($t:ident $variant:ident $list:ident $of_bytes:ident $filled:ident $narrow:expr;)*) => {$(
        #[allow(private_interfaces, reason = "hidden, and sealed by it")]
        impl Kernels for $t {
            fn of_bytes(bytes: &[u8]) -> Option<Vec<Self>> {
                $of_bytes(bytes)
            }

            fn scalar(self) -> Scalar {
                Scalar::$variant(self)
            }

            fn column(column: &Column) -> Option<&[Self]> {
                match column {
                    Column::$variant(elements) => Some(elements),
                    _ => None,
                }
            }

            fn column_mut(column: &mut Column) -> Option<&mut [Self]> {
                match column {
                    Column::$variant(elements) => Some(elements),
                    _ => None,
                }
            }

            fn list<'a>(lists: &Lists<'a>) -> &'a [Arc<Block<Self>>] {
                lists.$list
            }

            fn view<'v, 'a>(view: &'v AnyView<'a>) -> Option<&'v View<'a, Self>> {
                match view {
                    AnyView::$variant(view) => Some(view),
                    _ => None,
                }
            }

            fn any_leaf(leaf: Arc<Leaf<Self>>) -> AnyLeaf {
                AnyLeaf::$variant(leaf)
            }

            fn leaf(leaf: &AnyLeaf) -> Option<&Arc<Leaf<Self>>> {
                match leaf {
                    AnyLeaf::$variant(leaf) => Some(leaf),
                    _ => None,
                }
            }

            fn any_block(block: &Block<Self>) -> Any<'_> {
                Any::$variant(block)
            }

            fn cast_block(block: Any<'_>) -> Option<Block<Self>> {
                match block {
                    Any::$variant(block) => Some(block.clone()),
                    block => $narrow(block),
                }
            }

            fn filled(count: usize, swap: bool, fill: Fill<'_>) -> io::Result<Option<Vec<Self>>> {
                $filled(count, swap, fill)
            }

            fn elementwise(program: Arc<Program>, shape: Vec<usize>, lists: Operands) -> Delayed<Block<Self>> {
                let Operands { f64s, f32s, i64s, i32s, u8s, bools } = lists;
                elementwise::<$t>(program, shape, f64s, f32s, i64s, i32s, u8s, bools)
            }

            fn partial(reduction: Arc<Reduction>, region: Region, program: Arc<Program>, lists: Operands) -> Delayed<Partial> {
                let Operands { f64s, f32s, i64s, i32s, u8s, bools } = lists;
                reduce_block::<$t>(reduction, region, program, f64s, f32s, i64s, i32s, u8s, bools)
            }

            fn finish(reduction: Arc<Reduction>, partial: Delayed<Partial>) -> Delayed<Block<Self>> {
                finish_block::<$t>(reduction, partial)
            }

            fn only(block: Delayed<Block<Self>>) -> Delayed<Self> {
                only::<$t>(block)
            }

            fn slice(block: &Delayed<Block<Self>>, picks: Vec<Pick>) -> Delayed<Block<Self>> {
                slice::<$t>(block, picks)
            }

            fn assemble(shape: Vec<usize>, offsets: Vec<Vec<usize>>, parts: Vec<Delayed<Block<Self>>>) -> Delayed<Block<Self>> {
                assemble::<$t>(shape, offsets, parts)
            }

            fn reshape(block: &Delayed<Block<Self>>, shape: Vec<usize>) -> Delayed<Block<Self>> {
                reshape::<$t>(block, shape)
            }

            fn literal(block: Block<Self>) -> Delayed<Block<Self>> {
                literal::<$t>(block)
            }

            fn full(value: Self, shape: Vec<usize>) -> Delayed<Block<Self>> {
                full::<$t>(value, shape)
            }

            fn read_npy(file: Arc<Npy>, region: Region) -> Delayed<Block<Self>> {
                read_npy::<$t>(file, region)
            }

            fn write_npy(file: Arc<Npy>, created: &Delayed<()>, region: Region, block: &Delayed<Block<Self>>) -> Delayed<u64> {
                write_npy::<$t>(file, created, region, block)
            }

            #[cfg(feature = "hdf5")]
            fn read_hdf5(file: Arc<Hdf5>, region: Region) -> Delayed<Block<Self>> {
                read_hdf5::<$t>(file, region)
            }

            #[cfg(feature = "hdf5")]
            fn write_hdf5(file: Arc<Hdf5>, before: &Delayed<u64>, region: Region, block: &Delayed<Block<Self>>) -> Delayed<u64> {
                write_hdf5::<$t>(file, before, region, block)
            }
        }
    )*};
}

kernels! {
    f64 F64 f64s of_bits filled_bits (|_| None);
    // Means and variances of `f32` are computed in `f64`.
    f32 F32 f32s of_bits filled_bits (|block| match block {
        Any::F64(block) => Some(Block::from(block.mapv(|x| x as f32))),
        _ => None,
    });
    i64 I64 i64s of_bits filled_bits (|_| None);
    i32 I32 i32s of_bits filled_bits (|_| None);
    u8 U8 u8s of_bits filled_bits (|_| None);
    bool Bool bools of_truths filled_truths (|_| None);
}

macro_rules! number_kernels {
    ($($t:ident)*) => {$(
        impl NumberKernels for $t {
            fn arange(start: Self, step: Self, region: Region) -> Delayed<Block<Self>> {
                arange::<$t>(start, step, region)
            }

            fn multiply(left: Vec<Delayed<Block<Self>>>, right: Vec<Delayed<Block<Self>>>) -> Delayed<Block<Self>> {
                multiply::<$t>(left, right)
            }

            fn sum_blocks(parts: Vec<Delayed<Block<Self>>>) -> Delayed<Block<Self>> {
                add::<$t>(parts)
            }
        }
    )*};
}

number_kernels!(f64 f32 i64 i32 u8);

macro_rules! float_kernels {
    ($($t:ident)*) => {$(
        impl FloatKernels for $t {
            fn random(distribution: Distribution, seed: u64, whole: Vec<usize>, region: Region) -> Delayed<Block<Self>> {
                random::<$t>(distribution, seed, whole, region)
            }
        }
    )*};
}

float_kernels!(f64 f32);

/// The elements that these bytes are, if they are as many as some elements have.
fn of_bits<T: AnyBitPattern + NoUninit>(bytes: &[u8]) -> Option<Vec<T>> {
    bytes.len().is_multiple_of(size_of::<T>()).then(|| bytemuck::allocation::pod_collect_to_vec(bytes))
}

/// Elements of any bits, read where they will be.
fn filled_bits<T: AnyBitPattern + NoUninit>(count: usize, swap: bool, fill: Fill<'_>) -> io::Result<Option<Vec<T>>> {
    let mut elements = vec![T::zeroed(); count];
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut elements);
    fill(bytes)?;
    if swap {
        bytes.chunks_exact_mut(size_of::<T>()).for_each(<[u8]>::reverse);
    }
    Ok(Some(elements))
}

fn filled_truths(count: usize, _: bool, fill: Fill<'_>) -> io::Result<Option<Vec<bool>>> {
    let mut bytes = vec![0; count];
    fill(&mut bytes)?;
    Ok(of_truths(&bytes))
}

/// The truths that these bytes are, if each is 0 or 1.
fn of_truths(bytes: &[u8]) -> Option<Vec<bool>> {
    bytemuck::checked::try_cast_slice::<u8, bool>(bytes).ok().map(<[bool]>::to_vec)
}
