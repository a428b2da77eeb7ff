//! Containers of futures and calls, passed where a task takes the container of their values.
//!
//! They go as a list of their parts; see [`Container`](crate::task::Container). The entries of a hash map go in the order of
//! their keys' encodings, so that the same call has the same key in every process.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the maps are the users' own, and are put in order"
)]

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
};

use super::{Arg, Delayed, Item, Slot};
use crate::{
    encode,
    future::TaskFuture,
    value::{Datum, Value},
};

fn inline<T: Value>(value: T) -> Item {
    Item::Inline(Datum::new(value))
}

fn option<T: Value>(part: Option<Item>) -> Slot {
    match part {
        Some(part) => Slot::List(vec![part]),
        // The same call as with a plain `None`.
        None => Slot::One(inline(None::<T>)),
    }
}

fn map<K: Value, M: Value + Default>(entries: impl ExactSizeIterator<Item = (K, Item)>) -> Slot {
    if entries.len() == 0 {
        return Slot::One(inline(M::default()));
    }
    let (keys, values): (Vec<K>, Vec<Item>) = entries.unzip();
    Slot::List(std::iter::once(inline(keys)).chain(values).collect())
}

/// The entries of a hash map in the order of their keys' encodings.
pub(super) fn in_order<K: Value, V>(entries: impl Iterator<Item = (K, V)>) -> std::vec::IntoIter<(K, V)> {
    // A key that can't be encoded has no place, and is an error when the call is hashed.
    let place = |key: &K| encode::encode(key).unwrap_or_default();
    let mut entries: Vec<_> = entries.map(|(key, value)| (place(&key), key, value)).collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries.into_iter().map(|(_, key, value)| (key, value)).collect::<Vec<_>>().into_iter()
}

macro_rules! containers {
    ($($future:ty),*) => {$(
        impl<T: Value + Clone> Arg<Option<T>> for Option<$future> {
            fn slot(self) -> Slot {
                option::<T>(self.map(|future| future.item()))
            }
        }

        impl<K: Value + Clone + Ord, T: Value + Clone> Arg<BTreeMap<K, T>> for BTreeMap<K, $future> {
            fn slot(self) -> Slot {
                map::<K, BTreeMap<K, T>>(self.into_iter().map(|(key, future)| (key, future.item())))
            }
        }

        impl<K: Value + Clone + Ord, T: Value + Clone> Arg<BTreeMap<K, T>> for &BTreeMap<K, $future> {
            fn slot(self) -> Slot {
                map::<K, BTreeMap<K, T>>(self.iter().map(|(key, future)| (key.clone(), future.item())))
            }
        }

        impl<K, T, S, R> Arg<HashMap<K, T, S>> for HashMap<K, $future, R>
        where
            K: Value + Clone + Eq + Hash,
            T: Value + Clone,
            S: BuildHasher + Default + Send + Sync + 'static,
        {
            fn slot(self) -> Slot {
                map::<K, HashMap<K, T, S>>(in_order(self.into_iter().map(|(key, future)| (key, future.item()))))
            }
        }

        impl<K, T, S, R> Arg<HashMap<K, T, S>> for &HashMap<K, $future, R>
        where
            K: Value + Clone + Eq + Hash,
            T: Value + Clone,
            S: BuildHasher + Default + Send + Sync + 'static,
        {
            fn slot(self) -> Slot {
                map::<K, HashMap<K, T, S>>(in_order(self.iter().map(|(key, future)| (key.clone(), future.item()))))
            }
        }
    )*};
}

containers!(TaskFuture<T>, &TaskFuture<T>, Delayed<T>, &Delayed<T>);

/// What may stand in one place of a tuple.
macro_rules! form {
    (F $part:ident) => { TaskFuture<$part> };
    (f $part:ident) => { &TaskFuture<$part> };
    (D $part:ident) => { Delayed<$part> };
    (d $part:ident) => { &Delayed<$part> };
    (V $part:ident) => { $part };
}

macro_rules! item {
    (V $part:ident) => {
        inline($part)
    };
    ($form:ident $part:ident) => {
        $part.item()
    };
}

macro_rules! pairs {
    ($($a:ident: $($b:ident)*;)*) => {$($(
        impl<A: Value + Clone, B: Value + Clone> Arg<(A, B)> for (form!($a A), form!($b B)) {
            fn slot(self) -> Slot {
                let (a, b) = self;
                Slot::List(vec![item!($a a), item!($b b)])
            }
        }
    )*)*};
}

// Every pair but that of two values, which is a value itself.
pairs! {
    F: F f D d V;
    f: F f D d V;
    D: F f D d V;
    d: F f D d V;
    V: F f D d;
}

macro_rules! triples {
    ($($a:ident $b:ident: $($c:ident)*;)*) => {$($(
        impl<A: Value + Clone, B: Value + Clone, C: Value + Clone> Arg<(A, B, C)>
            for (form!($a A), form!($b B), form!($c C))
        {
            fn slot(self) -> Slot {
                let (a, b, c) = self;
                Slot::List(vec![item!($a a), item!($b b), item!($c c)])
            }
        }
    )*)*};
}

triples! {
    F F: F f D d V; F f: F f D d V; F D: F f D d V; F d: F f D d V; F V: F f D d V;
    f F: F f D d V; f f: F f D d V; f D: F f D d V; f d: F f D d V; f V: F f D d V;
    D F: F f D d V; D f: F f D d V; D D: F f D d V; D d: F f D d V; D V: F f D d V;
    d F: F f D d V; d f: F f D d V; d D: F f D d V; d d: F f D d V; d V: F f D d V;
    V F: F f D d V; V f: F f D d V; V D: F f D d V; V d: F f D d V; V V: F f D d;
}
