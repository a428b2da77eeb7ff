//! What goes wrong with a task, in words that survive a journey: what happened, to which task, where, and what to do.

use std::{error::Error, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{key::Key, limits::MAX_ERROR_BYTES, task::TaskName};

mod cause;
mod reschedule;

pub use cause::Cause;
pub use reschedule::Reschedule;

/// A value refused to be encoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a value of type {type_name} can't be encoded: {message}")]
pub struct EncodeError {
    /// The value's type.
    pub type_name: String,
    /// What its `Serialize` said.
    pub message: String,
}

/// Bytes were no value of the type asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the bytes are no {type_name}: {message}")]
pub struct DecodeError {
    /// The type asked for.
    pub type_name: String,
    /// What its `Deserialize` said.
    pub message: String,
}

/// A [`Datum`](crate::value::Datum) did not give the value asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ValueError {
    /// It holds another type.
    #[error("the value is {had}, but {wanted} was asked for")]
    Type {
        /// The type it has.
        had: String,
        /// The type asked for.
        wanted: String,
    },
    /// It came as bytes that do not decode.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// What kind of failure a [`TaskError`] tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The task's code panicked.
    Panicked,
    /// The task returned `Err`.
    Failed,
    /// A value could not be encoded to leave its process.
    Encode,
    /// A value could not be decoded where it was needed.
    Decode,
    /// No process that could run it knows the function.
    UnknownFunction,
    /// Two different tasks were submitted under one key.
    KeyConflict,
    /// No worker could run the task for too long.
    NoWorker,
    /// Workers died while they ran the task, more often than is allowed.
    WorkerDied,
    /// The value is gone and can't be computed again.
    DataLost,
    /// The value is gone, and what it was computed from is so old that it was forgotten.
    LineageCut,
    /// The task's code took longer than it was allowed.
    TimedOut,
    /// The task was cancelled.
    Cancelled,
    /// The scheduler refused the submission.
    Refused,
    /// An argument or result is longer than may travel, or a result than its worker may hold.
    TooLarge,
    /// The connection to the scheduler was lost for too long.
    SchedulerLost,
    /// The client was closed while the future was pending.
    Closed,
    /// The future belongs to another client.
    ForeignFuture,
    /// A lock or semaphore is held no longer: its lease has ended with the session, or the scheduler's life, that it was
    /// granted in.
    LeaseLost,
    /// What is shared by name is in use with other settings, or of another type.
    Inconsistent,
    /// The actor is gone: with its worker, by a panic of one of its methods, or because it was let go.
    ActorLost,
    /// The task asked to be placed again, more often than it may.
    Rescheduled,
    /// A task waited for what can only come once it has ended itself.
    Deadlock,
}

impl ErrorKind {
    /// Whether the same call may well succeed when it is simply tried again.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::NoWorker | Self::WorkerDied | Self::DataLost | Self::SchedulerLost)
    }
}

/// What went wrong inside one call, before anybody says whose call it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind.
    pub kind: ErrorKind,
    /// One sentence.
    pub message: String,
    /// What the error's `source()` chain said, outermost first.
    pub cause: Option<Cause>,
    /// The backtrace of a panic, if `RUST_BACKTRACE` asked for one.
    pub backtrace: Option<String>,
    /// The file and line of a panic.
    pub place: Option<String>,
    /// The `Err` value itself, if it is a value.
    pub value: Option<ErrorValue>,
    /// The call's arguments in Debug form, cut.
    pub arguments: Option<String>,
}

/// An `Err` that can be had back, by [`TaskError::downcast`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorValue {
    /// The error's type.
    pub type_name: String,
    /// Its encoding.
    pub bytes: Vec<u8>,
}

