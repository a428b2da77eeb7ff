//! Values that programs put into workers' memory themselves, on every kind of cluster.

mod support;

use std::{sync::Arc, time::Duration};

use brisk_client::{Client, ErrorKind, LocalCluster, task};
use serde::{Deserialize, Serialize};
use support::{all_is_forgotten, eventually};

brisk_client::test_worker!();

#[task]
fn sum(numbers: &[f64]) -> f64 {
    numbers.iter().sum()
}

#[task]
fn length(text: &str) -> usize {
    text.len()
}

#[task]
fn lengths(blocks: Vec<Arc<Vec<u8>>>) -> Vec<usize> {
    blocks.iter().map(|block| block.len()).collect()
}

/// A value that refuses to be encoded.
#[derive(Clone, Debug, Deserialize)]
struct Stubborn;

impl Serialize for Stubborn {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it will not"))
    }
}

const BLOCK: usize = 100_000;

fn held(cluster: &LocalCluster) -> Vec<u64> {
    cluster.snapshot().workers.iter().map(|worker| worker.bytes).collect()
}

on_every_cluster! {
    async fn a_value_is_put_once_and_used_by_many(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let table = client.scatter(vec![0.5; 10_000]).await.unwrap();
        let sums = client.map(0..20, |_| sum(&table).impure());
        assert_eq!(client.gather(&sums).await.unwrap(), [5_000.0; 20]);
        assert_eq!(table.result_shared().await.unwrap().len(), 10_000);
        let text = client.scatter("four".to_owned()).await.unwrap();
        assert_eq!(client.submit(length(&text)).await.unwrap(), 4);
        assert!(text.name().to_string().starts_with("String-"), "{}", text.name());
        drop((table, sums, text));
        all_is_forgotten(&cluster).await;
    }

    async fn many_values_are_spread_and_come_back_in_order(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let blocks = client.scatter_all((0..40).map(|i| vec![i as u8; BLOCK + i])).await.unwrap();
        let held = held(&cluster);
        assert!(held.iter().all(|bytes| *bytes >= 15 * BLOCK as u64), "{held:?}");
        let whole = client.gather(&blocks).await.unwrap();
        assert!(whole.iter().enumerate().all(|(i, block)| block.len() == BLOCK + i && block[0] == i as u8));
        assert_eq!(client.submit(lengths(&blocks)).await.unwrap(), (BLOCK..BLOCK + 40).collect::<Vec<_>>());
        drop(blocks);
        all_is_forgotten(&cluster).await;
        assert_eq!(client.scatter_all(Vec::<u8>::new()).await.unwrap().len(), 0);
    }

    async fn equal_values_are_one_unless_told_apart(cluster: LocalCluster) {
        let (here, there) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let twice = here.scatter_all([7u64, 7, 8]).await.unwrap();
        assert_eq!(twice[0].key(), twice[1].key());
        assert_ne!(twice[0].key(), twice[2].key());
        assert_eq!(here.gather(&twice).await.unwrap(), [7, 7, 8]);
        // Another type, though its bytes are the same.
        let other = here.scatter(7u32).await.unwrap();
        assert_ne!(other.key(), twice[0].key());
        let same = there.scatter(7u64).await.unwrap();
        assert_eq!(same.key(), twice[0].key());
        let apart = here.scatter(7u64).distinct().await.unwrap();
        assert_ne!(apart.key(), twice[0].key());
        drop(twice);
        here.flush().await;
        assert_eq!((same.await.unwrap(), apart.await.unwrap(), other.await.unwrap()), (7, 7, 7));
        all_is_forgotten(&cluster).await;
    }

    async fn a_copy_on_every_worker_or_on_chosen_ones(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let everywhere = client.scatter(vec![1u8; BLOCK]).broadcast().await.unwrap();
        eventually(Duration::from_secs(5), "every worker has it", || {
            held(&cluster).iter().all(|bytes| *bytes >= BLOCK as u64)
        })
        .await;
        drop(everywhere);
        all_is_forgotten(&cluster).await;
        let blocks = client.scatter_all((0..8u8).map(|i| vec![i; BLOCK])).workers(["worker-1"]).await.unwrap();
        let snapshot = cluster.snapshot();
        let of = |name: &str| snapshot.workers.iter().find(|worker| &*worker.name == name).unwrap().bytes;
        assert!(of("worker-0") == 0 && of("worker-1") >= 8 * BLOCK as u64);
        let nowhere = client.scatter(1u8).workers(["worker-9"]).await.unwrap_err();
        assert!(nowhere.to_string().contains("no worker has the name, address or host worker-9"), "{nowhere}");
        drop(blocks);
    }

    async fn its_last_holder_takes_it_along_and_the_error_names_it(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let block = client.scatter(vec![1u8; BLOCK]).workers(["worker-1"]).await.unwrap();
        // A worker that retires hands it over first.
        client.retire_workers(["worker-1"]).await.unwrap();
        assert_eq!(block.result_shared().await.unwrap().len(), BLOCK);
        assert_eq!(client.submit(lengths([&block])).await.unwrap(), [BLOCK]);
    }

    async fn a_client_that_goes_leaves_nothing_behind(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let block = client.scatter(vec![1u8; BLOCK]).await.unwrap();
        client.clone().close().await;
        all_is_forgotten(&cluster).await;
        let error = client.scatter(1u8).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        drop(block);
    }
}

#[test]
fn what_can_not_be_encoded_is_an_error() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        for &kind in support::KINDS {
            let cluster = support::cluster(kind).await;
            let client = cluster.client().await.unwrap();
            let error = client.scatter(Stubborn).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Encode, "{error}");
            assert!(error.to_string().contains("Stubborn can't be encoded"), "{error}");
        }
    });
}

#[test]
fn a_value_beyond_all_memory_is_refused_and_says_so() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::local().workers(1).memory_limit(1 << 20).await.unwrap();
        let error = client.scatter(vec![0u8; 2 << 20]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().contains("no worker has room for a value of 2097176 bytes"), "{error}");
    });
}

#[test]
fn without_a_cluster_it_stays_here() {
    let client = Client::sync();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let table = client.scatter(vec![1.0, 2.0]).await.unwrap();
        assert_eq!(client.submit(sum(&table)).await.unwrap(), 3.0);
    });
}
