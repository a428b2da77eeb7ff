//! What this machine allows: the figures beside which ours are read. Run by `cargo xtask bench --limits`.
//!
//! A JSON line a limit, with its name, the median of a few rounds, and the unit. Everything here is as others would write
//! it by hand: no crate of this workspace has a part in it.

mod memory;
mod quic;
mod sockets;
mod threads;

use std::time::{Duration, Instant};

fn main() -> anyhow::Result<()> {
    // What `cargo bench` adds by itself is not looked at: there is nothing to choose.
    threads::measure()?;
    memory::measure();
    sockets::measure()?;
    quic::measure()
}

/// Prints the median of rounds.
fn limit(name: &str, unit: &str, mut rounds: Vec<f64>) {
    rounds.sort_by(f64::total_cmp);
    println!(
        r#"{{"system": "limits", "limit": "{name}", "value": {:.3}, "unit": "{unit}"}}"#,
        rounds[rounds.len() / 2]
    );
}

/// How long something takes, in microseconds, divided by `count`.
fn micros(count: usize, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    per(start.elapsed(), count)
}

fn per(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}

fn gigabytes_a_second(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / time.as_secs_f64() / 1e9
}
