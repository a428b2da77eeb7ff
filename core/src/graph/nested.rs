//! Containers of containers of futures and calls, passed where a task takes those of their values: the usual ones. They are
//! packed by a call of their own; see [`pack`].
//!
//! There is no rule for all: of a container of anything the compiler can't tell that it is no plain value. So each is
//! written out. Lists of options are left to [`pack`]: a plain `vec![None]` would need its type else.

#![allow(clippy::disallowed_types, reason = "the maps are the users' own, and `pack` puts them in order")]

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
    sync::Arc,
};

use super::{Arg, Delayed, Pack, Slot, pack};
use crate::{future::TaskFuture, value::Value};

fn packed<P: Pack>(parts: P) -> Slot {
    Slot::One(pack(parts).item())
}

macro_rules! lists {
    ($($future:ty),*) => {$(
        impl<T: Value> Arg<Vec<Vec<T>>> for Vec<Vec<$future>> {
            fn slot(self) -> Slot {
                packed(self)
            }
        }

        impl<T: Value, const N: usize> Arg<Vec<Vec<T>>> for [Vec<$future>; N] {
            fn slot(self) -> Slot {
                packed(self)
            }
        }

        impl<T: Value, const N: usize> Arg<Vec<Vec<T>>> for Vec<[$future; N]> {
            fn slot(self) -> Slot {
                packed(self)
            }
        }

        impl<T: Value> Arg<Option<Vec<T>>> for Option<Vec<$future>> {
            fn slot(self) -> Slot {
                packed(self)
            }
        }

        impl<K: Value + Ord, T: Value> Arg<BTreeMap<K, Vec<T>>> for BTreeMap<K, Vec<$future>> {
            fn slot(self) -> Slot {
                packed(self)
            }
        }

        impl<K, T, S> Arg<HashMap<K, Vec<T>, S>> for HashMap<K, Vec<$future>, S>
        where
            K: Value + Eq + Hash,
            T: Value,
            S: BuildHasher + Default + Send + Sync + 'static,
        {
            fn slot(self) -> Slot {
                packed(self)
            }
        }
    )*};
}

lists!(TaskFuture<T>, &TaskFuture<T>, Delayed<T>, &Delayed<T>);

macro_rules! references {
    ($($future:ty),*) => {$(
        impl<T: Value> Arg<Vec<Vec<T>>> for &Vec<Vec<$future>> {
            fn slot(self) -> Slot {
                packed(self)
            }
        }

        impl<T: Value> Arg<Vec<Vec<T>>> for &[Vec<$future>] {
            fn slot(self) -> Slot {
                packed(self)
            }
        }

        impl<T: Value, const N: usize> Arg<Vec<Vec<T>>> for &[Vec<$future>; N] {
            fn slot(self) -> Slot {
                packed(self)
            }
        }

        impl<K: Value + Clone + Ord, T: Value> Arg<BTreeMap<K, Vec<T>>> for &BTreeMap<K, Vec<$future>> {
            fn slot(self) -> Slot {
                packed(self)
            }
        }

        impl<K, T, S> Arg<HashMap<K, Vec<T>, S>> for &HashMap<K, Vec<$future>, S>
        where
            K: Value + Clone + Eq + Hash,
            T: Value,
            S: BuildHasher + Default + Send + Sync + 'static,
        {
            fn slot(self) -> Slot {
                packed(self)
            }
        }
    )*};
}

references!(TaskFuture<T>, Delayed<T>);

/// What may stand in one place of a pair.
macro_rules! form {
    (F $part:ident) => { TaskFuture<$part> };
    (f $part:ident) => { &TaskFuture<$part> };
    (D $part:ident) => { Delayed<$part> };
    (d $part:ident) => { &Delayed<$part> };
    (V $part:ident) => { $part };
}

/// The same, to be packed: of a plain value nothing is known but that it is one.
macro_rules! part {
    (V $part:ident) => {
        Arc::new($part)
    };
    ($form:ident $part:ident) => {
        $part
    };
}

macro_rules! pairs {
    ($($a:ident: $($b:ident)*;)*) => {$($(
        impl<A: Value, B: Value> Arg<Vec<(A, B)>> for Vec<(form!($a A), form!($b B))> {
            fn slot(self) -> Slot {
                packed(self.into_iter().map(|(a, b)| (part!($a a), part!($b b))).collect::<Vec<_>>())
            }
        }

        impl<A: Value, B: Value, const N: usize> Arg<Vec<(A, B)>> for [(form!($a A), form!($b B)); N] {
            fn slot(self) -> Slot {
                packed(self.map(|(a, b)| (part!($a a), part!($b b))))
            }
        }

        impl<K: Value + Ord, A: Value, B: Value> Arg<BTreeMap<K, (A, B)>>
            for BTreeMap<K, (form!($a A), form!($b B))>
        {
            fn slot(self) -> Slot {
                let pairs = self.into_iter().map(|(key, (a, b))| (key, (part!($a a), part!($b b))));
                packed(pairs.collect::<BTreeMap<_, _>>())
            }
        }

        impl<K, A, B, S> Arg<HashMap<K, (A, B), S>> for HashMap<K, (form!($a A), form!($b B)), S>
        where
            K: Value + Eq + Hash,
            A: Value,
            B: Value,
            S: BuildHasher + Default + Send + Sync + 'static,
        {
            fn slot(self) -> Slot {
                let pairs = self.into_iter().map(|(key, (a, b))| (key, (part!($a a), part!($b b))));
                packed(pairs.collect::<HashMap<_, _, S>>())
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

macro_rules! pairs_with_a_list {
    ($($a:ident: $($b:ident)*;)*) => {$($(
        impl<A: Value, B: Value> Arg<(Vec<A>, B)> for (Vec<form!($a A)>, form!($b B)) {
            fn slot(self) -> Slot {
                let (list, b) = self;
                packed((list, part!($b b)))
            }
        }

        impl<A: Value, B: Value> Arg<(B, Vec<A>)> for (form!($b B), Vec<form!($a A)>) {
            fn slot(self) -> Slot {
                let (b, list) = self;
                packed((part!($b b), list))
            }
        }
    )*)*};
}

pairs_with_a_list! {
    F: F f D d V;
    f: F f D d V;
    D: F f D d V;
    d: F f D d V;
}

macro_rules! pairs_of_lists {
    ($($a:ident: $($b:ident)*;)*) => {$($(
        impl<A: Value, B: Value> Arg<(Vec<A>, Vec<B>)> for (Vec<form!($a A)>, Vec<form!($b B)>) {
            fn slot(self) -> Slot {
                packed(self)
            }
        }
    )*)*};
}

pairs_of_lists! {
    F: F f D d;
    f: F f D d;
    D: F f D d;
    d: F f D d;
}
