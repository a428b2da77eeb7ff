//! Values without their types: what the scheduler's shell, stores and transports hold.

use std::{
    any::{Any, TypeId, type_name},
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

mod lent;

pub use lent::Lent;

use crate::{
    encode,
    error::{EncodeError, ValueError},
    key::KeyHasher,
};

/// What a task may take and return. Implemented for everything that serde can write and read and that threads may share.
///
/// Values are encoded with postcard, which is not self-describing: `serde_json::Value`, `#[serde(untagged)]`, `flatten`
/// and `skip_serializing_if` do not survive it. Wrap such a value in [`Json`](crate::json::Json).
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a task's argument or result",
    label = "not a value that can travel",
    note = "a value implements serde's `Serialize` and `Deserialize`, is `Send + Sync`, and borrows nothing"
)]
pub trait Value: Serialize + DeserializeOwned + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Value for T {}

/// A [`Value`] behind a pointer that has forgotten its type.
pub trait ErasedValue: Any + Send + Sync {
    /// The value as bytes. Those of a blob or numeric vector are the value's own, which they keep.
    ///
    /// # Errors
    /// If its `Serialize` refuses.
    fn encode(self: Arc<Self>) -> Result<Bytes, EncodeError>;

    /// Whether the value's own bytes are its encoding, so that to encode it takes no time.
    fn is_raw(&self) -> bool;

    /// Feeds the value's encoding to `hasher`.
    ///
    /// # Errors
    /// If its `Serialize` refuses.
    fn hash_into(&self, hasher: &mut KeyHasher) -> Result<(), EncodeError>;

    /// The memory that the value takes, in bytes.
    fn nbytes(&self) -> u64;

    /// The value's type, as the compiler calls it.
    fn type_name(&self) -> &'static str;
}

impl<T: Value> ErasedValue for T {
    fn encode(self: Arc<Self>) -> Result<Bytes, EncodeError> {
        encode::encode_shared(self)
    }

    fn is_raw(&self) -> bool {
        encode::is_raw(self)
    }

    fn hash_into(&self, hasher: &mut KeyHasher) -> Result<(), EncodeError> {
        encode::hash(self, hasher)
    }

    fn nbytes(&self) -> u64 {
        encode::nbytes(self)
    }

    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }
}

/// A shared value of any type: a pointer in the process that made it, bytes where it came from outside, decoded once, on
/// first use. Cloning copies the pointer.
#[derive(Clone)]
pub struct Datum(Repr);

#[derive(Clone)]
enum Repr {
    Typed(Arc<dyn ErasedValue>),
    Encoded(Arc<Encoded>),
}

struct Encoded {
    bytes: Bytes,
    typed: OnceLock<Arc<dyn ErasedValue>>,
}

impl Datum {
    /// Wraps a value.
    pub fn new<T: Value>(value: T) -> Self {
        Datum::from_shared(Arc::new(value))
    }

    /// Wraps a value that is shared already.
    pub fn from_shared<T: Value>(value: Arc<T>) -> Self {
        Datum(Repr::Typed(value))
    }

