//! Graphs: submitted as one.

use std::time::{Duration, Instant};

use brisk_client::{Delayed, TaskFuture, wait};

use super::released;
use crate::program::{
    Bench,
    tasks::{add, consume_column, consume_pieces, ident, inc, inc_anew, noop, pick, produce},
};

/// x0 = inc(0), x(i+1) = inc(x(i)): n tasks as one graph, and the final result.
pub(super) async fn chain(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    // The first call is new each time; the others are pure calls of it.
    let mut last: Delayed<i64> = inc_anew(0);
    for _ in 1..n {
        last = inc(last);
    }
    one_result(bench, ("chain", n, n), start, last, n as i64).await
}

/// The same of calls that are all new.
pub(super) async fn chain_delayed(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut last: Delayed<i64> = inc_anew(0);
    for _ in 1..n {
        last = inc_anew(last);
    }
    one_result(bench, ("chain-delayed", n, n), start, last, n as i64).await
}

/// n leaves ident(i), binary sums: 2n-1 tasks, one graph, until the sum is at the client.
pub(super) async fn tree_reduce(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut level: Vec<Delayed<i64>> = (0..n as i64).map(ident).collect();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| if let [x, y] = pair { add(x, y) } else { pair[0].clone() }).collect();
    }
    let last = level.remove(0);
    one_result(bench, ("tree-reduce", n, 2 * n - 1), start, last, (0..n as i64).sum()).await
}

/// Submits a graph that was begun to be built at `start`, and waits for its result.
async fn one_result(
    bench: &mut Bench,
    (workload, n, tasks): (&'static str, usize, usize),
    start: Instant,
    last: Delayed<i64>,
    expected: i64,
) -> anyhow::Result<()> {
    let built = start.elapsed();
    let future = bench.client.submit(&last);
    let submitted = start.elapsed();
    let value = future.result().await?;
    let finished = start.elapsed();
    anyhow::ensure!(value == expected);
    let more =
        [("tasks", tasks as f64), ("build_s", built.as_secs_f64()), ("submit_s", (submitted - built).as_secs_f64())];
    bench.report.line(workload, n, tasks, finished, &more);
    drop((future, last));
    released(bench).await
}

/// Bytes of a piece of the shuffles.
const PIECE: usize = 1_024;

/// n producers of n pieces each, a pick task for each piece, n consumers; one graph, until the results are at the client.
pub(super) async fn wide_shuffle(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    let producers: Vec<_> = (0..n).map(|i| produce(i, n, PIECE)).collect();
    let consumers: Vec<_> = (0..n)
        .map(|j| {
            let pieces: Vec<_> = producers.iter().map(|pieces| pick(pieces, j)).collect();
            consume_pieces(pieces)
        })
        .collect();
    shuffled(bench, ("wide-shuffle", n, n * n + 2 * n), start, consumers).await
}

/// n producers, n consumers that each depend on all of them.
pub(super) async fn wide_shuffle_direct(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    let producers: Vec<_> = (0..n).map(|i| produce(i, n, PIECE)).collect();
    let consumers: Vec<_> = (0..n).map(|j| consume_column(j, producers.clone())).collect();
    shuffled(bench, ("wide-shuffle-direct", n, 2 * n), start, consumers).await
}

async fn shuffled(
    bench: &mut Bench,
    (workload, n, tasks): (&'static str, usize, usize),
    start: Instant,
    consumers: Vec<Delayed<usize>>,
) -> anyhow::Result<()> {
    let futures = bench.client.compute(consumers);
    let submitted = start.elapsed();
    let values = bench.client.gather(&futures).await?;
    let finished = start.elapsed();
    anyhow::ensure!(values.iter().all(|bytes| *bytes == n * PIECE));
    let more = [("tasks", tasks as f64), ("piece", PIECE as f64), ("submit_s", submitted.as_secs_f64())];
    bench.report.line(workload, n, tasks, finished, &more);
    drop(futures);
    released(bench).await
}

/// One graph of n independent no-op tasks: built, submitted, known to the scheduler, finished.
pub(super) async fn graph_submit(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    let calls: Vec<Delayed<()>> = (0..n).map(|_| noop()).collect();
    let built = start.elapsed();
    let futures: Vec<TaskFuture<()>> = bench.client.compute(calls);
    let called = start.elapsed();
    bench.client.flush().await;
    let accepted = start.elapsed();
    wait(&futures).await;
    let finished = start.elapsed();
    let since_built = |time: Duration| (time - built).as_secs_f64();
    let more = [
        ("build_s", built.as_secs_f64()),
        ("call_s", since_built(called)),
        ("accepted_s", since_built(accepted)),
        ("finished_s", finished.as_secs_f64()),
    ];
    bench.report.line("graph-submit", n, n, accepted, &more);
    drop(futures);
    released(bench).await
}
