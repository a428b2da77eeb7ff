//! Partial results of several partitions, put together on a worker.

use brisk_client::{
    ErrorKind,
    graph::{Datum, Inputs},
};

use super::{
    calls::Surroundings,
    plan::{Caught, Merge, TypeRef, failed, registry},
    sinks::{grouper, zipped},
    trace::Calls,
};

brisk_client::erased_task!(
    /// Puts partial results together.
    pub(super) static MERGE = "merge"("how", "parts", "bound") => merge
);

brisk_client::erased_task!(
    /// The one value of a reduction, which has none if there were no elements.
    pub(super) static ONLY = "only"("element", "what", "items") => only
);

fn merge(inputs: &mut Inputs) -> Caught<Datum> {
    let how = inputs.shared::<Merge>(0)?;
    let (parts, bound) = (inputs.data(1)?, inputs.data(2)?);
    let registry = registry()?;
    let at = Surroundings { registry: &registry, bound: &bound };
    match &*how {
        Merge::Fold(calls) => fold(calls, &at, parts),
        Merge::Counts(element) => counts(element, parts),
        Merge::Pairs { keys, pairs, fold } => merge_pairs(keys, pairs, fold, &at, parts),
    }
}

fn fold(calls: &Calls, at: &Surroundings<'_>, parts: Vec<Datum>) -> Caught<Datum> {
    let mut parts = parts.into_iter();
    let first = parts.next().ok_or_else(|| failed(ErrorKind::Decode, "nothing to put together"))?;
    parts.try_fold(first, |all, part| calls.once(at, vec![all, part]))
}

fn counts(element: &TypeRef, parts: Vec<Datum>) -> Caught<Datum> {
    let (items, mut grouper) = (element.items()?, grouper(element)?);
    let mut totals: Vec<u64> = Vec::new();
    for part in parts {
        grouper.add_counted(part, &mut totals)?;
    }
    items.counted(grouper.finish(), totals)
}

fn merge_pairs(
    keys: &TypeRef,
    pairs: &TypeRef,
    calls: &Calls,
    at: &Surroundings<'_>,
    parts: Vec<Datum>,
) -> Caught<Datum> {
    let mut grouper = grouper(keys)?;
    // There is always one, but while it is folded.
    let mut all: Vec<Option<Datum>> = Vec::new();
    for part in parts {
        let unzipped = pairs.items()?.unzip(part);
        let (some, values) = unzipped.unwrap_or_else(|| Err(pairs.lacks("is no pair")))?;
        for (group, value) in grouper.add(some)?.into_iter().zip(values) {
            match all.get_mut(group) {
                Some(held) => {
                    let both = held.take().into_iter().chain([value]);
                    *held = Some(calls.once(at, both.collect())?);
                }
                None => all.push(Some(value)),
            }
        }
    }
    zipped(pairs, grouper.finish(), all.into_iter().flatten().collect())
}

fn only(inputs: &mut Inputs) -> Caught<Datum> {
    let element = inputs.shared::<TypeRef>(0)?;
    let what = inputs.shared::<String>(1)?;
    let found = inputs.data(2)?.pop().ok_or_else(|| failed(ErrorKind::Decode, "nothing was given"))?;
    let items = element.items()?;
    if items.count(&found)? == 0 {
        return Err(failed(ErrorKind::Failed, format!("the {what} of a bag without elements: there is none")));
    }
    items.one(&found, 0)
}
