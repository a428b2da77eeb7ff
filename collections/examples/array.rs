//! An array that is kept on the cluster: it is made, or read, for each sum, until it is persisted; then it is only summed. Dropped, it
//! is forgotten.
//!
//! `cargo run --release --example array` makes random numbers; with the path of a `.npy` file of `f64`, it reads those.

use std::{env, error::Error, time::Instant};

use brisk_client::Client;
use brisk_collections::{Collection, array::Array};

#[brisk_client::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::from_env().await?;
    let x = match env::args().nth(1) {
        Some(path) => Array::<f64>::open_npy(path)?,
        None => Array::<f64>::random([2_000, 2_000], 42)?,
    };
    let sums = run(&client, x.chunks(500)?).await?;
    assert!(sums.iter().all(|sum| *sum == sums[0]), "the order in which blocks are summed is always the same");
    Ok(())
}

/// Sums it twice lazily, then persists it and sums it twice again.
pub(crate) async fn run(client: &Client, x: Array<f64>) -> Result<Vec<f64>, Box<dyn Error>> {
    println!("{x:?}");
    let mut sums = Vec::new();
    for _ in 0..2 {
        // The future is dropped each time: a sum that somebody still holds would not be computed again.
        let start = Instant::now();
        sums.push(client.submit(x.sum()).result().await?);
        println!("lazily: the sum is {:.3}, after {:?}", sums[0], start.elapsed());
    }

    let x = client.persist(x);
    x.wait().await?;
    println!("persisted: {} bytes in the workers' memory", client.nbytes().await?);
    for _ in 0..2 {
        let start = Instant::now();
        sums.push(client.submit(x.sum()).result().await?);
        println!("persisted: the sum is {:.3}, after {:?}", sums[0], start.elapsed());
    }

    // One task a block, whatever is done to its elements, and a tree of sums behind.
    let spread = client.submit(((&x - 0.5) * 2.0).abs().mean());
    println!("the numbers are {:.4} of the way to the ends, on average", spread.result().await?);
    drop(x);
    client.flush().await;
    println!("dropped: {} bytes", client.nbytes().await?);
    Ok(sums)
}
