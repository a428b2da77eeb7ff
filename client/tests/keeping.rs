//! Values that are kept: under names, in copies, and when their worker goes; on every kind of cluster.

mod support;

use std::{sync::Arc, time::Duration};

use brisk_client::{ErrorKind, Snapshot, TaskFuture, task, wait};
use support::{all_is_forgotten, eventually};

brisk_client::test_worker!();

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn block(bytes: usize) -> Vec<u8> {
    vec![7; bytes]
}

#[task]
fn sleep(x: i64, time: Duration) -> i64 {
    std::thread::sleep(time);
    x
}

#[task]
async fn later(x: i64, time: Duration) -> i64 {
    tokio::time::sleep(time).await;
    x
}

const BLOCK: usize = 100_000;

/// The bytes that each worker holds, the least first.
fn held(snapshot: &Snapshot) -> Vec<u64> {
    let mut held: Vec<u64> = snapshot.workers.iter().map(|worker| worker.bytes).collect();
    held.sort_unstable();
    held
}

on_every_cluster! {
    async fn what_is_published_outlives_its_client(cluster: LocalCluster) {
        let maker = cluster.client().await.unwrap();
        let numbers = maker.map(0..3, inc);
        let pair = (maker.submit(inc(9)), maker.submit(block(BLOCK)));
        maker.publish("numbers", &numbers).await.unwrap();
        maker.publish("pair", &pair).await.unwrap();
        drop((numbers, pair));
        maker.close().await;

        let reader = cluster.client().await.unwrap();
        assert_eq!(reader.datasets().await.unwrap(), [Arc::from("numbers"), Arc::from("pair")]);
        let numbers: Vec<TaskFuture<i64>> = reader.dataset("numbers").await.unwrap();
        assert_eq!(reader.gather(&numbers).await.unwrap(), [1, 2, 3]);
        let (number, bytes): (TaskFuture<i64>, TaskFuture<Vec<u8>>) = reader.dataset("pair").await.unwrap();
        // They are futures like any other.
        assert_eq!(reader.submit(inc(&number)).await.unwrap(), 11);
        assert_eq!(bytes.result_shared().await.unwrap().len(), BLOCK);
        // The same call is the same task, though this client did not make it.
        assert_eq!(reader.submit(inc(9)).await.unwrap(), 10);
        reader.unpublish("numbers").await.unwrap();
        reader.unpublish("pair").await.unwrap();
        assert_eq!(reader.gather(&numbers).await.unwrap(), [1, 2, 3], "who holds futures of it keeps the values");
        drop((numbers, number, bytes));
        all_is_forgotten(&cluster).await;
    }

    async fn a_name_is_taken_once_and_its_type_is_checked(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let (one, two) = (client.submit(inc(1)), client.submit(inc(2)));
        client.publish("answer", &one).await.unwrap();
        let taken = client.publish("answer", &two).await.unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::Refused);
        assert!(taken.to_string().contains("`answer` is taken"), "{taken}");
        client.publish("answer", &two).replace().await.unwrap();
        assert_eq!(client.dataset::<TaskFuture<i64>>("answer").await.unwrap().await.unwrap(), 3);

        let wrong = client.dataset::<Vec<TaskFuture<f64>>>("answer").await.unwrap_err();
        assert_eq!(wrong.to_string(), "`answer` was published as i64, and is asked for as a list of f64");
        let unknown = client.dataset::<TaskFuture<i64>>("anser").await.unwrap_err();
        assert!(unknown.to_string().contains("published now: `answer`"), "{unknown}");
        let nothing = client.unpublish("anser").await.unwrap_err();
        assert!(nothing.to_string().contains("nothing is published under the name `anser`"), "{nothing}");
    }

    async fn a_published_task_that_fails_tells_everybody_why(cluster: LocalCluster) {
        let (maker, reader) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let late = maker.submit(later(1, Duration::from_secs(600)).timeout(Duration::from_millis(20)));
        maker.publish("late", &late).await.unwrap();
        let late = reader.dataset::<TaskFuture<i64>>("late").await.unwrap();
        assert_eq!(late.result().await.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    async fn copies_are_made_and_kept(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let everywhere = client.submit(block(BLOCK));
        client.replicate([&everywhere]).await.unwrap();
        let held_now = held(&cluster.snapshot());
        assert!(held_now.iter().all(|bytes| *bytes >= BLOCK as u64), "{held_now:?}");
        let twice = client.submit(block(BLOCK + 1).replicas(2));
        wait([&twice]).await;
        eventually(Duration::from_secs(5), "an option asks for copies too", || {
            held(&cluster.snapshot()).iter().all(|bytes| *bytes >= 2 * BLOCK as u64)
        })
        .await;
        let chosen = client.submit(block(BLOCK + 2).workers(["worker-0"]));
        client.replicate([&chosen]).copies(1).workers(["worker-1"]).await.unwrap();
        let nowhere = client.replicate([&chosen]).copies(2).workers(["worker-7"]).await.unwrap_err();
        assert!(nowhere.to_string().contains("worker-7") || nowhere.kind() == ErrorKind::Refused, "{nowhere}");
        drop((everywhere, twice, chosen));
        all_is_forgotten(&cluster).await;
    }

    async fn what_one_worker_holds_is_evened_out(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let blocks = client.map(0..16usize, |i| block(BLOCK + i).workers(["worker-0"]));
        wait(&blocks).await;
        assert_eq!(held(&cluster.snapshot())[0], 0);
        client.rebalance().await.unwrap();
        let held_now = held(&cluster.snapshot());
        assert!(held_now[0] * 2 >= held_now[1], "{held_now:?}");
        let sizes: Vec<usize> = client.gather(&blocks).await.unwrap().iter().map(Vec::len).collect();
        assert_eq!(sizes, (BLOCK..BLOCK + 16).collect::<Vec<_>>());
    }

    async fn a_worker_retires_and_nothing_is_lost(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let blocks = client.map(0..8usize, |i| block(BLOCK + i).workers(["worker-1"]).once());
        wait(&blocks).await;
        let gone = client.retire_workers(["worker-1"]).await.unwrap();
        assert_eq!(gone, [Arc::from("worker-1")]);
        assert_eq!(cluster.snapshot().workers.len(), 1);
        // They were started once only: nothing could have made them again.
        let sizes: Vec<usize> = client.gather(&blocks).await.unwrap().iter().map(Vec::len).collect();
        assert_eq!(sizes, (BLOCK..BLOCK + 8).collect::<Vec<_>>());
        let refused = client.retire_workers(["worker-0"]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Refused, "somebody has to hold them");
        let unknown = client.retire_workers(["worker-9"]).await.unwrap_err();
        assert!(unknown.to_string().contains("worker-9"), "{unknown}");
    }

    async fn a_time_limit_ends_the_wait_and_not_the_worker(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let limit = Duration::from_millis(20);
        let overdue = [
            client.submit(later(1, Duration::from_secs(600)).timeout(limit)),
            client.submit(sleep(1, Duration::from_millis(300)).timeout(limit).retries(1).retry_delay(limit)),
        ];
        for future in &overdue {
            let error = future.result().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(error.to_string().contains("the task took longer than its limit of 20 ms"), "{error}");
        }
        assert_eq!(overdue[1].exception().await.unwrap().report().attempt, 2);
        assert_eq!(client.submit(sleep(2, Duration::ZERO).timeout(Duration::from_secs(60))).await.unwrap(), 2);
    }
}

#[test]
fn without_a_cluster_there_is_none_to_keep_things_on() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let client = brisk_client::Client::sync();
        let x = client.submit(inc(1));
        let error = client.publish("x", &x).await.unwrap_err();
        assert!(error.to_string().contains("no cluster to publish on"), "{error}");
        client.replicate([&x]).await.unwrap();
        client.rebalance().only([&x]).await.unwrap();
        assert_eq!(client.wait_for_workers(1).await.unwrap(), 1);
    });
}

