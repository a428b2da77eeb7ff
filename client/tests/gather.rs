//! Shapes of futures that come back as shapes of values, within limits; calls that are kept; on every kind of cluster.

mod support;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use brisk_client::{AsCompleted, Client, ErrorKind, Status, TaskFuture, blocking, task, wait_first};
use support::{all_is_forgotten, bytes};

brisk_client::test_worker!();

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn text(x: i64) -> String {
    x.to_string()
}

#[task]
fn ratio(x: i64, y: i64) -> i64 {
    x / y
}

#[task]
fn block(bytes: usize) -> Vec<u8> {
    vec![7; bytes]
}

#[task]
fn length(block: &[u8]) -> usize {
    block.len()
}

#[task]
async fn never() -> i64 {
    std::future::pending().await
}

const BLOCK: usize = 100_000;

/// Whether values move by pointer, so that gathering them takes no memory.
async fn by_pointer(client: &Client) -> bool {
    let probe = client.submit(block(BLOCK + 99));
    client.gather_nested(&probe).limit(1).await.is_ok()
}

/// The bytes of these values that are in this process.
fn bytes_here(blocks: &[TaskFuture<Vec<u8>>]) -> usize {
    blocks.iter().filter_map(|block| block.handle().value()).map(|value| value.nbytes() as usize).sum()
}

