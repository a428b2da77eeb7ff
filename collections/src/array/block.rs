//! [`Block`]: one piece of an array, where it is in memory.

use std::{fmt, marker::PhantomData, ops::Deref};

use ndarray::{ArrayD, ArrayView, ArrayViewD, Dimension, IxDyn};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor},
};

use super::{
    element::Element,
    grid::{Dims, Region},
};

/// One piece of an array: what tasks over arrays take and return. It dereferences to `ndarray`'s array.
///
/// Its elements always lie in order, the last axis fastest, and travel as they lie: a block is copied into a message in one go,
/// not element by element.
///
/// ```
/// use brisk_collections::array::{Block, ndarray::array};
///
/// let block = Block::from(array![[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(block.shape(), [2, 2]);
/// assert_eq!(block.sum(), 10.0);
/// ```
#[derive(Clone, PartialEq)]
pub struct Block<T>(ArrayD<T>);

impl<T: Element> Block<T> {
    /// A block of this shape. `None` if there are more or fewer elements than that.
    pub fn new(shape: &[usize], elements: Vec<T>) -> Option<Self> {
        ArrayD::from_shape_vec(IxDyn(shape), elements).ok().map(Block)
    }

    /// A block of one element.
    pub fn scalar(value: T) -> Self {
        Block(ArrayD::from_elem(IxDyn(&[]), value))
    }

    /// The block for a region of an array, from a function of each element's index in the whole array.
    pub fn from_fn(region: &Region, mut element: impl FnMut(&[usize]) -> T) -> Self {
        let mut elements = Vec::with_capacity(region.len());
        for mut index in super::grid::indices(region.shape.clone()) {
            index.iter_mut().zip(&region.offset).for_each(|(index, offset)| *index += offset);
            elements.push(element(&index));
        }
        Block(ArrayD::from_shape_vec(IxDyn(&region.shape), elements).expect("an element for each index"))
    }

    /// A copy of what a view shows.
    pub fn copy_of<D: Dimension>(view: ArrayView<'_, T, D>) -> Self {
        let view: ArrayViewD<'_, T> = view.into_dyn();
        Block(view.as_standard_layout().into_owned())
    }

    /// The elements in order, the last axis fastest.
    pub fn elements(&self) -> &[T] {
        self.0.as_slice().expect("a block's elements lie in order")
    }

    /// The elements in order, to be changed.
    pub fn elements_mut(&mut self) -> &mut [T] {
        self.0.as_slice_mut().expect("a block's elements lie in order")
    }

    /// The `ndarray` inside.
    pub fn into_ndarray(self) -> ArrayD<T> {
        self.0
    }

    /// The only element, if there is but one.
    pub fn only(&self) -> Option<T> {
        match self.elements() {
            [only] => Some(*only),
            _ => None,
        }
    }
}

impl<T> Deref for Block<T> {
    type Target = ArrayD<T>;

    fn deref(&self) -> &ArrayD<T> {
        &self.0
    }
}

impl<T: Element, D: Dimension> From<ndarray::Array<T, D>> for Block<T> {
    fn from(array: ndarray::Array<T, D>) -> Self {
        let array = array.into_dyn();
        if array.is_standard_layout() { Block(array) } else { Block::copy_of(array.view()) }
    }
}

impl<T: Element> fmt::Debug for Block<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block<{}> {} {:?}", T::DTYPE, Dims(self.shape()), self.0)
    }
}

/// Bytes that serde writes in one go.
struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<T: Element> Serialize for Block<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0.shape(), Raw(bytemuck::cast_slice(self.elements()))).serialize(serializer)
    }
}

impl<'de, T: Element> Deserialize<'de> for Block<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(2, BlockVisitor(PhantomData))
    }
}

struct BlockVisitor<T>(PhantomData<T>);

impl<'de, T: Element> Visitor<'de> for BlockVisitor<T> {
    type Value = Block<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a block of {}", T::DTYPE)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Block<T>, A::Error> {
        let missing = || de::Error::custom("a block is a shape and its elements");
        let shape: Vec<usize> = parts.next_element()?.ok_or_else(missing)?;
        let Elements(elements) = parts.next_element::<Elements<T>>()?.ok_or_else(missing)?;
        let had = elements.len();
        Block::new(&shape, elements)
            .ok_or_else(|| de::Error::custom(format_args!("{had} elements are no block of shape {}", Dims(&shape))))
    }
}

struct Elements<T>(Vec<T>);

impl<'de, T: Element> Deserialize<'de> for Elements<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes<T>(PhantomData<T>);
        impl<T: Element> Visitor<'_> for Bytes<T> {
            type Value = Elements<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the bytes of a block's elements")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Elements<T>, E> {
                let refused = || E::custom(format_args!("{} bytes are no elements of {}", bytes.len(), T::DTYPE));
                T::of_bytes(bytes).map(Elements).ok_or_else(refused)
            }
        }
        deserializer.deserialize_bytes(Bytes(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn elements_lie_in_order_however_they_came() {
        let turned = array![[1i64, 2], [3, 4]].reversed_axes();
        assert_eq!(Block::from(turned).elements(), [1, 3, 2, 4]);
    }

    #[test]
    fn a_block_is_made_of_indices_in_the_whole_array() {
        let region = Region { offset: vec![2, 5], shape: vec![1, 2] };
        let block = Block::from_fn(&region, |index| (10 * index[0] + index[1]) as i64);
        assert_eq!(block.elements(), [25, 26]);
    }
}
