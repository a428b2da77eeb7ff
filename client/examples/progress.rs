//! Progress of many calls: a line for each function on a terminal, a line now and then in a log.
//!
//! `cargo run --release --example progress`, and the same with `2> log`

use std::time::Duration;

use brisk_client::{Client, progress, task};

#[task(impure)]
async fn load(number: u64) -> Result<u64, String> {
    tokio::time::sleep(Duration::from_millis(20 + number % 50)).await;
    if number % 97 == 96 { Err(format!("{number} can't be loaded")) } else { Ok(number) }
}

#[task(impure)]
fn square(x: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(5));
    x * x
}

#[brisk_client::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::from_env().await?;
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(500);
    let mut all = client.map(0..count, load);
    all.extend(client.map(0..count, square));
    let done = progress(&all).await;
    println!("{}", done.map_or_else(|error| error.to_string(), |()| "all is well".to_owned()));
    Ok(())
}
