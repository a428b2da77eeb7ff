//! What can be done with a vector of values of a type when only its erased form is at hand: what a worker does to a partition
//! beyond calling functions.

use std::{cmp::Ordering, hash::Hash, marker::PhantomData, sync::Arc};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::{
    encode,
    error::{ErrorKind, Failure, ValueError},
    task::{own, own_items},
    value::{Datum, Value},
};

type Caught<T> = Result<T, Box<Failure>>;

/// What can be done with a `Vec<T>`. Each function fails if a value is of another type or does not decode.
pub trait Items: Send + Sync {
    /// How many there are.
    fn count(&self, items: &Datum) -> Caught<usize>;

    /// Of those from `from` on, the marked ones, in order.
    fn select(&self, items: Datum, from: usize, keep: &[bool]) -> Caught<Datum>;

    /// Those from `from` on, at most `count`.
    fn slice(&self, items: &Datum, from: usize, count: usize) -> Caught<Datum>;

    /// One of them: a `T`.
    fn one(&self, items: &Datum, index: usize) -> Caught<Datum>;

    /// A vector of one `T`.
    fn vector_of(&self, item: Datum) -> Caught<Datum>;

    /// All of several vectors, in order.
    fn join(&self, parts: Vec<Datum>) -> Caught<Datum>;

    /// What is in a `Vec<Vec<T>>`, and how many were in each.
    fn flatten(&self, nested: Datum) -> Caught<(Datum, Vec<usize>)>;

    /// What is in a `Vec<Option<T>>`, and which have something.
    fn present(&self, options: Datum) -> Caught<(Datum, Vec<bool>)>;

    /// The `count` that come first, in order: from the least, or from the greatest. Of equal ones those that stand first.
    /// `None` if the type has no order.
    fn first(&self, items: Datum, count: usize, by: End) -> Option<Caught<Datum>>;

    /// The places of the `count` that come first, as [`first`](Items::first) has them.
    fn first_places(&self, items: &Datum, count: usize, by: End) -> Option<Caught<Vec<usize>>>;

    /// Those at these places.
    fn at(&self, items: &Datum, places: &[usize]) -> Caught<Datum>;

    /// Tells equal ones; `None` if the type has no `Eq` and `Hash`.
    fn grouper(&self) -> Option<Box<dyn Grouper>>;

    /// Each with a number: a `Vec<(T, u64)>`.
    fn counted(&self, items: Datum, counts: Vec<u64>) -> Caught<Datum>;

    /// Of a type of pairs: puts a `Vec` of first parts and as many second parts together; `None` of any other type.
    fn zip(&self, firsts: Datum, seconds: Vec<Datum>) -> Option<Caught<Datum>>;

    /// Takes that apart again.
    fn unzip(&self, pairs: Datum) -> Option<Caught<(Datum, Vec<Datum>)>>;
}

/// Where an order begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// With the least.
    Least,
    /// With the greatest.
    Greatest,
}

/// Finds out which values are equal.
pub trait Grouper: Send {
    /// Takes a vector of values, and gives for each the number of its group, counted from 0 by first appearance.
    ///
    /// # Errors
    /// If it is of another type.
    fn add(&mut self, items: Datum) -> Caught<Vec<usize>>;

    /// Takes a vector of values with their numbers, `Vec<(T, u64)>`, and adds those to the totals of the groups.
    ///
    /// # Errors
    /// If it is of another type.
    fn add_counted(&mut self, pairs: Datum, totals: &mut Vec<u64>) -> Caught<()>;

    /// How many groups there are.
    fn count(&self) -> usize;

    /// One value of each group, in the order of their numbers.
    fn finish(self: Box<Self>) -> Datum;
}

/// [`Items`] of a concrete type, with what was found out about it.
#[allow(missing_docs, reason = "made by `type_def!` only")]
pub struct ItemsOf<T> {
    pub clone: Option<fn(&T) -> T>,
    pub compare: Option<fn(&T, &T) -> Ordering>,
    pub grouper: Option<GrouperFn<T>>,
    pub pairs: Option<Pairs>,
}

impl<T: Value> ItemsOf<T> {
    fn copy(&self, item: &T) -> Caught<T> {
        copy(item, self.clone)
    }

    /// The type's order; floating-point numbers have a total one, with NaN at its ends.
    fn order(&self) -> Option<fn(&T, &T) -> Ordering> {
        let f64: fn(&f64, &f64) -> Ordering = f64::total_cmp;
        let f32: fn(&f32, &f32) -> Ordering = f32::total_cmp;
        self.compare.or_else(|| encode::cast(f64)).or_else(|| encode::cast(f32))
    }

