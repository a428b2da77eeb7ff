//! The pure parts read no clock, draw no entropy, start no thread, open no socket: checked in their sources.
//!
//! Clippy checks the same by what names resolve to (see the clippy.toml files), but takes exceptions; here there are only
//! those of the table below.

use super::{
    Problem,
    code::{code_only, words},
    files::Tree,
};

/// Where the pure parts are.
const PURE: &[&str] = &["core/src/", "scheduler/src/machine", "worker/src/machine", "sim/src/"];

/// Files in which a word is right after all, and why.
const EXCEPTIONS: &[(&str, &[&str])] = &[
    // Waits for a future in the caller's own thread; starts none.
    ("core/src/graph/run.rs", &["thread"]),
    // The conformance suite drives real transports.
    ("core/src/testing", &["tokio", "thread", "Instant"]),
    // The simulator's command says how long it took, and may run several seeds at once.
    ("sim/src/bin/", &["thread", "Instant"]),
];

/// Names that stand for what is impure wherever they occur.
const NAMES: &[(&str, &str)] = &[
    ("Instant", "reads a clock: take the time as an argument"),
    ("SystemTime", "reads a clock: take the time as an argument"),
    ("RandomState", "draws entropy: use rustc_hash"),
    ("getrandom", "draws entropy: take a seed as an argument"),
    ("tokio", "brings a runtime: that is the shell's business"),
    ("quinn", "brings a network: that is a transport's business"),
    ("parking_lot", "brings locks between threads: that is the shell's business"),
    ("TcpStream", "opens a socket: everything goes through brisk_core::comm"),
    ("TcpListener", "opens a socket: everything goes through brisk_core::comm"),
    ("UdpSocket", "opens a socket: everything goes through brisk_core::comm"),
];

/// Names that do so only as part of a path, such as `std::thread` or `rand::rng`.
const PATHS: &[(&str, &str)] = &[
    ("thread", "is about threads: they are the shell's business"),
    ("net", "is about sockets: everything goes through brisk_core::comm"),
    ("rand", "draws entropy: take a seed as an argument"),
];

/// Checks every pure file.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let pure = tree
        .files
        .iter()
        .filter(|file| file.path.ends_with(".rs") && PURE.iter().any(|folder| file.path.starts_with(folder)));
    pure.flat_map(|file| check_file(&file.path, &file.text)).collect()
}

fn check_file(path: &str, text: &str) -> Vec<Problem> {
    let code = code_only(text);
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(code.lines()) {
        for (before, word, after) in words(line) {
            let whole = NAMES.iter().find(|(name, _)| *name == word);
            let in_path = before.ends_with("std::") || after.starts_with("::");
            let part = PATHS.iter().find(|(name, _)| *name == word && in_path);
            if let Some((_, why)) = whole.or(part).filter(|_| !is_exception(path, word)) {
                problems.push(Problem::at_line(path, number, format!("`{word}` {why}")));
            }
        }
    }
    problems
}

fn is_exception(path: &str, word: &str) -> bool {
    EXCEPTIONS.iter().any(|(place, words)| path.starts_with(place) && words.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check_file(path, text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn impure_code_is_found_with_its_line() {
        let path = "scheduler/src/machine/state.rs";
        let found =
            found(path, "use std::{\n    thread::{self, Thread},\n    time::Instant,\n};\nuse std::net::IpAddr;\n");
        let places: Vec<_> = found.iter().map(|problem| problem.split(' ').next().unwrap()).collect();
        assert_eq!(places, [2, 3, 5].map(|line| format!("{path}:{line}:")));
    }

    #[test]
    fn comments_and_other_words_pass() {
        let text = "//! No tokio.\nlet thread = threads[0]; let net = \"std::net\"; let random = operand;\n";
        assert!(found("core/src/time.rs", text).is_empty(), "{:?}", found("core/src/time.rs", text));
    }

    #[test]
    fn exceptions_are_of_one_word_in_one_place() {
        let text = "use std::thread;\nuse tokio::time;\n";
        assert_eq!(found("core/src/graph/run.rs", text).len(), 1);
        assert_eq!(found("core/src/graph/plan.rs", text).len(), 2);
    }
}
