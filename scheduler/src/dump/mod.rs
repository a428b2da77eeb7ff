//! Dumps: everything that a scheduler knows at one moment, in a file that people can read and a machine can be made of.
//!
//! A dump is text, with an object of JSON on each line: first whose it is, then the parts of the machine, with a line for each
//! function, worker, client and task, then the latest records, and at the end a hash of all. It is written line by line, so it
//! takes no memory. What follows in the same file is not the scheduler's: clients add there what the workers know
//! (`brisk_worker::dump`). What a dump holds is names, keys, lengths, addresses, paths of programs and the texts of errors, but
//! neither arguments nor results: of those the scheduler has only the lengths.
//!
//! Dask's `dump_cluster_state` is the same for people; a machine that is [read](Dump::read) from a dump can also be asked
//! what the scheduler itself is asked, have its invariants checked, and be fed with events.

mod reader;
mod writer;

pub use reader::{Dump, DumpError, Header};
pub use writer::write;

/// What every dump begins with: `{"brisk_dump":1,…`. The number is the format's version, and grows when the format changes.
const FORMAT: u32 = 1;