    fn places(compare: fn(&T, &T) -> Ordering, items: &[T], count: usize, by: End) -> Vec<usize> {
        let order = |a: &usize, b: &usize| {
            let order = compare(&items[*a], &items[*b]);
            let order = if by == End::Least { order } else { order.reverse() };
            order.then(a.cmp(b))
        };
        let mut places: Vec<usize> = (0..items.len()).collect();
        if count < places.len() {
            if count > 0 {
                places.select_nth_unstable_by(count - 1, order);
            }
            places.truncate(count);
        }
        places.sort_unstable_by(order);
        places
    }
}

/// A copy of one element: by `clone`, or through its encoding.
fn copy<T: Value>(item: &T, clone: Option<fn(&T) -> T>) -> Caught<T> {
    if let Some(clone) = clone {
        return Ok(clone(item));
    }
    let bytes = encode::encode(item).map_err(Failure::from)?;
    Ok(encode::decode(&bytes).map_err(ValueError::from).map_err(Failure::from)?)
}

fn shared<T: Value>(items: &Datum) -> Caught<Arc<Vec<T>>> {
    items.shared().map_err(|error| Box::new(error.into()))
}

fn counts(had: usize, wanted: usize) -> Caught<()> {
    if had == wanted {
        return Ok(());
    }
    Err(Box::new(Failure::new(ErrorKind::Decode, format!("{had} values where there are {wanted} elements"))))
}

impl<T: Value> Items for ItemsOf<T> {
    fn count(&self, items: &Datum) -> Caught<usize> {
        shared::<T>(items).map(|items| items.len())
    }

    fn select(&self, items: Datum, from: usize, keep: &[bool]) -> Caught<Datum> {
        let shared = shared::<T>(&items)?;
        let is_whole = from == 0 && keep.len() == shared.len();
        if is_whole && keep.iter().all(|keep| *keep) {
            return Ok(items);
        }
        counts(keep.len(), shared.len().saturating_sub(from).min(keep.len()))?;
        drop(items);
        let kept = match Arc::try_unwrap(shared) {
            Ok(own) => {
                own.into_iter().skip(from).zip(keep).filter_map(|(item, keep)| keep.then_some(item)).collect::<Vec<_>>()
            }
            Err(shared) => {
                let kept = shared.iter().skip(from).zip(keep).filter(|(_, keep)| **keep);
                kept.map(|(item, _)| self.copy(item)).collect::<Caught<Vec<_>>>()?
            }
        };
        Ok(Datum::new(kept))
    }

    fn slice(&self, items: &Datum, from: usize, count: usize) -> Caught<Datum> {
        let shared = shared::<T>(items)?;
        if from == 0 && count >= shared.len() {
            return Ok(items.clone());
        }
        let some = shared.iter().skip(from).take(count);
        Ok(Datum::new(some.map(|item| self.copy(item)).collect::<Caught<Vec<_>>>()?))
    }

    fn one(&self, items: &Datum, index: usize) -> Caught<Datum> {
        let shared = shared::<T>(items)?;
        match shared.get(index) {
            Some(item) => self.copy(item).map(Datum::new),
            None => {
                let text = format!("element {index} was asked for, and there are {}", shared.len());
                Err(Box::new(Failure::new(ErrorKind::Decode, text)))
            }
        }
    }

    fn vector_of(&self, item: Datum) -> Caught<Datum> {
        Ok(Datum::new(vec![own::<T>(item)?]))
    }

    fn join(&self, mut parts: Vec<Datum>) -> Caught<Datum> {
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        let mut all: Vec<T> = Vec::new();
        for part in parts {
            all.append(&mut own_items(part, self.clone)?);
        }
        Ok(Datum::new(all))
    }

    fn flatten(&self, nested: Datum) -> Caught<(Datum, Vec<usize>)> {
        let nested: Vec<Vec<T>> = own_items(nested, None)?;
        let lengths: Vec<usize> = nested.iter().map(Vec::len).collect();
        let mut all = Vec::with_capacity(lengths.iter().sum());
        nested.into_iter().for_each(|mut items| all.append(&mut items));
        Ok((Datum::new(all), lengths))
    }

    fn present(&self, options: Datum) -> Caught<(Datum, Vec<bool>)> {
        let options: Vec<Option<T>> = own_items(options, None)?;
        let present = options.iter().map(Option::is_some).collect();
        Ok((Datum::new(options.into_iter().flatten().collect::<Vec<T>>()), present))
    }

