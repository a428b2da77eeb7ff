//! What is known to be wrong when a collection is built.

use std::{io, path::PathBuf};

use thiserror::Error;

/// A collection can't be built. What only shows when partitions are computed is an error of their futures instead.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CollectionError {
    /// No file has such a name.
    #[error("no file matches `{pattern}`, seen from {directory}: check the path, and that this host sees the files")]
    NoFile {
        /// The path or pattern, as it was given.
        pattern: String,
        /// Where relative paths begin.
        directory: PathBuf,
    },
    /// The pattern is none.
    #[error("`{pattern}` is no pattern of file names: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file can't be looked at.
    #[error("{path} can't be read: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A size or number that must not be zero is.
    #[error("{what} is zero: it is at least one")]
    Zero {
        /// The size.
        what: &'static str,
    },
    /// A reduction of too few at once.
    #[error("a reduction that puts {0} results together at once has no end: it takes at least two")]
    FanIn(usize),
    /// Sizes or shapes do not fit each other.
    #[error("{0}")]
    Shape(String),
}
