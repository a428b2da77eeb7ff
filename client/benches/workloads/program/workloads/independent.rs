//! Tasks that have nothing to do with each other.

use std::time::{Duration, Instant};

use brisk_client::{AsCompleted, TaskFuture, wait};

use super::released;
use crate::program::{
    Bench,
    tasks::{inc_anew, noop},
};

/// n independent no-op tasks, one submit call each; from the first submit until all are finished.
pub(super) async fn noop_many(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    let futures: Vec<TaskFuture<()>> = (0..n).map(|_| bench.client.submit(noop())).collect();
    finish_and_release(bench, "noop-many", start, futures).await
}

/// The same by one `map` call.
pub(super) async fn noop_map(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
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

/// `map` of inc over so many numbers, and their values.
pub(super) async fn map_inc_gather(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    let futures = bench.client.map(0..n as i64, inc_anew);
    let values = bench.client.gather(&futures).await?;
    let finished = start.elapsed();
    anyhow::ensure!(values.into_iter().eq(1..=n as i64));
    let more = [("tasks_per_s", (n as f64 / finished.as_secs_f64()).round())];
    bench.report.line("map-inc-gather", n, n, finished, &more);
    drop(futures);
    released(bench).await
}

/// By how much a task costs more among n than among ten thousand.
pub(super) async fn growth(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    const FEW: usize = 10_000;
    let few = per_task(bench, FEW, 5).await?;
    let start = Instant::now();
    let many = per_task(bench, n, 1).await?;
    bench.report.line("growth", n, n, start.elapsed(), &[("few_us", few), ("many_us", many), ("growth", many / few)]);
    Ok(())
}

/// What a no-op task costs among n, in microseconds: the best of some runs, each after the release of the one before.
async fn per_task(bench: &mut Bench, n: usize, runs: usize) -> anyhow::Result<f64> {
    let mut best = f64::MAX;
    for _ in 0..runs {
        let start = Instant::now();
        let futures: Vec<TaskFuture<()>> = (0..n).map(|_| bench.client.submit(noop())).collect();
        wait(&futures).await;
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / n as f64);
        drop(futures);
        released(bench).await?;
    }
    Ok(best)
}

/// submit(inc, i).result(), one after the other.
pub(super) async fn latency(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    round_trips(bench, "latency", n, Duration::ZERO).await
}

/// The same with pauses in which everything falls asleep, which do not count.
pub(super) async fn latency_idle(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    round_trips(bench, "latency-idle", n, Duration::from_millis(5)).await
}

async fn round_trips(bench: &mut Bench, workload: &'static str, n: usize, pause: Duration) -> anyhow::Result<()> {
    let mut times = Vec::with_capacity(n);
    for i in 0..n {
        // It is the pause that is measured against: in it all threads fall asleep, this one too.
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
        let start = Instant::now();
        let value = bench.client.submit(inc_anew(i as i64)).await?;
        times.push(start.elapsed());
        anyhow::ensure!(value == i as i64 + 1);
    }
    let total = times.iter().sum::<Duration>();
    times.sort();
    let at = |share: f64| times[((n as f64 * share) as usize).min(n - 1)].as_secs_f64() * 1e6;
    let more = [("p50_us", at(0.5)), ("p99_us", at(0.99)), ("min_us", at(0.0))];
    bench.report.line(workload, n, n, total, &more);
    released(bench).await
}

/// Ten outstanding; each completion's result is read and another task submitted, until n are done.
pub(super) async fn completions(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    const OUTSTANDING: usize = 10;
    let start = Instant::now();
    let mut completed = AsCompleted::new();
    let mut submitted = OUTSTANDING.min(n);
    (0..submitted).for_each(|i| completed.push(bench.client.submit(inc_anew(i as i64))));
    let mut done = 0;
    while let Some(future) = completed.next().await {
        future.result().await?;
        done += 1;
        if submitted < n {
            completed.push(bench.client.submit(inc_anew(submitted as i64)));
            submitted += 1;
        }
    }
    let finished = start.elapsed();
    anyhow::ensure!(done == n);
    let more = [("iters_per_s", (n as f64 / finished.as_secs_f64()).round())];
    bench.report.line("as-completed", n, n, finished, &more);
    drop(completed);
    released(bench).await
}
