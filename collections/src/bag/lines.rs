//! The lines of files, on the workers: what is read at once is one text, in which the lines stay where they are.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    mem,
    ops::Range,
    sync::Arc,
};

use brisk_client::{ErrorKind, Failure, graph::Texts};
use memchr::{memchr_iter, memrchr};

use super::{
    calls::Chunk,
    feed::Feed,
    files::{Piece, open},
    plan::{Caught, failed},
};

/// No line may be longer: what has no line ends at all is no text, and should not fill a worker's memory.
const MAX_LINE: usize = 256 << 20;

/// What is read, or unpacked, at once: enough that a call of the system, of a decoder or of a step is nothing beside it; little enough
/// to stay in the cache while all steps go over it.
const READ: usize = 256 << 10;

/// The lines of a piece.
pub(super) struct Lines {
    piece: Piece,
    reader: Box<dyn Read>,
    /// Where the first line begins.
    start: u64,
    /// Where the next text begins.
    position: u64,
    /// How many lines were given.
    count: u64,
    /// How many are given at once, at most.
    block: usize,
    /// Lines that were read, and how many of them were given.
    present: (Arc<Texts>, usize),
    /// What they are in, for its memory.
    text: Arc<String>,
    /// The beginning of the line behind them.
    rest: Vec<u8>,
    /// Why there are no more lines.
    end: Option<End>,
}

enum End {
    /// There are none.
    Ended,
    /// The next one can't be had, for this reason.
    Broken(String),
}

impl Lines {
    pub(super) fn open(piece: Piece, block: usize) -> Caught<Self> {
        let mut position = 0;
        let told = |error: &io::Error| failed(ErrorKind::Failed, format!("{} can't be read: {error}", piece.path));
        let reader: Box<dyn Read> = if piece.from > 0 {
            let mut file = File::open(&piece.path).map_err(|error| told(&error))?;
            // The line that begins at or after the place, which it does only behind a line end.
            position = piece.from - 1;
            file.seek(SeekFrom::Start(position)).map_err(|error| told(&error))?;
            let mut reader = BufReader::new(file);
            position += skip_line(&mut reader).map_err(|error| told(&error))?;
            Box::new(reader)
        } else {
            Box::new(open(&piece.path).map_err(|error| told(&error))?)
        };
        let text = Arc::new(String::new());
        let present = (Arc::new(Texts::new(text.clone(), Vec::new())), 0);
        let (start, rest) = (position, Vec::new());
        Ok(Lines { piece, reader, start, position, count: 0, block, present, text, rest, end: None })
    }

    pub(super) fn path(&self) -> &str {
        &self.piece.path
    }

    /// How many lines were given.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// How many elements are given at once, at most.
    pub(super) fn block(&self) -> usize {
        self.block
    }

    /// The next line without its end.
    pub(super) fn line(&mut self) -> Caught<Option<String>> {
        let Some((texts, from, _)) = self.some(1)? else { return Ok(None) };
        Ok(Some(texts.get(from).to_owned()))
    }

    /// At least one line, and at most so many: texts, the number of the first, and how many.
    fn some(&mut self, most: usize) -> Caught<Option<(&Arc<Texts>, usize, usize)>> {
        while self.present.1 == self.present.0.len() {
            match &self.end {
                None => self.read()?,
                Some(End::Ended) => return Ok(None),
                Some(End::Broken(why)) => return Err(self.told(why)),
            }
        }
        let (texts, given) = &mut self.present;
        let (from, len) = (*given, (texts.len() - *given).min(most));
        *given += len;
        self.count += len as u64;
        Ok(Some((texts, from, len)))
    }

