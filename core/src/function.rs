//! Function identity: functions are named, never sent.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::key::truncate;

/// Where a task function stands in the source, and what it looks like: everything that tells two functions apart.
///
/// Two `fn inc` inside two functions of one module differ by line and column. The signature is the text as written, so a
/// changed function is refused at submission and not at decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The package (`CARGO_PKG_NAME`).
    pub package: &'static str,
    /// The package's version.
    pub version: &'static str,
    /// The module path.
    pub module: &'static str,
    /// The function's name; for `task_fn!` its place in the source.
    pub name: &'static str,
    /// The file, as the compiler was given it.
    pub file: &'static str,
    /// The line in that file.
    pub line: u32,
    /// The column in that line.
    pub column: u32,
    /// The signature as written; for an instance of a generic function, with the instance's types.
    pub signature: &'static str,
}

impl Identity {
    /// The hash that stands for this identity on the wire.
    pub fn id(&self) -> FunctionId {
        let mut hasher = blake3::Hasher::new();
        for text in [self.package, self.version, self.module, self.name, self.file, self.signature] {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        }
        hasher.update(&self.line.to_le_bytes()).update(&self.column.to_le_bytes());
        FunctionId(truncate(&hasher))
    }

    /// What people are shown of this identity.
    pub fn info(&self) -> FunctionInfo {
        FunctionInfo {
            id: self.id(),
            name: self.name.into(),
            module: self.module.into(),
            place: format!("{}:{}", self.file, self.line).into(),
            is_async: false,
        }
    }
}

/// The hash of an [`Identity`]: what the wire carries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FunctionId(#[serde(with = "crate::hex")] u128);

impl FunctionId {
    /// An id from its number.
    pub const fn from_u128(number: u128) -> Self {
        FunctionId(number)
    }

    /// The number behind the id.
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Debug for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FunctionId({:08x})", self.0 >> 96)
    }
}

/// A function as the scheduler and people know it: an id, and words for messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionInfo {
    /// The identity's hash.
    pub id: FunctionId,
    /// The short name, as in `inc-5f3a91c2`.
    pub name: Arc<str>,
    /// The module path, which begins with the crate's name.
    pub module: Arc<str>,
    /// File and line.
    pub place: Arc<str>,
    /// Whether it is an `async fn`, whose calls wait more than they work: they hold no thread of a worker.
    pub is_async: bool,
}
