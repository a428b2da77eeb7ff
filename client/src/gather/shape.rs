//! Shapes of futures, and the same shapes of their values.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
};

use brisk_core::{
    error::{ErrorKind, TaskError},
    future::{Handle, TaskFuture},
    value::{Datum, Value},
};

/// A shape of futures that [`Client::gather_nested`](crate::Client::gather_nested) brings here: a [`TaskFuture`], or vectors,
/// arrays, slices, options, maps and tuples of shapes, nested as they like.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no shape of futures",
    note = "futures, and vectors, arrays, options, maps and tuples of them can be gathered, however nested"
)]
pub trait Gather {
    /// The same shape of values; a slice or an array becomes a vector.
    type Output;

    /// Its futures, in order.
    #[doc(hidden)]
    fn handles(&self, handles: &mut Vec<Handle>);

    /// The same shape of their values, in that order.
    #[doc(hidden)]
    fn of_values(&self, values: &mut Values) -> Result<Self::Output, TaskError>;
}

/// Values in the order of a shape's futures.
#[derive(Debug)]
pub struct Values(pub(crate) std::vec::IntoIter<Datum>);

impl<T: Value + Clone> Gather for TaskFuture<T> {
    type Output = T;

    fn handles(&self, handles: &mut Vec<Handle>) {
        handles.push(self.handle().clone());
    }

    fn of_values(&self, values: &mut Values) -> Result<T, TaskError> {
        let missing = || TaskError::new(ErrorKind::DataLost, "a shape of futures has changed while it was gathered");
        let value = values.0.next().ok_or_else(missing)?;
        Ok((*self.handle().typed::<T>(&value)?).clone())
    }
}

impl<G: Gather + ?Sized> Gather for &G {
    type Output = G::Output;

    fn handles(&self, handles: &mut Vec<Handle>) {
        (**self).handles(handles);
    }

    fn of_values(&self, values: &mut Values) -> Result<G::Output, TaskError> {
        (**self).of_values(values)
    }
}

impl<G: Gather> Gather for [G] {
    type Output = Vec<G::Output>;

    fn handles(&self, handles: &mut Vec<Handle>) {
        self.iter().for_each(|shape| shape.handles(handles));
    }

    fn of_values(&self, values: &mut Values) -> Result<Self::Output, TaskError> {
        self.iter().map(|shape| shape.of_values(values)).collect()
    }
}

macro_rules! lists {
    ($([$($generics:tt)*] $list:ty;)*) => {$(
        impl<G: Gather, $($generics)*> Gather for $list {
            type Output = Vec<G::Output>;

            fn handles(&self, handles: &mut Vec<Handle>) {
                self.as_slice().handles(handles);
            }

            fn of_values(&self, values: &mut Values) -> Result<Self::Output, TaskError> {
                self.as_slice().of_values(values)
            }
        }
    )*};
}

lists! { [] Vec<G>; [const N: usize] [G; N]; }

impl<G: Gather> Gather for Option<G> {
    type Output = Option<G::Output>;

    fn handles(&self, handles: &mut Vec<Handle>) {
        self.iter().for_each(|shape| shape.handles(handles));
    }

    fn of_values(&self, values: &mut Values) -> Result<Self::Output, TaskError> {
        self.as_ref().map(|shape| shape.of_values(values)).transpose()
    }
}

macro_rules! maps {
    ($([$($generics:tt)*] $map:ident<$($of:ident),*>;)*) => {$(
        impl<K: Clone + $($generics)*> Gather for $map<K, G $(, $of)*> {
            type Output = $map<K, G::Output $(, $of)*>;

            fn handles(&self, handles: &mut Vec<Handle>) {
                self.values().for_each(|shape| shape.handles(handles));
            }

            fn of_values(&self, values: &mut Values) -> Result<Self::Output, TaskError> {
                // A map that nobody changes goes through its entries in the same order each time.
                self.iter().map(|(key, shape)| Ok((key.clone(), shape.of_values(values)?))).collect()
            }
        }
    )*};
}

maps! {
    [Ord, G: Gather] BTreeMap<>;
    [Eq + Hash, G: Gather, S: BuildHasher + Default] HashMap<S>;
}

macro_rules! tuples {
    ($(($($shape:ident)+))*) => {$(
        impl<$($shape: Gather),+> Gather for ($($shape,)+) {
            type Output = ($($shape::Output,)+);

            fn handles(&self, handles: &mut Vec<Handle>) {
                #[allow(non_snake_case)]
                let ($($shape,)+) = self;
                $($shape.handles(handles);)+
            }

            fn of_values(&self, values: &mut Values) -> Result<Self::Output, TaskError> {
                #[allow(non_snake_case)]
                let ($($shape,)+) = self;
                Ok(($($shape.of_values(values)?,)+))
            }
        }
    )*};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) }
