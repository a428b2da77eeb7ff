//! A program that submits many tasks and looks at each result: for tests of a scheduler that is lost under them.

use std::io::Write;

use brisk_client::{Client, task};

const TASKS: u64 = 100_000;

#[task]
fn twice(x: u64) -> u64 {
    2 * x
}

#[brisk_client::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::from_env().await?;
    let first = client.submit(twice(0));
    assert_eq!(first.await?, 0);
    let mut results = Vec::with_capacity(TASKS as usize);
    for x in 0..TASKS {
        if x == TASKS / 4 {
            println!("submitting");
            std::io::stdout().flush()?;
        }
        results.push(client.submit(twice(x)));
    }
    println!("submitted");
    for (x, result) in (0..TASKS).zip(&results) {
        assert_eq!(result.result().await?, 2 * x);
    }
    println!("all right");
    client.close().await;
    Ok(())
}