    /// Wraps bytes that [`Datum::encode`] made, here or in another process.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Datum(Repr::Encoded(Arc::new(Encoded { bytes, typed: OnceLock::new() })))
    }

    /// The value as bytes; those it came as, if it came from outside.
    ///
    /// # Errors
    /// If the value's `Serialize` refuses.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        match &self.0 {
            Repr::Typed(value) => value.clone().encode(),
            Repr::Encoded(encoded) => Ok(encoded.bytes.clone()),
        }
    }

    /// Whether [`Datum::encode`] takes no time, however long the value is: its bytes are here, or are the value's own.
    pub fn is_encoded(&self) -> bool {
        match &self.0 {
            Repr::Typed(value) => (**value).is_raw(),
            Repr::Encoded(_) => true,
        }
    }

    /// The same value with its bytes at hand, so that several receivers cost one encoding. It then holds both.
    ///
    /// # Errors
    /// If the value's `Serialize` refuses.
    pub fn with_bytes(&self) -> Result<Datum, EncodeError> {
        match &self.0 {
            Repr::Encoded(_) => Ok(self.clone()),
            Repr::Typed(value) => {
                let encoded = Encoded { bytes: value.clone().encode()?, typed: OnceLock::from(value.clone()) };
                Ok(Datum(Repr::Encoded(Arc::new(encoded))))
            }
        }
    }

    /// The value itself, shared. Decodes it on first use.
    ///
    /// # Errors
    /// If it is of another type, or its bytes are no `T`.
    pub fn shared<T: Value>(&self) -> Result<Arc<T>, ValueError> {
        let typed = match &self.0 {
            Repr::Typed(value) => value.clone(),
            Repr::Encoded(encoded) => match encoded.typed.get() {
                Some(value) => value.clone(),
                None => {
                    let value = Arc::new(encode::decode::<T>(&encoded.bytes)?);
                    // Of two threads that decode at once the first wins, so that all share one value.
                    encoded.typed.get_or_init(|| value).clone()
                }
            },
        };
        let had = (*typed).type_name();
        let any: Arc<dyn Any + Send + Sync> = typed;
        any.downcast().map_err(|_| ValueError::Type { had: had.to_owned(), wanted: type_name::<T>().to_owned() })
    }

    /// The value, a vector, as a slice. Bytes of a blob or numeric vector are not decoded for that: the slice lies in them.
    ///
    /// # Errors
    /// As [`Datum::shared`].
    pub fn slice<T: Value>(&self) -> Result<Lent<T>, ValueError> {
        if let Repr::Encoded(encoded) = &self.0
            && encoded.typed.get().is_none()
            && let Some(lent) = Lent::of_bytes(&encoded.bytes)
        {
            return Ok(lent);
        }
        self.shared().map(Lent::from)
    }

    /// The value itself, copied unless this is the last pointer to it.
    ///
    /// # Errors
    /// As [`Datum::shared`].
    pub fn into_value<T: Value + Clone>(self) -> Result<T, ValueError> {
        let shared = self.shared::<T>()?;
        drop(self);
        Ok(Arc::unwrap_or_clone(shared))
    }

    /// The memory that the value takes, in bytes.
    pub fn nbytes(&self) -> u64 {
        match &self.0 {
            Repr::Typed(value) => (**value).nbytes(),
            Repr::Encoded(encoded) => encoded.bytes.len() as u64,
        }
    }

    /// The value's type, if it is known here: it is not for bytes that nobody has decoded.
    pub fn type_name(&self) -> Option<&'static str> {
        match &self.0 {
            Repr::Typed(value) => Some((**value).type_name()),
            Repr::Encoded(encoded) => encoded.typed.get().map(|value| (**value).type_name()),
        }
    }

    /// The value's type's identity in this process, if it is known here.
    pub fn concrete_type(&self) -> Option<TypeId> {
        let of = |value: &Arc<dyn ErasedValue>| (**value).type_id();
        match &self.0 {
            Repr::Typed(value) => Some(of(value)),
            Repr::Encoded(encoded) => encoded.typed.get().map(of),
        }
    }

    pub(crate) fn hash_into(&self, hasher: &mut KeyHasher) -> Result<(), EncodeError> {
        match &self.0 {
            Repr::Typed(value) => (**value).hash_into(hasher),
            Repr::Encoded(encoded) => {
                hasher.bytes(&encoded.bytes);
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Datum({}, {} bytes)", self.type_name().unwrap_or("encoded"), self.nbytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_as_it_went() {
        let datum = Datum::new(vec![1i64, 2, 3]);
        assert_eq!(*datum.shared::<Vec<i64>>().unwrap(), [1, 2, 3]);
        let there = Datum::from_bytes(datum.encode().unwrap());
        assert_eq!(*there.shared::<Vec<i64>>().unwrap(), [1, 2, 3]);
        assert!(Arc::ptr_eq(&there.shared::<Vec<i64>>().unwrap(), &there.shared::<Vec<i64>>().unwrap()));
    }

    #[test]
    fn the_concrete_type_is_known_where_the_value_is() {
        assert_eq!(Datum::new(1i64).concrete_type(), Some(TypeId::of::<i64>()));
        let there = Datum::from_bytes(Datum::new(1i64).encode().unwrap());
        assert_eq!(there.concrete_type(), None);
        there.shared::<i64>().unwrap();
        assert_eq!(there.concrete_type(), Some(TypeId::of::<i64>()));
    }

    #[test]
    fn a_vector_of_numbers_is_neither_copied_to_leave_nor_to_be_read() {
        let datum = Datum::new(vec![1.5f64; 1_000]);
        let bytes = datum.encode().unwrap();
        let place = datum.shared::<Vec<f64>>().unwrap().as_ptr();
        assert_eq!(bytes.as_ptr(), place.cast());
        assert!(datum.is_encoded() && Datum::from_bytes(bytes.clone()).is_encoded());
        assert!(!Datum::new(vec!["text".to_owned()]).is_encoded());
        // The bytes keep the value.
        drop(datum);
        let there = Datum::from_bytes(bytes);
        let slice = there.slice::<f64>().unwrap();
        assert_eq!((slice.as_ptr(), slice.len(), slice[999]), (place, 1_000, 1.5));
        assert_eq!(there.type_name(), None, "nothing was decoded");
        assert_eq!(*there.shared::<Vec<f64>>().unwrap(), *slice);
    }

    #[test]
    fn bytes_that_lie_askew_are_copied() {
        let bytes = Datum::new(vec![7u64; 4]).encode().unwrap();
        let mut askew = vec![0; 9];
        let from = (1..9).find(|from| !(askew.as_ptr() as usize + from).is_multiple_of(8)).unwrap();
        askew.truncate(from);
        askew.reserve_exact(64);
        askew.extend_from_slice(&bytes);
        let there = Datum::from_bytes(Bytes::from(askew).slice(from..));
        assert_eq!(*there.slice::<u64>().unwrap(), [7; 4]);
    }

    #[test]
    fn bytes_of_another_length_are_no_slice() {
        let there = Datum::from_bytes(Bytes::from(vec![0; 9]));
        assert!(there.slice::<f64>().is_err() && there.slice::<u8>().is_ok());
    }

    #[test]
    fn another_type_is_named() {
        let error = Datum::new(1i64).shared::<String>().unwrap_err();
        assert_eq!(error.to_string(), "the value is i64, but alloc::string::String was asked for");
    }

    #[test]
    fn the_last_pointer_gives_the_value_away() {
        let text = String::from("here");
        let place = text.as_ptr();
        let back: String = Datum::new(text).into_value().unwrap();
        assert_eq!(back.as_ptr(), place);
    }
}