impl Failure {
    /// A failure of a kind, in a sentence.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        cut(&mut message);
        Failure { kind, message, cause: None, backtrace: None, place: None, value: None, arguments: None }
    }

    /// An `Err` of a task, with its chain of sources.
    pub fn from_error(error: &(dyn Error + 'static)) -> Self {
        let all = || std::iter::successors(Some(error), |&e| e.source());
        let cause = Cause::chain(all().skip(1).filter(|e| !reschedule::is_mark(*e)).map(ToString::to_string).collect());
        let kind = if all().any(reschedule::is_asked_for) { ErrorKind::Rescheduled } else { ErrorKind::Failed };
        Failure { cause, ..Failure::new(kind, error.to_string()) }
    }

    /// Adds the `Err` itself, encoded.
    #[must_use]
    pub fn with_value(mut self, value: Option<ErrorValue>) -> Self {
        self.value = value.filter(|v| v.bytes.len() <= MAX_ERROR_BYTES);
        self
    }

    /// Adds the arguments of the call, as [`show::arguments`](crate::show::arguments) makes them.
    #[must_use]
    pub fn with_arguments(mut self, arguments: Option<String>) -> Self {
        self.arguments = arguments;
        self
    }

    /// Adds a backtrace, cut to what may travel.
    #[must_use]
    pub fn with_backtrace(mut self, backtrace: Option<String>) -> Self {
        self.backtrace = backtrace.map(|mut text| {
            cut(&mut text);
            text
        });
        self
    }
}

impl From<EncodeError> for Failure {
    fn from(error: EncodeError) -> Self {
        Failure::new(ErrorKind::Encode, error.to_string())
    }
}

impl From<ValueError> for Failure {
    fn from(error: ValueError) -> Self {
        Failure::new(ErrorKind::Decode, error.to_string())
    }
}

/// Cuts a text to [`MAX_ERROR_BYTES`], and says so in it.
pub(crate) fn cut(text: &mut String) {
    if text.len() > MAX_ERROR_BYTES {
        let end = text.floor_char_boundary(MAX_ERROR_BYTES);
        let lost = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("… ({lost} bytes more)"));
    }
}

/// How many tasks between the failed one and the one asked for an error names, the nearest to the failure first.
pub const WAY: usize = 8;

/// Why a future has no value: the failure, the task that failed (not the one that was asked for), and the way from one to
/// the other. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskError(Arc<Report>);

/// What a [`TaskError`] knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// What went wrong.
    pub failure: Failure,
    /// The task it went wrong in.
    pub task: Option<TaskName>,
    /// The task function's place in the source.
    pub place: Option<Arc<str>>,
    /// The worker it ran on.
    pub worker: Option<Arc<str>>,
    /// Which attempt it was, from 1; 0 if it never ran.
    pub attempt: u32,
    /// The tasks between the failed one and the one asked for: who needed it, and who needed that, the one asked for last.
    pub needed_by: Vec<TaskName>,
}

impl TaskError {
    /// An error of no particular task.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        TaskError::from(Failure::new(kind, message))
    }

    /// Everything that is known.
    pub fn report(&self) -> &Report {
        &self.0
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.failure.kind
    }

    /// The key of the task that failed.
    pub fn key(&self) -> Option<Key> {
        self.0.task.as_ref().map(|task| task.key)
    }

    /// The task's own `Err`, if that was an `E` and `E` is a value.
    pub fn downcast<E: serde::de::DeserializeOwned + 'static>(&self) -> Option<E> {
        let value = self.0.failure.value.as_ref()?;
        if value.type_name != std::any::type_name::<E>() {
            return None;
        }
        postcard::from_bytes(&value.bytes).ok()
    }

    /// The same error as whoever needs the task sees it that it was of so far. Of a long way only the beginning is kept, and
    /// its end.
    #[must_use]
    pub fn needed_by(self, name: TaskName) -> Self {
        self.with(|report| {
            let way = &mut report.needed_by;
            match way.len() {
                ..=WAY => way.push(name),
                length => {
                    let mark = TaskName::chosen("…".into(), name.key);
                    way.truncate(length.min(WAY + 1));
                    way[WAY] = mark;
                    way.push(name);
                }
            }
        })
    }

    /// The same error with more said about where it happened.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Report)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl From<Box<Failure>> for TaskError {
    fn from(failure: Box<Failure>) -> Self {
        TaskError::from(*failure)
    }
}

