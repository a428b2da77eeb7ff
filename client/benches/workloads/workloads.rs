//! The workloads.

use std::{
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use brisk_client::{Delayed, TaskFuture, wait};

use crate::{
    Bench,
    tasks::{add, consume, ident, inc, inc_anew, make_bytes, noop},
};

type Run = for<'a> fn(&'a mut Bench, usize) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>>;

pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) sizes: &'static [usize],
    pub(crate) run: Run,
}

pub(crate) const ALL: &[Workload] = &[
    Workload { name: "noop-many", sizes: &[1_000, 10_000, 100_000], run: |b, n| Box::pin(noop_many(b, n)) },
    Workload { name: "noop-map", sizes: &[10_000, 100_000], run: |b, n| Box::pin(noop_map(b, n)) },
    Workload { name: "latency", sizes: &[1_000], run: |b, n| Box::pin(latency(b, n)) },
    Workload { name: "chain", sizes: &[1_000, 10_000], run: |b, n| Box::pin(chain(b, n)) },
    Workload { name: "tree-reduce", sizes: &[1 << 14], run: |b, n| Box::pin(tree_reduce(b, n)) },
    Workload { name: "transfer-bytes", sizes: &[1], run: |b, n| Box::pin(transfer(b, n, 256 << 20)) },
    Workload { name: "transfer-small", sizes: &[1_000], run: |b, n| Box::pin(transfer(b, n, 64 << 10)) },
];

/// n independent no-op tasks, one submit call each; from the first submit until all are finished.
async fn noop_many(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    let futures: Vec<TaskFuture<()>> = (0..n).map(|_| bench.client.submit(noop())).collect();
    finish_and_release(bench, "noop-many", start, futures).await
}

/// The same by one `map` call.
async fn noop_map(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    let futures = bench.client.map(0..n, |_| noop());
    finish_and_release(bench, "noop-map", start, futures).await
}

async fn finish_and_release(
    bench: &mut Bench,
    workload: &'static str,
    start: Instant,
    futures: Vec<TaskFuture<()>>,
) -> anyhow::Result<()> {
    let submitted = start.elapsed();
    wait(&futures).await;
    let finished = start.elapsed();
    let n = futures.len();
    drop(futures);
    released(bench).await?;
    let released = start.elapsed() - finished;
    let more = [
        ("submit_s", submitted.as_secs_f64()),
        ("release_s", released.as_secs_f64()),
        ("tasks_per_s", (n as f64 / finished.as_secs_f64()).round()),
    ];
    bench.report.line(workload, n, n, finished, &more);
    Ok(())
}

/// submit(inc, i).result(), one after the other.
async fn latency(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let mut times = Vec::with_capacity(n);
    for i in 0..n {
        let start = Instant::now();
        let value = bench.client.submit(inc_anew(i as i64)).await?;
        times.push(start.elapsed());
        anyhow::ensure!(value == i as i64 + 1);
    }
    let total = times.iter().sum::<Duration>();
    times.sort();
    let at = |share: f64| times[((n as f64 * share) as usize).min(n - 1)].as_secs_f64() * 1e6;
    let more = [("p50_us", at(0.5)), ("p99_us", at(0.99)), ("min_us", at(0.0))];
    bench.report.line("latency", n, n, total, &more);
    released(bench).await
}

/// x0 = inc(0), x(i+1) = inc(x(i)): n tasks as one graph, and the final result.
async fn chain(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    // The first call is new each time; the others are pure calls of it.
    let mut last: Delayed<i64> = inc_anew(0);
    for _ in 1..n {
        last = inc(last);
    }
    let built = start.elapsed();
    let future = bench.client.submit(&last);
    let submitted = start.elapsed();
    let value = future.result().await?;
    let finished = start.elapsed();
    anyhow::ensure!(value == n as i64);
    let more = [("build_s", built.as_secs_f64()), ("submit_s", (submitted - built).as_secs_f64())];
    bench.report.line("chain", n, n, finished, &more);
    drop(future);
    released(bench).await
}

/// n leaves ident(i), binary sums: 2n-1 tasks, one graph, until the sum is at the client.
async fn tree_reduce(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut level: Vec<Delayed<i64>> = (0..n as i64).map(ident).collect();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| if let [x, y] = pair { add(x, y) } else { pair[0].clone() }).collect();
    }
    let built = start.elapsed();
    let future = bench.client.submit(&level[0]);
    let submitted = start.elapsed();
    let value = future.result().await?;
    let finished = start.elapsed();
    anyhow::ensure!(value == (0..n as i64).sum::<i64>());
    let tasks = 2 * n - 1;
    let more =
        [("tasks", tasks as f64), ("build_s", built.as_secs_f64()), ("submit_s", (submitted - built).as_secs_f64())];
    bench.report.line("tree-reduce", n, tasks, finished, &more);
    drop(future);
    released(bench).await
}

/// n objects are made on one worker (not timed); then one consumer each, on the other, reads length and first byte.
async fn transfer(bench: &mut Bench, n: usize, size: usize) -> anyhow::Result<()> {
    let made = bench.client.map(0..n, |_| make_bytes(size).workers(["worker-0"]));
    wait(&made).await;
    let start = Instant::now();
    let read = bench.client.map(&made, |object| consume(object).workers(["worker-1"]));
    let seen = bench.client.gather(&read).await?;
    let finished = start.elapsed();
    anyhow::ensure!(seen.iter().all(|seen| *seen == (size, 7)));
    let more = [("size", size as f64), ("GBps", (n * size) as f64 / finished.as_secs_f64() / 1e9)];
    let workload = if n == 1 { "transfer-bytes" } else { "transfer-small" };
    bench.report.line(workload, n, n, finished, &more);
    drop((made, read));
    released(bench).await
}

/// Waits until the scheduler has forgotten every task.
async fn released(bench: &Bench) -> anyhow::Result<()> {
    bench.client.flush().await;
    let left = bench.cluster.snapshot().total();
    anyhow::ensure!(left == 0, "{left} tasks are left after all futures were dropped");
    Ok(())
}
