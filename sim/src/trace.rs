//! What happened, as a hash that two equal runs share, and as lines for people.

use std::{
    collections::VecDeque,
    fmt::{self, Write},
};

use brisk_core::time::Moment;

/// Lines that are kept for the report of a failure.
const TAIL_LINES: usize = 60;

/// The story of one simulation.
#[derive(Debug)]
pub struct Trace {
    hash: Hash,
    lines: Lines,
    tail: VecDeque<String>,
    events: u64,
}

/// What becomes of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// They are only hashed.
    Hashed,
    /// The last ones are kept, too.
    Kept,
    /// They are printed, too.
    Printed,
}

impl Trace {
    /// An empty story.
    pub fn new(lines: Lines) -> Self {
        Trace { hash: Hash(0xcbf2_9ce4_8422_2325), lines, tail: VecDeque::new(), events: 0 }
    }

    /// Adds a line.
    pub fn note(&mut self, at: Moment, line: fmt::Arguments<'_>) {
        self.events += 1;
        self.hash.0 ^= at.as_nanos();
        // Hashing never fails.
        let _ = self.hash.write_fmt(line);
        match self.lines {
            Lines::Hashed => {}
            Lines::Kept => {
                if self.tail.len() == TAIL_LINES {
                    self.tail.pop_front();
                }
                self.tail.push_back(format!("{at} {line}"));
            }
            Lines::Printed => println!("{at} {line}"),
        }
    }

    /// A hash of all lines so far.
    pub fn hash(&self) -> u64 {
        self.hash.0
    }

    /// How many lines there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The last lines, if they are kept.
    pub fn tail(&self) -> impl Iterator<Item = &str> {
        self.tail.iter().map(String::as_str)
    }
}

/// FNV-1a: it only has to tell two runs apart.
#[derive(Debug)]
struct Hash(u64);

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
