//! What can be wrong with an array before anything has run, and with a block when its task does.

use std::path::{Path, PathBuf};

use super::{element::DType, grid::Dims};

/// An array can't be built as asked. Nothing was submitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// Two shapes can't be brought together.
    #[error("shapes {} and {} do not fit: {why}", Dims(.left), Dims(.right))]
    Shapes {
        /// The shape of the array that was asked.
        left: Vec<usize>,
        /// The other shape.
        right: Vec<usize>,
        /// What would be needed.
        why: String,
    },
    /// An axis that the array does not have.
    #[error("axis {axis} was asked for, but an array of shape {} has {}", Dims(.shape), axes(.shape.len()))]
    Axis {
        /// The axis as it was given: negative ones count from the end.
        axis: isize,
        /// The array's shape.
        shape: Vec<usize>,
    },
    /// One axis is named twice.
    #[error("axis {axis} is named twice")]
    RepeatedAxis {
        /// The axis, counted from the front.
        axis: usize,
    },
    /// An array can't be cut into such chunks.
    #[error("an array of shape {} can't be cut into chunks so: {why}", Dims(.shape))]
    Chunks {
        /// The array's shape.
        shape: Vec<usize>,
        /// What is wrong with them.
        why: String,
    },
    /// A slice that reaches beyond the array, or has no step.
    #[error("an array of shape {} has no such slice: {why}", Dims(.shape))]
    Slice {
        /// The array's shape.
        shape: Vec<usize>,
        /// What is wrong with it.
        why: String,
    },
    /// Of no elements there is no such thing.
    #[error("the {what} of no elements is asked for: the array has shape {}", Dims(.shape))]
    Empty {
        /// What was asked for.
        what: &'static str,
        /// The array's shape.
        shape: Vec<usize>,
    },
    /// A file holds elements of another type.
    #[error("{} holds elements of type {had}, and is opened as {wanted}: open it as {had} and `cast` it", .path.display())]
    ElementType {
        /// The file.
        path: PathBuf,
        /// What it holds.
        had: String,
        /// What was asked for.
        wanted: DType,
    },
    /// A file that can't be used.
    #[error("{}: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A number that makes no sense where it was given.
    #[error("{what}")]
    Refused {
        /// What was given, and what is wanted.
        what: String,
    },
}

impl ArrayError {
    pub(crate) fn shapes(left: &[usize], right: &[usize], why: impl Into<String>) -> Self {
        ArrayError::Shapes { left: left.to_vec(), right: right.to_vec(), why: why.into() }
    }

    pub(crate) fn chunks(shape: &[usize], why: impl Into<String>) -> Self {
        ArrayError::Chunks { shape: shape.to_vec(), why: why.into() }
    }

    pub(crate) fn slice(shape: &[usize], why: impl Into<String>) -> Self {
        ArrayError::Slice { shape: shape.to_vec(), why: why.into() }
    }

    pub(crate) fn file(path: &Path, reason: impl ToString) -> Self {
        ArrayError::File { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// A task could not make its block: the error of the task that tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BlockError(pub(crate) String);

impl BlockError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        BlockError(reason.into())
    }

    /// Something about a file, for the part of it that makes one block.
    pub(crate) fn file(path: &str, what: &str, reason: impl std::fmt::Display) -> Self {
        BlockError(format!("{path}, {what}: {reason}"))
    }
}

fn axes(count: usize) -> String {
    match count {
        0 => "no axes".to_owned(),
        1 => "1 axis".to_owned(),
        count => format!("{count} axes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_what_was_given() {
        let error = ArrayError::shapes(&[2, 3], &[4], "the last axes are 3 and 4 long");
        assert_eq!(error.to_string(), "shapes (2, 3) and (4,) do not fit: the last axes are 3 and 4 long");
        let error = ArrayError::Axis { axis: -3, shape: vec![2] };
        assert_eq!(error.to_string(), "axis -3 was asked for, but an array of shape (2,) has 1 axis");
    }
}
