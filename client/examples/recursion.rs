//! Tasks that submit tasks: a tree of unknown shape, walked by as many workers as there are.
//!
//! `cargo run --release --example recursion`

use brisk_client::{Client, TaskError, blocking, task};

/// What is below a node of an imaginary tree.
fn children(node: u64) -> impl Iterator<Item = u64> {
    let count = if node > 5_000 { 0 } else { 2 + node % 3 };
    (1..=count).map(move |child| 3 * node + child)
}

/// How many nodes there are from this one on. It waits in its thread, which its children have meanwhile.
#[task]
fn count_below(node: u64) -> Result<u64, TaskError> {
    let client = blocking::Client::current()?;
    let below = client.map(children(node), count_below);
    Ok(1 + client.gather(&below)?.into_iter().sum::<u64>())
}

/// The greatest node from this one on. It waits without a thread, being `async`.
#[task]
async fn greatest_below(node: u64) -> Result<u64, TaskError> {
    let client = brisk_client::current().await?;
    let below = client.map(children(node), greatest_below);
    let greatest = client.gather(&below).await?.into_iter().max();
    Ok(greatest.unwrap_or(node).max(node))
}

#[brisk_client::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // One thread is enough, however deep the tree is.
    let client = Client::local().workers(1).threads(1).await?;
    let (count, greatest) = client.compute((count_below(1), greatest_below(1)));
    let count = count.await?;
    println!("{count} nodes, the greatest is {}", greatest.await?);
    assert_eq!(count, 1 + count_here(1));
    Ok(())
}

/// The same without tasks.
fn count_here(node: u64) -> u64 {
    children(node).map(|child| 1 + count_here(child)).sum()
}