    /// Reads the next text.
    fn read(&mut self) -> Caught<()> {
        let (mut bytes, filled, mut whole) = self.fill()?;
        let mut places: Vec<Range<usize>> = Vec::with_capacity(self.present.0.len() + 16);
        let mut begin = 0;
        for newline in memchr_iter(b'\n', &bytes[..whole]) {
            if self.is_behind(begin) {
                break;
            }
            let end = if newline > begin && bytes[newline - 1] == b'\r' { newline - 1 } else { newline };
            places.push(begin..end);
            begin = newline + 1;
        }
        if self.is_behind(begin) {
            self.end = Some(End::Ended);
            whole = begin;
        } else if begin < whole {
            // The last line of a file that does not end with a line end.
            places.push(begin..whole);
        }
        self.rest.clear();
        self.rest.extend_from_slice(&bytes[whole..filled]);
        bytes.truncate(whole);
        self.position += whole as u64;
        self.text = Arc::new(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                places.truncate(places.partition_point(|place| place.end <= valid));
                let begin = places.last().map_or(0, |last| line_after(error.as_bytes(), last.end));
                self.end = Some(End::Broken(format!("the line is no UTF-8, from its byte {} on", valid - begin + 1)));
                String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned()
            }
        });
        self.present = (Arc::new(Texts::new(self.text.clone(), places)), 0);
        Ok(())
    }

    /// Reads bytes of at least one whole line, if there is one: the bytes, how many there are, and where the last line that is whole ends.
    fn fill(&mut self) -> Caught<(Vec<u8>, usize, usize)> {
        let mut bytes = self.memory();
        let (mut filled, mut searched) = (self.rest.len(), 0);
        if bytes.len() < filled + READ {
            bytes.resize(filled + READ, 0);
        }
        bytes[..filled].copy_from_slice(&self.rest);
        loop {
            while filled < bytes.len() && self.end.is_none() {
                match self.reader.read(&mut bytes[filled..]) {
                    Ok(0) => self.end = Some(End::Ended),
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => self.end = Some(End::Broken(format!("can't be read here: {error}"))),
                }
            }
            if matches!(self.end, Some(End::Ended)) {
                return Ok((bytes, filled, filled));
            }
            if let Some(newline) = memrchr(b'\n', &bytes[searched..filled]) {
                return Ok((bytes, filled, searched + newline + 1));
            }
            if self.end.is_some() {
                return Ok((bytes, filled, 0));
            }
            if filled >= MAX_LINE {
                return Err(self.told(&format!("the line is longer than {MAX_LINE} bytes: is this a text file?")));
            }
            searched = filled;
            bytes.resize((filled * 2).min(MAX_LINE), 0);
        }
    }

    /// Memory to read into: that of the last text, if nobody else has it any more.
    fn memory(&mut self) -> Vec<u8> {
        self.present = (Arc::default(), 0);
        let text = Arc::try_unwrap(mem::take(&mut self.text)).unwrap_or_default();
        if text.capacity() > 4 * READ { Vec::new() } else { text.into_bytes() }
    }

    /// Whether a line that begins so far behind the last text is another piece's.
    fn is_behind(&self, begin: usize) -> bool {
        self.piece.to.is_some_and(|to| self.position + begin as u64 >= to)
    }

    /// What is wrong with the line that was not given.
    fn told(&self, what: &str) -> Box<Failure> {
        failed(ErrorKind::Failed, format!("{}: {what}", self.place_of(self.count)))
    }

    /// Where the line after `count` others stands, as editors take it.
    pub(super) fn place_of(&self, count: u64) -> String {
        let path = &self.piece.path;
        match lines_before(path, self.start) {
            Ok(before) => format!("{path}:{}", before + count + 1),
            Err(_) => format!("{path}, line {} after byte {}", count + 1, self.start),
        }
    }
}

impl Feed for Lines {
    fn next(&mut self) -> Caught<Option<Chunk>> {
        let some = self.some(self.block)?;
        Ok(some.map(|(texts, from, len)| Chunk::of_texts(texts.clone(), from, len)))
    }

    fn place(&self, index: usize) -> Option<String> {
        Some(self.place_of(index as u64))
    }
}

/// Where the line begins that is behind the one whose text ends at `end`.
fn line_after(bytes: &[u8], end: usize) -> usize {
    memchr::memchr(b'\n', &bytes[end..]).map_or(bytes.len(), |newline| end + newline + 1)
}

/// Reads to behind the next line end, and says how far that was.
fn skip_line(reader: &mut dyn BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let (count, done) = end.map_or((buffer.len(), buffer.is_empty()), |end| (end + 1, true));
        reader.consume(count);
        skipped += count as u64;
        if done {
            return Ok(skipped);
        }
    }
}

/// How many lines end before a place: read only when something is to be told.
fn lines_before(path: &str, place: u64) -> io::Result<u64> {
    if place == 0 {
        return Ok(0);
    }
    let mut reader = BufReader::new(File::open(path)?).take(place);
    let mut lines = 0;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(lines);
        }
        lines += memchr_iter(b'\n', buffer).count() as u64;
        let count = buffer.len();
        reader.consume(count);
    }
}

#[cfg(test)]
mod tests;
