//! Who works, and what is done with workers themselves; on every kind of cluster.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use brisk_client::{Client, ErrorKind, TaskContext, task};
use support::eventually;
use tokio::task::JoinSet;

brisk_client::test_worker!();

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn where_am_i() -> String {
    TaskContext::current().map_or_else(String::new, |context| context.worker_name().to_owned())
}

/// Holds its thread until a file is there.
#[task]
fn until_there(path: String) {
    while !std::path::Path::new(&path).exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[task]
fn write(path: String) -> std::io::Result<()> {
    std::fs::write(path, "there")
}

/// Goes wrong on one of the workers.
#[task]
async fn picky(not_here: String) -> Result<Vec<u8>, String> {
    tokio::task::yield_now().await;
    let context = TaskContext::current().expect("whoever runs it says where it is");
    assert_ne!(context.worker_name(), not_here);
    Ok(vec![7; 100_000])
}

/// A path that nobody else uses, and the file there, which goes with it.
struct Place(String);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("brisk-control-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        Place(std::env::temp_dir().join(name).to_str().unwrap().to_owned())
    }

    fn path(&self) -> String {
        self.0.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

on_every_cluster! {
    async fn a_call_is_made_on_every_worker_beside_its_tasks(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let place = Place::new();
        let path = place.path();
        // Both threads are taken until somebody writes.
        let stuck = client.map(["worker-0", "worker-1"], |worker| until_there(path.clone()).workers([worker]).impure());
        eventually(Duration::from_secs(20), "both run", || {
            cluster.snapshot().workers.iter().all(|worker| worker.assigned > 0)
        })
        .await;
        let answers = client.run(where_am_i()).await.unwrap();
        let answers: Vec<_> = answers.into_iter().map(|(worker, answer)| (worker, answer.unwrap())).collect();
        assert_eq!(answers, [(Arc::from("worker-0"), "worker-0".to_owned()), (Arc::from("worker-1"), "worker-1".to_owned())]);
        let written = client.run(write(path)).workers(["worker-1"]).await.unwrap();
        assert_eq!(written.iter().map(|(worker, _)| &**worker).collect::<Vec<_>>(), ["worker-1"]);
        client.gather(&stuck).await.unwrap();
    }

    async fn what_goes_wrong_on_one_worker_is_its_own(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let mut answers = client.run(picky("worker-0".to_owned())).await.unwrap().into_iter();
        let error = answers.next().unwrap().1.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked);
        assert!(error.to_string().contains("worker-0") && error.to_string().contains("picky-"), "{error}");
        assert_eq!(answers.next().unwrap().1.unwrap().len(), 100_000);

        let error = client.run(inc(1)).workers(["worker-7"]).await.unwrap_err();
        assert!(error.to_string().contains("no worker has the name, address or host worker-7"), "{error}");
        let future = client.submit(inc(1));
        let error = client.run(inc(&future)).await.unwrap_err();
        assert!(error.to_string().contains("are to be values"), "{error}");
    }

    async fn no_more_calls_are_made_at_once_than_there_is_room_for(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let place = Place::new();
        let mut calls = JoinSet::new();
        for _ in 0..40 {
            let (client, path) = (client.clone(), place.path());
            calls.spawn(async move { client.run(until_there(path)).workers(["worker-0"]).await.unwrap().pop().unwrap().1 });
        }
        // There is room for sixteen. Those that are refused end first.
        for _ in 16..40 {
            let error = calls.join_next().await.unwrap().unwrap().unwrap_err();
            assert!(error.to_string().contains("as many calls beside its tasks as it may"), "{error}");
        }
        std::fs::write(place.path(), "there").unwrap();
        while let Some(ended) = calls.join_next().await {
            ended.unwrap().unwrap();
        }
    }
}

#[test]
fn without_a_cluster_the_call_is_made_here() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let answers = Client::sync().run(inc(1)).await.unwrap();
        assert_eq!(
            answers.into_iter().map(|(worker, answer)| (worker, answer.unwrap())).collect::<Vec<_>>(),
            [(Arc::from("here"), 2)]
        );
    });
}
