//! The same in plain Rust on one thread, as one would write it without any of this.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    time::Instant,
};

use anyhow::Context as _;
use brisk_collections::array::ndarray::{Array2, Axis};
use rustc_hash::FxHashMap;
use serde::de::DeserializeOwned;

use crate::{
    Options, Outcome,
    bags::{Account, Named},
};

pub(crate) fn run(workload: &str, options: &Options) -> anyhow::Result<Outcome> {
    match workload {
        "json-filter-count" => {
            alices::<Named>(&files(&options.data, "accounts.", ".json.gz")?, |account| account.name == "Alice")
        }
        "json-lines-count" => {
            alices::<Named>(&files(&options.data, "accounts.", ".json")?, |account| account.name == "Alice")
        }
        "json-records-count" => {
            alices::<Account>(&files(&options.data, "accounts.", ".json")?, |account| account.name == "Alice")
        }
        "word-count" | "word-count-fold" => word_count(&files(&options.data, "words.", ".txt")?),
        _ => array(workload, options),
    }
}

fn files(directory: &str, prefix: &str, suffix: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| directory.to_owned())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(prefix) && name.ends_with(suffix) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn alices<T: DeserializeOwned>(files: &[PathBuf], is_alice: impl Fn(&T) -> bool) -> anyhow::Result<Outcome> {
    let start = Instant::now();
    let mut found = 0;
    for path in files {
        let file = BufReader::new(File::open(path)?);
        let zipped = path.extension().is_some_and(|extension| extension == "gz");
        let mut lines: Box<dyn BufRead> =
            if zipped { Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(file))) } else { Box::new(file) };
        let mut line = String::new();
        while lines.read_line(&mut line)? > 0 {
            found += u64::from(is_alice(&serde_json::from_str(&line)?));
            line.clear();
        }
    }
    Ok(Outcome::new(start, files.len(), found as f64))
}

fn word_count(files: &[PathBuf]) -> anyhow::Result<Outcome> {
    let start = Instant::now();
    let mut counts: FxHashMap<String, u64> = FxHashMap::default();
    for path in files {
        let mut lines = BufReader::new(File::open(path)?);
        let mut line = String::new();
        while lines.read_line(&mut line)? > 0 {
            for word in line.split_ascii_whitespace() {
                match counts.get_mut(word) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(word.to_owned(), 1)),
                }
            }
            line.clear();
        }
    }
    let most = counts.values().max().copied().unwrap_or(0);
    Ok(Outcome::new(start, counts.len(), most as f64))
}

fn array(workload: &str, options: &Options) -> anyhow::Result<Outcome> {
    let path = format!("{}/random.npy", options.data);
    let start = Instant::now();
    let mut x = matrix(&path)?;
    if workload == "array-read-sum" {
        let sum = x.sum();
        return Ok(Outcome::new(start, x.len(), sum));
    }
    if workload == "array-matmul" {
        x = Array2::from_shape_fn((options.matrix, options.matrix), |place| x[place]);
    }
    let y = &x + 1.0;
    let (n, start) = (x.len(), Instant::now());
    let made = match workload {
        "array-sum" => return Ok(Outcome::new(start, n, x.sum())),
        "array-mean-axis" => {
            let means = x.mean_axis(Axis(0)).context("no rows")?;
            return Ok(Outcome::new(start, n, means[0]));
        }
        "array-transpose-add" => &x + &x.t(),
        _ => x.dot(&y),
    };
    Ok(Outcome::new(start, n, made[[0, 1]]))
}

/// A square matrix of a `.npy` file, as `cargo xtask bench collections` writes it: a header of a whole number of 64 bytes, then the
/// numbers, row by row.
fn matrix(path: &str) -> anyhow::Result<Array2<f64>> {
    let mut file = File::open(path).with_context(|| path.to_owned())?;
    let mut start = [0; 10];
    file.read_exact(&mut start)?;
    std::io::copy(&mut (&mut file).take(u64::from(u16::from_le_bytes([start[8], start[9]]))), &mut std::io::sink())?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let numbers: Vec<f64> = bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    let side = numbers.len().isqrt();
    Ok(Array2::from_shape_vec((side, side), numbers)?)
}
