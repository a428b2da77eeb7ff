//! What clients may hand to each other through the scheduler: futures, and small values.

use crate::{
    encode,
    error::{DecodeError, EncodeError},
    future::{Handle, TaskFuture},
    key::Key,
    message::Shared,
    payload::Payload,
    value::Value,
};

/// What a queue or variable may hold: a [`TaskFuture`], whose value stays where it is, or a small value, which travels through
/// the scheduler and lies there.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be put into a queue or variable",
    label = "neither a future nor a value that can travel",
    note = "put in a `TaskFuture`, or a value that implements serde's `Serialize` and `Deserialize`"
)]
pub trait Shareable: Sized + Send + 'static {
    /// Its type in words, by which it is known again: those that put it in and those that take it out must have the same.
    #[doc(hidden)]
    fn shape() -> String;

    /// It, as it travels.
    #[doc(hidden)]
    fn to_shared(&self) -> Result<Shared, EncodeError>;

    /// It again. `adopt` makes the handle of a key.
    #[doc(hidden)]
    fn of_shared(shared: Shared, adopt: &mut dyn FnMut(Key) -> Handle) -> Result<Self, DecodeError>;
}

impl<T: Value> Shareable for TaskFuture<T> {
    fn shape() -> String {
        format!("a future of {}", std::any::type_name::<T>())
    }

    fn to_shared(&self) -> Result<Shared, EncodeError> {
        Ok(Shared::Key(self.key()))
    }

    fn of_shared(shared: Shared, adopt: &mut dyn FnMut(Key) -> Handle) -> Result<Self, DecodeError> {
        match shared {
            Shared::Key(key) => Ok(TaskFuture::from_handle(adopt(key))),
            Shared::Value(_) => Err(other_kind::<Self>("a value")),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<T: Value> Shareable for T {
    fn shape() -> String {
        std::any::type_name::<T>().to_owned()
    }

    /// Always as bytes, also where values move by pointer: it is small, and its length is what it is.
    fn to_shared(&self) -> Result<Shared, EncodeError> {
        encode::encode(self).map(|bytes| Shared::Value(Payload::from_bytes(bytes)))
    }

    fn of_shared(shared: Shared, _: &mut dyn FnMut(Key) -> Handle) -> Result<Self, DecodeError> {
        let Shared::Value(value) = shared else { return Err(other_kind::<Self>("a future")) };
        let bytes =
            value.encode().map_err(|error| DecodeError { type_name: Self::shape(), message: error.to_string() })?;
        encode::decode(&bytes)
    }
}

fn other_kind<T: Shareable>(had: &str) -> DecodeError {
    DecodeError { type_name: T::shape(), message: format!("they are {had}") }
}
