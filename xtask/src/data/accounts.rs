//! People and their transactions, as gzipped lines of JSON: made up here, the same for the same numbers.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use flate2::{Compression, write::GzEncoder};

use crate::process::root;

const NAMES: [&str; 26] = [
    "Alice", "Bob", "Charlie", "Dan", "Edith", "Frank", "George", "Hannah", "Ingrid", "Jerry", "Kevin", "Laura",
    "Michael", "Norbert", "Oliver", "Patricia", "Quinn", "Ray", "Sarah", "Tim", "Ursula", "Victor", "Wendy", "Xavier",
    "Yvonne", "Zelda",
];

/// How much is made.
#[derive(clap::Args)]
pub(crate) struct Sizes {
    /// How many files
    #[arg(long, default_value_t = 24)]
    pub(crate) files: u32,
    /// How many people each file has
    #[arg(long, default_value_t = 5_000)]
    pub(crate) people: u32,
    /// How many transactions a person has at most
    #[arg(long, default_value_t = 200)]
    pub(crate) transactions: u32,
    /// What the numbers are drawn from
    #[arg(long, default_value_t = 5)]
    pub(crate) seed: u64,
}

/// Writes the files anew.
pub(super) fn write(sizes: &Sizes) -> Result<()> {
    let directory: PathBuf = root().join("data").join("accounts");
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| format!("{} can't be removed", directory.display()))?;
    }
    let all = write_to(&directory, sizes, Form::Gzip)?;
    let people = u64::from(sizes.files) * u64::from(sizes.people);
    println!("{}: {} files, {people} people, {all} transactions", directory.display(), sizes.files);
    Ok(())
}

/// How files are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `accounts.N.json.gz`
    Gzip,
    /// `accounts.N.json`
    Plain,
}

/// Writes files into a directory; says how many transactions there are.
pub(crate) fn write_to(directory: &Path, sizes: &Sizes, form: Form) -> Result<u64> {
    ensure!(sizes.files > 0, "--files is zero: it is at least one");
    fs::create_dir_all(directory).with_context(|| format!("{} can't be made", directory.display()))?;
    let width = (sizes.files - 1).to_string().len();
    let mut random = Random(sizes.seed);
    let mut all = 0;
    for file in 0..sizes.files {
        let ending = if form == Form::Gzip { ".gz" } else { "" };
        let path = directory.join(format!("accounts.{file:0width$}.json{ending}"));
        let mut people = |lines: &mut dyn Write| -> Result<()> {
            for _ in 0..sizes.people {
                all += person(lines, sizes.transactions, &mut random)?;
            }
            Ok(())
        };
        let written = File::create(&path).map_err(anyhow::Error::from).and_then(|made| {
            let mut file = BufWriter::new(made);
            if form == Form::Gzip {
                let mut lines = GzEncoder::new(file, Compression::fast());
                people(&mut lines)?;
                file = lines.finish()?;
            } else {
                people(&mut file)?;
            }
            Ok(file.flush()?)
        });
        written.with_context(|| format!("{} can't be written", path.display()))?;
    }
    Ok(all)
}

/// Writes one person; says how many transactions that were.
fn person(line: &mut dyn Write, most: u32, random: &mut Random) -> Result<u64> {
    let name = NAMES[random.below(NAMES.len() as u64) as usize];
    let id = random.below(1_000_000);
    write!(line, r#"{{"id":{id},"name":"{name}","transactions":["#)?;
    let count = random.below(u64::from(most) + 1);
    for transaction in 0..count {
        let comma = if transaction > 0 { "," } else { "" };
        let amount = i64::try_from(random.below(20_001))? - 10_000;
        write!(line, r#"{comma}{{"transaction-id":{},"amount":{amount}}}"#, random.below(100_000))?;
    }
    writeln!(line, "]}}")?;
    Ok(count)
}

/// Vigna's SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number less than `limit`, which is small: no number is noticeably more frequent.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_a_line_of_json_and_the_same_for_one_seed() {
        let line = |seed| {
            let mut line = Vec::new();
            let count = person(&mut line, 5, &mut Random(seed)).unwrap();
            let read: serde_json::Value = serde_json::from_slice(&line).unwrap();
            assert_eq!(read["transactions"].as_array().unwrap().len() as u64, count);
            assert!(NAMES.contains(&read["name"].as_str().unwrap()) && line.ends_with(b"\n"));
            line
        };
        assert_eq!(line(7), line(7));
        assert_ne!(line(7), line(8));
    }
}
