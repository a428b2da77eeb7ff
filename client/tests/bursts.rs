//! What is said in a burst waits for company, and never for long.

mod support;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use brisk_client::{Status, task, wait};
use support::eventually;

brisk_client::test_worker!();

#[task(impure)]
fn nothing() {}

/// Lasts until there is such a file; without a name it is over at once.
#[task(impure)]
fn until_there_is(path: Option<PathBuf>) {
    while path.as_ref().is_some_and(|path| !path.exists()) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

const SOON: Duration = Duration::from_secs(20);

on_every_cluster! {
    /// Nobody waits for these, so nothing but time makes the last of them go out.
    async fn calls_that_nobody_awaits_run_all_the_same(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let futures: Vec<_> = (0..100).map(|_| client.submit(nothing())).collect();
        eventually(SOON, "all of them have run", || futures.iter().all(|future| future.status() == Status::Finished)).await;
    }

    async fn what_was_dropped_is_forgotten_without_a_word_more(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.submit(nothing()).await.unwrap();
        eventually(SOON, "nothing is left", || cluster.snapshot().total() == 0).await;
    }

    /// Nothing is sent after this client's last word but what was kept back.
    async fn the_last_calls_of_a_client_are_not_lost_with_it(cluster: LocalCluster) {
        let other = cluster.client().await.unwrap();
        let client = cluster.client().await.unwrap();
        let name = |i: usize| format!("left-behind-{i}");
        let last: Vec<_> = (0..20).map(|i| client.submit(nothing().key(name(i)))).collect();
        let kept: Vec<_> = (0..20).map(|i| other.submit(nothing().key(name(i)))).collect();
        last.into_iter().for_each(|future| future.detach());
        drop(client);
        for future in kept {
            future.await.unwrap();
        }
        eventually(SOON, "nothing is left", || cluster.snapshot().total() == 0).await;
    }

    /// The worker believes of each call that it will take no longer than the one before.
    async fn the_end_of_a_short_call_is_told_while_a_long_one_of_the_same_function_runs(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let there = ["worker-0"];
        // Whether the last report before the long call waits depends on the moment, so often.
        static ROUND: AtomicU32 = AtomicU32::new(0);
        for _ in 0..10 {
            let round = ROUND.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("brisk-bursts-{}-{round}", std::process::id()));
            let short = client.map(0..200, |_: i32| until_there_is(None::<PathBuf>).workers(there));
            let long = client.submit(until_there_is(Some(path.clone())).workers(there));
            wait(&short).await;
            assert_eq!(long.status(), Status::Pending);
            std::fs::write(&path, []).unwrap();
            long.await.unwrap();
            std::fs::remove_file(&path).unwrap();
        }
    }
}
