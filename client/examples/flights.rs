//! How late did planes leave New York in 2013? One task a month reads its file; a tree of tasks adds the months up.
//!
//! ```text
//! cargo xtask data flights
//! cargo run --release --example flights
//! ```
//!
//! In this process, on all its cores; on a cluster where `BRISK_SCHEDULER` names one. Nothing else changes.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, bail, ensure};
use brisk_client::{Client, task};
use serde::{Deserialize, Serialize};

/// What is left of a file once it has been read, or of several together.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    /// By carrier and airport.
    departures: BTreeMap<(String, String), Departures>,
    bad_rows: u64,
    first_bad_row: Option<String>,
}

/// The departures of one carrier from one airport.
/// A carrier's flights from an airport.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Departures {
    flights: u64,
    /// Of these, how many have no departure delay: most never left.
    without_delay: u64,
    /// The others' delays; one that left early counts below zero.
    delay_minutes: i64,
}

/// The columns that matter.
#[derive(Deserialize)]
struct Row<'a> {
    carrier: &'a str,
    origin: &'a str,
    dep_delay: &'a str,
}

/// Reads one file. Rows that are no flights are counted, and do not spoil the rest.
#[task]
fn summarise(path: String) -> anyhow::Result<Summary> {
    let mut reader = csv::Reader::from_path(&path).with_context(|| format!("{path} can't be read"))?;
    let header = reader.headers()?.clone();
    let mut summary = Summary::default();
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(summary),
            Ok(true) => {
                if let Err(error) = summary.add_row(&record, &header) {
                    summary.add_bad_row(&path, record.position(), &error);
                }
            }
            Err(error) if error.is_io_error() => return Err(error).with_context(|| format!("{path} can't be read")),
            Err(error) => summary.add_bad_row(&path, error.position(), &"it has too few columns, or too many"),
        }
    }
}

/// Adds two summaries. The first is taken over, the second only looked at.
#[task]
fn combine(a: Summary, b: &Summary) -> Summary {
    let mut sum = a;
    for (route, departures) in &b.departures {
        sum.departures.entry(route.clone()).or_default().add(departures);
    }
    sum.bad_rows += b.bad_rows;
    sum.first_bad_row = sum.first_bad_row.or_else(|| b.first_bad_row.clone());
    sum
}

impl Summary {
    fn add_row(&mut self, record: &csv::StringRecord, header: &csv::StringRecord) -> anyhow::Result<()> {
        let row: Row = record.deserialize(Some(header))?;
        ensure!(!row.carrier.is_empty() && !row.origin.is_empty(), "it has no carrier or no origin");
        let delay: Option<i64> = match row.dep_delay {
            "NA" | "" => None,
            minutes => Some(minutes.parse().with_context(|| format!("`{minutes}` is no delay"))?),
        };
        let departures =
            Departures { flights: 1, without_delay: u64::from(delay.is_none()), delay_minutes: delay.unwrap_or(0) };
        self.departures.entry((row.carrier.to_owned(), row.origin.to_owned())).or_default().add(&departures);
        Ok(())
    }

    fn add_bad_row(&mut self, path: &str, place: Option<&csv::Position>, error: &dyn std::fmt::Display) {
        self.bad_rows += 1;
        let line = place.map_or(0, csv::Position::line);
        self.first_bad_row.get_or_insert_with(|| format!("{path}, line {line}: {error}"));
    }

    fn total(&self) -> Departures {
        let mut total = Departures::default();
        self.departures.values().for_each(|departures| total.add(departures));
        total
    }
}

impl Departures {
    fn add(&mut self, other: &Departures) {
        self.flights += other.flights;
        self.without_delay += other.without_delay;
        self.delay_minutes += other.delay_minutes;
    }

    /// The mean delay of those that have one.
    fn mean_delay_minutes(&self) -> Option<f64> {
        let with_delay = self.flights - self.without_delay;
        (with_delay > 0).then(|| self.delay_minutes as f64 / with_delay as f64)
    }
}

#[brisk_client::main]
async fn main() -> anyhow::Result<()> {
    let files = files(&data_directory()?)?;
    let count = files.len();
    let client = Client::from_env().await?;
    let start = Instant::now();
    let summary = summarise_all(&client, files).await?;
    print!("{}", table(&summary));
    println!("\nfiles read: {count}, in {:.2} s", start.elapsed().as_secs_f64());
    client.close().await;
    Ok(())
}

/// One task a file, then pairs of summaries, pairs of pairs, … until one is left. All is submitted at once; nothing waits,
/// and no summary comes here but the last.
pub async fn summarise_all(client: &Client, files: Vec<String>) -> anyhow::Result<Summary> {
    let mut level = client.map(files, summarise);
    while level.len() > 1 {
        let mut next: Vec<_> = level.chunks_exact(2).map(|pair| client.submit(combine(&pair[0], &pair[1]))).collect();
        if level.len() % 2 == 1 {
            next.extend(level.pop());
        }
        level = next;
    }
    Ok(level[0].result().await?)
}

fn data_directory() -> anyhow::Result<PathBuf> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(PathBuf::from("data/flights")),
        ["--data", directory] => Ok(PathBuf::from(directory)),
        _ => bail!("usage: flights [--data DIR]"),
    }
}

/// The tables in a directory, by absolute paths: workers may have been started elsewhere.
pub fn files(directory: &Path) -> anyhow::Result<Vec<String>> {
    let missing = || format!("there are no flights in {}: run `cargo xtask data flights` first", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(missing)? {
        let path = fs::canonicalize(entry?.path())?;
        if path.extension().is_some_and(|extension| extension == "csv") {
            files.push(path.into_os_string().into_string().map_err(|path| anyhow::anyhow!("{path:?} is no text"))?);
        }
    }
    ensure!(!files.is_empty(), missing());
    files.sort();
    Ok(files)
}

/// The summary as people read it.
pub fn table(summary: &Summary) -> String {
    let mut text = "carrier  origin   flights  without delay  mean delay\n".to_owned();
    for ((carrier, origin), departures) in &summary.departures {
        text.push_str(&line(carrier, origin, departures));
    }
    text.push_str(&format!("{}\n", "-".repeat(52)));
    text.push_str(&line("all", "", &summary.total()));
    if let Some(first) = &summary.first_bad_row {
        text.push_str(&format!("\n{} rows are no flights and were left out; the first: {first}\n", summary.bad_rows));
    }
    text
}

fn line(carrier: &str, origin: &str, departures: &Departures) -> String {
    let mean = departures.mean_delay_minutes().map_or("-".to_owned(), |minutes| format!("{minutes:.2} min"));
    format!("{carrier:<7}  {origin:<6}  {:>8}  {:>13}  {mean:>10}\n", departures.flights, departures.without_delay)
}
