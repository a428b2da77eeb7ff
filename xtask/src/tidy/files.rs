//! The repository's files, and what holds for each of them.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use super::{Problem, code::code_only};
use crate::process::{output, root};

/// A source file with more lines should be two.
const MAX_LINES: usize = 600;

/// Files that are longer for now, with the lines they may have: they may shrink and not grow. Empty, and should stay so.
const LONGER: &[(&str, usize)] = &[];

/// Every text file that is in the repository, or would be with the next commit.
pub(crate) struct Tree {
    /// In the order of their paths.
    pub(crate) files: Vec<File>,
}

/// A text file.
pub(crate) struct File {
    /// From the repository's root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Tree {
    /// Reads it. Files that are no UTF-8 are nobody's text.
    pub(crate) fn read() -> Result<Self> {
        let mut git = Command::new("git");
        git.current_dir(root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let mut paths: Vec<String> = match output(&mut git) {
            Ok(listed) => listed.split_terminator('\0').map(str::to_owned).collect(),
            // Not a checkout: an unpacked archive, say.
            Err(_) => walk(root())?,
        };
        paths.sort_unstable();
        paths.dedup();
        let files = paths.into_iter().filter_map(|path| {
            let text = fs::read_to_string(root().join(&path)).ok()?;
            Some(File { path, text })
        });
        Ok(Tree { files: files.collect() })
    }

    /// The text of the file at `path`.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }
}

/// All files below `root` but those that git would ignore and its own.
fn walk(root: &Path) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("{} can't be read", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            let inner = path.strip_prefix(root)?;
            let skipped = [".git", "target", "data", "dashboard/web/node_modules"];
            if skipped.iter().any(|skipped| inner == Path::new(skipped)) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                let parts: Vec<_> = inner.iter().map(|part| part.to_string_lossy()).collect();
                paths.push(parts.join("/"));
            }
        }
    }
    Ok(paths)
}

/// Checks every file by itself.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    tree.files.iter().flat_map(|file| [length(file), header(file)].into_iter().flatten().chain(lines(file))).collect()
}

fn length(file: &File) -> Option<Problem> {
    let allowed = LONGER.iter().find(|(path, _)| *path == file.path).map_or(MAX_LINES, |(_, lines)| *lines);
    let lines = file.text.lines().count();
    let message = || format!("{lines} lines where {allowed} are allowed: make two modules of it");
    let is_source = [".rs", ".ts", ".tsx", ".mjs", ".css"].iter().any(|ending| file.path.ends_with(ending));
    let is_written = is_source && !file.path.contains("/dist/");
    (is_written && lines > allowed).then(|| Problem::new(&file.path, message()))
}

/// A file starts by saying what it is: a module in `//!`. Unit tests in a file of their own need no more than their
/// names, and programs that are meant not to compile are explained by whoever tries to.
fn header(file: &File) -> Option<Problem> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let is_module = name.ends_with(".rs") && name != "tests.rs" && !file.path.contains("/ui/");
    let mut lines = (1..).zip(file.text.lines().map(str::trim));
    let (number, first) = lines.find(|(_, line)| !line.is_empty() && !line.starts_with("#!")).unwrap_or((1, ""));
    let message = "a module starts with a //! comment: what it is, and what it deliberately is not";
    (is_module && !first.starts_with("//!")).then(|| Problem::at_line(&file.path, number, message))
}

fn lines(file: &File) -> Vec<Problem> {
    let mut problems = Vec::new();
    // The one folder each machine has, and the ways of naming another registry. Put together here, so that this file does
    // not find itself.
    let machine = ["work", "root", "home"].map(|folder| format!("/{folder}/"));
    let registry = [concat!("replace", "-with"), concat!("index", "-url"), concat!("sparse", "+http")];
    for (number, line) in (1..).zip(file.text.lines()) {
        if let Some(folder) = machine.iter().find(|folder| is_absolute(line, folder)) {
            let message = format!("`{folder}` is a folder of one machine: write a path from the repository's root");
            problems.push(Problem::at_line(&file.path, number, message));
        }
        if let Some(word) = registry.iter().find(|word| line.contains(**word)) {
            let message = format!("`{word}` names a registry: which one is used is each machine's own setting");
            problems.push(Problem::at_line(&file.path, number, message));
        }
    }
    if file.path.ends_with(".rs") {
        problems.extend(ignored_tests(file));
    }
    problems
}

