//! Values that one worker makes and the other reads.

use std::time::Instant;

use brisk_client::{Delayed, TaskFuture, Value, wait};

use super::released;
use crate::program::{
    Bench,
    tasks::{consume_all_arrays, consume_all_bytes, consume_array, consume_bytes, make_array, make_bytes},
};

const MAKER: [&str; 1] = ["worker-0"];
const READER: [&str; 1] = ["worker-1"];

/// n byte strings are made on one worker (not timed); then one consumer each, on the other, reads length and first byte.
pub(super) async fn bytes(bench: &mut Bench, n: usize, size: usize) -> anyhow::Result<()> {
    let made = bench.client.map(0..n, |tag| make_bytes(size, tag).workers(MAKER));
    wait(&made).await;
    let start = Instant::now();
    let read = bench.client.map(&made, |object| consume_bytes(object).workers(READER));
    finish(bench, "transfer-bytes", (n, size), start, &read).await?;
    drop((made, read));
    released(bench).await
}

/// The same with vectors of floats.
pub(super) async fn array(bench: &mut Bench, n: usize, size: usize) -> anyhow::Result<()> {
    let made = bench.client.map(0..n, |tag| make_array(size, tag).workers(MAKER));
    wait(&made).await;
    let start = Instant::now();
    let read = bench.client.map(&made, |object| consume_array(object).workers(READER));
    finish(bench, "transfer-array", (n, size), start, &read).await?;
    drop((made, read));
    released(bench).await
}

/// n byte strings for one consumer.
pub(super) async fn bytes_to_one(bench: &mut Bench, n: usize, size: usize) -> anyhow::Result<()> {
    let made = bench.client.map(0..n, |tag| make_bytes(size, tag).workers(MAKER));
    wait(&made).await;
    let call = consume_all_bytes(made.clone()).workers(READER);
    one_consumer(bench, "transfer-bytes-one-consumer", (n, size), call).await?;
    drop(made);
    released(bench).await
}

/// n vectors of floats for one consumer.
pub(super) async fn array_to_one(bench: &mut Bench, n: usize, size: usize) -> anyhow::Result<()> {
    let made = bench.client.map(0..n, |tag| make_array(size, tag).workers(MAKER));
    wait(&made).await;
    let call = consume_all_arrays(made.clone()).workers(READER);
    one_consumer(bench, "transfer-array-one-consumer", (n, size), call).await?;
    drop(made);
    released(bench).await
}

/// The program scatters n byte strings, and gathers them again.
pub(super) async fn scatter_bytes(bench: &mut Bench, n: usize, size: usize) -> anyhow::Result<()> {
    let values = (0..n).map(|tag| vec![tag as u8; size]).collect();
    scatter_gather(bench, "scatter-gather-bytes", values, size).await
}

/// The same with vectors of floats.
pub(super) async fn scatter_array(bench: &mut Bench, n: usize, size: usize) -> anyhow::Result<()> {
    let values = (0..n).map(|tag| vec![tag as f64; size / 8]).collect();
    scatter_gather(bench, "scatter-gather-array", values, size).await
}

async fn scatter_gather<T: Value + PartialEq>(
    bench: &mut Bench,
    workload: &'static str,
    values: Vec<Vec<T>>,
    size: usize,
) -> anyhow::Result<()>
where
    Vec<T>: Value,
{
    let (n, lengths): (usize, Vec<usize>) = (values.len(), values.iter().map(Vec::len).collect());
    let start = Instant::now();
    // Told apart, as the peers do it: nothing is hashed.
    let there = bench.client.scatter_all(values).distinct().await?;
    let scattered = start.elapsed();
    let back = bench.client.gather_shared(&there).await?;
    let finished = start.elapsed();
    anyhow::ensure!(back.iter().map(|value| value.len()).eq(lengths));
    let (put, got) = (scattered.as_secs_f64(), (finished - scattered).as_secs_f64());
    let bytes = (n * size) as f64;
    let fields = [
        ("size", size as f64),
        ("scatter_s", put),
        ("gather_s", got),
        ("scatter_GBps", bytes / put / 1e9),
        ("gather_GBps", bytes / got / 1e9),
    ];
    bench.report.line(workload, n, n, finished, &fields);
    drop((there, back));
    released(bench).await
}

async fn one_consumer(
    bench: &mut Bench,
    workload: &'static str,
    (n, size): (usize, usize),
    call: Delayed<usize>,
) -> anyhow::Result<()> {
    let start = Instant::now();
    let sum = bench.client.submit(call).await?;
    let finished = start.elapsed();
    anyhow::ensure!(sum == (0..n).map(|tag| size + tag % 256).sum::<usize>());
    bench.report.line(workload, n, n, finished, &rate(n, size, finished.as_secs_f64()));
    Ok(())
}

async fn finish(
    bench: &mut Bench,
    workload: &'static str,
    (n, size): (usize, usize),
    start: Instant,
    read: &[TaskFuture<usize>],
) -> anyhow::Result<()> {
    let seen = bench.client.gather(read).await?;
    let finished = start.elapsed();
    anyhow::ensure!(seen.iter().enumerate().all(|(tag, seen)| *seen == size + tag % 256));
    bench.report.line(workload, n, n, finished, &rate(n, size, finished.as_secs_f64()));
    Ok(())
}

fn rate(n: usize, size: usize, seconds: f64) -> [(&'static str, f64); 2] {
    [("size", size as f64), ("GBps", (n * size) as f64 / seconds / 1e9)]
}
