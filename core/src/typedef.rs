//! What can be done with a value of a type when only its erased form is at hand.
//!
//! A [`TypeDef`] is registered once a type, by `#[task]` for its results and by `register_types!`. What a type can do
//! (print itself, for one) is probed where the type is concrete, with method resolution in place of specialisation: see
//! [`Probe`].

use std::{any::TypeId, fmt::Debug, marker::PhantomData};

use crate::{
    encode,
    error::{EncodeError, ValueError},
    value::{Datum, Value},
};

pub mod items;

/// What is known of a type.
#[derive(Clone, Copy)]
pub struct TypeDef {
    /// The type's identity in this process.
    pub id: fn() -> TypeId,
    /// The type as the compiler calls it.
    pub name: fn() -> &'static str,
    /// Encodes a value and decodes it again.
    pub round_trip: fn(&Datum) -> Result<(), RoundTripError>,
    /// Prints a value in Debug form, if the type can.
    pub debug: fn(&Datum) -> Option<String>,
    /// A copy of one part of a value, if the type is a tuple of values that can be copied.
    pub part: fn(&Datum, usize) -> Result<Option<Datum>, ValueError>,
    /// What can be done with vectors of it.
    pub items: &'static dyn items::Items,
}

/// A value did not survive being encoded and decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoundTripError {
    /// It can't be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// It can't be decoded again.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// Its bytes changed on the way.
    #[error(
        "a value of type {type_name} changes when it is encoded and decoded: its Serialize and Deserialize disagree"
    )]
    Changed {
        /// The type.
        type_name: &'static str,
    },
}

/// The round trip of a `T`.
///
/// # Errors
/// If the value does not come back with the encoding it went with. Types whose encoding has no fixed order (hash maps
/// and sets) may differ in order but not in length.
pub fn round_trip<T: Value>(datum: &Datum) -> Result<(), RoundTripError> {
    let value = datum.shared::<T>()?;
    let there = encode::encode(&*value)?;
    let back = encode::decode::<T>(&there).map_err(ValueError::from)?;
    let again = encode::encode(&back)?;
    if there.len() == again.len() {
        Ok(())
    } else {
        Err(RoundTripError::Changed { type_name: std::any::type_name::<T>() })
    }
}

/// The Debug form of a `T`, printed by `print` if the type has one.
pub fn debug<T: Value>(datum: &Datum, print: Option<fn(&T) -> String>) -> Option<String> {
    let value = datum.shared::<T>().ok()?;
    print.map(|print| print(&value))
}

/// Part `index` of a `T`, copied by `copy` if the type has parts.
///
/// # Errors
/// If the value is of another type, or does not decode.
pub fn part<T: Value>(
    datum: &Datum,
    index: usize,
    copy: Option<fn(&T, usize) -> Option<Datum>>,
) -> Result<Option<Datum>, ValueError> {
    let value = datum.shared::<T>()?;
    Ok(copy.and_then(|copy| copy(&value, index)))
}

/// Asks a concrete type what it can do.
///
/// A method of `Probe<T>` that needs `T: Debug` is found before the one of `&Probe<T>` that needs nothing, so
/// `(&Probe::<T>::NEW).debug_fn()` answers for both. It must be called with exactly one `&`, on a concrete type.
pub struct Probe<T>(PhantomData<fn() -> T>);

impl<T> Probe<T> {
    /// The probe.
    pub const NEW: Self = Probe(PhantomData);
}

/// The answer of a type with Debug.
pub trait DebugYes<T> {
    /// How to print one.
    fn debug_fn(&self) -> Option<fn(&T) -> String>;
}

impl<T: Debug> DebugYes<T> for Probe<T> {
    fn debug_fn(&self) -> Option<fn(&T) -> String> {
        Some(|value| format!("{value:?}"))
    }
}

/// The answer of any other type.
pub trait DebugNo<T> {
    /// No way to print one.
    fn debug_fn(&self) -> Option<fn(&T) -> String> {
        None
    }
}

impl<T> DebugNo<T> for &Probe<T> {}

/// The answer of a tuple, whose parts can be copied.
pub trait PartsYes<T> {
    /// How to copy one, by its place.
    fn part_fn(&self) -> Option<fn(&T, usize) -> Option<Datum>>;
}

