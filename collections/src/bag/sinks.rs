//! What becomes of a partition's elements, block by block.

use brisk_client::{
    ErrorKind, Failure,
    graph::{Datum, End, Grouper, Items},
};

use super::{
    calls::{Chunk, Fail, Surroundings},
    plan::{Caught, Sink, TypeRef, failed},
    trace::Calls,
    write::FileSink,
};

/// Takes blocks of elements.
pub(super) trait Into {
    /// Takes some.
    fn add(&mut self, chunk: Chunk, at: &Surroundings<'_>) -> Result<(), Fail>;

    /// Is told that elements were left out.
    fn skipped(&mut self, _: u64) {}

    /// Whether it needs no more.
    fn is_full(&self) -> bool {
        false
    }

    /// What they came to.
    fn finish(self: Box<Self>, at: &Surroundings<'_>) -> Caught<Datum>;
}

/// The sink for elements of a type.
pub(super) fn open(sink: &Sink, element: &TypeRef, partition: usize, at: &Surroundings<'_>) -> Caught<Box<dyn Into>> {
    let items = element.items()?;
    let kept = || Kept { items, parts: Vec::new(), count: 0 };
    Ok(match sink {
        Sink::Keep => Box::new(kept()),
        Sink::Piece { .. } => return Err(failed(ErrorKind::Refused, "a piece is cut of whole partitions")),
        Sink::Count => Box::new(Count(0)),
        Sink::Skipped => Box::new(Skipped(0)),
        Sink::Fold { fold, start } => {
            let start =
                at.bound.get(*start).cloned().ok_or_else(|| failed(ErrorKind::Decode, "a fold without a start"))?;
            Box::new(Fold { fold: fold.clone(), value: Some(start) })
        }
        Sink::Reduce(calls) => Box::new(Reduce { items, calls: calls.clone(), value: None }),
        Sink::First { count, end, by } => {
            let by = by.clone().map(|(calls, keys)| Ok::<_, Box<Failure>>((calls, keys.items()?, keys))).transpose()?;
            Box::new(First { kept: kept(), count: *count, end: *end, by, element: element.clone() })
        }
        Sink::Distinct | Sink::Frequencies => {
            let counts = matches!(sink, Sink::Frequencies).then(Vec::new);
            Box::new(Groups { items, grouper: grouper(element)?, counts })
        }
        Sink::FoldBy { key, keys, pairs, fold, start } => {
            let start =
                at.bound.get(*start).cloned().ok_or_else(|| failed(ErrorKind::Decode, "a fold without a start"))?;
            let fold_by = FoldBy {
                items,
                grouper: grouper(keys)?,
                pairs: pairs.clone(),
                key: key.clone(),
                fold: fold.clone(),
                start,
                values: Vec::new(),
            };
            Box::new(fold_by)
        }
        Sink::Take { count, after } => {
            let mut kept = kept();
            if let Some(before) = after.and_then(|after| at.bound.get(after)) {
                kept.count = items.count(before)?;
                kept.parts.push(before.clone());
            }
            Box::new(Take { kept, count: *count })
        }
        Sink::File { path } => Box::new(FileSink::create(path, partition)?),
    })
}

/// Tells equal values of a type.
pub(super) fn grouper(of: &TypeRef) -> Caught<Box<dyn Grouper>> {
    let lacks = "has no `Eq` and `Hash`, by which equal values are found: derive them, \
                 `#[derive(PartialEq, Eq, Hash)]`";
    of.items()?.grouper().ok_or_else(|| of.lacks(lacks))
}

/// If enough was taken of the partitions before, what that is: nothing is read of this one.
pub(super) fn taken_before(sink: &Sink, bound: &[Datum], element: &TypeRef) -> Caught<Option<Datum>> {
    let Sink::Take { count, after: Some(after) } = sink else { return Ok(None) };
    let Some(before) = bound.get(*after) else { return Ok(None) };
    let enough = element.items()?.count(before)? >= *count;
    Ok(enough.then(|| before.clone()))
}

/// Piece `index` of `of` of about equal lengths.
pub(super) fn piece(element: &TypeRef, parts: Vec<Datum>, index: usize, of: usize) -> Caught<Datum> {
    let items = element.items()?;
    let all = items.join(parts)?;
    let len = items.count(&all)? as u128;
    let cut = |index: usize| usize::try_from(len * index as u128 / of.max(1) as u128).unwrap_or(usize::MAX);
    items.slice(&all, cut(index), cut(index + 1) - cut(index))
}

struct Kept {
    items: &'static dyn Items,
    parts: Vec<Datum>,
    count: usize,
}

impl Kept {
    fn keep(&mut self, chunk: Chunk) -> Caught<()> {
        self.count += chunk.len;
        self.parts.push(chunk.own(self.items)?);
        Ok(())
    }

    fn joined(&mut self) -> Caught<Datum> {
        self.items.join(std::mem::take(&mut self.parts))
    }
}

impl Into for Kept {
    fn add(&mut self, chunk: Chunk, _: &Surroundings<'_>) -> Result<(), Fail> {
        Ok(self.keep(chunk)?)
    }

    fn finish(mut self: Box<Self>, _: &Surroundings<'_>) -> Caught<Datum> {
        self.joined()
    }
}

struct Take {
    kept: Kept,
    count: usize,
}

impl Into for Take {
    fn add(&mut self, chunk: Chunk, _: &Surroundings<'_>) -> Result<(), Fail> {
        let most = self.count.saturating_sub(self.kept.count);
        Ok(self.kept.keep(chunk.at_most(most))?)
    }

    fn is_full(&self) -> bool {
        self.kept.count >= self.count
    }

    fn finish(mut self: Box<Self>, _: &Surroundings<'_>) -> Caught<Datum> {
        self.kept.joined()
    }
}

struct Count(u64);

impl Into for Count {
    fn add(&mut self, chunk: Chunk, _: &Surroundings<'_>) -> Result<(), Fail> {
        self.0 += chunk.len as u64;
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Surroundings<'_>) -> Caught<Datum> {
        Ok(Datum::new(self.0))
    }
}

struct Skipped(u64);

impl Into for Skipped {
    fn add(&mut self, _: Chunk, _: &Surroundings<'_>) -> Result<(), Fail> {
        Ok(())
    }

    fn skipped(&mut self, count: u64) {
        self.0 += count;
    }

    fn finish(self: Box<Self>, _: &Surroundings<'_>) -> Caught<Datum> {
        Ok(Datum::new(self.0))
    }
}

struct Fold {
    fold: Calls,
    /// There is always one, but within `add`.
    value: Option<Datum>,
}

impl Into for Fold {
    fn add(&mut self, chunk: Chunk, at: &Surroundings<'_>) -> Result<(), Fail> {
        if let Some(value) = self.value.take() {
            self.value = Some(self.fold.fold(at, value, &chunk)?);
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Surroundings<'_>) -> Caught<Datum> {
        self.value.ok_or_else(|| failed(ErrorKind::Decode, "a fold lost its value"))
    }
}

struct Reduce {
    items: &'static dyn Items,
    calls: Calls,
    value: Option<Datum>,
}

impl Into for Reduce {
    fn add(&mut self, chunk: Chunk, at: &Surroundings<'_>) -> Result<(), Fail> {
        let (value, taken) = match self.value.take() {
            Some(value) => (value, 0),
            None if chunk.len == 0 => return Ok(()),
            None => (self.items.one(&chunk.clone().at_most(1).own(self.items)?, 0)?, 1),
        };
        let chunk = chunk.behind(taken);
        let folded = self.calls.fold(at, value, &chunk).map_err(|fail| Fail { at: fail.at + taken, ..fail });
        self.value = Some(folded?);
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Surroundings<'_>) -> Caught<Datum> {
        match self.value {
            Some(value) => self.items.vector_of(value),
            None => self.items.join(Vec::new()),
        }
    }
}

/// The first in an order: what is kept never grows beyond a block and as many.
struct First {
    kept: Kept,
    count: usize,
    end: End,
    by: Option<(Calls, &'static dyn Items, TypeRef)>,
    element: TypeRef,
}

impl First {
    fn of(&self, items: Datum, at: &Surroundings<'_>) -> Result<Datum, Fail> {
        const LACKS: &str = "has no order: derive it, `#[derive(PartialEq, Eq, PartialOrd, Ord)]`";
        match &self.by {
            None => {
                let first = self.kept.items.first(items, self.count, self.end);
                Ok(first.unwrap_or_else(|| Err(self.element.lacks(LACKS)))?)
            }
            Some((calls, key_items, keys)) => {
                let len = self.kept.items.count(&items)?;
                let made = calls.over(at, Chunk::whole(items.clone(), len), false)?;
                let places = key_items.first_places(&made.results, self.count, self.end);
                let places = places.unwrap_or_else(|| Err(keys.lacks(LACKS)))?;
                Ok(self.kept.items.at(&items, &places)?)
            }
        }
    }
}

impl Into for First {
    fn add(&mut self, chunk: Chunk, at: &Surroundings<'_>) -> Result<(), Fail> {
        let some = chunk.own(self.kept.items)?;
        let some = self.of(some, at)?;
        self.kept.parts.push(some);
        let all = self.kept.joined()?;
        let first = self.of(all, at)?;
        self.kept.parts.push(first);
        Ok(())
    }

    fn finish(mut self: Box<Self>, _: &Surroundings<'_>) -> Caught<Datum> {
        self.kept.joined()
    }
}

struct Groups {
    items: &'static dyn Items,
    grouper: Box<dyn Grouper>,
    counts: Option<Vec<u64>>,
}

impl Into for Groups {
    fn add(&mut self, chunk: Chunk, _: &Surroundings<'_>) -> Result<(), Fail> {
        let groups = self.grouper.add(chunk.own(self.items)?)?;
        if let Some(counts) = &mut self.counts {
            counts.resize(self.grouper.count(), 0);
            groups.iter().for_each(|group| counts[*group] += 1);
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Surroundings<'_>) -> Caught<Datum> {
        let distinct = self.grouper.finish();
        match self.counts {
            None => Ok(distinct),
            Some(counts) => self.items.counted(distinct, counts),
        }
    }
}

struct FoldBy {
    items: &'static dyn Items,
    grouper: Box<dyn Grouper>,
    pairs: TypeRef,
    key: Calls,
    fold: Calls,
    start: Datum,
    /// By the numbers of the groups. There is always one, but while it is folded.
    values: Vec<Option<Datum>>,
}

impl Into for FoldBy {
    fn add(&mut self, chunk: Chunk, at: &Surroundings<'_>) -> Result<(), Fail> {
        let len = chunk.len;
        let held = chunk.own(self.items)?;
        let elements = Chunk::whole(held.clone(), len);
        let keys = self.key.over(at, elements, false)?.results;
        let groups = self.grouper.add(keys)?;
        self.values.resize_with(self.grouper.count(), || Some(self.start.clone()));
        let mut of_group: Vec<(usize, usize)> =
            groups.iter().enumerate().map(|(place, group)| (*group, place)).collect();
        of_group.sort_unstable();
        for members in of_group.chunk_by(|a, b| a.0 == b.0) {
            let places: Vec<usize> = members.iter().map(|(_, place)| *place).collect();
            let group = members[0].0;
            let some = Chunk::whole(self.items.at(&held, &places)?, places.len());
            let value = self.values[group].take().unwrap_or_else(|| self.start.clone());
            let folded = self.fold.fold(at, value, &some).map_err(|fail| {
                let place = places.get(fail.at).copied().unwrap_or(0);
                Fail { at: place, ..fail }
            });
            self.values[group] = Some(folded?);
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Surroundings<'_>) -> Caught<Datum> {
        let values = self.values.into_iter().map(|value| value.unwrap_or_else(|| self.start.clone()));
        zipped(&self.pairs, self.grouper.finish(), values.collect())
    }
}

/// Keys and values as a vector of pairs.
pub(super) fn zipped(pairs: &TypeRef, keys: Datum, values: Vec<Datum>) -> Caught<Datum> {
    pairs.items()?.zip(keys, values).unwrap_or_else(|| Err(pairs.lacks("is no pair")))
}
