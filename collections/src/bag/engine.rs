//! One partition on a worker: elements come in blocks, go through all steps while they are in the cache, and end in a sink. So a
//! chain of steps costs one task a partition, and never holds more than a block of what lies between.

use brisk_client::{
    ErrorKind, Failure,
    graph::{Datum, Inputs},
};

use super::{
    calls::{Chunk, Fail, Surroundings},
    feed::{self, Feed},
    plan::{Caught, FeedPlan, Recipe, Sink, Step, TypeRef, What, failed, registry},
    sinks,
};

/// So many elements go through all steps together: enough that a step's own cost is small beside them, few enough that they
/// stay in the cache.
const BLOCK: usize = 1_024;

brisk_client::erased_task!(
    /// What one task does to one partition.
    pub(super) static PARTITION = "partition"("recipe", "partition", "source", "bound") => partition
);

fn partition(inputs: &mut Inputs) -> Caught<Datum> {
    let recipe = inputs.shared::<Recipe>(0)?;
    let partition = *inputs.shared::<usize>(1)?;
    let source = inputs.data(2)?;
    let bound = inputs.data(3)?;
    let registry = registry()?;
    let run = Run { partition, at: Surroundings { registry: &registry, bound: &bound } };
    run.recipe(&recipe, source)
}

struct Run<'a> {
    partition: usize,
    at: Surroundings<'a>,
}

/// What a step did to the elements, for the way back from one to where it came from.
enum Trace {
    /// Which of them stayed.
    Kept(Vec<bool>),
    /// How many each became.
    Lengths(Vec<usize>),
}

impl Run<'_> {
    fn recipe(&self, recipe: &Recipe, source: Vec<Datum>) -> Caught<Datum> {
        let mut element = recipe.feed.element();
        let mut steps = &recipe.steps[..];
        let block = if steps.is_empty() && matches!(recipe.sink, Sink::Keep) { usize::MAX } else { BLOCK };
        if let (Sink::Piece { index, of }, FeedPlan::Parts(_)) = (&recipe.sink, &recipe.feed)
            && steps.is_empty()
        {
            return sinks::piece(&element, source, *index, *of);
        }
        if let Some(taken) = sinks::taken_before(&recipe.sink, self.at.bound, &last(&recipe.steps, &element))? {
            return Ok(taken);
        }
        let mut feed = feed::open(&recipe.feed, source, block)?;
        while let Some(whole) = steps.iter().position(|step| step.what == What::Partition) {
            let (before, rest) = steps.split_at(whole);
            let kept = self.segment(&mut *feed, &element, before, &Sink::Keep)?;
            let step = &rest[0];
            let made = step
                .calls
                .once(&self.at, vec![kept])
                .map_err(|failure| Fail::from(failure).placed(&format!("partition {}", self.partition)))?;
            element = step.makes.clone();
            steps = &rest[1..];
            feed = feed::open(&FeedPlan::Parts(element.clone()), vec![made], BLOCK)?;
        }
        self.segment(&mut *feed, &element, steps, &recipe.sink)
    }

    /// All elements of `feed` through `steps` without a stop.
    fn segment(&self, feed: &mut dyn Feed, element: &TypeRef, steps: &[Step], sink: &Sink) -> Caught<Datum> {
        let mut sink = sinks::open(sink, &last(steps, element), self.partition, &self.at)?;
        let mut first = 0;
        while let Some(chunk) = feed.next()? {
            let len = chunk.len;
            let mut traces = Vec::new();
            let outcome = self.steps(chunk, element, steps, &mut traces);
            let outcome = outcome.and_then(|(chunk, skipped)| {
                sink.skipped(skipped);
                sink.add(chunk, &self.at)
            });
            outcome.map_err(|fail| {
                let at = first + origin(fail.at, &traces);
                let place = feed.place(at);
                let place = place.map_or_else(String::new, |place| format!(", {place}"));
                fail.placed(&format!("element {at} of partition {}{place}", self.partition))
            })?;
            first += len;
            if sink.is_full() {
                break;
            }
        }
        sink.finish(&self.at)
    }

    /// One block through `steps`, and how many elements were left out.
    fn steps(
        &self,
        mut chunk: Chunk,
        element: &TypeRef,
        steps: &[Step],
        traces: &mut Vec<Trace>,
    ) -> Result<(Chunk, u64), Fail> {
        let mut element = element;
        let mut left_out = 0;
        for step in steps {
            let held = (step.what == What::Filter).then(|| chunk.clone());
            let made = step.calls.over(&self.at, chunk, step.skips)?;
            let mut results = made.results;
            let mut held = held;
            if let Some(skipped) = made.skipped {
                let kept: Vec<bool> = skipped.iter().map(|skipped| !skipped).collect();
                left_out += skipped.iter().filter(|skipped| **skipped).count() as u64;
                held = match held {
                    Some(chunk) => Some(chunk.select(element.items()?, &kept)?),
                    None => None,
                };
                traces.push(Trace::Kept(kept));
            }
            chunk = match (step.what, held) {
                (What::Filter, Some(chunk)) => {
                    let keep = results.shared::<Vec<bool>>().map_err(|error| Box::new(Failure::from(error)))?;
                    traces.push(Trace::Kept(keep.to_vec()));
                    chunk.select(element.items()?, &keep)?
                }
                (What::FilterMap, _) => {
                    let (some, present) = step.makes.items()?.present(results)?;
                    traces.push(Trace::Kept(present));
                    counted(&step.makes, some)?
                }
                (What::FlatMap, _) => {
                    let lengths;
                    (results, lengths) = step.makes.items()?.flatten(results)?;
                    let len = lengths.iter().sum();
                    traces.push(Trace::Lengths(lengths));
                    Chunk::whole(results, len)
                }
                (What::Map, _) => counted(&step.makes, results)?,
                (What::Partition | What::Filter, _) => {
                    return Err(failed(ErrorKind::Refused, "a step of a whole partition within a block").into());
                }
            };
            element = &step.makes;
        }
        Ok((chunk, left_out))
    }
}

fn counted(element: &TypeRef, items: Datum) -> Result<Chunk, Fail> {
    let len = element.items()?.count(&items)?;
    Ok(Chunk::whole(items, len))
}

/// The type of the elements behind `steps`.
fn last(steps: &[Step], element: &TypeRef) -> TypeRef {
    steps.last().map_or_else(|| element.clone(), |step| step.makes.clone())
}

/// The number, before any step, of the element that is number `at` behind these.
fn origin(at: usize, traces: &[Trace]) -> usize {
    traces.iter().rev().fold(at, |at, trace| match trace {
        Trace::Kept(kept) => {
            let mut places = kept.iter().enumerate().filter(|(_, kept)| **kept).map(|(place, _)| place);
            places.nth(at).unwrap_or(kept.len())
        }
        Trace::Lengths(lengths) => {
            let mut left = at;
            lengths
                .iter()
                .position(|len| {
                    if left < *len {
                        true
                    } else {
                        left -= len;
                        false
                    }
                })
                .unwrap_or(lengths.len())
        }
    })
}
