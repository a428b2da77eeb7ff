//! How one value becomes bytes and comes back: postcard, except for byte blobs and numeric vectors, which move at memory
//! speed as they lie.
//!
//! Only equal executables are ever paired, so the bytes need no version and no byte order of their own: a raw vector is
//! written as this machine holds it.

use std::{
    any::{Any, TypeId, type_name},
    marker::PhantomData,
    sync::Arc,
};

use bytemuck::AnyBitPattern;
use bytes::Bytes;
use postcard::ser_flavors::Flavor;

use crate::{
    error::{DecodeError, EncodeError},
    key::KeyHasher,
    value::Value,
};

pub(crate) mod nested;
mod unordered;

/// Encodes `value`.
///
/// # Errors
/// If its `Serialize` refuses.
pub fn encode<T: Value>(value: &T) -> Result<Bytes, EncodeError> {
    match raw(value) {
        Some(bytes) => Ok(Bytes::copy_from_slice(bytes)),
        None => Ok(postcard::to_stdvec(value).map_err(|e| EncodeError::of::<T>(e))?.into()),
    }
}

/// Whether the value's own bytes are its encoding.
pub(crate) fn is_raw<T: Value>(value: &T) -> bool {
    raw(value).is_some()
}

/// Encodes `value`, or lends its own bytes if they are its encoding. Short ones are copied: to lend takes two allocations.
///
/// # Errors
/// If its `Serialize` refuses.
pub(crate) fn encode_shared<T: Value>(value: Arc<T>) -> Result<Bytes, EncodeError> {
    const SHORT: usize = 4 << 10;
    /// A blob or numeric vector, seen as bytes.
    struct Raw<T>(Arc<T>);
    impl<T: 'static> AsRef<[u8]> for Raw<T> {
        fn as_ref(&self) -> &[u8] {
            raw(&*self.0).unwrap_or_default()
        }
    }
    match raw(&*value) {
        Some(bytes) if bytes.len() >= SHORT => Ok(Bytes::from_owner(Raw(value))),
        _ => encode(&*value),
    }
}

/// Decodes what [`encode`] made of a `T`.
///
/// # Errors
/// If the bytes are no `T`, or more than a `T`.
pub fn decode<T: Value>(bytes: &[u8]) -> Result<T, DecodeError> {
    if let Some(value) = from_raw::<T>(bytes) {
        return value;
    }
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|e| DecodeError::of::<T>(e))?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(DecodeError::of::<T>(format_args!("{} bytes are left over", rest.len())))
    }
}

/// Feeds the encoding of `value` to `hasher` without building it; that of a hash map or set in an order of its own.
pub(crate) fn hash<T: Value>(value: &T, hasher: &mut KeyHasher) -> Result<(), EncodeError> {
    match raw(value) {
        Some(bytes) => hasher.bytes(bytes),
        None if unordered::is_unordered::<T>() => unordered::hash(value, hasher)?,
        None => {
            let mut serializer = postcard::Serializer { output: HashFlavor(hasher) };
            value.serialize(&mut serializer).map_err(|e| EncodeError::of::<T>(e))?;
        }
    }
    Ok(())
}

/// The memory that `value` takes, in bytes: exact for plain data, blobs, numeric vectors and strings; for anything else
/// the length of its encoding, which is within a small factor.
pub(crate) fn nbytes<T: Value>(value: &T) -> u64 {
    let heap = if let Some(bytes) = raw(value) {
        bytes.len()
    } else if let Some(text) = (value as &dyn Any).downcast_ref::<String>() {
        text.len()
    } else if std::mem::needs_drop::<T>() {
        let mut serializer = postcard::Serializer { output: SizeFlavor::default() };
        value.serialize(&mut serializer).map_or(0, |()| serializer.output.bytes)
    } else {
        0
    };
    (size_of::<T>() + heap) as u64
}

/// `value` as another type, if that is its type. No allocation; the test folds away.
pub(crate) fn cast<A: 'static, B: 'static>(value: A) -> Option<B> {
    let mut slot = Some(value);
    (&mut slot as &mut dyn Any).downcast_mut::<Option<B>>()?.take()
}

