//! Whole clusters: how they start, what they keep in memory, and how they take the loss of a worker.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::Context;
use brisk_client::{AsCompleted, TaskFuture, wait};

use super::released;
use crate::program::{
    Bench,
    tasks::{inc, inc_anew, noop, sleep_inc},
};

/// From nothing to the first result: cluster, client, submit(inc(1)).
pub(super) async fn startup(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    let cluster = bench.transport.builder().start().await?;
    let client = cluster.client().await?;
    let value = client.submit(inc(1)).await?;
    let first = start.elapsed();
    anyhow::ensure!(value == 2);
    client.close().await;
    cluster.close().await;
    bench.report.line("startup", n, 1, first, &[]);
    Ok(())
}

/// Memory of this process, with scheduler and client, while n futures are held: in a fresh cluster.
pub(super) async fn memory_held(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    released(bench).await?;
    let before = resident_bytes()?;
    let start = Instant::now();
    let held = bench.client.map(0..n as i64, inc_anew);
    wait(&held).await;
    let finished = start.elapsed();
    let more = memory(before, resident_bytes()?, n);
    bench.report.line("memory-held", n, n, finished, &more);
    drop(held);
    released(bench).await
}

/// Memory of this process after n tasks were run and released, ten thousand at a time.
pub(super) async fn memory_released(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    const AT_ONCE: usize = 10_000;
    released(bench).await?;
    let before = resident_bytes()?;
    let start = Instant::now();
    for first in (0..n).step_by(AT_ONCE) {
        let futures = bench.client.map(first..n.min(first + AT_ONCE), |_| noop());
        wait(&futures).await;
        drop(futures);
        released(bench).await?;
    }
    let finished = start.elapsed();
    let more = memory(before, resident_bytes()?, n);
    bench.report.line("memory-released", n, n, finished, &more);
    Ok(())
}

fn memory(before: u64, after: u64, n: usize) -> [(&'static str, f64); 3] {
    let grown = after as f64 - before as f64;
    [("rss_before", before as f64), ("rss_after", after as f64), ("bytes_per_task", (grown / n as f64).round())]
}

/// What the system says that this process has in memory.
pub(super) fn resident_bytes() -> anyhow::Result<u64> {
    const PAGE: u64 = 4_096;
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = text.split_whitespace().nth(1).context("a second field of statm")?.parse()?;
    Ok(pages * PAGE)
}

/// n tasks of 20 ms, and all results.
pub(super) async fn undisturbed(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    failing(bench, "failure-undisturbed", n, None).await
}

/// The same, and a worker is killed after half of them.
pub(super) async fn killed(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    failing(bench, "failure-killed", n, Some(n / 2)).await
}

async fn failing(bench: &mut Bench, workload: &'static str, n: usize, kill_after: Option<usize>) -> anyhow::Result<()> {
    let cluster = bench.transport.builder().start().await?;
    let client = cluster.client().await?;
    client.wait_for_workers(2).await?;
    let start = Instant::now();
    let futures: Vec<TaskFuture<i64>> = (0..n as i64).map(|x| client.submit(sleep_inc(x))).collect();
    let mut kill = None;
    if let Some(after) = kill_after {
        let mut completed: AsCompleted<i64> = futures.iter().cloned().collect();
        for _ in 0..after {
            completed.next().await;
        }
        let victim = cluster.processes().first().context("a worker process")?.pid;
        anyhow::ensure!(Command::new("kill").args(["-9", &victim.to_string()]).status()?.success());
        kill = Some(Instant::now());
    }
    let values = client.gather(&futures).await?;
    let finished = start.elapsed();
    let right = values.iter().copied().eq(1..=n as i64);
    anyhow::ensure!(right, "results are wrong");
    let after_kill = kill.map(|kill| kill.elapsed());
    drop(futures);
    client.close().await;
    cluster.close().await;
    let more: Vec<(&str, f64)> =
        after_kill.iter().map(|time: &Duration| ("after_kill_s", time.as_secs_f64())).collect();
    bench.report.line(workload, n, n, finished, &more);
    Ok(())
}
