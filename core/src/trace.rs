//! Traces: which span of a program a task was submitted in.
//!
//! Brisk is no tracing system. It carries what one needs: the ids of [W3C trace contexts](https://www.w3.org/TR/trace-context/),
//! from where a call is submitted to where it runs.

use std::{any::Any, fmt, sync::Arc, sync::Mutex};

use serde::{Deserialize, Serialize};

/// A span, by its ids, as a task's [submission](crate::message::SubmittedTask) carries it.
///
/// ```
/// use brisk_core::trace::TraceContext;
///
/// let context = TraceContext::new(0x4bf92f3577b34da6a3ce929d0e0e4736, 0x00f067aa0ba902b7, "import");
/// assert_eq!(context.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TraceContext {
    /// The trace: what belongs together, over all processes. Not 0.
    pub trace_id: u128,
    /// The span. Not 0.
    pub span_id: u64,
    /// The span's name, for people; cut to [`MAX_NAME_BYTES`](TraceContext::MAX_NAME_BYTES).
    pub name: Arc<str>,
}

impl TraceContext {
    /// The longest name, in bytes.
    pub const MAX_NAME_BYTES: usize = 128;

    /// A span of a trace.
    pub fn new(trace_id: u128, span_id: u64, name: &str) -> Self {
        let name = &name[..name.floor_char_boundary(Self::MAX_NAME_BYTES)];
        TraceContext { trace_id, span_id, name: name.into() }
    }
}

/// As the value of a `traceparent` header.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.trace_id, self.span_id)
    }
}

/// A [`TraceContext`], and in the process that it comes from, the span itself.
#[derive(Debug)]
pub struct Traced {
    /// The span's ids.
    pub context: TraceContext,
    span: Mutex<Option<Box<dyn Any + Send + Sync>>>,
}

impl Traced {
    /// A span elsewhere.
    pub fn new(context: TraceContext) -> Self {
        Traced { context, span: Mutex::new(None) }
    }

    /// A span of this process, which is kept until it is taken.
    pub fn here(context: TraceContext, span: impl Any + Send + Sync) -> Self {
        Traced { context, span: Mutex::new(Some(Box::new(span))) }
    }

    /// The span itself, if this is its process. Once: whoever begins a span below it holds it from then on, so that it does not
    /// stay open for as long as somebody holds the call.
    pub fn take_span<T: Any>(&self) -> Option<T> {
        // Nothing panics while it holds the lock.
        let span = self.span.lock().ok()?.take()?;
        span.downcast().ok().map(|span| *span)
    }
}
