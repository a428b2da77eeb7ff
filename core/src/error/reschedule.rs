//! What a task returns that is to be placed again.

use std::error::Error;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The error of a task that can't go on where it is, or not yet, and is to be placed again: a device is taken, a file has not
/// come. Returned, or among the sources of what is returned, it is no failure: it uses up no retries, and the task runs again
/// after a pause, elsewhere or on the same worker. The pause grows from a hundredth of a second to ten seconds, and a task that
/// asks a hundred times fails.
///
/// ```
/// use brisk_core::error::Reschedule;
///
/// // With `#[task]`:
/// fn reads(path: String) -> Result<String, Reschedule> {
///     std::fs::read_to_string(&path).map_err(|error| Reschedule::new(format!("{path}: {error}")))
/// }
/// # assert!(reads("/no/such/file".into()).unwrap_err().to_string().contains("/no/such/file"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("it asked to be placed again: {reason}")]
pub struct Reschedule {
    reason: String,
    #[source]
    #[serde(skip)]
    mark: Mark,
}

/// The source of every [`Reschedule`], by which it is known. An error box such as `anyhow::Error` hides the type of what it was
/// made from, and shows its sources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Error)]
#[error("a task that returns this is placed again")]
pub(super) struct Mark;

/// Whether an error says that its task is to be placed again, to those who ask its sources too.
pub(super) fn is_asked_for(error: &(dyn Error + 'static)) -> bool {
    error.is::<Reschedule>() || error.is::<Mark>()
}

/// Whether an error says nothing of its own, but only marks the one that it is the source of.
pub(super) fn is_mark(error: &(dyn Error + 'static)) -> bool {
    error.is::<Mark>()
}

impl Reschedule {
    /// For this reason, which the error tells if the task asks too often.
    pub fn new(reason: impl Into<String>) -> Self {
        Reschedule { reason: reason.into(), mark: Mark }
    }
}
