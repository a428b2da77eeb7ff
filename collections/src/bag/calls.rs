//! Calls, made on a worker: for many elements at once, as a fold, or one by one.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

use brisk_client::{
    ErrorKind, Failure, Registry,
    graph::{Block, Datum, Input, Inputs, Items, Ran, Source, TaskDef, Texts},
};

use super::{
    plan::{Caught, failed},
    trace::{Calls, OneCall, Origin, Taken},
};

/// Elements, from a place on.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    items: Elements,
    from: usize,
    pub(super) len: usize,
}

/// Where elements lie.
#[derive(Clone, Debug)]
enum Elements {
    /// In a vector of them.
    Vector(Datum),
    /// In a text: strings that nobody has made yet.
    Texts(Arc<Texts>),
}

impl Chunk {
    /// A whole vector.
    pub(super) fn whole(items: Datum, len: usize) -> Self {
        Chunk::of(items, 0, len)
    }

    /// Some of a vector.
    pub(super) fn of(items: Datum, from: usize, len: usize) -> Self {
        Chunk { items: Elements::Vector(items), from, len }
    }

    /// Some of the pieces of a text.
    pub(super) fn of_texts(texts: Arc<Texts>, from: usize, len: usize) -> Self {
        Chunk { items: Elements::Texts(texts), from, len }
    }

    /// A vector of nothing but them.
    pub(super) fn own(self, items: &dyn Items) -> Caught<Datum> {
        match self.items {
            Elements::Vector(held) => items.slice(&held, self.from, self.len),
            Elements::Texts(texts) => Ok(texts.vector(self.from, self.len)),
        }
    }

    /// Those that `keep` says.
    pub(super) fn select(self, items: &dyn Items, keep: &[bool]) -> Caught<Chunk> {
        match self.items {
            Elements::Vector(held) => {
                let kept = items.select(held, self.from, keep)?;
                let len = items.count(&kept)?;
                Ok(Chunk::whole(kept, len))
            }
            Elements::Texts(texts) => {
                let kept = texts.select(self.from, keep);
                let len = kept.len();
                Ok(Chunk::of_texts(Arc::new(kept), 0, len))
            }
        }
    }

    /// All but the first `count`.
    pub(super) fn behind(self, count: usize) -> Chunk {
        let count = count.min(self.len);
        Chunk { from: self.from + count, len: self.len - count, ..self }
    }

    /// At most the first `count`.
    pub(super) fn at_most(self, count: usize) -> Chunk {
        Chunk { len: self.len.min(count), ..self }
    }

    /// The texts that they are.
    pub(super) fn each_text<E>(&self, mut each: impl FnMut(&str) -> Result<(), E>) -> Result<(), E>
    where
        E: From<Box<Failure>>,
    {
        match &self.items {
            Elements::Vector(items) => {
                let texts = items.shared::<Vec<String>>().map_err(|error| Box::new(Failure::from(error)))?;
                texts.iter().skip(self.from).take(self.len).try_for_each(|text| each(text))
            }
            Elements::Texts(texts) => texts.some(self.from, self.len).try_for_each(each),
        }
    }

    fn column(&self) -> Source {
        match &self.items {
            Elements::Vector(items) => Source::Each(items.clone(), self.from),
            Elements::Texts(texts) => Source::Texts(texts.clone(), self.from),
        }
    }
}

/// What calls need besides the elements.
pub(super) struct Surroundings<'a> {
    pub(super) registry: &'a Registry,
    /// The values that are the same for all elements.
    pub(super) bound: &'a [Datum],
}

/// A call that went wrong, and for which element.
pub(super) struct Fail {
    pub(super) at: usize,
    pub(super) function: &'static str,
    pub(super) why: Why,
}

/// How it went wrong.
pub(super) enum Why {
    Failed(Box<Failure>),
    /// It goes on its way when the element was named.
    Panicked(Box<dyn Any + Send>),
}

impl From<Box<Failure>> for Fail {
    fn from(failure: Box<Failure>) -> Self {
        Fail { at: 0, function: "", why: Why::Failed(failure) }
    }
}

impl Fail {
    /// The failure with `place` in its message; a panic goes on as one.
    pub(super) fn placed(self, place: &str) -> Box<Failure> {
        let of = if self.function.is_empty() { String::new() } else { format!("`{}` of ", self.function) };
        let words = format!(" ({of}{place})");
        match self.why {
            Why::Failed(mut failure) => {
                failure.message.push_str(&words);
                failure
            }
            Why::Panicked(payload) => {
                let text = payload.downcast_ref::<&str>().map(ToString::to_string);
                match text.or_else(|| payload.downcast_ref::<String>().cloned()) {
                    Some(text) => resume_unwind(Box::new(text + &words)),
                    None => resume_unwind(payload),
                }
            }
        }
    }
}

/// What calls over a block came to.
pub(super) struct Made {
    pub(super) results: Datum,
    /// Which elements were left out, if any may be.
    pub(super) skipped: Option<Vec<bool>>,
}

impl Calls {
    /// Makes the calls for each element of `chunk`, which placeholder 0 stands for. If nobody else holds the chunk, its elements
    /// are moved into the calls that take them by value.
    pub(super) fn over(&self, at: &Surroundings<'_>, chunk: Chunk, skips: bool) -> Result<Made, Fail> {
        let Some((last, before)) = self.0.split_last() else { return Err(nothing().into()) };
        let mut results = Vec::with_capacity(before.len());
        for call in before {
            let mut block = Block::new(chunk.len, at.columns(call, (0, &chunk), &results)?);
            results.push(run(at.def(call)?, &mut block)?);
        }
        let mut block = Block::new(chunk.len, at.columns(last, (0, &chunk), &results)?);
        drop((chunk, results));
        if skips {
            block = block.skipping();
        }
        let results = run(at.def(last)?, &mut block)?;
        Ok(Made { results, skipped: block.skipped().map(<[bool]>::to_vec) })
    }

