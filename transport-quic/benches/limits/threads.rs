//! To wake a thread, and to hand tasks to those that others have made.

use std::{sync::mpsc, thread};

use crate::{limit, micros};

const ROUNDS: usize = 5;
const TASKS: usize = 200_000;

pub(crate) fn measure() -> anyhow::Result<()> {
    wake_up()?;
    tokio_spawn()?;
    rayon_spawn()
}

/// There and back between two threads that sleep meanwhile.
fn wake_up() -> anyhow::Result<()> {
    const TRIPS: usize = 2_000;
    let (ask, asked) = mpsc::sync_channel::<()>(1);
    let (answer, answered) = mpsc::sync_channel::<()>(1);
    let other = thread::spawn(move || while asked.recv().is_ok() && answer.send(()).is_ok() {});
    let trip = || {
        let _ = ask.send(());
        let _ = answered.recv();
    };
    let rounds = (0..ROUNDS).map(|_| micros(TRIPS, || (0..TRIPS).for_each(|_| trip()))).collect();
    limit("thread wake-up, there and back", "µs", rounds);
    drop(ask);
    other.join().map_err(|_| anyhow::anyhow!("the other thread panicked"))
}

fn tokio_spawn() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let round = || {
        micros(TASKS, || {
            runtime.block_on(async {
                let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(async {})).collect();
                for task in tasks {
                    let _ = task.await;
                }
            });
        })
    };
    limit("tokio: spawn and join a no-op", "µs", (0..ROUNDS).map(|_| round()).collect());
    Ok(())
}

fn rayon_spawn() -> anyhow::Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
    let round = || micros(TASKS, || pool.in_place_scope(|scope| (0..TASKS).for_each(|_| scope.spawn(|_| {}))));
    limit("rayon: spawn and join a no-op", "µs", (0..ROUNDS).map(|_| round()).collect());
    Ok(())
}