/// Tests with an `ignore` among their attributes.
fn ignored_tests(file: &File) -> Vec<Problem> {
    let code = code_only(&file.text);
    let mut problems = Vec::new();
    let mut ignored = None;
    let mut is_test = false;
    for (number, line) in (1..).zip(code.lines().map(str::trim)) {
        if line.starts_with("#[") {
            ignored = ignored.or(line.starts_with("#[ignore").then_some(number));
            is_test |= line.ends_with("test]");
        } else if !line.is_empty() {
            if let Some(number) = ignored.take().filter(|_| is_test) {
                let message = "a test that is ignored proves nothing: mend it, or delete it";
                problems.push(Problem::at_line(&file.path, number, message));
            }
            is_test = false;
        }
    }
    problems
}

/// Whether `line` has a path that begins with `folder`: `a/home/b` does not.
fn is_absolute(line: &str, folder: &str) -> bool {
    let begins = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}'));
    line.match_indices(folder).any(|(at, _)| begins(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        check(&Tree { files: vec![file] }).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn long_files_are_found() {
        let text = |lines| format!("//! Long.\n{}", "\n".repeat(lines - 1));
        assert!(found("core/src/a.rs", &text(MAX_LINES)).is_empty());
        let found = found("core/src/a.rs", &text(MAX_LINES + 1));
        assert_eq!(found, ["core/src/a.rs: 601 lines where 600 are allowed: make two modules of it"]);
        let lines = "//\n".repeat(MAX_LINES + 1);
        assert_eq!(self::found("dashboard/web/src/a.tsx", &lines).len(), 1);
        assert!(self::found("dashboard/web/dist/assets/a.css", &lines).is_empty());
    }

    #[test]
    fn modules_without_a_header_are_found() {
        assert_eq!(found("a/src/b.rs", "use std::fmt;\n").len(), 1);
        assert_eq!(found("a/src/b.rs", "").len(), 1);
        assert!(found("a/src/b.rs", "#![no_std]\n\n//! What it is.\n").is_empty());
        assert!(found("a/src/b/tests.rs", "use super::*;\n").is_empty());
        assert!(found("a/tests/ui/c.rs", "fn main() {}\n").is_empty());
        assert!(found("README.md", "Text.\n").is_empty());
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        let home = format!("/{}/somebody", "home");
        assert_eq!(found("README.md", &format!("cd {home}\n")).len(), 1);
        assert_eq!(found("a.json", &format!("\"{home}\"\n")).len(), 1);
        assert!(found("README.md", &format!("https://example.org{home}\ndocs{home}\n")).is_empty());
    }

    #[test]
    fn other_registries_are_found() {
        assert_eq!(found(".cargo/config.toml", &format!("{}-with = \"mirror\"\n", "replace")).len(), 1);
    }

    #[test]
    fn ignored_tests_are_found() {
        let found = found("a/src/b.rs", "//! It.\n#[test]\n#[ignore = \"slow\"]\nfn t() {}\n// #[ignore]\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a/src/b.rs:3: "), "{found:?}");
    }

    #[test]
    fn what_a_macro_is_given_is_no_test() {
        assert!(found("a/src/b.rs", "//! It.\nquote!(\n#[ignore]\nfn t() {})\n#[test]\nfn u() {}\n").is_empty());
    }

    #[test]
    fn both_ways_of_listing_find_this_file() {
        let path = "xtask/src/tidy/files.rs";
        assert!(Tree::read().unwrap().text(path).is_some());
        assert!(walk(root()).unwrap().iter().any(|walked| walked == path));
    }
}
