//! What one task does to one partition, in a form that travels: where elements come from, the steps, and what becomes of them.

use std::any::{TypeId, type_name};

use brisk_client::{
    ErrorKind, Failure, Registry, Value,
    graph::{End, Items, TypeToken},
};
use serde::{Deserialize, Serialize};

use super::trace::Calls;

/// What a step comes to.
pub(super) type Caught<T> = Result<T, Box<Failure>>;

/// A type, as a worker finds it again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TypeRef {
    token: TypeToken,
    name: String,
}

impl TypeRef {
    pub(super) fn of<T: Value>() -> Self {
        TypeRef { token: TypeToken::of(TypeId::of::<T>()), name: type_name::<T>().to_owned() }
    }

    /// What can be done with vectors of the type.
    pub(super) fn items(&self) -> Caught<&'static dyn Items> {
        let registry = registry()?;
        match registry.type_called(self.token) {
            Some(def) => Ok(def.items),
            None => Err(failed(ErrorKind::UnknownFunction, self.unregistered())),
        }
    }

    /// What is wrong with the type, if this program does not know it.
    pub(super) fn problem(&self) -> Option<String> {
        self.items().err().map(|failure| failure.message)
    }

    /// That the type lacks something.
    pub(super) fn lacks(&self, what: &str) -> Box<Failure> {
        failed(ErrorKind::Refused, format!("`{}` {what}", self.name))
    }

    fn unregistered(&self) -> String {
        let name = &self.name;
        format!(
            "nothing is known of `{name}` but its name: the results of `#[task]` functions are known; for any other type add \
             `brisk_client::register_types!({name});` to the program"
        )
    }
}

pub(super) fn registry() -> Caught<std::sync::Arc<Registry>> {
    Registry::linked().map_err(|error| failed(ErrorKind::UnknownFunction, error.to_string()))
}

pub(super) fn failed(kind: ErrorKind, text: impl Into<String>) -> Box<Failure> {
    Box::new(Failure::new(kind, text))
}

/// All that one task does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Recipe {
    pub(super) feed: FeedPlan,
    pub(super) steps: Vec<Step>,
    pub(super) sink: Sink,
}

/// Where the elements come from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum FeedPlan {
    /// Other tasks' partitions, one after the other: vectors of this type.
    Parts(TypeRef),
    /// The lines of a piece of a file.
    Lines,
    /// The records of a CSV file, each as the text it is.
    Records,
    /// Numbers from the first to before the second.
    Range,
}

impl FeedPlan {
    /// The type of the elements.
    pub(super) fn element(&self) -> TypeRef {
        match self {
            FeedPlan::Parts(element) => element.clone(),
            FeedPlan::Lines | FeedPlan::Records => TypeRef::of::<String>(),
            FeedPlan::Range => TypeRef::of::<i64>(),
        }
    }
}

/// One step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) what: What,
    pub(super) calls: Calls,
    /// The elements behind it.
    pub(super) makes: TypeRef,
    /// Whether elements whose call fails are left out.
    pub(super) skips: bool,
}

/// What is done with what the calls return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum What {
    /// They are the new elements.
    Map,
    /// They say which elements stay.
    Filter,
    /// Each is an element or none.
    FilterMap,
    /// Each is a list of elements.
    FlatMap,
    /// One call takes the whole partition, and makes a new one.
    Partition,
}

impl What {
    /// For names that people read.
    pub(super) fn name(self) -> &'static str {
        match self {
            What::Map => "map",
            What::Filter => "filter",
            What::FilterMap => "filter_map",
            What::FlatMap => "flat_map",
            What::Partition => "map_partitions",
        }
    }
}

/// What becomes of the elements.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Sink {
    /// A `Vec` of them.
    Keep,
    /// Their number.
    Count,
    /// The number of those that were left out.
    Skipped,
    /// One value: of the start, which is a bound value, and all elements.
    Fold { fold: Calls, start: usize },
    /// A `Vec` of one value, or of none if there are no elements.
    Reduce(Calls),
    /// A `Vec` of the first in an order: their own, or that of what the calls make of them.
    First { count: usize, end: End, by: Option<(Calls, TypeRef)> },
    /// A `Vec` of one of each group of equal ones.
    Distinct,
    /// A `Vec` of those with their numbers.
    Frequencies,
    /// A `Vec` of pairs: a key, and the value of all elements with that key.
    FoldBy { key: Calls, keys: TypeRef, pairs: TypeRef, fold: Calls, start: usize },
    /// A `Vec` of the first ones; `after` is the bound value with those that were taken before.
    Take { count: usize, after: Option<usize> },
    /// A `Vec` of those in one of several pieces of equal length.
    Piece { index: usize, of: usize },
    /// The name of a file that their lines were written to.
    File { path: String },
}

/// How partial results are put together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Merge {
    /// By calls that take two.
    Fold(Calls),
    /// Elements with their numbers.
    Counts(TypeRef),
    /// Pairs of a key and a value.
    Pairs { keys: TypeRef, pairs: TypeRef, fold: Calls },
}
