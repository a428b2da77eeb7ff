//! A mistake deep in a sum, hunted down: the report, the failed call brought here, saved, and run again.
//!
//! ```text
//! cargo run --example debugging
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};

use brisk_client::{Client, TaskState, replay_case, task};

/// How many times `y` goes into `x`.
#[task]
fn ratio(x: i64, y: i64) -> i64 {
    x / y
}

#[task]
fn sum(xs: &[i64]) -> i64 {
    xs.iter().sum()
}

#[brisk_client::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::from_env().await?;
    let ratios = client.map([(5, 5), (25, 0), (30, 6)], |(x, y)| ratio(x, y));
    let total = client.submit(sum(&ratios));

    // The error names the task that failed, not the one that was asked for.
    let error = total.result().await.expect_err("one of the ratios is wrong");
    println!("{error}\n");

    // What the scheduler knows of what failed: it chooses, only that is sent.
    let failed = client.tasks().state(TaskState::Erred).function("ratio").await?;
    println!("failed: {failed}\n");

    // Only that task and its inputs come here. It can be run as often as one likes, and stepped through.
    let case = client.recreate_error_locally(&total).await?;
    let again = catch_unwind(AssertUnwindSafe(|| case.run()));
    println!("run here it panics as well: {}\n", again.is_err());

    // Kept in a file it becomes a test, or is opened in a debugger.
    let path = std::env::temp_dir().join(format!("ratio-{}.case", std::process::id()));
    let saved = case.save(&path)?;
    println!("saved; under a debugger:\n  {}\n", saved.debugger_command());
    let replayed = replay_case(&path)?;
    println!("read again: {replayed:?}");
    std::fs::remove_file(&path)?;

    // The rest was fine, and still is.
    println!("the others: {} and {}", (&ratios[0]).await?, (&ratios[2]).await?);
    Ok(())
}
