//! Bags that are written to files, one a partition.

use brisk_client::{Arg, Delayed, Elem, task};

use super::{Bag, plan::Sink, record::Record};
use crate::foundation::CollectionError;

impl Bag<String> {
    /// A call that writes each element as a line, into one file a partition, and gives the files' names. The `*` in `path` stands
    /// for the partition's number; names that end in `.gz` are of compressed files. The workers write them, and make
    /// directories that are missing. Each file is written beside its place and renamed when it is whole.
    ///
    /// # Errors
    /// If there is no `*` in the path's last part, or more than one in the path.
    pub fn to_text(&self, path: &str) -> Result<Delayed<Vec<String>>, CollectionError> {
        let name = path.rsplit(['/', std::path::MAIN_SEPARATOR]).next().unwrap_or_default();
        if path.matches('*').count() != 1 || !name.contains('*') {
            return Err(CollectionError::Pattern {
                pattern: path.to_owned(),
                reason:
                    "one file a partition is written: put one `*` where its number is to stand, as in `out/part-*.txt`"
                        .to_owned(),
            });
        }
        let io = |error| CollectionError::Io { path: path.into(), error };
        let path = std::path::absolute(path).map_err(io)?.to_string_lossy().into_owned();
        Ok(names(self.sunk::<String>("to_text", Sink::File { path }, Vec::new())).label("written"))
    }
}

impl<T: Record> Bag<T> {
    /// A call that writes each element as a line of JSON, as [`to_text`](Bag::to_text) writes texts.
    ///
    /// # Errors
    /// As there.
    pub fn to_json(&self, path: &str) -> Result<Delayed<Vec<String>>, CollectionError> {
        self.map(|record: Elem<T>| Delayed::<String>::call(T::TO_JSON, [Arg::slot(record)])).to_text(path)
    }
}

#[task]
fn names(files: Vec<String>) -> Vec<String> {
    files
}