    fn first(&self, items: Datum, count: usize, by: End) -> Option<Caught<Datum>> {
        let places = self.first_places(&items, count, by)?;
        Some(places.and_then(|places| self.at(&items, &places)))
    }

    fn first_places(&self, items: &Datum, count: usize, by: End) -> Option<Caught<Vec<usize>>> {
        let compare = self.order()?;
        Some(shared::<T>(items).map(|items| Self::places(compare, &items, count, by)))
    }

    fn at(&self, items: &Datum, places: &[usize]) -> Caught<Datum> {
        let items = shared::<T>(items)?;
        let some = places.iter().filter_map(|place| items.get(*place));
        let some = some.map(|item| self.copy(item)).collect::<Caught<Vec<_>>>()?;
        counts(some.len(), places.len())?;
        Ok(Datum::new(some))
    }

    fn grouper(&self) -> Option<Box<dyn Grouper>> {
        self.grouper.map(|grouper| grouper(self.clone))
    }

    fn counted(&self, items: Datum, numbers: Vec<u64>) -> Caught<Datum> {
        let items = own_items(items, self.clone)?;
        counts(numbers.len(), items.len())?;
        Ok(Datum::new(items.into_iter().zip(numbers).collect::<Vec<(T, u64)>>()))
    }

    fn zip(&self, firsts: Datum, seconds: Vec<Datum>) -> Option<Caught<Datum>> {
        self.pairs.map(|pairs| (pairs.zip)(firsts, seconds))
    }

    fn unzip(&self, pairs: Datum) -> Option<Caught<(Datum, Vec<Datum>)>> {
        self.pairs.map(|of| (of.unzip)(pairs))
    }
}

/// How a type is copied: an inherent constant is found before that of [`AnyClone`] if it can be.
pub struct Clones<T>(PhantomData<fn() -> T>);

impl<T: Clone> Clones<T> {
    /// By `Clone`.
    pub const FN: Option<fn(&T) -> T> = Some(T::clone);
}

/// The answer of any other type.
pub trait AnyClone<T> {
    /// No way.
    const FN: Option<fn(&T) -> T> = None;
}

impl<T> AnyClone<T> for Clones<T> {}

/// How values of a type are compared.
pub struct Compares<T>(PhantomData<fn() -> T>);

impl<T: Ord> Compares<T> {
    /// By `Ord`.
    pub const FN: Option<fn(&T, &T) -> Ordering> = Some(T::cmp);
}

/// The answer of any other type.
pub trait AnyOrder<T> {
    /// Not at all.
    const FN: Option<fn(&T, &T) -> Ordering> = None;
}

impl<T> AnyOrder<T> for Compares<T> {}

/// How equal values of a type are found.
pub struct Groups<T>(PhantomData<fn() -> T>);

impl<T: Value + Eq + Hash> Groups<T> {
    /// By `Eq` and `Hash`.
    pub const FN: Option<GrouperFn<T>> =
        Some(|clone| Box::new(HashGrouper::<T> { groups: FxHashMap::default(), clone }));
}

/// Makes a grouper, which copies values of others by the given function.
pub type GrouperFn<T> = fn(Option<fn(&T) -> T>) -> Box<dyn Grouper>;

/// The answer of any other type.
pub trait AnyGroups<T> {
    /// Not at all.
    const FN: Option<GrouperFn<T>> = None;
}

impl<T> AnyGroups<T> for Groups<T> {}

struct HashGrouper<T> {
    groups: FxHashMap<T, usize>,
    clone: Option<fn(&T) -> T>,
}

impl<T: Eq + Hash> HashGrouper<T> {
    fn group(&mut self, item: T) -> usize {
        let new = self.groups.len();
        *self.groups.entry(item).or_insert(new)
    }
}

impl<T: Value + Eq + Hash> Grouper for HashGrouper<T> {
    fn add(&mut self, items: Datum) -> Caught<Vec<usize>> {
        let shared = shared::<T>(&items)?;
        drop(items);
        match Arc::try_unwrap(shared) {
            Ok(own) => Ok(own.into_iter().map(|item| self.group(item)).collect()),
            // Only what is new is copied.
            Err(shared) => {
                let groups = shared.iter().map(|item| match self.groups.get(item) {
                    Some(group) => Ok(*group),
                    None => Ok(self.group(copy(item, self.clone)?)),
                });
                groups.collect()
            }
        }
    }

