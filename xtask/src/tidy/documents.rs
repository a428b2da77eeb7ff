//! What the documents promise is there, and what is there is in the documents.

use super::{Problem, files::Tree, packages::Metadata};

/// The command that runs the tests, in README.md and in `.ci/run`.
const TEST_COMMAND: &str = "cargo xtask test";

/// How the command that shows Brisk at work begins, in README.md.
const RUN_COMMANDS: [&str; 2] = ["cargo run", "cargo xtask cluster"];

/// Files that people and programs look for by name.
const EXPECTED: &[&str] = &["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", ".ci/run"];

/// Checks them.
pub(super) fn check(tree: &Tree, metadata: &Metadata) -> Vec<Problem> {
    let mut problems = Vec::new();
    for name in EXPECTED {
        if tree.text(name).is_none() {
            problems.push(Problem::new(*name, "there is no such file: write it"));
        }
    }
    if let Some(text) = tree.text("ARCHITECTURE.md") {
        // A crate that only exists for another one's tests is explained there.
        let members = metadata.members().into_iter().filter(|package| !package.manifest().contains("/tests/"));
        let names = members.map(|package| package.name.as_str());
        problems.extend(missing_members(text, names));
    }
    if let Some(text) = tree.text("README.md") {
        problems.extend(missing_commands(text));
    }
    if let Some(text) = tree.text(".ci/run").filter(|text| !text.contains(TEST_COMMAND)) {
        let message = format!("it does not run `{TEST_COMMAND}`, which README.md promises");
        problems.push(Problem::at_line(".ci/run", text.lines().count(), message));
    }
    problems
}

/// Members that the map does not name, whole: `brisk-core` is not named by `brisk-core-extras`.
fn missing_members<'a>(map: &str, names: impl Iterator<Item = &'a str>) -> Vec<Problem> {
    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let words: Vec<_> = map.split(|c| !is_part(c)).collect();
    let missing = names.filter(|name| !words.contains(name));
    missing.map(|name| Problem::new("ARCHITECTURE.md", format!("say what `{name}` is for, by that name"))).collect()
}

/// The two commands a newcomer types first: one that shows Brisk at work, one that runs the tests. Each on a line of its
/// own, to be copied.
fn missing_commands(readme: &str) -> Vec<Problem> {
    let lines: Vec<_> = readme.lines().map(|line| line.trim().trim_start_matches("$ ")).collect();
    let mut problems = Vec::new();
    if !lines.iter().any(|line| RUN_COMMANDS.iter().any(|command| line.starts_with(command))) {
        let [first, second] = RUN_COMMANDS;
        let message =
            format!("give the command that runs a first program, on its own line (`{first} …` or `{second} …`)");
        problems.push(Problem::new("README.md", message));
    }
    if !lines.iter().any(|line| line.starts_with(TEST_COMMAND)) {
        problems.push(Problem::new(
            "README.md",
            format!("give the command that runs the tests, on its own line: `{TEST_COMMAND}`"),
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_on_the_map() {
        let map = "- `brisk-core`: types.\n- `brisk-client-extras`\n";
        let missing = missing_members(map, ["brisk-core", "brisk-client"].into_iter());
        assert_eq!(missing.len(), 1);
        assert!(missing[0].message.contains("`brisk-client`"));
    }

    #[test]
    fn readme_has_both_commands() {
        assert!(missing_commands("```\ncargo run --example futures\n$ cargo xtask test\n```\n").is_empty());
        assert_eq!(missing_commands("Type cargo xtask test, or cargo run.\n").len(), 2);
    }
}