/// Gives the tuples that can be taken apart to a macro: of each, its parts with their places.
macro_rules! for_each_tuple {
    ($then:ident) => {
        $then! {
            (A 0, B 1)
            (A 0, B 1, C 2)
            (A 0, B 1, C 2, D 3)
            (A 0, B 1, C 2, D 3, E 4)
            (A 0, B 1, C 2, D 3, E 4, F 5)
            (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
            (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
        }
    };
}
pub(crate) use for_each_tuple;

macro_rules! tuples {
    ($(($($part:ident $index:tt),+))*) => {$(
        impl<$($part: Value + Clone),+> PartsYes<($($part,)+)> for Probe<($($part,)+)> {
            fn part_fn(&self) -> Option<fn(&($($part,)+), usize) -> Option<Datum>> {
                Some(|tuple, index| match index {
                    $($index => Some(Datum::new(tuple.$index.clone())),)+
                    _ => None,
                })
            }
        }
    )*};
}

for_each_tuple!(tuples);

/// The answer of any other type.
pub trait PartsNo<T> {
    /// It has none.
    fn part_fn(&self) -> Option<fn(&T, usize) -> Option<Datum>> {
        None
    }
}

impl<T> PartsNo<T> for &Probe<T> {}

/// The answer of an error type that is a value, for [`TaskError::downcast`](crate::error::TaskError::downcast).
pub trait ErrorValueYes<T> {
    /// How to keep one.
    fn error_value_fn(&self) -> Option<fn(&T) -> Option<crate::error::ErrorValue>>;
}

impl<T: Value> ErrorValueYes<T> for Probe<T> {
    fn error_value_fn(&self) -> Option<fn(&T) -> Option<crate::error::ErrorValue>> {
        Some(|error| {
            let bytes = postcard::to_stdvec(error).ok()?;
            Some(crate::error::ErrorValue { type_name: std::any::type_name::<T>().to_owned(), bytes })
        })
    }
}

/// The answer of any other error type.
pub trait ErrorValueNo<T> {
    /// No way to keep one.
    fn error_value_fn(&self) -> Option<fn(&T) -> Option<crate::error::ErrorValue>> {
        None
    }
}

impl<T> ErrorValueNo<T> for &Probe<T> {}

/// The [`TypeDef`] of a concrete type.
#[macro_export]
macro_rules! type_def {
    ($type:ty) => {
        $crate::typedef::TypeDef {
            id: ::std::any::TypeId::of::<$type>,
            name: ::std::any::type_name::<$type>,
            round_trip: $crate::typedef::round_trip::<$type>,
            debug: |datum| {
                #[allow(unused_imports)]
                use $crate::typedef::{DebugNo as _, DebugYes as _};
                $crate::typedef::debug::<$type>(datum, (&$crate::typedef::Probe::<$type>::NEW).debug_fn())
            },
            part: |datum, index| {
                #[allow(unused_imports)]
                use $crate::typedef::{PartsNo as _, PartsYes as _};
                $crate::typedef::part::<$type>(datum, index, (&$crate::typedef::Probe::<$type>::NEW).part_fn())
            },
            items: $crate::__items!($type),
        }
    };
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Mute(u8);

    /// Writes one field and reads two.
    #[derive(Deserialize)]
    struct Liar(u8, u8);

    impl Serialize for Liar {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            (self.0, self.0, self.1).serialize(serializer)
        }
    }

    #[test]
    fn probes_find_what_a_type_can_do() {
        assert_eq!((type_def!(i64).debug)(&Datum::new(7i64)).as_deref(), Some("7"));
        assert_eq!((type_def!(Mute).debug)(&Datum::new(Mute(7))), None);
    }

    #[test]
    fn only_tuples_have_parts() {
        let part = |def: TypeDef, value: Datum, index| (def.part)(&value, index).unwrap();
        let second = part(type_def!((i64, String)), Datum::new((7i64, "b".to_owned())), 1).unwrap();
        assert_eq!(*second.shared::<String>().unwrap(), "b");
        assert!(part(type_def!((i64, String)), Datum::new((7i64, "b".to_owned())), 2).is_none());
        assert!(part(type_def!(i64), Datum::new(7i64), 0).is_none());
        // A part that is no `Clone` can't be taken out of a value that others hold too.
        assert!(part(type_def!((i64, Mute)), Datum::new((7i64, Mute(1))), 0).is_none());
    }

    #[test]
    fn a_type_that_does_not_round_trip_is_told() {
        assert!((type_def!(String).round_trip)(&Datum::new("a".to_owned())).is_ok());
        assert!((type_def!(Liar).round_trip)(&Datum::new(Liar(1, 2))).is_err());
    }
}
