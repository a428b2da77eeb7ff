//! What a `#[task]` costs to compile.
//!
//! Two crates with the same functions are made under `target/bench-macros`: in one they are tasks, in the other they are
//! plain. Both link Brisk, and each function is called once. What the first takes longer, for itself and without its
//! dependencies, is the cost of its tasks. On a busy machine it is too high.

use std::{
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result};

use crate::process;

/// How many functions each crate has.
const FUNCTIONS: usize = 200;

/// Each build is measured so often; the shortest counts, since what disturbs it only adds.
const ROUNDS: usize = 5;

/// What a task may cost, in milliseconds.
const TARGETS: [(Profile, f64); 2] = [(Profile::Debug, 10.0), (Profile::Release, 25.0)];

/// Measures it.
pub(crate) fn run() -> Result<()> {
    let directory = process::target_directory()?.join("bench-macros");
    let tasks = Crate::write(&directory, Kind::Tasks)?;
    let plain = Crate::write(&directory, Kind::Plain)?;
    println!("{FUNCTIONS} functions, each called once; the crate alone, the shortest of {ROUNDS} builds");
    for (profile, target) in TARGETS {
        let (plain, tasks) = (plain.measure(profile)?, tasks.measure(profile)?);
        let each = (tasks.as_secs_f64() - plain.as_secs_f64()) * 1e3 / FUNCTIONS as f64;
        println!(
            "{:8} plain {:5.2} s   tasks {:5.2} s   {each:5.2} ms a task (target: under {target} ms){}",
            profile.name(),
            plain.as_secs_f64(),
            tasks.as_secs_f64(),
            if each < target { "" } else { "   MISSED" },
        );
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Tasks,
    Plain,
}

#[derive(Clone, Copy, PartialEq)]
enum Profile {
    Debug,
    Release,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Profile::Debug => "debug",
            Profile::Release => "release",
        }
    }
}

/// One of the two crates.
struct Crate {
    directory: PathBuf,
    /// Both share it, so that the dependencies are built once.
    target: PathBuf,
}

impl Crate {
    fn write(parent: &Path, kind: Kind) -> Result<Self> {
        let name = match kind {
            Kind::Tasks => "tasks",
            Kind::Plain => "plain",
        };
        let directory = parent.join(name);
        let write = |path: PathBuf, text: &str| fs::write(&path, text).with_context(|| path.display().to_string());
        fs::create_dir_all(directory.join("src")).with_context(|| directory.display().to_string())?;
        write(directory.join("Cargo.toml"), &manifest(name, process::root()))?;
        write(directory.join("src").join("lib.rs"), &source(kind))?;
        let lock = directory.join("Cargo.lock");
        fs::copy(process::root().join("Cargo.lock"), &lock).with_context(|| lock.display().to_string())?;
        Ok(Crate { directory, target: parent.join("target") })
    }

    /// How long the crate takes when all its dependencies are there.
    fn measure(&self, profile: Profile) -> Result<Duration> {
        process::run(&mut self.build(profile))?;
        let mut shortest = Duration::MAX;
        for _ in 0..ROUNDS {
            let source = self.directory.join("src").join("lib.rs");
            let touched = File::options().append(true).open(&source).and_then(|f| f.set_modified(SystemTime::now()));
            touched.with_context(|| source.display().to_string())?;
            let start = Instant::now();
            process::output(&mut self.build(profile))?;
            shortest = shortest.min(start.elapsed());
        }
        Ok(shortest)
    }

    fn build(&self, profile: Profile) -> Command {
        let mut command = process::cargo();
        command.current_dir(&self.directory).args(["build", "--quiet", "--target-dir"]).arg(&self.target);
        if profile == Profile::Release {
            command.arg("--release");
        }
        // An incremental build of an unchanged file would measure nothing.
        command.env("CARGO_INCREMENTAL", "0");
        command
    }
}

