//! What all collections have in common: partitions, laziness, reductions in trees, names, errors.

mod collection;
mod error;
mod refused;
mod tree;

pub use collection::Collection;
pub use error::CollectionError;
pub use refused::refused;
pub use tree::FanIn;
