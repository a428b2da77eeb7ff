//! A file with all its mutants in it, each behind a switch.
//!
//! `a == b` becomes `(if crate::mutant_switch::on(18) { a != b } else { a == b })`, and a body begins with `if … { return
//! …; }`. What is switched on is the original text but for the one change, since only one mutant is on at a time: so the
//! text grows with the depth of expressions, and not with its power.

use std::{cmp::Reverse, iter::Peekable, ops::Range, vec::IntoIter};

use anyhow::Result;

use super::{
    list::Mutant,
    sites::{self, Shape},
};

/// A file with its mutants.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    pub(super) text: String,
    /// Where each mutant is now.
    pub(super) branches: Vec<Branch>,
    /// Mutants for which there can be no switch.
    pub(super) left: Vec<u32>,
}

/// A mutant's part of the text, in bytes.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) mutant: u32,
    /// The changed code.
    pub(super) own: Range<usize>,
    /// The changed code, that of other mutants of the same expression, and the original.
    pub(super) whole: Range<usize>,
}

/// Puts mutants into a file's text, each with its number.
///
/// # Errors
/// If the text does not parse.
pub(super) fn rewrite(text: &str, mutants: &[(u32, &Mutant)]) -> Result<Rewritten> {
    let sites = sites::find(text)?;
    let mut done = Rewritten::default();
    let mut switches: Vec<Switch<'_>> = Vec::new();
    for (number, mutant) in mutants {
        let edit = mutant.range(text);
        let site = edit.as_ref().and_then(|edit| sites.get(&(mutant.genre, edit.start)));
        let (Some(edit), Some(site)) = (edit, site) else {
            done.left.push(*number);
            continue;
        };
        switches.push(Switch { site: site.clone(), edit, mutant: *number, replacement: &mutant.replacement });
    }
    // What is around others first, and what is in front of a body before what the body begins with.
    switches.sort_by_key(|switch| {
        let range = &switch.site.range;
        (range.start, switch.site.shape != Shape::Body, Reverse(range.end), switch.mutant)
    });
    let mut writer = Writer { text, at: 0, switches: switches.into_iter().peekable(), done };
    writer.write_to(text.len());
    Ok(writer.done)
}

struct Switch<'a> {
    site: sites::Site,
    edit: Range<usize>,
    mutant: u32,
    replacement: &'a str,
}

struct Writer<'a> {
    text: &'a str,
    /// How far the text is written.
    at: usize,
    switches: Peekable<IntoIter<Switch<'a>>>,
    done: Rewritten,
}

impl Writer<'_> {
    /// Writes the text up to `end`, with the switches in it.
    fn write_to(&mut self, end: usize) {
        while let Some(site) = self.switches.peek().map(|switch| switch.site.clone()).filter(|s| s.range.end <= end) {
            self.copy_to(site.range.start);
            let first = self.done.branches.len();
            let start = self.done.text.len();
            match site.shape {
                Shape::Body => self.write_returns(&site),
                Shape::Value => {
                    self.done.text.push('(');
                    self.write_choice(&site);
                    self.done.text.push(')');
                }
                Shape::Block => self.write_choice(&site),
            }
            let whole = start..self.done.text.len();
            for branch in &mut self.done.branches[first..] {
                // Those of expressions within have theirs.
                if branch.whole.is_empty() {
                    branch.whole = whole.clone();
                }
            }
        }
        self.copy_to(end);
    }

    fn write_returns(&mut self, site: &sites::Site) {
        while let Some(switch) = self.switches.next_if(|switch| switch.site == *site) {
            self.write_on(switch.mutant);
            let start = self.done.text.len();
            self.done.text.push_str(&format!("return {};", switch.replacement));
            self.write_off(switch.mutant, start);
        }
    }

    fn write_choice(&mut self, site: &sites::Site) {
        while let Some(switch) = self.switches.next_if(|switch| switch.site == *site) {
            self.write_on(switch.mutant);
            let start = self.done.text.len();
            for part in [
                &self.text[site.range.start..switch.edit.start],
                switch.replacement,
                &self.text[switch.edit.end..site.range.end],
            ] {
                self.done.text.push_str(part);
            }
            self.write_off(switch.mutant, start);
            self.done.text.push_str("else ");
        }
        self.done.text.push_str("{ ");
        self.write_to(site.range.end);
        self.done.text.push_str(" }");
    }

    fn write_on(&mut self, mutant: u32) {
        self.done.text.push_str(&format!("if crate::mutant_switch::on({mutant}) {{ "));
    }

    fn write_off(&mut self, mutant: u32, start: usize) {
        self.done.branches.push(Branch { mutant, own: start..self.done.text.len(), whole: 0..0 });
        self.done.text.push_str(" } ");
    }

    fn copy_to(&mut self, end: usize) {
        self.done.text.push_str(&self.text[self.at..end]);
        self.at = end;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        env, fs,
        path::{Path, PathBuf},
        process::Command,
    };

    use super::*;
    use crate::process::output;

    /// What the switches are put into. It prints what depends on each change.
    const TEXT: &str = "\
fn less(a: u8, b: u8) -> bool {
    a < b
}