macro_rules! raw_vectors {
    ($($element:ty),*) => {
        /// The bytes of a blob or numeric vector.
        fn raw<T: 'static>(value: &T) -> Option<&[u8]> {
            let any = value as &dyn Any;
            $(if let Some(vector) = any.downcast_ref::<Vec<$element>>() {
                return Some(bytemuck::cast_slice(vector));
            })*
            None
        }

        /// The elements that bytes are the encoding of, where they lie; `None` if vectors of `T` are not raw, or these bytes
        /// lie askew.
        pub(crate) fn lend<T: 'static>(bytes: &Bytes) -> Option<Box<dyn Lend<T>>> {
            $(if TypeId::of::<T>() == TypeId::of::<$element>() {
                let lent: Box<dyn Lend<$element>> = Box::new(RawElements::<$element>::new(bytes)?);
                return cast(lent);
            })*
            None
        }

        /// The vector that [`raw`] gave the bytes of; `None` if `T` is no such vector.
        fn from_raw<T: 'static>(bytes: &[u8]) -> Option<Result<T, DecodeError>> {
            $(if TypeId::of::<T>() == TypeId::of::<Vec<$element>>() {
                const WIDTH: usize = size_of::<$element>();
                if !bytes.len().is_multiple_of(WIDTH) {
                    return Some(Err(DecodeError::of::<T>(format_args!("{} bytes are no multiple of {WIDTH}", bytes.len()))));
                }
                let vector: Vec<$element> = bytemuck::allocation::pod_collect_to_vec(bytes);
                return cast(vector).map(Ok);
            })*
            None
        }
    };
}

raw_vectors!(u8, i8, u16, i16, u32, i32, u64, i64, u128, i128, f32, f64);

/// Something that has elements.
pub(crate) trait Lend<T>: Send + Sync {
    fn elements(&self) -> &[T];
}

/// Bytes that were found to be elements.
struct RawElements<E>(Bytes, PhantomData<fn() -> E>);

impl<E: AnyBitPattern> RawElements<E> {
    fn new(bytes: &Bytes) -> Option<Self> {
        // Bytes never move, so what fits once fits always.
        bytemuck::try_cast_slice::<u8, E>(bytes).ok()?;
        Some(RawElements(bytes.clone(), PhantomData))
    }
}

impl<E: AnyBitPattern> Lend<E> for RawElements<E> {
    fn elements(&self) -> &[E] {
        bytemuck::cast_slice(&self.0)
    }
}

struct HashFlavor<'a>(&'a mut KeyHasher);

impl Flavor for HashFlavor<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.byte(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.bytes(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct SizeFlavor {
    bytes: usize,
}

impl Flavor for SizeFlavor {
    type Output = usize;

    fn try_push(&mut self, _: u8) -> postcard::Result<()> {
        self.bytes += 1;
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.bytes += bytes.len();
        Ok(())
    }

    fn finalize(self) -> postcard::Result<usize> {
        Ok(self.bytes)
    }
}

impl EncodeError {
    pub(crate) fn of<T>(reason: impl ToString) -> Self {
        EncodeError { type_name: type_name::<T>().to_owned(), message: reason.to_string() }
    }
}

impl DecodeError {
    pub(crate) fn of<T>(reason: impl ToString) -> Self {
        DecodeError { type_name: type_name::<T>().to_owned(), message: reason.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip<T: Value + PartialEq + std::fmt::Debug>(value: &T) {
        let bytes = encode(value).unwrap();
        assert_eq!(decode::<T>(&bytes).unwrap(), *value);
    }

    proptest! {
        #[test]
        fn floats_round_trip(xs: Vec<f64>) {
            let back = decode::<Vec<f64>>(&encode(&xs).unwrap()).unwrap();
            prop_assert_eq!(xs.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), back.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
        }

        #[test]
        fn others_round_trip(blob: Vec<u8>, pairs: Vec<(String, Option<i32>)>) {
            round_trip(&blob);
            round_trip(&pairs);
        }

        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>) {
            let _ = decode::<Vec<(String, u64)>>(&bytes);
            let _ = decode::<Vec<f32>>(&bytes);
        }
    }

    #[test]
    fn a_cut_vector_is_an_error() {
        let bytes = encode(&vec![1.0f64, 2.0]).unwrap();
        let error = decode::<Vec<f64>>(&bytes[..9]).unwrap_err();
        assert!(error.to_string().contains("no multiple of 8"), "{error}");
    }

    #[test]
    fn left_over_bytes_are_an_error() {
        assert!(decode::<u8>(&[1, 2]).is_err());
    }

    #[test]
    fn sizes() {
        assert_eq!(nbytes(&1i64), 8);
        assert_eq!(nbytes(&vec![0f64; 100]), 824);
        assert_eq!(nbytes(&"abc".to_owned()), 27);
    }
}
