//! Chapter 1. Futures: calls that run elsewhere while the program goes on.
//!
//! ```text
//! cargo run --example 01_futures
//! ```

use std::time::Duration;

use brisk_client::{Client, Status, progress, task, wait};

/// It sleeps in place of the work that a real one does.
#[task]
fn slow_inc(x: i64) -> i64 {
    std::thread::sleep(Duration::from_millis(250));
    x + 1
}

#[task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

/// So many numbers, each eight bytes.
#[task]
fn table(rows: usize, seed: u64) -> Vec<u64> {
    (0..rows as u64).map(|row| row ^ seed).collect()
}

#[brisk_client::main]
async fn main() -> anyhow::Result<()> {
    // Workers in this process, or on the cluster that BRISK_SCHEDULER names.
    let client = Client::from_env().await?;

    println!("-- one call");
    let future = client.submit(slow_inc(1));
    while future.status() == Status::Pending {
        println!("{future:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{future:?}: {}", future.result().await?);

    println!("-- many calls, and their progress");
    let futures = client.map(0..20, slow_inc);
    progress(&futures).await?;
    let values = client.gather(&futures).await?;
    println!("{values:?}");

    println!("-- a call of what is not there yet");
    let x = client.submit(slow_inc(100));
    let y = client.submit(slow_inc(200));
    let sum = client.submit(add(&x, &y));
    println!("{sum:?}");
    wait([&x, &y]).await;
    println!("{} + {} = {}", x.await?, y.await?, sum.await?);

    println!("-- what is held, and what is released");
    let mut data = client.submit(table(500_000, 1));
    data.settled().await;
    println!("one table:            {:>9} bytes on the cluster", client.nbytes().await?);
    // The first table's last handle is overwritten: nobody can ask for it any more, and the cluster forgets it.
    data = client.submit(table(500_000, 2));
    data.settled().await;
    println!("another in its place: {:>9} bytes", client.nbytes().await?);
    drop((data, futures, future));
    println!("all handles dropped:  {:>9} bytes", client.nbytes().await?);
    Ok(())
}
