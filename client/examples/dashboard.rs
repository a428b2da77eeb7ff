//! A job that goes on for a while, to be watched: every page of the dashboard has something to show.
//!
//! ```text
//! cargo run --release --example dashboard -- SECONDS
//! ```

use std::{
    collections::VecDeque,
    io,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use brisk_client::{Client, TaskContext, task};

/// Parts of the data of one round.
const PARTS: u32 = 48;

/// Rounds whose data stays on the workers, for others to use.
const KEPT: usize = 4;

/// Numbers that would come from a file, say, and take as long: what is asleep can be watched as well as what reads.
#[task]
fn load(round: u32, part: u32) -> Vec<f64> {
    sleep(Duration::from_millis(u64::from(2 + part % 9)));
    let swing = 1.0 + (f64::from(round) / 5.0 + f64::from(part) / 9.0).sin() / 3.0;
    (0..20_000 + 500 * part).map(|i| f64::from((i * 31 + part * 7 + round) % 1000) * swing).collect()
}

/// Their sum and the sum of their squares; long enough for a rectangle that can be seen.
#[task]
fn moments(numbers: &[f64]) -> (f64, f64) {
    sleep(Duration::from_millis(1));
    (numbers.iter().sum(), numbers.iter().map(|x| x * x).sum())
}

/// The sums of several parts.
#[task]
fn merge(parts: Vec<(f64, f64)>) -> (f64, f64) {
    parts.iter().fold((0.0, 0.0), |all, part| (all.0 + part.0, all.1 + part.1))
}

/// Something that goes wrong every now and then. Its name and its message are text, whatever they look like.
#[task]
fn announce(text: String, level: u32) -> anyhow::Result<u32> {
    if let Some(context) = TaskContext::current() {
        context.log(format!("about to say {text} at level {level}"));
    }
    if level > 9 {
        let gone = io::Error::new(io::ErrorKind::NotFound, "the loudspeaker is gone");
        return Err(gone).with_context(|| format!("{text} can't be said at level {level}"));
    }
    Ok(level)
}

#[brisk_client::main]
async fn main() -> anyhow::Result<()> {
    let seconds = std::env::args().nth(1).map_or(Ok(60), |text| text.parse()).context("SECONDS is a whole number")?;
    let client = Client::from_env().await?;
    println!("dashboard: {}", client.dashboard_url()?);

    let course = client.plot("deviation").title("Deviation by round").axes("round", "deviation").line();
    let map = client.plot("parts").title("Mean of each part").axes("part", "round").heat();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut kept = VecDeque::new();
    let mut failed = VecDeque::new();
    let mut round = 0;
    while Instant::now() < end {
        let data = client.map(0..PARTS, |part| load(round, part));
        let sums = client.map(&data, moments);
        let merged: Vec<_> = sums.chunks(8).map(|sums| client.submit(merge(sums))).collect();
        let total = client.submit(merge(&merged));
        let said = client.submit(announce(format!("<b>{}</b>", round % 3), round % 12).impure());

        let (sum, squares) = total.result().await?;
        let count = f64::from((0..PARTS).map(|part| 20_000 + 500 * part).sum::<u32>());
        let mean = sum / count;
        let deviation = (squares / count - mean * mean).sqrt();
        println!("round {round}: mean {mean:.2}, deviation {deviation:.2}");
        course.push(f64::from(round), deviation);
        for (part, (sum, _)) in (0..PARTS).zip(client.gather(&sums).await?) {
            map.push(f64::from(part), f64::from(round % 32), sum / f64::from(20_000 + 500 * part));
        }
        if said.result().await.is_err() {
            failed.push_back(said);
        }
        // What no longer has a handle is let go by the workers.
        kept.push_back((data, merged, total));
        kept.drain(..kept.len().saturating_sub(KEPT));
        failed.drain(..failed.len().saturating_sub(KEPT));
        round += 1;
    }
    Ok(())
}
