//! The same computation twice: once as one graph of delayed calls, once by submitting call after call.
//!
//! ```text
//! cargo run --example delayed
//! ```

use brisk_client::{Client, Delayed, TaskFuture, task};

#[task]
fn square(x: i64) -> i64 {
    x * x
}

#[task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task]
fn mean(sum: i64, count: i64) -> f64 {
    sum as f64 / count as f64
}

const COUNT: i64 = 100;

/// One graph: nothing runs, and nothing is sent, while it is built.
fn delayed() -> Delayed<f64> {
    let mut level: Vec<Delayed<i64>> = (0..COUNT).map(square).collect();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [x, y] => add(x, y),
                [x] => x.clone(),
                _ => unreachable!("chunks of two have one or two"),
            })
            .collect();
    }
    mean(&level[0], COUNT)
}

/// The same, submitted at once: work begins with the first call.
fn submitted(client: &Client) -> TaskFuture<f64> {
    let mut level: Vec<TaskFuture<i64>> = client.map(0..COUNT, square);
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [x, y] => client.submit(add(x, y)),
                [x] => x.clone(),
                _ => unreachable!("chunks of two have one or two"),
            })
            .collect();
    }
    client.submit(mean(&level[0], COUNT))
}

#[brisk_client::main]
async fn main() -> anyhow::Result<()> {
    let client = Client::from_env().await?;

    let graph = delayed();
    println!("here, in this thread:  {}", graph.run()?);
    let by_graph = client.submit(&graph);
    println!("submitted as a graph:  {}", by_graph.result().await?);
    let by_calls = submitted(&client);
    println!("submitted call by call: {}", by_calls.result().await?);

    // Both describe the same calls, so they are the same key: the second run computed nothing.
    println!("one key: {}", by_graph.key() == by_calls.key());

    // Delayed calls and futures mix, and several are submitted together; what they share runs once.
    let (doubled, squared) = client.compute((add(graph_sum(), 1), square(graph_sum())));
    println!("and with them: {} {}", doubled.result().await?, squared.result().await?);
    Ok(())
}

/// A call that two others share.
fn graph_sum() -> Delayed<i64> {
    add(square(3), square(4))
}
