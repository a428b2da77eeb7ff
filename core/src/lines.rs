//! Files of lines of JSON, one thing a line, that say at their end whether all of them are as they were written.
//!
//! Whatever is too long for memory is written and read a line at a time. The last line of a section counts those before it
//! and has a hash of them; a file may have several sections.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Longer lines are not read. A scheduler's line of queued work takes 60 bytes for each task.
const MAX_LINE: u64 = 1 << 30;

/// How the last line of a section begins.
const END: &[u8] = b"{\"lines\":";

#[derive(Serialize, Deserialize)]
struct End {
    lines: u64,
    hash: String,
}

/// Writes a section. It writes a few bytes at a time: what it writes to had better be buffered.
pub struct LineWriter<W> {
    to: W,
    hasher: blake3::Hasher,
    count: u64,
}

impl<W: Write> LineWriter<W> {
    /// Begins a section.
    pub fn new(to: W) -> Self {
        LineWriter { to, hasher: blake3::Hasher::new(), count: 0 }
    }

    /// Adds a line.
    ///
    /// # Errors
    /// If it can't be written, or does not serialise.
    pub fn add<T: Serialize>(&mut self, line: &T) -> io::Result<()> {
        serde_json::to_writer(&mut *self, line).map_err(io::Error::from)?;
        self.count += 1;
        self.write_all(b"\n")
    }

    /// Adds the last line.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn finish(mut self) -> io::Result<()> {
        let end = End { lines: self.count, hash: self.hasher.finalize().to_string() };
        self.add(&end)?;
        self.to.flush()
    }
}

impl<W: Write> Write for LineWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Reads sections, a line at a time.
pub struct LineReader<R> {
    from: R,
    line: Vec<u8>,
    hasher: blake3::Hasher,
    in_section: u64,
    count: u64,
}

/// What a [`LineReader`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A line: see [`LineReader::line`].
    Line,
    /// The end of a section, and whether all of it is as it was written.
    End {
        /// Whether it is.
        sound: bool,
    },
    /// No whole line more.
    Nothing,
}

impl<R: BufRead> LineReader<R> {
    /// Reads from here.
    pub fn new(from: R) -> Self {
        LineReader { from, line: Vec::new(), hasher: blake3::Hasher::new(), in_section: 0, count: 0 }
    }

    /// Reads the next line.
    ///
    /// # Errors
    /// If that fails, or the line is longer than any that is written.
    pub fn next_line(&mut self) -> io::Result<Next> {
        self.line.clear();
        let read = io::Read::take(&mut self.from, MAX_LINE).read_until(b'\n', &mut self.line)?;
        if read as u64 == MAX_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than any of such a file"));
        }
        if !self.line.ends_with(b"\n") {
            return Ok(Next::Nothing);
        }
        self.count += 1;
        if self.line.starts_with(END) {
            let hash = std::mem::take(&mut self.hasher).finalize().to_string();
            let lines = std::mem::take(&mut self.in_section);
            let sound = self.parse::<End>().is_ok_and(|end| end.lines == lines && end.hash == hash);
            return Ok(Next::End { sound });
        }
        self.hasher.update(&self.line);
        self.in_section += 1;
        Ok(Next::Line)
    }

    /// The line that was read last, with its end.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// That line as a value.
    ///
    /// # Errors
    /// If it is none of this type: why, and on which line.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.line).map_err(|error| self.in_line(error))
    }

    /// What is to be said of that line, with its number in front.
    pub fn in_line(&self, what: impl std::fmt::Display) -> String {
        format!("line {}: {what}", self.count)
    }

    /// How many whole lines were read.
    pub fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(lines: &[&str]) -> Vec<u8> {
        let mut written = Vec::new();
        let mut writer = LineWriter::new(&mut written);
        lines.iter().for_each(|line| writer.add(line).unwrap());
        writer.finish().unwrap();
        written
    }

    fn read(bytes: &[u8]) -> Vec<Next> {
        let mut reader = LineReader::new(bytes);
        let next = || Some(reader.next_line().unwrap()).filter(|next| *next != Next::Nothing);
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn each_section_says_whether_it_is_whole() {
        let [one, two] = [section(&["a", "b"]), section(&["c"])];
        let both = [one.clone(), two].concat();
        let sound = Next::End { sound: true };
        assert_eq!(read(&both), [Next::Line, Next::Line, sound, Next::Line, sound]);
        let changed: Vec<u8> = both.iter().map(|byte| if *byte == b'b' { b'x' } else { *byte }).collect();
        let damaged = Next::End { sound: false };
        assert_eq!(read(&changed)[..3], [Next::Line, Next::Line, damaged]);
        // A section without one of its lines, and one that is cut.
        let less = &one[one.iter().position(|byte| *byte == b'\n').unwrap() + 1..];
        assert_eq!(read(less), [Next::Line, damaged]);
        assert_eq!(read(&one[..one.len() - 1]), [Next::Line, Next::Line]);
        assert_eq!(read(b""), []);
    }
}
