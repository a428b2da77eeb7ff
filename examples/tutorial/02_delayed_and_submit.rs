//! Chapter 2. The same computation twice: described as a whole and then started, or started call by call. And both at once.
//!
//! ```text
//! cargo run --example 02_delayed_and_submit
//! ```

use std::{fs, time::Instant};

use brisk_client::{Client, Delayed, TaskFuture, task};

/// How often a number can be halved or tripled and increased until it is one (Collatz).
#[task]
fn steps(start: u64) -> u64 {
    std::thread::sleep(std::time::Duration::from_millis(20));
    let next = |n: &u64| (*n != 1).then(|| if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 });
    std::iter::successors(Some(start), next).count() as u64 - 1
}

#[task]
fn longest(counts: &[u64]) -> u64 {
    counts.iter().copied().max().unwrap_or(0)
}

#[task]
fn sum(counts: &[u64]) -> u64 {
    counts.iter().sum()
}

#[brisk_client::main]
async fn main() -> anyhow::Result<()> {
    let client = Client::from_env().await?;

    println!("-- delayed: nothing runs while it is described");
    let counts: Vec<Delayed<u64>> = (1..=60).map(steps).collect();
    let total = sum(&counts);
    println!("{total:?}");
    let picture = std::env::temp_dir().join("brisk-tutorial-02.svg");
    fs::write(&picture, total.to_svg())?;
    println!("its picture: {}", picture.display());
    let start = Instant::now();
    println!("in this thread: {} steps, {:.1?}", total.run()?, start.elapsed());
    let start = Instant::now();
    println!("on the workers: {} steps, {:.1?}", client.submit(&total).await?, start.elapsed());

    println!("-- submitted: work begins with the first call");
    let counts: Vec<TaskFuture<u64>> = client.map(1..=60, steps);
    // The same calls as above, whose values nobody holds any more but this list.
    let total = client.submit(sum(&counts)).await?;
    println!("{total} steps");

    println!("-- both: a delayed call of futures, which are there already");
    let most = longest(&counts);
    println!("{most:?} takes what {:?} has made", counts[0]);
    println!("at most {} steps", client.submit(most).await?);

    println!("-- several at once: what they share runs once");
    let counts: Vec<Delayed<u64>> = (61..=80).map(steps).collect();
    let (total, most) = client.compute((sum(&counts), longest(&counts)));
    println!("{} steps, at most {}", total.await?, most.await?);
    Ok(())
}
