//! What a simulation ends with when something is wrong.

use std::fmt;

use brisk_core::time::Moment;

/// A property that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which kind of property.
    pub kind: FailureKind,
    /// The property's name: that of its module in [`properties`](crate::properties).
    pub property: &'static str,
    /// What was found instead.
    pub found: String,
    /// When, in virtual time.
    pub at: Moment,
}

/// Whether something bad happened, or something good did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Something happened that must not.
    Safety,
    /// Something did not happen that must.
    Liveness,
}

impl Failure {
    /// Something happened that must not.
    pub fn safety(property: &'static str, found: impl Into<String>) -> Self {
        Failure { kind: FailureKind::Safety, property, found: found.into(), at: Moment::ORIGIN }
    }

    /// Something did not happen that must.
    pub fn liveness(property: &'static str, found: impl Into<String>) -> Self {
        Failure { kind: FailureKind::Liveness, property, found: found.into(), at: Moment::ORIGIN }
    }

    /// The same, at a moment.
    #[must_use]
    pub fn at(mut self, at: Moment) -> Self {
        self.at = at;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            FailureKind::Safety => "safety",
            FailureKind::Liveness => "liveness",
        };
        write!(f, "{kind}: {} (at {}): {}", self.property, self.at, self.found)
    }
}

impl std::error::Error for Failure {}
