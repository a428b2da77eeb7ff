//! Writes random numbers, for other examples to read: `cargo run --release --example write_random -- PATH ROWS COLUMNS`.
//!
//! A path that ends in `.npy` makes such a file; any other an HDF5 file with the dataset `/x`, with `--features hdf5`.

use std::{env, error::Error, path::Path};

use brisk_client::Client;
use brisk_collections::array::Array;

#[brisk_client::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [path, rows, columns] = arguments.as_slice() else {
        return Err("three arguments are wanted: PATH ROWS COLUMNS".into());
    };
    let x = Array::<f64>::random([rows.parse()?, columns.parse()?], 42)?;
    let client = Client::from_env().await?;
    let path = Path::new(path);
    let written =
        if path.extension().is_some_and(|extension| extension == "npy") { x.to_npy(path)? } else { to_hdf5(&x, path)? };
    println!("{}: {x:?}, {} bytes", path.display(), client.submit(written).result().await?);
    Ok(())
}

#[cfg(feature = "hdf5")]
fn to_hdf5(x: &Array<f64>, path: &Path) -> Result<brisk_client::Delayed<u64>, Box<dyn Error>> {
    Ok(x.to_hdf5(path, "/x")?)
}

#[cfg(not(feature = "hdf5"))]
fn to_hdf5(_: &Array<f64>, path: &Path) -> Result<brisk_client::Delayed<u64>, Box<dyn Error>> {
    Err(format!("{}: this was built without the feature hdf5, and writes .npy files only", path.display()).into())
}
