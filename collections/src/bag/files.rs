//! Files, opened on the workers, and the records in them, block by block, never a file as a whole.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
};

use brisk_client::{ErrorKind, graph::Datum};
use serde::{Deserialize, Serialize};

use super::{
    calls::Chunk,
    feed::Feed,
    lines::Lines,
    plan::{Caught, failed},
};

/// What is read, or unpacked, at once: enough that a call of the system, or of a decoder, is nothing beside it; little enough to stay in
/// the cache.
const BUFFER: usize = 128 << 10;

/// A file, or the part of one whose lines begin between two places.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) path: String,
    pub(super) from: u64,
    /// To the end, if there is none.
    pub(super) to: Option<u64>,
    /// So that a file that was changed since is not taken for what it was.
    pub(super) version: (u64, u128),
    /// What the first line must be, for files in columns; it is no record.
    pub(super) header: Option<String>,
}

/// The records of a file in columns: lines, where one goes on as long as a quoted field is open.
pub(super) struct Records {
    lines: Lines,
    /// The number of the first record of the present block, and on which lines its records begin.
    present: (usize, Vec<u64>),
}

impl Records {
    pub(super) fn open(piece: Piece, block: usize) -> Caught<Self> {
        let wanted = piece.header.clone();
        let mut records = Records { lines: Lines::open(piece, block)?, present: (0, Vec::new()) };
        if let Some(wanted) = wanted
            && let Some((_, header)) = records.record()?
            && header != wanted
        {
            let what = format!("the columns are `{header}`, but the first file's are `{wanted}`");
            return Err(failed(ErrorKind::Failed, format!("{}:1: {what}", records.lines.path())));
        }
        Ok(records)
    }

    fn record(&mut self) -> Caught<Option<(u64, String)>> {
        let first = self.lines.count();
        let Some(mut record) = self.lines.line()? else { return Ok(None) };
        while is_open(&record) {
            let Some(line) = self.lines.line()? else {
                let place = self.lines.place_of(first);
                return Err(failed(ErrorKind::Failed, format!("{place}: a quoted field has no end")));
            };
            record.push('\n');
            record.push_str(&line);
        }
        Ok(Some((first, record)))
    }
}

/// Whether a quoted field goes on behind the text: a quote within a field is doubled, so they are even in number.
fn is_open(record: &str) -> bool {
    record.bytes().filter(|byte| *byte == b'"').count() % 2 == 1
}

impl Feed for Records {
    fn next(&mut self) -> Caught<Option<Chunk>> {
        let (before, lines) = &mut self.present;
        *before += lines.len();
        lines.clear();
        let mut records = Vec::new();
        while records.len() < self.lines.block()
            && let Some((line, record)) = self.record()?
        {
            // A line with nothing on it is no record.
            if !record.is_empty() {
                self.present.1.push(line);
                records.push(record);
            }
        }
        Ok(chunk(records))
    }

    fn place(&self, index: usize) -> Option<String> {
        let (before, lines) = &self.present;
        let line = lines.get(index.checked_sub(*before)?)?;
        Some(self.lines.place_of(*line))
    }
}

fn chunk(texts: Vec<String>) -> Option<Chunk> {
    let len = texts.len();
    (len > 0).then(|| Chunk::whole(Datum::new(texts), len))
}

/// Whether a file's name says that it is compressed: it can't be read from the middle.
pub(super) fn is_compressed(path: &str) -> bool {
    path.ends_with(".gz") || path.ends_with(".zst")
}

/// Why a file can't be read by this build, if its name says so.
pub(super) fn unreadable(path: &str) -> Option<&'static str> {
    match path {
        _ if path.ends_with(".gz") && !cfg!(feature = "gzip") => Some("built without its feature `gzip`"),
        _ if path.ends_with(".zst") && !cfg!(feature = "zstd") => Some("built without its feature `zstd`"),
        _ => None,
    }
}

/// A file from its beginning, decompressed if its name says that it is compressed.
pub(super) fn open(path: &str) -> io::Result<Box<dyn BufRead>> {
    let file = BufReader::with_capacity(BUFFER, File::open(path)?);
    match path {
        #[cfg(feature = "gzip")]
        _ if path.ends_with(".gz") => {
            Ok(Box::new(BufReader::with_capacity(BUFFER, flate2::bufread::MultiGzDecoder::new(file))))
        }
        #[cfg(feature = "zstd")]
        _ if path.ends_with(".zst") => Ok(Box::new(BufReader::with_capacity(BUFFER, zstd::Frames::new(file)))),
        _ => match unreadable(path) {
            Some(why) => Err(io::Error::new(io::ErrorKind::Unsupported, format!("brisk-collections was {why}"))),
            None => Ok(Box::new(file)),
        },
    }
}

#[cfg(feature = "zstd")]
mod zstd {
    use std::io::{self, BufRead, Read};

    use ruzstd::decoding::StreamingDecoder;

    type Decoder<R> = StreamingDecoder<R, ruzstd::decoding::FrameDecoder>;

    /// The frames of a file, one after the other.
    pub(super) struct Frames<R: BufRead>(State<R>);

    enum State<R: BufRead> {
        Between(R),
        Within(Box<Decoder<R>>),
        Ended,
    }

    impl<R: BufRead> Frames<R> {
        pub(super) fn new(reader: R) -> Self {
            Frames(State::Between(reader))
        }
    }

    impl<R: BufRead> Read for Frames<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            loop {
                match std::mem::replace(&mut self.0, State::Ended) {
                    State::Ended => return Ok(0),
                    State::Between(mut reader) => {
                        if reader.fill_buf()?.is_empty() {
                            return Ok(0);
                        }
                        let decoder = StreamingDecoder::new(reader)
                            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
                        self.0 = State::Within(Box::new(decoder));
                    }
                    State::Within(mut decoder) => {
                        let read = decoder.read(buffer)?;
                        if read > 0 || buffer.is_empty() {
                            self.0 = State::Within(decoder);
                            return Ok(read);
                        }
                        self.0 = State::Between(decoder.into_inner());
                    }
                }
            }
        }
    }
}
