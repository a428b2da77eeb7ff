//! Calls, made on a worker: for many elements at once, as a fold, or one by one.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use brisk_client::{
    ErrorKind, Failure, Registry,
    graph::{Block, Datum, Input, Inputs, Ran, Source, TaskDef},
};

use super::{
    plan::{Caught, failed},
    trace::{Calls, OneCall, Origin, Taken},
};

/// Elements of a vector, from a place on.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) items: Datum,
    pub(super) from: usize,
    pub(super) len: usize,
}

impl Chunk {
    pub(super) fn whole(items: Datum, len: usize) -> Self {
        Chunk { items, from: 0, len }
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

    /// Makes the calls once, with these values for the placeholders.
    pub(super) fn once(&self, at: &Surroundings<'_>, elements: &[Datum]) -> Caught<Datum> {
        let mut results: Vec<Datum> = Vec::with_capacity(self.0.len());
        for call in &self.0 {
            let value = |origin: &Origin| match origin {
                Origin::Element(index) => elements.get(usize::from(*index)).cloned().ok_or_else(nothing),
                Origin::Call(index) => results.get(*index).cloned().ok_or_else(nothing),
                Origin::Bound(index) => at.bound.get(*index).cloned().ok_or_else(nothing),
            };
            let inputs = call.slots.iter().map(|slot| match slot {
                Taken::One(origin) => value(origin).map(Input::One),
                Taken::List(origins) => origins.iter().map(value).collect::<Caught<_>>().map(Input::List),
            });
            let inputs = Inputs::new(inputs.collect::<Caught<Vec<_>>>()?);
            match (at.def(call)?.call)(inputs) {
                Ran::Done(outcome) => results.push(outcome?),
                Ran::Future(_) => {
                    return Err(failed(ErrorKind::Refused, "an `async fn` has no place in a collection's step"));
                }
            }
        }
        results.pop().ok_or_else(nothing)
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
            Taken::One(Origin::Element(index)) if *index == element => {
                Ok(Source::Each(chunk.items.clone(), chunk.from))
            }
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
