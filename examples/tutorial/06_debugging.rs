//! Chapter 6. A division by zero deep in a sum: found in the report, and brought here.
//!
//! ```text
//! cargo run --example 06_debugging
//! ```

use std::panic::catch_unwind;

use brisk_client::{Client, Delayed, TaskState, replay_case, task};

#[task]
fn inverse(x: i64) -> i64 {
    1_000 / x
}

#[task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

/// Pairs of neighbours are added until one is left.
fn sum_of(mut level: Vec<Delayed<i64>>) -> Delayed<i64> {
    while level.len() > 1 {
        level = level.chunks(2).map(|two| two.iter().cloned().reduce(add).expect("one or two")).collect();
    }
    level.remove(0)
}

#[brisk_client::main]
async fn main() -> anyhow::Result<()> {
    let client = Client::from_env().await?;
    let total = sum_of([8, 5, 2, 0, 4, 1, 3, 7].into_iter().map(inverse).collect());

    println!("-- the report: the task that failed, not the one that was asked for");
    let future = client.submit(&total);
    let error = future.result().await.expect_err("one of them divides by zero");
    println!("{error}\n");

    println!("-- what the scheduler knows of what failed: it chooses, only that is sent");
    println!("{}\n", client.tasks().state(TaskState::Erred).function("inverse").await?);

    println!("-- the case: that call alone, with its inputs, in this thread");
    let case = client.recreate_error_locally(&future).await?;
    println!("{case:?}");
    let outcome = catch_unwind(std::panic::AssertUnwindSafe(|| case.run()));
    println!("run here it panics too: {}\n", outcome.is_err());

    println!("-- kept in a file it is a test, or is stepped through");
    let path = std::env::temp_dir().join(format!("brisk-tutorial-06-{}.case", std::process::id()));
    let saved = case.save(&path)?;
    println!("{}", saved.debugger_command());
    println!("read again: {:?}\n", replay_case(&path)?);
    std::fs::remove_file(&path)?;

    println!("-- the whole sum in this thread, in order, as a debugger likes it");
    let outcome = catch_unwind(std::panic::AssertUnwindSafe(|| total.run()));
    println!("it panics here too: {}", outcome.is_err());
    Ok(())
}
