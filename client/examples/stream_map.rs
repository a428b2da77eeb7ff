//! Calls without end, of which only so many are under way: primes are counted in one stretch of numbers after the other,
//! until there are enough.
//!
//! ```text
//! cargo run --example stream_map
//! ```

use std::ops::ControlFlow;

use brisk_client::{Client, TaskError, task};

/// How many primes there are from `start` on, in a stretch of so many numbers, and the largest of them.
#[task]
fn primes(start: u64, length: u64) -> (u64, Option<u64>) {
    let is_prime = |&n: &u64| n >= 2 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    let found = (start..start + length).filter(is_prime);
    found.fold((0, None), |(count, _), prime| (count + 1, Some(prime)))
}

const LENGTH: u64 = 1_000;
const ENOUGH: u64 = 10_000;

/// What is known so far.
#[derive(Default)]
struct Tally {
    stretches: u64,
    primes: u64,
    largest: u64,
}

impl Tally {
    fn add(&mut self, (count, largest): (u64, Option<u64>)) -> ControlFlow<()> {
        self.stretches += 1;
        self.primes += count;
        self.largest = largest.unwrap_or(self.largest);
        if self.primes >= ENOUGH { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[brisk_client::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::from_env().await?;
    // The items have no end: they are taken as calls end. In their own order, so that the answer is always the same.
    let mut stream =
        client.map_stream((0..).step_by(LENGTH as usize), |start| primes(start, LENGTH)).limit(16).ordered();
    let mut tally = Tally::default();
    while let Some(future) = stream.next().await {
        if tally.add(future.await?).is_break() {
            break;
        }
    }
    // Whoever stops reading wants no more: the calls under way are dropped with the stream.
    drop(stream);
    let Tally { stretches, primes, largest } = tally;
    println!("{primes} primes in {stretches} stretches of {LENGTH} numbers; the largest is {largest}");

    let (count, last) = check(&client, largest).await?;
    println!("once more, up to that one, in one call: {count} primes, the last {last:?}");
    Ok(())
}

/// The same in one call, whose two results are taken apart on the cluster.
async fn check(client: &Client, largest: u64) -> Result<(u64, Option<u64>), TaskError> {
    let both = client.submit(primes(0, largest + 1)).split();
    client.gather_nested(&both).await
}
