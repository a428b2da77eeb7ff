//! What can be packed.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the maps are the users' own, and are put in order"
)]

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
    sync::Arc,
};

use super::{Pack, Packing};
use crate::{
    future::TaskFuture,
    graph::{Delayed, Item, containers::in_order},
    value::{Datum, Value},
};

macro_rules! to_come {
    ($($future:ty),*) => {$(
        impl<T: Value> Pack for $future {
            type Value = T;

            fn pack_into(self, packing: &mut Packing) {
                packing.part::<T>(self.item());
            }
        }
    )*};
}

to_come!(TaskFuture<T>, &TaskFuture<T>, Delayed<T>, &Delayed<T>);

impl<T: Value> Pack for Arc<T> {
    type Value = T;

    fn pack_into(self, packing: &mut Packing) {
        packing.part::<T>(Item::Inline(Datum::from_shared(self)));
    }
}

macro_rules! literals {
    ($($type:ty)*) => {$(
        impl Pack for $type {
            type Value = $type;

            fn pack_into(self, packing: &mut Packing) {
                packing.literal(&self);
            }
        }
    )*};
}

literals!(() bool char String i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64);

impl Pack for &str {
    type Value = String;

    fn pack_into(self, packing: &mut Packing) {
        packing.literal(&self);
    }
}

/// A list: its length, then its elements.
fn list<P: Pack>(items: impl ExactSizeIterator<Item = P>, packing: &mut Packing) {
    packing.len(items.len());
    items.for_each(|item| item.pack_into(packing));
}

macro_rules! lists {
    ($([$($generics:tt)*] $list:ty: $item:ty;)*) => {$(
        impl<$($generics)*> Pack for $list
        where
            $item: Pack,
        {
            type Value = Vec<<$item as Pack>::Value>;

            fn pack_into(self, packing: &mut Packing) {
                list(self.into_iter(), packing);
            }
        }
    )*};
}

lists! {
    [P] Vec<P>: P;
    ['a, P] &'a Vec<P>: &'a P;
    ['a, P] &'a [P]: &'a P;
    [P, const N: usize] [P; N]: P;
    ['a, P, const N: usize] &'a [P; N]: &'a P;
}

fn option<P: Pack>(part: Option<P>, packing: &mut Packing) {
    // Read as an `Option` of nothing: a byte that says whether something follows.
    packing.literal(&part.as_ref().map(|_| ()));
    if let Some(part) = part {
        part.pack_into(packing);
    }
}

impl<P: Pack> Pack for Option<P> {
    type Value = Option<P::Value>;

    fn pack_into(self, packing: &mut Packing) {
        option(self, packing);
    }
}

impl<'a, P> Pack for &'a Option<P>
where
    &'a P: Pack,
{
    type Value = Option<<&'a P as Pack>::Value>;

    fn pack_into(self, packing: &mut Packing) {
        option(self.as_ref(), packing);
    }
}

/// A map: its length, then each key and its value.
fn map<K: Value, P: Pack>(entries: impl ExactSizeIterator<Item = (K, P)>, packing: &mut Packing) {
    packing.len(entries.len());
    for (key, value) in entries {
        packing.part::<K>(Item::Inline(Datum::new(key)));
        value.pack_into(packing);
    }
}

impl<K: Value + Ord, P: Pack> Pack for BTreeMap<K, P> {
    type Value = BTreeMap<K, P::Value>;

    fn pack_into(self, packing: &mut Packing) {
        map(self.into_iter(), packing);
    }
}

impl<'a, K: Value + Clone + Ord, P> Pack for &'a BTreeMap<K, P>
where
    &'a P: Pack,
{
    type Value = BTreeMap<K, <&'a P as Pack>::Value>;

    fn pack_into(self, packing: &mut Packing) {
        map(self.iter().map(|(key, value)| (key.clone(), value)), packing);
    }
}

impl<K, P, S> Pack for HashMap<K, P, S>
where
    K: Value + Eq + Hash,
    P: Pack,
    S: BuildHasher + Default + Send + Sync + 'static,
{
    type Value = HashMap<K, P::Value, S>;

    fn pack_into(self, packing: &mut Packing) {
        map(in_order(self.into_iter()), packing);
    }
}

impl<'a, K, P, S> Pack for &'a HashMap<K, P, S>
where
    K: Value + Clone + Eq + Hash,
    &'a P: Pack,
    S: BuildHasher + Default + Send + Sync + 'static,
{
    type Value = HashMap<K, <&'a P as Pack>::Value, S>;

    fn pack_into(self, packing: &mut Packing) {
        map(in_order(self.iter().map(|(key, value)| (key.clone(), value))), packing);
    }
}

macro_rules! tuples {
    ($(($($part:ident $index:tt),+))*) => {$(
        impl<$($part: Pack),+> Pack for ($($part,)+) {
            type Value = ($($part::Value,)+);

            fn pack_into(self, packing: &mut Packing) {
                $(self.$index.pack_into(packing);)+
            }
        }

        impl<'a, $($part),+> Pack for &'a ($($part,)+)
        where
            $(&'a $part: Pack,)+
        {
            type Value = ($(<&'a $part as Pack>::Value,)+);

            fn pack_into(self, packing: &mut Packing) {
                $(self.$index.pack_into(packing);)+
            }
        }
    )*};
}

crate::typedef::for_each_tuple!(tuples);
