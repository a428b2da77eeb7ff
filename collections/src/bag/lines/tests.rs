//! Lines of files that are longer than what is read at once.

use std::{
    fs,
    path::PathBuf,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use super::*;

/// A file that goes when the test does.
struct Scratch(PathBuf);

impl Scratch {
    fn of(bytes: &[u8]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("brisk-lines-{}-{number}.txt", process::id()));
        fs::write(&path, bytes).unwrap();
        Scratch(path)
    }

    fn lines(&self, from: u64, to: Option<u64>, block: usize) -> Lines {
        let path = self.0.to_str().unwrap().to_owned();
        Lines::open(Piece { path, from, to, version: (0, 0), header: None }, block).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Lines of all lengths, one of them longer than what is read at once, and the text that they make.
fn text() -> (Vec<String>, String) {
    let (mut lines, mut text) = (Vec::new(), String::new());
    let mut random = 7u64;
    for number in 0..1_500 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let len = if number == 700 { 3 * READ } else { (random >> 33) as usize % 2_500 };
        let line: String = "abc äöü €𝄞 ".chars().cycle().skip(number).take(len).collect();
        text += &line;
        text += if number % 3 == 0 { "\r\n" } else { "\n" };
        lines.push(line);
    }
    text += "the last one has no end\r";
    lines.push("the last one has no end\r".to_owned());
    (lines, text)
}

fn all(mut lines: Lines) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(line) = lines.line().unwrap() {
        all.push(line);
    }
    all
}

#[test]
fn lines_are_the_same_wherever_a_file_is_cut() {
    let (lines, text) = text();
    let file = Scratch::of(text.as_bytes());
    assert!(all(file.lines(0, None, 1)) == lines);
    for size in [10_000, READ as u64 - 1, READ as u64, 1_000_001] {
        let pieces = (0..text.len() as u64 / size + 1).map(|piece| (piece * size, (piece + 1) * size));
        let of_pieces: Vec<String> = pieces.flat_map(|(from, to)| all(file.lines(from, Some(to), 1))).collect();
        assert!(of_pieces == lines, "pieces of {size}");
    }
}

#[test]
fn blocks_stay_as_they_are_when_more_is_read() {
    let (lines, text) = text();
    let file = Scratch::of(text.as_bytes());
    for keep in [true, false] {
        let (mut feed, mut held, mut read) = (file.lines(0, None, 100), Vec::new(), Vec::new());
        let mut texts = |chunk: &Chunk| {
            assert!(chunk.len <= 100);
            let done = chunk.each_text(|text| -> Result<(), Box<Failure>> {
                read.push(text.to_owned());
                Ok(())
            });
            assert!(done.is_ok());
        };
        while let Some(chunk) = feed.next().unwrap() {
            if keep { held.push(chunk) } else { texts(&chunk) }
        }
        held.iter().for_each(texts);
        assert!(read == lines);
    }
}

#[test]
fn a_bad_line_is_told_by_its_place_when_it_is_come_to() {
    let (lines, text) = text();
    for bad in [0, 1, 600, 1_400] {
        let mut bytes = Vec::new();
        let place = text.split_inclusive('\n').take(bad).map(str::len).sum::<usize>();
        bytes.extend_from_slice(&text.as_bytes()[..place]);
        bytes.extend_from_slice(b"bad \xff\n");
        bytes.extend_from_slice(&text.as_bytes()[place..]);
        let file = Scratch::of(&bytes);
        let mut feed = file.lines(0, None, 1);
        for line in &lines[..bad] {
            assert_eq!(feed.line().unwrap().as_ref(), Some(line));
        }
        for _ in 0..2 {
            let message = feed.line().unwrap_err().message;
            let wanted = format!(":{}: the line is no UTF-8, from its byte 5 on", bad + 1);
            assert!(message.ends_with(&wanted), "{message}");
        }
        // Another piece's mistake is none of this one's.
        let before = file.lines(0, Some(place.max(1) as u64), 1);
        if bad > 0 {
            assert!(all(before) == lines[..bad]);
        }
    }
}

#[test]
fn a_file_of_nothing_has_no_lines() {
    for (text, lines) in [("", &[][..]), ("\n", &[""]), ("\n\n", &["", ""]), ("\r\n\r", &["", "\r"]), ("a", &["a"])] {
        assert_eq!(all(Scratch::of(text.as_bytes()).lines(0, None, 5)), lines);
    }
}