    /// Folds the elements of `chunk`, which placeholder 1 stands for, into `start`, which 0 stands for.
    pub(super) fn fold(&self, at: &Surroundings<'_>, start: Datum, chunk: &Chunk) -> Result<Datum, Fail> {
        let Some((last, before)) = self.0.split_last() else { return Err(nothing().into()) };
        let mut results = Vec::with_capacity(before.len());
        for call in before {
            let mut block = Block::new(chunk.len, at.columns(call, (1, chunk), &results)?);
            results.push(run(at.def(call)?, &mut block)?);
        }
        let mut block = Block::new(chunk.len, at.columns(last, (1, chunk), &results)?).folding(start);
        run(at.def(last)?, &mut block)
    }

    /// Makes the calls once, with these values for the placeholders, which are given away to the last that takes them.
    pub(super) fn once(&self, at: &Surroundings<'_>, elements: Vec<Datum>) -> Caught<Datum> {
        let mut elements = Values::new(elements);
        let mut results = Values::new(Vec::with_capacity(self.0.len()));
        for origin in self.0.iter().flat_map(Self::origins) {
            match origin {
                Origin::Element(index) => elements.wanted(usize::from(index)),
                Origin::Call(index) => results.wanted(index),
                Origin::Bound(_) => {}
            }
        }
        for call in &self.0 {
            let mut value = |origin: &Origin| match origin {
                Origin::Element(index) => elements.take(usize::from(*index)),
                Origin::Call(index) => results.take(*index),
                Origin::Bound(index) => at.bound.get(*index).cloned().ok_or_else(nothing),
            };
            let inputs = call.slots.iter().map(|slot| match slot {
                Taken::One(origin) => value(origin).map(Input::One),
                Taken::List(origins) => origins.iter().map(&mut value).collect::<Caught<_>>().map(Input::List),
            });
            let inputs = Inputs::new(inputs.collect::<Caught<Vec<_>>>()?);
            match (at.def(call)?.call)(inputs) {
                Ran::Done(outcome) => results.values.push(Some(outcome?)),
                Ran::Future(_) => {
                    return Err(failed(ErrorKind::Refused, "an `async fn` has no place in a collection's step"));
                }
            }
        }
        results.values.pop().flatten().ok_or_else(nothing)
    }
}

/// Values that calls take, and how often each is still wanted: what nobody else holds can be changed in place.
struct Values {
    values: Vec<Option<Datum>>,
    wanted: Vec<usize>,
}

impl Values {
    fn new(values: Vec<Datum>) -> Self {
        Values { values: values.into_iter().map(Some).collect(), wanted: Vec::new() }
    }

    fn wanted(&mut self, index: usize) {
        if self.wanted.len() <= index {
            self.wanted.resize(index + 1, 0);
        }
        self.wanted[index] += 1;
    }

    fn take(&mut self, index: usize) -> Caught<Datum> {
        let value = self.values.get_mut(index).ok_or_else(nothing)?;
        let left = self.wanted.get_mut(index).ok_or_else(nothing)?;
        *left = left.saturating_sub(1);
        let taken = if *left == 0 { value.take() } else { value.clone() };
        taken.ok_or_else(nothing)
    }
}

impl Surroundings<'_> {
    fn def(&self, call: &OneCall) -> Caught<&'static TaskDef> {
        let unknown = || failed(ErrorKind::UnknownFunction, self.registry.explain_unknown("a step's function"));
        self.registry.task(call.function).ok_or_else(unknown)
    }

    fn columns(&self, call: &OneCall, (element, chunk): (u8, &Chunk), results: &[Datum]) -> Caught<Vec<Source>> {
        let bound = |index: usize| self.bound.get(index).cloned().ok_or_else(nothing);
        let columns = call.slots.iter().map(|slot| match slot {
            Taken::One(Origin::Element(index)) if *index == element => Ok(chunk.column()),
            Taken::One(Origin::Element(_)) => Ok(Source::Before),
            Taken::One(Origin::Call(index)) => {
                results.get(*index).cloned().map(|items| Source::Each(items, 0)).ok_or_else(nothing)
            }
            Taken::One(Origin::Bound(index)) => bound(*index).map(|value| Source::Same(Input::One(value))),
            Taken::List(origins) => {
                let values = origins.iter().map(|origin| match origin {
                    Origin::Bound(index) => bound(*index),
                    _ => Err(nothing()),
                });
                values.collect::<Caught<_>>().map(|values| Source::Same(Input::List(values)))
            }
        });
        columns.collect()
    }
}

/// Runs a block. A panic is caught only for its element to be named.
fn run(def: &'static TaskDef, block: &mut Block) -> Result<Datum, Fail> {
    let function = def.identity.name;
    let Some(call) = def.block else {
        let text = format!("`{function}` can't be called for the elements of a collection");
        return Err(failed(ErrorKind::Refused, text).into());
    };
    match catch_unwind(AssertUnwindSafe(|| call(block))) {
        Ok(Ok(results)) => Ok(results),
        Ok(Err(failure)) => Err(Fail { at: block.at(), function, why: Why::Failed(failure) }),
        Err(payload) => Err(Fail { at: block.at(), function, why: Why::Panicked(payload) }),
    }
}

fn nothing() -> Box<Failure> {
    failed(ErrorKind::Decode, "the step names a value that it was not given")
}