    fn add_counted(&mut self, pairs: Datum, totals: &mut Vec<u64>) -> Caught<()> {
        let shared = shared::<(T, u64)>(&pairs)?;
        drop(pairs);
        totals.resize(self.groups.len(), 0);
        let mut add = |group: usize, number: u64| {
            if group == totals.len() {
                totals.push(0);
            }
            totals[group] += number;
        };
        match Arc::try_unwrap(shared) {
            Ok(own) => own.into_iter().for_each(|(item, number)| add(self.group(item), number)),
            Err(shared) => {
                for (item, number) in &*shared {
                    let group = match self.groups.get(item) {
                        Some(group) => *group,
                        None => self.group(copy(item, self.clone)?),
                    };
                    add(group, *number);
                }
            }
        }
        Ok(())
    }

    fn count(&self) -> usize {
        self.groups.len()
    }

    #[allow(clippy::disallowed_methods, reason = "each goes to the place of its number")]
    fn finish(self: Box<Self>) -> Datum {
        let mut items: Vec<Option<T>> = (0..self.groups.len()).map(|_| None).collect();
        self.groups.into_iter().for_each(|(item, number)| items[number] = Some(item));
        Datum::new(items.into_iter().flatten().collect::<Vec<T>>())
    }
}

/// What can be done with vectors of pairs.
#[allow(missing_docs, reason = "see `Items::zip` and `Items::unzip`")]
#[derive(Clone, Copy)]
pub struct Pairs {
    pub zip: fn(Datum, Vec<Datum>) -> Caught<Datum>,
    pub unzip: fn(Datum) -> Caught<(Datum, Vec<Datum>)>,
}

/// Whether a type is one of pairs.
pub struct PairsOf<T>(PhantomData<fn() -> T>);

impl<A: Value, B: Value> PairsOf<(A, B)> {
    /// It is.
    pub const FNS: Option<Pairs> = Some(Pairs {
        zip: |firsts, seconds| {
            let firsts = own_items::<A>(firsts, None)?;
            counts(seconds.len(), firsts.len())?;
            let pairs = firsts.into_iter().zip(seconds).map(|(first, second)| Ok((first, own(second)?)));
            Ok(Datum::new(pairs.collect::<Caught<Vec<(A, B)>>>()?))
        },
        unzip: |pairs| {
            let pairs = own_items::<(A, B)>(pairs, None)?.into_iter();
            let (firsts, seconds): (Vec<A>, Vec<Datum>) = pairs.map(|(a, b)| (a, Datum::new(b))).unzip();
            Ok((Datum::new(firsts), seconds))
        },
    });
}

/// The answer of any other type.
pub trait AnyPairs {
    /// It is none.
    const FNS: Option<Pairs> = None;
}

impl<T> AnyPairs for PairsOf<T> {}

