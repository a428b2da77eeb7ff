//! Chapter 4. An array that is read from a file for each sum, until it is persisted: then it is only summed.
//!
//! ```text
//! cargo xtask data random
//! cargo run --release --features hdf5 --example 04_persist
//! ```
//!
//! Without HDF5's library, `cargo xtask data random --npy`, and leave the feature out.

use std::{path::Path, time::Instant};

use anyhow::Context;
use brisk_client::Client;
use brisk_collections::{Collection, array::Array};

#[brisk_client::main]
async fn main() -> anyhow::Result<()> {
    let client = Client::from_env().await?;

    let x = open(std::env::args().nth(1)).context("`cargo xtask data random` writes one")?.chunks([500, 4_000])?;
    println!("{x:?}");
    println!("before:    {:>11} bytes on the cluster", client.nbytes().await?);

    println!("-- lazily: each sum reads the file");
    for _ in 0..2 {
        sum(&client, &x).await?;
    }

    println!("-- persisted: at once the same array, whose blocks are being kept");
    let x = client.persist(x);
    x.wait().await?;
    println!("persisted: {:>11} bytes", client.nbytes().await?);
    for _ in 0..2 {
        sum(&client, &x).await?;
    }
    // What is built upon it starts from there, too.
    let spread = client.submit((&x - 0.5).abs().mean()).await?;
    println!("on average a number is {spread:.4} from the middle");

    drop(x);
    client.flush().await;
    println!("released:  {:>11} bytes", client.nbytes().await?);
    Ok(())
}

async fn sum(client: &Client, x: &Array<f64>) -> anyhow::Result<()> {
    // So that nothing of the sum before is found.
    client.flush().await;
    let start = Instant::now();
    let sum = client.submit(x.sum()).await?;
    println!("the sum is {sum:.3}: {:.1?}", start.elapsed());
    Ok(())
}

#[cfg(feature = "hdf5")]
fn open(path: Option<String>) -> anyhow::Result<Array<f64>> {
    let path = path.unwrap_or_else(|| "data/random.hdf5".to_owned());
    if Path::new(&path).extension().is_some_and(|kind| kind == "npy") {
        return Ok(Array::open_npy(&path)?);
    }
    Ok(Array::open_hdf5(&path, "/x")?)
}

#[cfg(not(feature = "hdf5"))]
fn open(path: Option<String>) -> anyhow::Result<Array<f64>> {
    let path = path.unwrap_or_else(|| "data/random.npy".to_owned());
    anyhow::ensure!(
        Path::new(&path).extension().is_some_and(|kind| kind == "npy"),
        "{path}: run with `--features hdf5`"
    );
    Ok(Array::open_npy(&path)?)
}
