//! Spans of tasks, below those that they were submitted in.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, OnceLock},
};

use brisk_core::{
    graph::Invocation,
    trace::{TraceContext, Traced},
};
use tracing::Span;

use super::context::{self, Facts};

/// The target of tasks' spans.
const TARGET: &str = "brisk::task";

static PROPAGATOR: OnceLock<Box<dyn Propagator>> = OnceLock::new();

/// Joins traces over processes, for a program whose spans go to a tracing system, which has ids of its own.
pub trait Propagator: Send + Sync + 'static {
    /// Under which ids this span, in which something is being submitted, is known; `None` if it is not traced.
    fn current(&self, span: &Span) -> Option<TraceContext>;

    /// A task's span has been made, and was not entered yet: its parent is this one, maybe of another process.
    fn adopt(&self, span: &Span, parent: &TraceContext);
}

/// Lets `propagator` say how spans are known and joined, in this process. Where worker processes should do the same, call it in
/// what `#[brisk_client::main(setup = …)]` runs.
///
/// # Errors
/// The propagator, if there is one already.
pub fn set_propagator<P: Propagator>(propagator: P) -> Result<(), Box<dyn Propagator>> {
    PROPAGATOR.set(Box::new(propagator))
}

/// The span that a call would be submitted in now and here: what the task's span will name as its parent. `None` if no subscriber
/// takes an interest.
///
/// Without a [propagator](set_propagator) everything that comes of one process is one trace, and spans are told apart by numbers that
/// mean something to this process only.
pub fn current() -> Option<TraceContext> {
    current_with_span().map(|(context, _)| context)
}

/// The same, and the span itself, if there is one in this process.
fn current_with_span() -> Option<(TraceContext, Option<Span>)> {
    let span = Span::current();
    let Some(name) = span.metadata().map(|metadata| metadata.name()) else {
        // Nobody listens here; whoever listens where its children run learns whose they are.
        return context::current_trace().map(|trace| ((*trace).clone(), None));
    };
    let context = match PROPAGATOR.get() {
        Some(propagator) => propagator.current(&span)?,
        None => {
            let here = here();
            let trace_id = context::current_trace().map_or(here.trace_id, |trace| trace.trace_id);
            TraceContext::new(trace_id, here.span_id(&span), name)
        }
    };
    Some((context, Some(span)))
}

/// What calls carry that are submitted now and here: one for each of them is to be made. For clients.
#[doc(hidden)]
pub fn carried(by_reference: bool) -> Option<impl Fn() -> Traced> {
    let (context, span) = current_with_span()?;
    Some(move || match &span {
        Some(span) if by_reference => Traced::here(context.clone(), span.clone()),
        _ => Traced::new(context.clone()),
    })
}

/// The span of a run. One that was submitted in a span is of level INFO, others of level DEBUG.
pub(super) fn span(call: &Invocation, facts: &Facts, worker: &str) -> Span {
    let (key, attempt, function) = (&facts.task, facts.attempt, &*call.def.info().name);
    let Some(traced) = call.trace() else {
        return tracing::debug_span!(target: TARGET, parent: None, "task", %key, function, attempt, worker);
    };
    let (parent, within) = (&traced.context, &*traced.context.name);
    // In its own process the parent is the span itself. Holding it is now the part of the span below it.
    let span = match traced.take_span::<Span>() {
        Some(above) => {
            tracing::info_span!(target: TARGET, parent: &above, "task", %key, function, attempt, worker, within, %parent)
        }
        None => {
            tracing::info_span!(target: TARGET, parent: None, "task", %key, function, attempt, worker, within, %parent)
        }
    };
    if let Some(propagator) = PROPAGATOR.get().filter(|_| !span.is_disabled()) {
        propagator.adopt(&span, parent);
    }
    span
}

/// The trace that a run belongs to.
pub(super) fn trace_of(call: &Invocation) -> Option<Arc<TraceContext>> {
    call.trace().map(|traced| Arc::new(traced.context.clone()))
}

/// By what this process is told from others.
struct Here {
    trace_id: u128,
    mask: u64,
}

fn here() -> &'static Here {
    static HERE: OnceLock<Here> = OnceLock::new();
    HERE.get_or_init(|| {
        // Keyed with what the system gives at random, once a process.
        let random = RandomState::new();
        let [high, low, mask] = [1, 2, 3].map(|number: u64| random.hash_one(number));
        Here { trace_id: (u128::from(high) << 64 | u128::from(low)).max(1), mask }
    })
}

impl Here {
    fn span_id(&self, span: &Span) -> u64 {
        (span.id().map_or(0, |id| id.into_u64()) ^ self.mask).max(1)
    }
}