/// The [`Items`] of a concrete type.
#[doc(hidden)]
#[macro_export]
macro_rules! __items {
    ($type:ty) => {
        const {
            #[allow(unused_imports)]
            use $crate::typedef::items::{AnyClone as _, AnyGroups as _, AnyOrder as _, AnyPairs as _};
            &$crate::typedef::items::ItemsOf::<$type> {
                clone: <$crate::typedef::items::Clones<$type>>::FN,
                compare: <$crate::typedef::items::Compares<$type>>::FN,
                grouper: <$crate::typedef::items::Groups<$type>>::FN,
                pairs: <$crate::typedef::items::PairsOf<$type>>::FNS,
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Can't be cloned, compared or hashed.
    #[derive(Debug, Serialize, Deserialize)]
    struct Bare(i64);

    fn texts(words: &[&str]) -> Datum {
        Datum::new(words.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    fn told<T: Value + std::fmt::Debug>(datum: Datum) -> String {
        format!("{:?}", datum.shared::<T>().unwrap())
    }

    fn bare(numbers: &[i64]) -> Datum {
        Datum::new(numbers.iter().map(|n| Bare(*n)).collect::<Vec<_>>())
    }

    #[test]
    fn vectors_are_taken_apart_and_put_together_without_their_types() {
        let items: &dyn Items = __items!(Bare);
        let held = bare(&[1, 2, 3]);
        assert_eq!(items.count(&held).unwrap(), 3);
        assert_eq!(
            told::<Vec<Bare>>(items.select(held.clone(), 0, &[true, false, true]).unwrap()),
            "[Bare(1), Bare(3)]"
        );
        assert_eq!(told::<Vec<Bare>>(items.slice(&held, 1, 9).unwrap()), "[Bare(2), Bare(3)]");
        assert_eq!(told::<Bare>(items.one(&held, 1).unwrap()), "Bare(2)");
        assert_eq!(told::<Vec<Bare>>(items.join(vec![held.clone(), bare(&[4])]).unwrap()).matches("Bare").count(), 4);
        assert!(items.one(&held, 3).unwrap_err().message.contains("there are 3"));
        assert_eq!(told::<Vec<Bare>>(items.select(held.clone(), 1, &[false, true]).unwrap()), "[Bare(3)]");
        assert!(items.select(held, 2, &[true, true]).is_err());
        assert!(items.count(&texts(&["a"])).is_err());
    }

    #[test]
    fn nested_vectors_and_options_are_flattened() {
        let items: &dyn Items = __items!(i64);
        let (flat, lengths) = items.flatten(Datum::new(vec![vec![1i64, 2], vec![], vec![3]])).unwrap();
        assert_eq!((told::<Vec<i64>>(flat), lengths), ("[1, 2, 3]".to_owned(), vec![2, 0, 1]));
        let (some, present) = items.present(Datum::new(vec![Some(1i64), None])).unwrap();
        assert_eq!((told::<Vec<i64>>(some), present), ("[1]".to_owned(), vec![true, false]));
    }

    #[test]
    fn the_first_of_an_order_are_found_and_equal_ones_keep_theirs() {
        let items: &dyn Items = __items!(f64);
        let numbers = Datum::new(vec![2.0, f64::NAN, -1.0, 5.0]);
        assert_eq!(told::<Vec<f64>>(items.first(numbers.clone(), 2, End::Least).unwrap().unwrap()), "[-1.0, 2.0]");
        assert_eq!(told::<Vec<f64>>(items.first(numbers, 2, End::Greatest).unwrap().unwrap()), "[NaN, 5.0]");
        let items: &dyn Items = __items!(u8);
        let places = |count, by| items.first_places(&Datum::new(vec![1u8, 2, 2, 1]), count, by).unwrap().unwrap();
        assert_eq!(places(3, End::Greatest), [1, 2, 0]);
        assert_eq!((places(0, End::Least), places(9, End::Least)), (vec![], vec![0, 3, 1, 2]));
        let items: &dyn Items = __items!(Bare);
        assert!(items.first(bare(&[1]), 1, End::Least).is_none());
    }

    #[test]
    fn equal_values_are_one_group_by_first_appearance() {
        let items: &dyn Items = __items!(String);
        let mut grouper = items.grouper().unwrap();
        assert_eq!(grouper.add(texts(&["b", "a", "b"])).unwrap(), [0, 1, 0]);
        let held = texts(&["a", "c"]);
        assert_eq!(grouper.add(held.clone()).unwrap(), [1, 2]);
        assert_eq!(grouper.count(), 3);
        let counted = items.counted(grouper.finish(), vec![2, 2, 1]).unwrap();
        assert_eq!(told::<Vec<(String, u64)>>(counted.clone()), r#"[("b", 2), ("a", 2), ("c", 1)]"#);
        let (mut grouper, mut totals) = (items.grouper().unwrap(), vec![1]);
        grouper.add(texts(&["c"])).unwrap();
        grouper.add_counted(counted.clone(), &mut totals).unwrap();
        grouper.add_counted(counted, &mut totals).unwrap();
        assert_eq!(totals, [3, 4, 4]);
        assert!(grouper.add_counted(texts(&["a"]), &mut totals).is_err());
        assert_eq!(told::<Vec<String>>(grouper.finish()), r#"["c", "b", "a"]"#);
        let items: &dyn Items = __items!(Bare);
        assert!(items.grouper().is_none());
    }

    #[test]
    fn pairs_are_zipped_by_their_own_type() {
        let items: &dyn Items = __items!((String, i64));
        let zipped = items.zip(texts(&["a", "b"]), vec![Datum::new(1i64), Datum::new(2i64)]).unwrap().unwrap();
        assert_eq!(told::<Vec<(String, i64)>>(zipped.clone()), r#"[("a", 1), ("b", 2)]"#);
        let (firsts, seconds) = items.unzip(zipped).unwrap().unwrap();
        assert_eq!((told::<Vec<String>>(firsts), seconds.len()), (r#"["a", "b"]"#.to_owned(), 2));
        let items: &dyn Items = __items!(i64);
        assert!(items.zip(texts(&[]), vec![]).is_none());
    }
}
