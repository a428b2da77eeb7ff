//! How often a task takes memory: from its submission until it is forgotten, by client, scheduler and worker together.

#![cfg(feature = "inproc")]

mod support;

use std::alloc::System;

use brisk_client::{LocalCluster, task, wait};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Kind, eventually};

/// Counts what every thread of this program takes. So this is the only test in it.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What a task may take, in allocations: of its call, its future, its assignment and its value, and the share that each has
/// in lists that grow. Four to five were counted; how many share a list depends on what else the machine does.
const AT_MOST: f64 = 7.0;

const TASKS: usize = 5_000;

#[task(impure)]
fn noop() {}

#[test]
fn a_task_takes_memory_a_few_times() {
    support::run_on(Kind::Threads, measure);
}

async fn measure(cluster: LocalCluster) {
    let client = cluster.client().await.unwrap();
    // As many as are never few: debug builds check a scheduler with few tasks after every round, which takes memory too.
    let held = client.map(0..300, |_| noop());
    wait(&held).await;
    let mut least = f64::MAX;
    for _ in 0..5 {
        let region = Region::new(ALLOCATOR);
        let futures: Vec<_> = (0..TASKS).map(|_| client.submit(noop())).collect();
        wait(&futures).await;
        drop(futures);
        client.flush().await;
        let taken = region.change();
        eventually(std::time::Duration::from_secs(5), "the tasks are forgotten", || {
            cluster.snapshot().total() == held.len() as u64
        })
        .await;
        // The first round makes tables that grow. How many messages share a batch differs from round to round.
        least = least.min((taken.allocations + taken.reallocations) as f64 / TASKS as f64);
    }
    assert!(least <= AT_MOST, "{least} allocations a task, and at most {AT_MOST} were agreed on");
    println!("{least} allocations a task");
}
