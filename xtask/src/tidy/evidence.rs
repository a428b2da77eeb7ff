//! What INVARIANTS.md, docs/faults.md and docs/behaviours.md name as evidence exists, and no check of a machine is left out.

use std::collections::BTreeSet;

use super::{Problem, files::Tree};

/// The documents.
const DOCUMENTS: [&str; 3] = ["INVARIANTS.md", "docs/faults.md", "docs/behaviours.md"];

/// Where the machines' checks are. Each is a function whose name begins with its invariant's number.
const CHECKS: [&str; 2] = ["scheduler/src/machine/invariants", "worker/src/machine/invariants"];

/// Checks all of them.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let sources = tree.files.iter().filter(|file| file.path.ends_with(".rs"));
    let known: BTreeSet<&str> = sources.flat_map(|file| functions(&file.text)).collect();
    let paths: BTreeSet<&str> = tree.files.iter().map(|file| file.path.as_str()).collect();
    let mut problems = Vec::new();
    for document in DOCUMENTS {
        match tree.text(document) {
            Some(text) => problems.extend(unfounded(document, text, &known, &paths)),
            None => problems.push(Problem::new(document, "there is no such file: write it")),
        }
    }
    let text = tree.text(DOCUMENTS[0]).unwrap_or_default();
    let checks = tree.files.iter().filter(|file| CHECKS.iter().any(|place| file.path.starts_with(place)));
    for check in checks.flat_map(|file| functions(&file.text)).filter(|name| is_check(name)) {
        if !text.contains(&format!("`{check}`")) {
            problems.push(Problem::new(DOCUMENTS[0], format!("say what `{check}` checks, in a row of the tables")));
        }
    }
    problems
}

/// The names of all functions of a source file.
fn functions(source: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    source.match_indices("fn ").filter_map(move |(at, _)| {
        let name = &source[at + 3..];
        let end = name.find(|c| !is_part(c)).unwrap_or(name.len());
        (end > 0).then_some(&name[..end])
    })
}

/// Whether a function's name is an invariant's: `i` and its number first.
fn is_check(name: &str) -> bool {
    let digits = name.strip_prefix('i').and_then(|rest| rest.split_once('_'));
    digits.is_some_and(|(number, _)| number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What a document names that is not there: functions in backquotes, and files of Rust.
fn unfounded(document: &str, text: &str, functions: &BTreeSet<&str>, paths: &BTreeSet<&str>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let quoted = line.split('`').skip(1).step_by(2);
        let is_name = |word: &&str| word.contains('_') && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        for name in quoted.filter(is_name).filter(|name| !functions.contains(name) && *name != "machine_cost") {
            let message = format!("there is no function `{name}`: name what shows this now");
            problems.push(Problem::at_line(document, number + 1, message));
        }
        let words = line.split(|c: char| c.is_whitespace() || ",;()`".contains(c));
        for path in words.filter(|word| word.contains('/') && word.ends_with(".rs") && !paths.contains(word)) {
            problems.push(Problem::at_line(document, number + 1, format!("there is no file {path}")));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_must_be_there() {
        let functions = BTreeSet::from(["i01_a_thing", "it_holds"]);
        let paths = BTreeSet::from(["sim/src/a.rs"]);
        let found = |text: &str| unfounded("D", text, &functions, &paths).len();
        assert_eq!(found("| `i01_a_thing`, `it_holds`; sim/src/a.rs |\n`cargo xtask tidy`, `TaskOptions`"), 0);
        assert_eq!(found("`i02_another`\n`it_never_held` and sim/src/b.rs"), 3);
    }

    #[test]
    fn checks_are_known_by_their_names() {
        assert!(is_check("i01_a_thing") && is_check("i55_more"));
        assert!(!is_check("is_check") && !is_check("i1_one") && !is_check("in_order"));
        assert_eq!(
            functions("pub(super) fn one(a: u8) {}\n    fn two_three<T>() {}").collect::<Vec<_>>(),
            ["one", "two_three"]
        );
    }
}