fn kind(x: i32) -> &'static str {
    match x {
        0 => \"none\",
        _ if x > 0 && !(x == 7) => \"some\",
        _ => \"other\",
    }
}

fn main() {
    let mut sum = 2;
    sum += 1 + 3 * 2;
    println!(\"{} {} {} {} {sum}\", less(1, 1), kind(0), kind(5), kind(7));
}
";

    /// Genre, text that is changed (the first one of its kind), and what takes its place.
    const MUTANTS: &[(&str, &str, &str, &str)] = &[
        ("FnValue", "a < b", "true", "true none some other 9"),
        ("BinaryOperator", "<", "<=", "true none some other 9"),
        ("MatchArm", "0 => \"none\",", "", "false other some other 9"),
        ("MatchArmGuard", "x > 0 && !(x == 7)", "true", "false none some some 9"),
        ("BinaryOperator", "&&", "||", "false none some some 9"),
        ("UnaryOperator", "!", "", "false none other some 9"),
        ("BinaryOperator", "==", "!=", "false none other some 9"),
        ("BinaryOperator", "+=", "-=", "false none some other -5"),
        ("BinaryOperator", "+ 3", "- 3", "false none some other -3"),
        ("BinaryOperator", "* 2", "+ 2", "false none some other 8"),
    ];

    fn mutant(genre: &str, from: &str, to: &str) -> Mutant {
        let start = TEXT.find(from).unwrap();
        let place = |at: usize| {
            let before = &TEXT[..at];
            let column = at - before.rfind('\n').map_or(0, |newline| newline + 1);
            serde_json::json!({ "line": before.matches('\n').count() + 1, "column": column + 1 })
        };
        // An operator is changed without what its operand is told by here.
        let length = if genre == "BinaryOperator" { from.find(' ').unwrap_or(from.len()) } else { from.len() };
        let to = if genre == "BinaryOperator" { to.split(' ').next().unwrap() } else { to };
        serde_json::from_value(serde_json::json!({
            "file": "main.rs", "genre": genre, "name": from, "replacement": to,
            "span": { "start": place(start), "end": place(start + length) },
        }))
        .unwrap()
    }

    /// Compiles a program with all the mutants in it.
    fn program(folder: &Path) -> PathBuf {
        let mutants: Vec<Mutant> = MUTANTS.iter().map(|(genre, from, to, _)| mutant(genre, from, to)).collect();
        let rewritten = rewrite(TEXT, &(1..).zip(&mutants).collect::<Vec<_>>()).unwrap();
        assert!(rewritten.left.is_empty(), "{:?}", rewritten.left);
        assert_eq!(rewritten.branches.len(), MUTANTS.len());
        for branch in &rewritten.branches {
            let own = &rewritten.text[branch.own.clone()];
            assert!(own.contains(MUTANTS[branch.mutant as usize - 1].2.split(' ').next().unwrap()), "{own}");
            assert!(branch.whole.start < branch.own.start && branch.own.end < branch.whole.end, "{branch:?}");
        }
        fs::write(folder.join("main.rs"), format!("{}mod mutant_switch;\n", rewritten.text)).unwrap();
        fs::write(folder.join("mutant_switch.rs"), include_str!("switch.rs")).unwrap();
        let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let mut command = Command::new(compiler);
        command.args(["--edition", "2024", "--cap-lints", "allow", "-o", "program", "main.rs"]).current_dir(folder);
        output(&mut command).unwrap();
        folder.join("program")
    }

    #[test]
    fn each_mutant_is_switched_on_alone() {
        let folder = env::temp_dir().join(format!("mutants-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let program = program(&folder);
        let printed = |number: usize| output(Command::new(&program).env("MUTANT", number.to_string())).unwrap();
        assert_eq!(printed(0).trim_end(), "false none some other 9");
        for (number, (_, from, to, expected)) in (1..).zip(MUTANTS) {
            assert_eq!(printed(number).trim_end(), *expected, "{from} to {to}");
        }
        let notes = folder.join("reached");
        output(Command::new(&program).env("MUTANTS_REACHED", &notes)).unwrap();
        let notes = fs::read_to_string(&notes).unwrap();
        // Each is come by, and noted once.
        assert_eq!(notes.lines().filter(|line| line.starts_with("main\t")).count(), MUTANTS.len(), "{notes}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
