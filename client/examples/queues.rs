//! Queues, a lock and an event: programs that hand futures on and keep out of each other's way.
//!
//! ```text
//! cargo run --example queues                                     # in this process
//! cargo xtask cluster --workers 2 -- cargo run --example queues  # over QUIC, two worker processes
//! ```
//!
//! Producers and consumers are parts of one program here. They find each other by names only, so they could be several.

use brisk_client::{Client, Lock, TaskError, TaskFuture, task};

#[task]
fn square(x: u64) -> u64 {
    x * x
}

/// Puts futures into the queue. It does not wait for them: whoever takes them out does.
async fn produce(client: &Client, numbers: std::ops::Range<u64>) -> Result<(), TaskError> {
    // Whoever puts in a ninth item waits until somebody has taken one out.
    let queue = client.queue::<TaskFuture<u64>>("squares").limit(8);
    client.event("begin").wait().await?;
    for x in numbers {
        queue.put(client.submit(square(x))).await?;
    }
    Ok(())
}

/// Takes futures out, and adds their values to a total that all consumers share, until everything is taken.
async fn consume(client: &Client, all: u64) -> Result<u64, TaskError> {
    let queue = client.queue::<TaskFuture<u64>>("squares");
    let (lock, mut taken) = (client.lock("totals"), 0);
    loop {
        // Who waits here for an item that never comes is released by the event.
        let items = tokio::select! {
            items = queue.get_many(4) => items?,
            end = finished(client) => { end?; return Ok(taken) }
        };
        let squares = client.gather(&items).await?;
        taken += squares.len() as u64;
        if add(client, &lock, &squares).await?.0 == all {
            client.event("end").set().await?;
        }
    }
}

async fn finished(client: &Client) -> Result<(), TaskError> {
    client.event("end").wait().await
}

/// Reads a variable, changes it and writes it: under a lock, or two consumers at once would lose a sum.
async fn add(client: &Client, lock: &Lock, squares: &[u64]) -> Result<(u64, u64), TaskError> {
    let totals = client.variable::<(u64, u64)>("totals");
    let held = lock.acquire().await?;
    let (count, sum) = totals.try_get().await?.unwrap_or_default();
    let new = (count + squares.len() as u64, sum + squares.iter().sum::<u64>());
    totals.set(new).await?;
    held.release().await?;
    Ok(new)
}

#[brisk_client::main]
async fn main() -> anyhow::Result<()> {
    let client = Client::from_env().await?;
    let (one, two, three, four) = (&client, &client, &client, &client);
    let begin = client.event("begin");
    let (_, _, _, by_one, by_two) = tokio::try_join!(
        begin.set(),
        produce(one, 0..50),
        produce(two, 50..100),
        consume(three, 100),
        consume(four, 100)
    )?;
    println!("the consumers took {} squares", by_one + by_two);
    let (count, sum) = client.variable::<(u64, u64)>("totals").get().await?;
    println!("{count} squares, sum {sum}");
    anyhow::ensure!(sum == (0..100).map(|x| x * x).sum::<u64>(), "no square is lost, and none counted twice");
    Ok(())
}
