//! Text files: found and cut into pieces here, read by the workers.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use brisk_client::graph::{Datum, Item};

use super::{
    Bag,
    files::{self, Piece},
    plan::FeedPlan,
};
use crate::foundation::CollectionError;

/// The lines of all files that `pattern` matches, in the order of their names, without their ends. Names that end in `.gz` or
/// `.zst` are of compressed files, each of which is one partition; others are cut at line ends into partitions of 64 MiB: see
/// [`ReadText`].
///
/// The workers read them, and must see them under the same path.
///
/// # Errors
/// If no file matches, the pattern is none, or a file can't be looked at from here.
pub fn read_text(pattern: &str) -> Result<Bag<String>, CollectionError> {
    ReadText::default().open(pattern)
}

/// How text files are read.
///
/// ```no_run
/// # fn main() -> Result<(), brisk_collections::CollectionError> {
/// use brisk_collections::bag::ReadText;
/// let lines = ReadText::default().blocksize(1 << 20)?.open("logs/*.txt")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ReadText {
    blocksize: u64,
}

impl Default for ReadText {
    fn default() -> Self {
        ReadText { blocksize: 64 << 20 }
    }
}

impl ReadText {
    /// Cuts files that are not compressed into partitions of about so many bytes, at line ends.
    ///
    /// # Errors
    /// If it is zero.
    pub fn blocksize(self, bytes: u64) -> Result<Self, CollectionError> {
        if bytes == 0 {
            return Err(CollectionError::Zero { what: "the blocksize" });
        }
        Ok(ReadText { blocksize: bytes })
    }

    /// The lines of all files that `pattern` matches: see [`read_text`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&self, pattern: &str) -> Result<Bag<String>, CollectionError> {
        let mut sources = Vec::new();
        for path in matching(pattern)? {
            for piece in self.pieces(&path)? {
                sources.push(vec![Item::Inline(Datum::new(piece))]);
            }
        }
        Ok(Bag::of_sources(FeedPlan::Lines, sources, "read_text"))
    }

    fn pieces(&self, path: &Path) -> Result<Vec<Piece>, CollectionError> {
        let whole = whole(path)?;
        let len = whole.version.0;
        if files::is_compressed(&whole.path) || len <= self.blocksize {
            return Ok(vec![whole]);
        }
        let count = len.div_ceil(self.blocksize);
        let from = |index: u64| index * self.blocksize;
        Ok((0..count).map(|index| Piece { from: from(index), to: Some(from(index + 1)), ..whole.clone() }).collect())
    }
}

/// A file as one piece.
pub(super) fn whole(path: &Path) -> Result<Piece, CollectionError> {
    let io = |error| CollectionError::Io { path: path.to_owned(), error };
    let facts = fs::metadata(path).map_err(io)?;
    // That this process may open it says that a worker of this host may.
    fs::File::open(path).map_err(io)?;
    let since = facts.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let Some(text) = path.to_str() else {
        let error = std::io::Error::new(std::io::ErrorKind::InvalidInput, "its name is no UTF-8");
        return Err(CollectionError::Io { path: path.to_owned(), error });
    };
    if let Some(why) = files::unreadable(text) {
        let error = std::io::Error::new(std::io::ErrorKind::Unsupported, format!("brisk-collections was {why}"));
        return Err(CollectionError::Io { path: path.to_owned(), error });
    }
    let version = (facts.len(), since.map_or(0, |since| since.as_nanos()));
    Ok(Piece { path: text.to_owned(), from: 0, to: None, version, header: None })
}

/// The files that a pattern matches, in the order of their names.
pub(super) fn matching(pattern: &str) -> Result<Vec<PathBuf>, CollectionError> {
    let directory = env::current_dir().unwrap_or_default();
    let no_file = || CollectionError::NoFile { pattern: pattern.to_owned(), directory: directory.clone() };
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    // A name may have in it what means something in a pattern.
    if Path::new(pattern).is_file() {
        return Ok(vec![absolute(PathBuf::from(pattern))]);
    }
    let told = |reason: &dyn std::fmt::Display| CollectionError::Pattern {
        pattern: pattern.to_owned(),
        reason: reason.to_string(),
    };
    let mut files = Vec::new();
    for entry in glob::glob(pattern).map_err(|error| told(&error))? {
        let path = entry.map_err(|error| CollectionError::Io { path: error.path().to_owned(), error: error.into() })?;
        if path.is_file() {
            files.push(absolute(path));
        }
    }
    if files.is_empty() {
        return Err(no_file());
    }
    files.sort();
    Ok(files)
}
