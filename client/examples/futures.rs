//! Futures: submit calls, pass their results on, wait, gather.
//!
//! ```text
//! cargo run --example futures                                    # in this process
//! cargo xtask cluster --workers 2 -- cargo run --example futures  # over QUIC, two worker processes
//! ```

use std::time::Duration;

use brisk_client::{Client, Status, task};

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn dec(x: i64) -> i64 {
    x - 1
}

#[task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task]
fn total(xs: &[i64]) -> i64 {
    xs.iter().sum()
}

/// A task that takes its time, and holds its thread meanwhile, as one that computes does: it stands for real work.
#[task]
fn slowly(x: i64, time: Duration) -> i64 {
    std::thread::sleep(time);
    x + 1
}

#[brisk_client::main]
async fn main() -> anyhow::Result<()> {
    // In this process by default; on a cluster when BRISK_SCHEDULER names one. Nothing else changes.
    let client = Client::from_env().await?;

    // A task function, called, describes the call. `submit` starts it and returns at once.
    let slow = client.submit(slowly(1, Duration::from_secs(1)));
    println!("{slow:?}");
    anyhow::ensure!(slow.status() == Status::Pending, "a task of one second is pending when it was just submitted");
    slow.settled().await;
    println!("{slow:?}");
    anyhow::ensure!(slow.status() == Status::Finished, "it is finished when it has settled");

    // Futures are arguments. The values stay where they are; only the last one comes here.
    let x = client.submit(inc(1));
    let y = client.submit(dec(2));
    let sum = client.submit(add(&x, &y));
    println!("inc(1) + dec(2) = {}", sum.result().await?);

    // The same pure call again is the same key: it is known already, and nothing runs.
    let again = client.submit(inc(1));
    anyhow::ensure!(again.key() == x.key(), "one call, one key");

    // Many at once. The closure runs here and builds calls: 10 travels as an argument.
    let many = client.map(0..1000, inc);
    let more = client.map(&many, |x| add(x, 10));
    let all = client.submit(total(&more));
    brisk_client::progress(&more).await?;
    println!("gathered {} values", client.gather(&many).await?.len());
    println!("their total, and ten each: {}", all.result().await?);

    // The last handles are dropped: the cluster forgets the values.
    drop((many, more));
    Ok(())
}