/// A path of this test's own.
fn file(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("brisk-{name}-{}-{:?}", std::process::id(), std::thread::current().id()))
}

on_every_cluster! {
    async fn a_checkpoint_forgets_what_it_was_computed_from(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let mut x = client.submit(inc(0));
        for _ in 0..20 {
            x = client.submit(inc(&x));
        }
        // It waits until the value exists.
        client.checkpoint([&x]).await.unwrap();
        eventually(Duration::from_secs(5), "the lineage is forgotten", || cluster.snapshot().total() == 1).await;
        assert!(cluster.snapshot().workers.iter().all(|worker| worker.values == 1), "it is in two places");
        assert_eq!(client.submit(inc(&x)).await.unwrap(), 22);
        client.checkpoint::<i64>([]).await.unwrap();
        drop(x);
        all_is_forgotten(&cluster).await;
    }

    async fn a_checkpoint_in_a_file_is_restored_by_another_client(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let path = file("checkpoint");
        let blocks = client.map(1..4usize, |n| block(n * BLOCK));
        client.checkpoint(&blocks).to_file(&path).await.unwrap();
        drop(blocks);
        client.close().await;

        let client = cluster.client().await.unwrap();
        let blocks: Vec<TaskFuture<Vec<u8>>> = client.restore(&path).await.unwrap();
        let lengths: Vec<usize> = client.gather(&blocks).await.unwrap().iter().map(Vec::len).collect();
        assert_eq!(lengths, [BLOCK, 2 * BLOCK, 3 * BLOCK]);
        let wrong = client.restore::<String>(&path).await.unwrap_err().to_string();
        assert!(wrong.contains("its values are alloc::vec::Vec<u8>, not alloc::string::String"), "{wrong}");

        // What fails leaves the file as it was.
        let failed = client.submit(refuse());
        let error = client.checkpoint([&failed]).to_file(&path).await.unwrap_err();
        assert!(error.to_string().contains("not today"), "{error}");
        assert!(client.checkpoint([&failed]).await.unwrap_err().to_string().contains("it failed"));
        assert_eq!(client.restore::<Vec<u8>>(&path).await.unwrap().len(), 3);
        assert!(client.restore::<i64>("/nowhere/at/all").await.unwrap_err().to_string().contains("can't be read"));
        std::fs::remove_file(&path).unwrap();
        drop((blocks, failed));
        all_is_forgotten(&cluster).await;
    }
}

#[task]
fn refuse() -> Result<i64, String> {
    Err("not today".to_owned())
}

#[test]
fn checkpoints_without_a_cluster_are_files() {
    use brisk_client::blocking::Block;
    let (client, path) = (brisk_client::Client::sync(), file("checkpoint-here"));
    let x = client.submit(inc(1));
    client.checkpoint([&x]).to_file(&path).block().unwrap();
    client.checkpoint([&x]).block().unwrap();
    let restored: Vec<TaskFuture<i64>> = brisk_client::blocking::Client::from(client).restore(&path).unwrap();
    assert_eq!((&restored[0]).block().unwrap(), 2);
    std::fs::remove_file(path).unwrap();
}
