//! A few hundred of the flights, kept in the repository for tests that must not need a download.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use csv::{ByteRecord, Reader, Writer};

use super::flights;
use crate::process::root;

/// The months of which some rows are taken.
const MONTHS: [usize; 3] = [1, 2, 3];

/// Rows of each month, evenly spread over it.
const SPREAD: usize = 130;

/// Rows of each month without a departure delay that are taken besides: the first that are not among the others.
const WITHOUT_DELAY: usize = 4;

/// The column that says how late a flight left, in minutes, and `NA` if it never did.
const DELAY: &[u8] = b"dep_delay";

/// Where the excerpt stands.
fn directory() -> PathBuf {
    root().join("client").join("tests").join("data").join("flights")
}

/// Writes the excerpt from the files of the whole year. The same rows every time.
pub(super) fn write() -> Result<()> {
    let directory = directory();
    fs::create_dir_all(&directory).with_context(|| format!("{} can't be made", directory.display()))?;
    for month in MONTHS {
        let name = flights::file_name(month);
        let whole = flights::directory().join(&name);
        let table = fs::read(&whole).with_context(|| format!("{} can't be read", whole.display()))?;
        let (excerpt, rows) = excerpt(&table).with_context(|| format!("{} is no table of flights", whole.display()))?;
        let place = directory.join(&name);
        fs::write(&place, excerpt).with_context(|| format!("{} can't be written", place.display()))?;
        println!("{}: {rows} flights", place.display());
    }
    Ok(())
}

/// The excerpt of one month's table, and how many rows it has.
fn excerpt(table: &[u8]) -> Result<(Vec<u8>, usize)> {
    let mut reader = Reader::from_reader(table);
    let header = reader.byte_headers()?.clone();
    let delay = header.iter().position(|name| name == DELAY).context("there is no column of departure delays")?;
    let rows: Vec<ByteRecord> = reader.byte_records().collect::<Result<_, _>>()?;
    let step = rows.len().div_ceil(SPREAD).max(1);
    let mut without_delay = 0;
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_byte_record(&header)?;
    let mut taken = 0;
    for (index, row) in rows.iter().enumerate() {
        let spread = index % step == 0;
        let besides = !spread && without_delay < WITHOUT_DELAY && &row[delay] == b"NA";
        if spread || besides {
            writer.write_byte_record(row)?;
            taken += 1;
            without_delay += usize::from(besides);
        }
    }
    let table = writer.into_inner().map_err(|error| error.into_error())?;
    Ok((table, taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_spread_and_some_have_no_delay() {
        let mut table = String::from("month,dep_delay\n");
        for row in 0..13_000 {
            let delay = if row % 7 == 3 { "NA".to_owned() } else { row.to_string() };
            table.push_str(&format!("1,{delay}\n"));
        }
        let (first, rows) = excerpt(table.as_bytes()).unwrap();
        assert_eq!(rows, SPREAD + WITHOUT_DELAY);
        let text = String::from_utf8(first).unwrap();
        assert!(text.starts_with("month,dep_delay\n1,0\n1,NA\n1,NA\n1,NA\n1,NA\n1,100\n1,200\n"), "{text:.80}");
    }

    /// The rows are the real ones: counted by other means, from the package itself.
    #[test]
    fn the_excerpt_in_the_repository_is_whole() {
        let mut counts = Vec::new();
        for month in MONTHS {
            let mut reader = Reader::from_path(directory().join(flights::file_name(month))).unwrap();
            let delay = reader.headers().unwrap().iter().position(|name| name.as_bytes() == DELAY).unwrap();
            let rows: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
            counts.push((rows.len(), rows.iter().filter(|row| &row[delay] == "NA").count()));
        }
        assert_eq!(counts, EXPECTED);
    }

    /// Rows, and those of them without a departure delay, of each month.
    const EXPECTED: [(usize, usize); 3] = [(134, 7), (134, 10), (134, 7)];
}