impl From<Failure> for TaskError {
    fn from(failure: Failure) -> Self {
        TaskError(Arc::new(Report {
            failure,
            task: None,
            place: None,
            worker: None,
            attempt: 0,
            needed_by: Vec::new(),
        }))
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &*self.0;
        if let Some(task) = &report.task {
            write!(f, "{task}: ")?;
        }
        f.write_str(&report.failure.message)?;
        let mut facts = Vec::new();
        if let Some(place) = report.failure.place.as_deref().or(report.place.as_deref()) {
            facts.push(format!("at {place}"));
        }
        if let Some(worker) = &report.worker {
            facts.push(format!("on worker {worker}"));
        }
        if report.attempt > 1 {
            facts.push(format!("attempt {}", report.attempt));
        }
        if let Some(arguments) = &report.failure.arguments {
            facts.push(format!("called with {arguments}"));
        }
        if let Some((asked, between)) = report.needed_by.split_last() {
            let path: Vec<_> = between.iter().chain([asked]).map(ToString::to_string).collect();
            facts.push(format!("needed by {}", path.join(", for ")));
        }
        if !facts.is_empty() {
            write!(f, "\n  {}", facts.join("   "))?;
        }
        Ok(())
    }
}

/// As `Display`, with the causes and the backtrace: what `unwrap` and `main` print.
impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.0.failure.cause.as_ref();
        while let Some(this) = cause {
            write!(f, "\n  caused by: {this}")?;
            cause = this.next();
        }
        if let Some(backtrace) = &self.0.failure.backtrace {
            write!(f, "\n{}", backtrace.trim_end())?;
        }
        Ok(())
    }
}

impl Error for TaskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.failure.cause.as_ref().map(|cause| cause as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str, key: u128) -> TaskName {
        TaskName::of_call(name.into(), Key::from_u128(key << 96))
    }

    #[test]
    fn reads_like_the_tour() {
        let error = TaskError::new(ErrorKind::Panicked, "attempt to divide by zero").with(|report| {
            report.task = Some(name("ratio", 0x91c2_0000));
            report.place = Some("src/main.rs:12".into());
            report.worker = Some("nodes-3".into());
            report.failure.arguments = Some("(25, 0)".to_owned());
            report.needed_by = vec![name("sum", 0x7d10_0000)];
        });
        assert_eq!(
            error.to_string(),
            "ratio-91c20000: attempt to divide by zero\n  \
             at src/main.rs:12   on worker nodes-3   called with (25, 0)   needed by sum-7d100000"
        );
    }

    #[test]
    fn keeps_the_chain_of_causes_over_the_wire() {
        #[derive(Debug, Error)]
        #[error("outer")]
        struct Outer(#[source] std::io::Error);
        let failure = Failure::from_error(&Outer(std::io::Error::other("inner")));
        let error = TaskError::from(failure);
        let back: TaskError = postcard::from_bytes(&postcard::to_stdvec(&error).unwrap()).unwrap();
        assert_eq!(back, error);
        assert_eq!(back.source().unwrap().to_string(), "inner");
        assert!(format!("{back:?}").contains("caused by: inner"));
    }

    #[test]
    fn a_long_way_is_told_by_its_ends() {
        let mut error = TaskError::new(ErrorKind::Failed, "no");
        for i in 0..100 {
            error = error.needed_by(name("f", i << 4));
        }
        let way = &error.report().needed_by;
        assert_eq!(way.len(), WAY + 2);
        assert_eq!((&*way[WAY].name, way[0].key, way[WAY + 1].key), ("…", name("f", 0).key, name("f", 99 << 4).key));
    }

    #[test]
    fn who_asks_to_be_placed_again_is_heard_through_other_errors() {
        #[derive(Debug, Error)]
        #[error("outer")]
        struct Outer(#[source] Reschedule);
        /// As `anyhow::Error` becomes a box: of a type of its own, with the sources of what it was made from.
        #[derive(Debug, Error)]
        #[error("{0}")]
        struct Opaque(Reschedule, #[source] Box<dyn Error + Send + Sync>);
        let busy = || Reschedule::new("busy");
        let opaque = Opaque(busy(), Box::new(reschedule::Mark));
        for error in [&Outer(busy()) as &(dyn Error + 'static), &busy(), &opaque] {
            assert_eq!(Failure::from_error(error).kind, ErrorKind::Rescheduled);
        }
        assert_eq!(Failure::from_error(&busy()).cause, None, "what marks it is no cause");
        assert_eq!(Failure::from_error(&std::io::Error::other("busy")).kind, ErrorKind::Failed);
    }

    #[test]
    fn long_messages_are_cut() {
        let failure = Failure::new(ErrorKind::Failed, "ü".repeat(MAX_ERROR_BYTES));
        assert!(failure.message.len() < MAX_ERROR_BYTES + 40);
        assert!(failure.message.ends_with("bytes more)"));
    }
}
