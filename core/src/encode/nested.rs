//! Values as parts of others: what a vector of numbers looks like within a container is not what it looks like alone.
//!
//! All other values are written alike in both places, so a container can be put together from the bytes of its parts.

use std::any::TypeId;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{decode, encode};
use crate::{
    error::{DecodeError, EncodeError, Failure, ValueError},
    value::Value,
};

/// A vector whose encoding is other bytes alone than within a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Raw(u8);

/// How such a vector goes from one to the other.
struct Ways {
    is: fn(TypeId) -> bool,
    within: fn(&[u8]) -> Result<Bytes, Box<Failure>>,
    alone: fn(&[u8]) -> Result<Bytes, Box<Failure>>,
}

impl Raw {
    /// Which one `T` is, if it is one.
    pub(crate) fn of<T: 'static>() -> Option<Raw> {
        let place = WAYS.iter().position(|ways| (ways.is)(TypeId::of::<T>()))?;
        u8::try_from(place).ok().map(Raw)
    }

    /// The bytes within a container, of those of the vector alone.
    ///
    /// # Errors
    /// If they are no such vector.
    pub(crate) fn within(self, alone: &[u8]) -> Result<Bytes, Box<Failure>> {
        (self.ways()?.within)(alone)
    }

    /// The bytes of the vector alone, of those within a container.
    ///
    /// # Errors
    /// If they are no such vector.
    pub(crate) fn alone(self, within: &[u8]) -> Result<Bytes, Box<Failure>> {
        (self.ways()?.alone)(within)
    }

    fn ways(self) -> Result<&'static Ways, Box<Failure>> {
        WAYS.get(usize::from(self.0))
            .ok_or_else(|| refused(DecodeError::of::<Raw>(format_args!("no vector {}", self.0))))
    }
}

/// The bytes of `value` within a container.
///
/// # Errors
/// If its `Serialize` refuses.
pub(crate) fn within<T: Serialize>(value: &T) -> Result<Vec<u8>, EncodeError> {
    postcard::to_stdvec(value).map_err(|e| EncodeError::of::<T>(e))
}

impl Ways {
    const fn of<E: Value>() -> Self {
        Ways {
            is: |id| id == TypeId::of::<Vec<E>>(),
            within: |alone| {
                let vector: Vec<E> = decode(alone).map_err(refused)?;
                within(&vector).map(Bytes::from).map_err(|e| Box::new(e.into()))
            },
            alone: |within| {
                let vector: Vec<E> = postcard::from_bytes(within).map_err(|e| refused(DecodeError::of::<Vec<E>>(e)))?;
                encode(&vector).map_err(|e| Box::new(e.into()))
            },
        }
    }
}

fn refused(error: DecodeError) -> Box<Failure> {
    Box::new(ValueError::from(error).into())
}

static WAYS: [Ways; 12] = [
    Ways::of::<u8>(),
    Ways::of::<i8>(),
    Ways::of::<u16>(),
    Ways::of::<i16>(),
    Ways::of::<u32>(),
    Ways::of::<i32>(),
    Ways::of::<u64>(),
    Ways::of::<i64>(),
    Ways::of::<u128>(),
    Ways::of::<i128>(),
    Ways::of::<f32>(),
    Ways::of::<f64>(),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_of_numbers_goes_into_a_container_and_out_again() {
        let numbers = vec![1i64, -2, 300_000];
        let raw = Raw::of::<Vec<i64>>().unwrap();
        let alone = encode(&numbers).unwrap();
        let mut whole = vec![1];
        whole.extend_from_slice(&raw.within(&alone).unwrap());
        assert_eq!(decode::<Option<Vec<i64>>>(&whole).unwrap(), Some(numbers));
        assert_eq!(raw.alone(&whole[1..]).unwrap(), alone);
        assert!(raw.within(&alone[1..]).is_err() && Raw(200).within(&alone).is_err());
    }

    #[test]
    fn every_vector_that_is_raw_is_known() {
        assert!(Raw::of::<i64>().is_none() && Raw::of::<Vec<String>>().is_none());
        // Of two elements, which within a container are counted first.
        macro_rules! all {
            ($($element:ty)*) => {$({
                let vector: Vec<$element> = vec![Default::default(); 2];
                let is_raw = encode(&vector).unwrap() != within(&vector).unwrap();
                assert!(is_raw && Raw::of::<Vec<$element>>().is_some(), stringify!($element));
            })*};
        }
        all!(u8 i8 u16 i16 u32 i32 u64 i64 u128 i128 f32 f64);
        assert_eq!(encode(&vec![true, false]).unwrap(), within(&vec![true, false]).unwrap());
    }
}