fn manifest(name: &str, root: &Path) -> String {
    let client = root.join("client");
    format!(
        "# Made by `cargo xtask bench macros`.\n\
         [package]\nname = \"bench-macros-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [workspace]\n\n\
         [dependencies]\nbrisk-client = {{ path = {client:?} }}\nserde = {{ version = \"1\", features = [\"derive\", \"rc\"] }}\n"
    )
}

/// A function of each kind that programs have: the part before its name, its parameters and body, and arguments for a
/// call of the plain function and of the task.
const SHAPES: [(&str, &str, &str, &str); 10] = [
    ("fn", "(x: i64) -> i64 { x + 1 }", "1", "1_i64"),
    ("fn", "(x: f64, y: f64) -> f64 { x.hypot(y) }", "1.0, 2.0", "1.0_f64, 2.0_f64"),
    ("fn", "(xs: &[f64]) -> f64 { xs.iter().sum() }", "&[1.0]", "vec![1.0_f64]"),
    ("fn", "(text: &str) -> usize { text.len() }", "\"a\"", "\"a\""),
    (
        "fn",
        "(text: &str, depth: u32) -> Result<Record, Problem> { \
         if depth > 9 { Err(Problem::TooDeep(depth)) } else { Ok(Record { id: depth, name: text.to_owned() }) } }",
        "\"a\", 1",
        "\"a\", 1_u32",
    ),
    ("fn", "(record: &Record) -> bool { record.id % 2 == 0 }", "&record", "record.clone()"),
    (
        "fn",
        "(records: Vec<Arc<Record>>) -> u64 { records.iter().map(|r| u64::from(r.id)).sum() }",
        "vec![Arc::new(record.clone())]",
        "vec![record.clone()]",
    ),
    (
        "fn",
        "(xs: Vec<i64>, k: i64) -> Vec<i64> { xs.into_iter().map(|x| x * k).collect() }",
        "vec![1], 2",
        "vec![1_i64], 2_i64",
    ),
    (
        "async fn",
        "(record: Arc<Record>, n: usize) -> Option<String> { std::future::ready(record.name.get(..n).map(str::to_owned)).await }",
        "Arc::new(record.clone()), 1",
        "record.clone(), 1_usize",
    ),
    ("fn", "(a: (i64, i64)) -> (i64, i64) { (a.1, a.0) }", "(1, 2)", "(1_i64, 2_i64)"),
];

fn source(kind: Kind) -> String {
    let mut text = String::from(
        "//! Made by `cargo xtask bench macros`.\n\
         use std::{hint::black_box, sync::Arc};\n\
         use brisk_client as _;\n\n\
         #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]\n\
         pub struct Record { pub id: u32, pub name: String }\n\n\
         #[derive(Debug, serde::Serialize, serde::Deserialize)]\n\
         pub enum Problem { TooDeep(u32) }\n\n\
         impl std::fmt::Display for Problem {\n\
         \x20   fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, \"{self:?}\") }\n}\n\n\
         impl std::error::Error for Problem {}\n\n",
    );
    let mut calls = String::new();
    let attribute = if kind == Kind::Tasks { "#[brisk_client::task] " } else { "" };
    for index in 0..FUNCTIONS {
        let (head, rest, plain, task) = SHAPES[index % SHAPES.len()];
        let arguments = if kind == Kind::Tasks { task } else { plain };
        writeln!(text, "{attribute}pub {head} number_{index}{rest}").expect("a string takes what is written to it");
        writeln!(calls, "    let _ = black_box(number_{index}({arguments}));")
            .expect("a string takes what is written to it");
    }
    writeln!(text, "\npub fn all(record: &Record) {{\n{calls}}}").expect("a string takes what is written to it");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crates_differ_in_the_attribute_and_the_arguments_only() {
        let (tasks, plain) = (source(Kind::Tasks), source(Kind::Plain));
        assert_eq!(tasks.matches("#[brisk_client::task]").count(), FUNCTIONS);
        assert_eq!(plain.matches("brisk_client").count(), 1);
        assert_eq!(tasks.lines().count(), plain.lines().count());
        assert_eq!(plain.matches("black_box(number_").count(), FUNCTIONS);
    }
}
