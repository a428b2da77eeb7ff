//! Bags of what is here already, or is made by calls.

use std::ops::Range;

use brisk_client::{
    Delayed, Value,
    graph::{Datum, Item},
};

use super::{
    Bag,
    plan::{FeedPlan, TypeRef},
};
use crate::foundation::{CollectionError, FanIn};

/// A bag of these elements, in `partitions` of about equal lengths. They travel with the tasks, so there should not be
/// much of them: what is large is read by the workers, or made there by calls.
///
/// # Errors
/// If `partitions` is zero.
pub fn from_sequence<T: Value>(
    elements: impl IntoIterator<Item = T>,
    partitions: usize,
) -> Result<Bag<T>, CollectionError> {
    if partitions == 0 {
        return Err(CollectionError::Zero { what: "the number of partitions" });
    }
    let elements: Vec<T> = elements.into_iter().collect();
    let (len, mut rest) = (elements.len(), elements.into_iter());
    let cut = |index: usize| index * len / partitions;
    let sources = (0..partitions).map(|index| {
        let some: Vec<T> = rest.by_ref().take(cut(index + 1) - cut(index)).collect();
        vec![Item::Inline(Datum::new(some))]
    });
    let element = TypeRef::of::<T>();
    let sources = sources.collect();
    Ok(Bag::of_sources(FeedPlan::Parts(element), sources, "sequence").checked())
}

/// A bag of numbers, in `partitions` of about equal lengths. The workers make them.
///
/// # Errors
/// If `partitions` is zero.
pub fn range(numbers: Range<i64>, partitions: usize) -> Result<Bag<i64>, CollectionError> {
    if partitions == 0 {
        return Err(CollectionError::Zero { what: "the number of partitions" });
    }
    let length = if numbers.start < numbers.end { numbers.end.abs_diff(numbers.start) } else { 0 };
    let cut = |index: usize| {
        let offset = u128::from(length) * index as u128 / partitions as u128;
        numbers.start.saturating_add_unsigned(u64::try_from(offset).unwrap_or(u64::MAX))
    };
    let sources = (0..partitions).map(|index| vec![Item::Inline(Datum::new((cut(index), cut(index + 1))))]);
    Ok(Bag::of_sources(FeedPlan::Range, sources.collect(), "range"))
}

/// A bag whose partitions these calls make.
pub fn from_delayed<T: Value>(parts: impl IntoIterator<Item = Delayed<Vec<T>>>) -> Bag<T> {
    Bag::of_parts(parts.into_iter().collect(), FanIn::default())
}

impl<T: Value> Bag<T> {
    /// The same; its type's problem, if it has one, is the bag's.
    fn checked(self) -> Self {
        let mut plan = self.plan();
        plan.problem = plan.problem.or_else(|| TypeRef::of::<T>().problem());
        Bag { made: super::Made::Planned(std::sync::Arc::new(plan)), fan_in: self.fan_in }
    }
}
