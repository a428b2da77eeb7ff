//! Containers whose parts come one by one: a task takes an `Option`, a map or a tuple, and is given one of futures.
//!
//! The parts travel as a list, so nothing on the way knows of containers; only the parameter's type says what the list
//! means. Lists proper are told apart by [`Inputs::list`](super::Inputs::list) and its kin, which need not copy.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the maps are the users' own, and are not iterated"
)]

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
};

use crate::{
    error::ValueError,
    value::{Datum, Value},
};

/// A container that can be put together from its parts.
pub trait Container: Value + Clone {
    /// The container of these parts: of an `Option` none or one; of a tuple as many as it has; of a map a `Vec` of its keys,
    /// then the value of each.
    ///
    /// # Errors
    /// If a part is of another type or does not decode, or there are too many or too few.
    fn of_parts(parts: Vec<Datum>) -> Result<Self, PartsError>;
}

/// A container can't be put together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// A part is not what it should be.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// Parts are missing, or too many.
    #[error("{had} parts were given where {wanted} are wanted")]
    Count {
        /// How many were given.
        had: usize,
        /// How many are wanted.
        wanted: usize,
    },
}

impl<T: Value + Clone> Container for Option<T> {
    fn of_parts(mut parts: Vec<Datum>) -> Result<Self, PartsError> {
        let (had, part) = (parts.len(), parts.pop());
        if had > 1 {
            return Err(PartsError::Count { had, wanted: 1 });
        }
        Ok(part.map(Datum::into_value).transpose()?)
    }
}

/// The entries of a map.
fn entries<K: Value + Clone, V: Value + Clone, M: FromIterator<(K, V)>>(parts: Vec<Datum>) -> Result<M, PartsError> {
    let (had, mut parts) = (parts.len(), parts.into_iter());
    let keys: Vec<K> = parts.next().map(Datum::into_value).transpose()?.unwrap_or_default();
    if had != keys.len() + 1 {
        return Err(PartsError::Count { had, wanted: keys.len() + 1 });
    }
    let entries = keys.into_iter().zip(parts).map(|(key, value)| Ok((key, value.into_value()?)));
    entries.collect()
}

impl<K: Value + Clone + Ord, V: Value + Clone> Container for BTreeMap<K, V> {
    fn of_parts(parts: Vec<Datum>) -> Result<Self, PartsError> {
        entries(parts)
    }
}

impl<K, V, S> Container for HashMap<K, V, S>
where
    K: Value + Clone + Eq + Hash,
    V: Value + Clone,
    S: BuildHasher + Default + Clone + Send + Sync + 'static,
{
    fn of_parts(parts: Vec<Datum>) -> Result<Self, PartsError> {
        entries(parts)
    }
}

macro_rules! tuples {
    ($($count:literal ($($part:ident)+))*) => {$(
        impl<$($part: Value + Clone),+> Container for ($($part,)+) {
            fn of_parts(parts: Vec<Datum>) -> Result<Self, PartsError> {
                let had = parts.len();
                #[allow(non_snake_case)]
                let Ok([$($part),+]) = <[Datum; $count]>::try_from(parts) else {
                    return Err(PartsError::Count { had, wanted: $count });
                };
                Ok(($($part.into_value()?,)+))
            }
        }
    )*};
}

tuples! { 2 (A B) 3 (A B C) }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_and_their_types_checked() {
        let numbers = |count: i64| (0..count).map(Datum::new).collect::<Vec<_>>();
        assert_eq!(Option::<i64>::of_parts(numbers(0)), Ok(None));
        assert_eq!(Option::<i64>::of_parts(numbers(1)), Ok(Some(0)));
        assert_eq!(Option::<i64>::of_parts(numbers(2)), Err(PartsError::Count { had: 2, wanted: 1 }));
        assert_eq!(<(i64, i64)>::of_parts(numbers(2)), Ok((0, 1)));
        assert_eq!(<(i64, i64, i64)>::of_parts(numbers(2)), Err(PartsError::Count { had: 2, wanted: 3 }));
        assert!(matches!(<(i64, String)>::of_parts(numbers(2)), Err(PartsError::Value(_))));
    }

    #[test]
    fn a_map_is_its_keys_and_then_its_values() {
        let parts = || vec![Datum::new(vec!["a".to_owned(), "b".to_owned()]), Datum::new(1i64), Datum::new(2i64)];
        let ordered = BTreeMap::<String, i64>::of_parts(parts()).unwrap();
        assert_eq!(ordered.into_iter().collect::<Vec<_>>(), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
        assert_eq!(HashMap::<String, i64>::of_parts(parts()).unwrap()["b"], 2);
        let short = parts().into_iter().take(2).collect();
        assert_eq!(BTreeMap::<String, i64>::of_parts(short), Err(PartsError::Count { had: 2, wanted: 3 }));
        assert_eq!(BTreeMap::<String, i64>::of_parts(Vec::new()), Err(PartsError::Count { had: 0, wanted: 1 }));
    }
}
