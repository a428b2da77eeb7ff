//! Collections in partitions, for programs that use [`brisk_client`]: data larger than one worker's memory, or read by many
//! at once.
//!
//! A collection is *lazy*: a list of partitions and the calls that make them. Nothing is read or computed until it is submitted,
//! and then only what the result needs.
#![forbid(unsafe_code)]

pub mod array;
pub mod bag;
pub mod foundation;

pub use bag::Bag;
pub use foundation::{Collection, CollectionError};
