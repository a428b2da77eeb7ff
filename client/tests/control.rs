//! Who works, and what is done with workers themselves; on every kind of cluster.

mod support;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use brisk_client::{
    Client, ClientError, ErrorKind, TaskContext, TaskError,
    blocking::{self, Block},
    task, wait,
};
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
/// Waits for an event, in its own thread. Says how often it was started.
#[task]
fn until_set(event: String) -> Result<u32, TaskError> {
    let client = blocking::Client::current().expect("this is a task");
    client.event(event).wait().block()?;
    Ok(TaskContext::current().map_or(0, |context| context.attempt()))
}

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

#[task]
fn block(bytes: usize) -> Vec<u8> {
    vec![7; bytes]
}

on_every_cluster! {
    async fn a_cluster_grows_and_shrinks_and_loses_nothing(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let heavy = client.submit(block(100_000).workers(["worker-1"]).once());
        let light = client.submit(block(10).workers(["worker-0"]).once());
        wait([&heavy, &light]).await;
        cluster.scale(4).await.unwrap();
        client.wait_for_workers(4).await.unwrap();
        // Who holds most stays, and what the other held is where it is needed.
        cluster.scale(1).await.unwrap();
        let names = || cluster.snapshot().workers.iter().map(|worker| worker.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(), ["worker-1"]);
        // At once, though the processes of those that left may not have ended yet.
        client.scale(3).await.unwrap();
        client.wait_for_workers(3).await.unwrap();
        assert_eq!(names().len(), 3);
        assert_eq!(client.gather([&heavy, &light]).await.unwrap().iter().map(Vec::len).sum::<usize>(), 100_010);
    }

    async fn workers_that_have_not_joined_are_let_go_when_they_have(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        cluster.scale(4).await.unwrap();
        cluster.scale(2).await.unwrap();
        assert_eq!(cluster.snapshot().workers.len(), 2);
        assert_eq!(client.submit(inc(1)).await.unwrap(), 2);
    }

    async fn the_last_worker_stays_with_what_nobody_else_holds(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let kept = client.submit(block(10).once());
        wait([&kept]).await;
        let error = cluster.scale(0).await.unwrap_err();
        assert!(matches!(error, ClientError::Session(_)), "{error}");
        assert!(error.to_string().contains("1 of the 2 workers that were to leave have stayed"), "{error}");
        assert_eq!(cluster.snapshot().workers.len(), 1);
        assert_eq!(kept.await.unwrap().len(), 10);
    }

    async fn workers_whose_tasks_wait_for_others_stay(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let waiting = client.submit(until_set("go".to_owned()).workers(["worker-0"]).allow_other_workers());
        let away = || cluster.snapshot().workers.iter().map(|worker| worker.away).sum::<u32>() == 1;
        eventually(Duration::from_secs(20), "a task waits", away).await;
        let there = cluster.snapshot().workers.into_iter().find(|worker| worker.away == 1).unwrap();
        // The other one holds more, and is the one to go all the same.
        let other = if &*there.name == "worker-0" { "worker-1" } else { "worker-0" };
        let held = client.submit(block(100_000).workers([other]));
        wait([&held]).await;
        cluster.scale(1).await.unwrap();
        let left = cluster.snapshot().workers;
        assert_eq!((left.len(), &left[0].name, left[0].away), (1, &there.name, 1));
        client.event("go").set().await.unwrap();
        assert_eq!((waiting.await.unwrap(), held.await.unwrap().len()), (1, 100_000));
        client.event("go").clear().await.unwrap();
    }

    async fn a_cluster_follows_its_work(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        cluster.adapt(1..=3).unwrap();
        let place = Place::new();
        // They are taken to last a tenth of a second each until one has ended: four workers would be through in time.
        let stuck = client.map(0..200, |_| until_there(place.path()).impure());
        let workers = || cluster.snapshot().workers.len();
        let limit = Duration::from_secs(30);
        eventually(limit, "there are as many workers as there may be", || workers() == 3).await;
        std::fs::write(place.path(), "there").unwrap();
        wait(&stuck).await;
        drop(stuck);
        eventually(limit, "one is left of them when there is no work", || workers() == 1).await;
        // And no more are let go, though none is wanted.
        assert_eq!(client.submit(inc(1)).await.unwrap(), 2);
    }

    async fn a_restart_drops_everything_and_begins_anew(cluster: LocalCluster) {
        let (client, other) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        client.wait_for_workers(2).await.unwrap();
        let place = Place::new();
        let stuck = client.submit(until_there(place.path()));
        let held = client.submit(block(100_000));
        let others = other.submit(block(100_001));
        wait([&held, &others]).await;
        let former: Vec<_> = cluster.snapshot().workers.iter().map(|worker| worker.worker).collect();
        client.restart().await.unwrap();
        // Its thread, in this process, is left behind until now.
        std::fs::write(place.path(), "there").unwrap();
        let there = cluster.snapshot().workers;
        assert!(there.iter().all(|worker| !former.contains(&worker.worker)), "{there:?}");
        let names: BTreeSet<_> = there.iter().map(|worker| worker.name.to_string()).collect();
        assert_eq!(names, ["worker-0", "worker-1"].map(str::to_owned).into());
        let error = stuck.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert!(error.to_string().contains("the client has restarted its workers"), "{error}");
        // A value that was brought here before would stay; in process all are.
        assert!(held.result().await.map_or_else(|error| error.kind() == ErrorKind::Cancelled, |value| value.len() == 100_000));
        assert_eq!(other.gather([&others]).await.unwrap()[0].len(), 100_001);
        // The same call is made again.
        assert_eq!(client.submit(block(100_000)).await.unwrap().len(), 100_000);
        assert_eq!(client.submit(inc(1)).await.unwrap(), 2);
    }

    async fn a_cluster_is_shut_down_for_all(cluster: LocalCluster) {
        let (client, other) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        assert_eq!(client.submit(inc(1)).await.unwrap(), 2);
        client.shutdown().await.unwrap();
        let error = other.submit(inc(7)).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::SchedulerLost | ErrorKind::Closed), "{error}");
    }

    async fn numbers_that_make_no_sense_are_refused(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        assert!(matches!(client.scale(10_001).await.unwrap_err(), ClientError::Configuration(_)));
        #[expect(clippy::reversed_empty_ranges, reason = "the mistake that is tried")]
        let empty = 3..=2;
        for range in [empty, 0..=0, 0..=10_001] {
            assert!(matches!(cluster.adapt(range).unwrap_err(), ClientError::Configuration(_)));
        }
    }
}

#[cfg(feature = "inproc")]
#[test]
fn the_same_without_async() {
    let client = blocking::Client::local(Client::local().workers(1).threads(1)).unwrap();
    client.scale(2).unwrap();
    client.wait_for_workers(2).unwrap();
    assert_eq!(client.run(where_am_i()).unwrap().len(), 2);
    client.adapt(1..=2).unwrap();
    client.restart().unwrap();
    assert_eq!(client.submit(inc(1)).block().unwrap(), 2);
    client.shutdown().unwrap();
}

#[test]
fn what_nobody_here_has_started_is_not_restarted() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let client = Client::sync();
        for error in
            [client.restart().await, client.scale(2).await, client.adapt(1..=2), client.clone().shutdown().await]
        {
            let error = error.unwrap_err();
            assert!(error.to_string().contains("has not started the workers of this cluster"), "{error}");
        }
    });
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
