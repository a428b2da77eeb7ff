//! What the macros make of functions, seen mostly through the synchronous executor, which needs no cluster.

use serde::{Deserialize, Serialize};

mod entry;
mod functions;
mod generics;
mod in_place;
mod parameters;
mod registration;
mod results;

/// A value without Clone, so that the compiler proves that nothing copies it.
#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Table(Vec<i64>);