on_every_cluster! {
    async fn shapes_come_back_as_they_went(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let rows = vec![client.map(0..3, inc), Vec::new(), client.map(7..8, inc)];
        let named: HashMap<String, (TaskFuture<String>, Option<TaskFuture<i64>>)> = (0..20)
            .map(|x| (format!("k{x}"), (client.submit(text(x)), (x % 2 == 0).then(|| client.submit(inc(x))))))
            .collect();
        let ordered: BTreeMap<i64, [TaskFuture<Vec<u8>>; 2]> =
            [(1, [0, 1]), (2, [2, 3])].map(|(key, sizes)| (key, sizes.map(|n| client.submit(block(BLOCK + n))))).into();
        let shape = (rows, named, ordered);
        let (rows, named, ordered) = client.gather_nested(&shape).await.unwrap();
        assert_eq!(rows, [vec![1, 2, 3], vec![], vec![8]]);
        assert_eq!((named.len(), &named["k4"], &named["k5"]), (20, &("4".to_owned(), Some(5)), &("5".to_owned(), None)));
        let lengths: Vec<_> = ordered.into_iter().map(|(key, pair)| (key, pair[0].len(), pair[1].len())).collect();
        assert_eq!(lengths, [(1, BLOCK, BLOCK + 1), (2, BLOCK + 2, BLOCK + 3)]);

        let failing = vec![Some(client.submit(inc(1))), None, Some(client.submit(ratio(1, 0)))];
        assert_eq!(client.gather_nested(&failing).await.unwrap_err().kind(), ErrorKind::Panicked);
        drop((shape, failing));
        all_is_forgotten(&cluster).await;
    }

    async fn more_than_may_come_stays_where_it_is(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        if by_pointer(&client).await {
            return;
        }
        let blocks = client.map(0..10usize, |n| block(BLOCK + n));
        let short = client.submit(inc(1));
        client.set_gather_limit(Some(5 * BLOCK as u64));
        let error = client.gather(&blocks).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(bytes_here(&blocks) <= 5 * BLOCK, "no more than may come");
        let text = error.to_string();
        assert!(text.contains("in 10 pieces") && text.contains("500000 bytes"), "{text}");
        let total: u64 = text.split(' ').find_map(|word| word.parse().ok()).expect("the total");
        assert!(total >= 10 * BLOCK as u64, "{text}");
        // What this gathering and the one before asked for while others were awaited may have come, and no more than four blocks
        // and their headers are within the limit of each; the rest has the error.
        let each = client.gather_each(blocks.iter()).await;
        let come = each.iter().filter(|outcome| outcome.is_ok()).count();
        assert!(come <= 2 * 4, "{come}");
        let refused = each.into_iter().filter_map(Result::err);
        assert!(refused.map(|error| error.kind()).all(|kind| kind == ErrorKind::TooLarge));
        assert_eq!(client.gather([&short]).await.unwrap(), [2]);
        // A part of them may come, or all if somebody says so.
        assert_eq!(client.gather(&blocks[..4]).await.unwrap().len(), 4);
        assert_eq!(client.gather_nested(&blocks).limit(u64::MAX - 1).await.unwrap().len(), 10);
        client.set_gather_limit(None);
        assert_eq!(client.gather(&blocks).await.unwrap().len(), 10);
    }

    async fn many_bytes_come_a_window_at_a_time(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        // Together more than a window.
        let blocks = client.map(0..12usize, |n| block((8 << 20) + n));
        let values = client.gather_shared(&blocks).await.unwrap();
        assert!(values.iter().enumerate().all(|(n, value)| value.len() == (8 << 20) + n && value[n] == 7));
    }

    async fn what_is_persisted_is_kept_and_not_computed_again(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let unkept = block(BLOCK);
        assert_eq!(unkept.wait().await.unwrap_err().kind(), ErrorKind::Refused);
        let (kept, others) = client.persist((unkept, vec![block(BLOCK + 1), block(BLOCK + 2)]));
        kept.wait().await.unwrap();
        for other in &others {
            other.wait().await.unwrap();
        }
        assert!(bytes(&cluster.snapshot()) >= 3 * BLOCK as u64);
        let same = client.submit(&kept);
        assert_eq!(same.status(), Status::Finished, "it was there already");
        assert_eq!(client.submit(length(&kept)).await.unwrap(), BLOCK);
        // What is built of it keeps it until it was submitted.
        let lengths: Vec<_> = others.iter().map(length).collect();
        drop((kept, same, others));
        assert_eq!(client.gather(&client.compute(lengths)).await.unwrap(), [BLOCK + 1, BLOCK + 2]);
        let failing = client.persist(ratio(1, 0));
        assert_eq!(failing.wait().await.unwrap_err().kind(), ErrorKind::Panicked);
        drop(failing);
        all_is_forgotten(&cluster).await;
    }

    async fn nothing_is_asked_for_and_nothing_is_waited_for(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let none: [&TaskFuture<i64>; 0] = [];
        assert_eq!(client.gather(none).await.unwrap(), Vec::<i64>::new());
        assert!(client.gather_nested(&Vec::<TaskFuture<i64>>::new()).await.unwrap().is_empty());
        assert!(client.gather_each(none).await.is_empty());
        assert!(wait_first(none).await.ended.is_empty());
        assert!(AsCompleted::<i64>::from_iter([]).next().await.is_none());
        client.replicate(none).await.unwrap();
        client.cancel(none);
        client.retry(none);
        let nobody: [Arc<str>; 0] = [];
        assert_eq!(client.retire_workers(nobody).await.unwrap_err().kind(), ErrorKind::Refused);
        assert_eq!(client.wait_for_workers(2).limit(Duration::from_secs(30)).await.unwrap(), 2);
        let error = client.wait_for_workers(3).limit(Duration::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().contains("3 workers were waited for, and after 0ns there are 2"), "{error}");
    }

    async fn a_future_of_another_client_is_gathered_and_not_taken(cluster: LocalCluster) {
        let (client, other) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let foreign = other.submit(inc(1));
        // It brings its own value here; this client can't say to the scheduler that it wants it.
        assert_eq!(client.gather([&foreign]).await.unwrap(), [2]);
        let taken = client.submit(inc(&foreign));
        assert_eq!(taken.await.unwrap_err().kind(), ErrorKind::ForeignFuture);
        let cancelled = client.submit(never());
        cancelled.cancel();
        assert_eq!(client.submit(inc(&cancelled)).await.unwrap_err().kind(), ErrorKind::Cancelled);
    }
}

#[test]
fn the_same_without_async_and_without_a_cluster() {
    let client = blocking::Client::from(Client::sync());
    let rows = vec![client.map(0..2, inc), client.map(5..6, inc)];
    assert_eq!(client.gather_nested(&rows).unwrap(), [vec![1, 2], vec![6]]);
    let kept = client.persist(inc(1));
    assert_eq!(blocking::Block::block(&client.submit(inc(&kept))).unwrap(), 3);
    assert_eq!(client.wait_for_workers(1).unwrap(), 1);
    assert!(client.wait_for_workers(2).is_err(), "there is one thread only, and no cluster");
}
