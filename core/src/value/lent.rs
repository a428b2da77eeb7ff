//! Slices of values, wherever those lie.

use std::{fmt, ops::Deref, sync::Arc};

use bytes::Bytes;

use crate::encode::{self, Lend};

/// A slice that keeps what it lies in: a shared vector, or the bytes that came from another process.
pub struct Lent<T>(Repr<T>);

enum Repr<T> {
    Vector(Arc<Vec<T>>),
    Bytes(Box<dyn Lend<T>>),
}

impl<T: 'static> Lent<T> {
    /// The elements that `bytes` encode, if they can be read where they lie.
    pub(super) fn of_bytes(bytes: &Bytes) -> Option<Self> {
        encode::lend(bytes).map(|lent| Lent(Repr::Bytes(lent)))
    }
}

impl<T> From<Arc<Vec<T>>> for Lent<T> {
    fn from(vector: Arc<Vec<T>>) -> Self {
        Lent(Repr::Vector(vector))
    }
}

impl<T> Deref for Lent<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Repr::Vector(vector) => vector,
            Repr::Bytes(lent) => lent.elements(),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Lent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
