//! What goes with a worker and what does not; and that a copy stays where a task has fetched it.

#![cfg(all(feature = "inproc", feature = "quic"))]

mod support;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use brisk_client::{Client, ErrorKind, LocalCluster, Record, TaskError, What, task, wait};
use brisk_core::{key::Key, state::TaskState};
use serde::{Deserialize, Deserializer, Serialize};
use support::{Kind, eventually, run_on, signal};

brisk_client::test_worker!();

const LENGTH: usize = 100_000;
const LIMIT: Duration = Duration::from_secs(20);

/// A value whose process counts how often it was made from bytes. In memory it takes another length than as bytes.
#[derive(Clone, Debug, Serialize)]
struct Parcel(String, Vec<u64>);

static DECODED: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

impl<'de> Deserialize<'de> for Parcel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (label, content) = Deserialize::deserialize(deserializer)?;
        let parcel = Parcel(label, content);
        *DECODED.lock().unwrap().entry(parcel.0.clone()).or_default() += 1;
        Ok(parcel)
    }
}

#[task]
fn parcel(label: String) -> Parcel {
    Parcel(label, vec![7; LENGTH])
}

/// How often the parcel was made from bytes in the process that this runs in.
#[task]
fn decoded(parcel: &Parcel, _use: u32) -> usize {
    assert_eq!(parcel.1, vec![7; LENGTH]);
    DECODED.lock().unwrap().get(&parcel.0).copied().unwrap_or_default()
}

#[task]
fn block(length: usize) -> Vec<u8> {
    vec![7; length]
}

#[task]
fn longer(block: &[u8]) -> Vec<u8> {
    vec![7; block.len() + 1]
}

#[task]
fn length(block: &[u8]) -> usize {
    block.len()
}

#[task]
fn length_and_word(block: &[u8], word: &str) -> String {
    format!("{} {word}", block.len())
}

/// Runs until somebody writes to the pipe.
#[task]
fn read(pipe: String) -> std::io::Result<String> {
    std::fs::read_to_string(pipe)
}

/// A named pipe: a task that reads it runs for as long as the test wants.
struct Pipe(PathBuf);

impl Pipe {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("brisk-losses-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        Pipe(path)
    }

    fn path(&self) -> String {
        self.0.to_str().unwrap().to_owned()
    }

    /// Lets its reader go on. Waits for it if need be.
    async fn write(&self, word: &'static str) {
        let path = self.0.clone();
        tokio::task::spawn_blocking(move || std::fs::write(path, word).unwrap()).await.unwrap();
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn bytes_on(cluster: &LocalCluster, name: &str) -> u64 {
    cluster.snapshot().workers.iter().filter(|worker| &*worker.name == name).map(|worker| worker.bytes).sum()
}

/// How often a task has ended with a value.
fn finished(records: &[Record], task: Key) -> usize {
    let ended = |record: &&Record| match record.what {
        What::Transition { key, from: TaskState::Processing, to: TaskState::Memory, .. } => key == task,
        _ => false,
    };
    records.iter().filter(ended).count()
}

/// How often a worker came to hold a value, and how often one ceased to.
fn comings_and_goings(records: &[Record], value: Key) -> (usize, usize) {
    let added = |record: &&Record| matches!(record.what, What::ReplicaAdded { key, .. } if key == value);
    let lost = |record: &&Record| matches!(record.what, What::ReplicaLost { key, .. } if key == value);
    (records.iter().filter(added).count(), records.iter().filter(lost).count())
}

/// How workers left so far: whether each was to.
fn departures(cluster: &LocalCluster) -> Vec<bool> {
    let left = |record: Record| match record.what {
        What::WorkerLeft { intended, .. } => Some(intended),
        _ => None,
    };
    cluster.records().into_iter().filter_map(left).collect()
}

async fn kill(cluster: &LocalCluster, name: &str) {
    let before = departures(cluster).len();
    signal(cluster, name, "-9");
    eventually(LIMIT, "the scheduler knows that the worker is gone", || departures(cluster).len() > before).await;
    assert_eq!(departures(cluster)[before..], [false]);
}

async fn two_workers(cluster: &LocalCluster) -> Client {
    let client = cluster.client().await.unwrap();
    client.wait_for_workers(2).await.unwrap();
    client
}

on_every_cluster! {
    async fn a_copy_that_a_task_has_fetched_stays_and_is_not_fetched_again(cluster: LocalCluster) {
        let client = two_workers(&cluster).await;
        let made = client.submit(parcel(cluster.address().to_string()).workers(["worker-0"]));
        let used = |nth| client.submit(decoded(&made, nth).workers(["worker-1"]));
        let first = used(1).await.unwrap();
        // The length is the one that was measured where the value was made.
        eventually(LIMIT, "both workers are known to hold it", || {
            let bytes = bytes_on(&cluster, "worker-0");
            bytes >= LENGTH as u64 && bytes == bytes_on(&cluster, "worker-1")
        })
        .await;
        for nth in 2..5 {
            assert_eq!(used(nth).await.unwrap(), first, "it did not come again");
        }
        let records = cluster.records();
        assert_eq!(comings_and_goings(&records, made.key()), (2, 0), "made here and fetched there, once each");
        assert_eq!(finished(&records, made.key()), 1);
    }
}

#[test]
fn a_copy_outlives_the_worker_that_made_the_value() {
    run_on(Kind::Processes, |cluster| async move {
        let client = two_workers(&cluster).await;
        let made = client.submit(parcel("survivor".to_owned()).workers(["worker-0"]));
        let first = client.submit(decoded(&made, 1).workers(["worker-1"])).await.unwrap();
        assert_eq!(first, 1, "it came over the wire");
        eventually(LIMIT, "the copy is known", || comings_and_goings(&cluster.records(), made.key()).0 == 2).await;
        kill(&cluster, "worker-0").await;
        assert_eq!(client.submit(decoded(&made, 2).workers(["worker-1"])).await.unwrap(), 1, "the copy is used");
        assert_eq!(made.result_shared().await.unwrap().1.len(), LENGTH);
        let records = cluster.records();
        assert_eq!(finished(&records, made.key()), 1, "nothing was computed again");
        assert!(!records.iter().any(|record| matches!(record.what, What::Recompute { .. })));
    });
}

/// A polite kill of a worker process, as an operator sends it, or the system when a host shuts down.
#[test]
fn a_worker_process_that_is_told_to_end_hands_over_and_no_other_takes_its_place() {
    run_on(Kind::Processes, |cluster| async move {
        let client = two_workers(&cluster).await;
        let blocks = client.map(0..8usize, |i| block(LENGTH + i).workers(["worker-1"]).once());
        wait(&blocks).await;
        let pipe = Pipe::new("told");
        let running = client.submit(read(pipe.path()).workers(["worker-1"]));
        let started = |record: &Record| matches!(record.what, What::Started { key, .. } if key == running.key());
        eventually(LIMIT, "the task runs", || cluster.records().iter().any(started)).await;

        signal(&cluster, "worker-1", "-TERM");
        eventually(LIMIT, "what it alone holds is handed over", || bytes_on(&cluster, "worker-0") >= 8 * LENGTH as u64)
            .await;
        assert_eq!(cluster.processes().len(), 2, "it waits for what it runs");
        pipe.write("read").await;
        assert_eq!(running.await.unwrap(), "read");
        eventually(LIMIT, "it is gone", || cluster.processes().len() == 1 && cluster.snapshot().workers.len() == 1)
            .await;

        // They were started once only: nothing could have made them again.
        let sizes: Vec<usize> = client.gather(&blocks).await.unwrap().iter().map(Vec::len).collect();
        assert_eq!(sizes, (LENGTH..LENGTH + 8).collect::<Vec<_>>());
        assert_eq!(departures(&cluster), [true]);
        assert!(
            !cluster.records().iter().any(|record| matches!(record.what, What::Suspected { .. })),
            "nobody is blamed"
        );

        // The other one dies, and is started again. Had another taken the first one's place, it would be there before.
        drop(blocks);
        let former = cluster.processes();
        kill(&cluster, "worker-0").await;
        eventually(LIMIT, "it was started again", || cluster.snapshot().workers.len() == 1).await;
        let now = cluster.processes();
        assert_eq!(now.iter().map(|process| &*process.name).collect::<Vec<_>>(), ["worker-0"]);
        assert_ne!(now, former);
    });
}

#[test]
fn a_scattered_value_goes_with_its_only_holder_and_errors_name_it() {
    run_on(Kind::Processes, |cluster| async move {
        let client = two_workers(&cluster).await;
        let lost = client.scatter(vec![1u8; LENGTH]).workers(["worker-1"]).await.unwrap();
        let pipe = Pipe::new("scattered");
        let word = client.submit(read(pipe.path()).workers(["worker-0"]));
        let waiting = client.submit(length_and_word(&lost, &word));
        kill(&cluster, "worker-1").await;

        let names_it = |error: &TaskError| {
            assert_eq!((error.kind(), error.key()), (ErrorKind::DataLost, Some(lost.key())), "{error}");
            let text = error.to_string();
            assert!(text.starts_with(&format!("{}: this scattered value is lost", lost.name())), "{text}");
            assert!(text.contains("worker-1 was the last to hold it") && text.contains("Scatter it again"), "{text}");
        };
        // At once, though the other input is still being made.
        let error = waiting.result().await.unwrap_err();
        names_it(&error);
        assert!(error.to_string().contains(&format!("needed by {}", waiting.name())), "{error}");
        names_it(&lost.result_shared().await.unwrap_err());
        names_it(&client.submit(length(&lost)).result().await.unwrap_err());

        // It can be put there again, as the error says.
        let again = client.scatter(vec![1u8; LENGTH]).await.unwrap();
        assert_eq!(client.submit(length(&again)).await.unwrap(), LENGTH);
        assert_eq!(again.result_shared().await.unwrap().len(), LENGTH);
        names_it(&lost.result_shared().await.unwrap_err());
        pipe.write("word").await;
        assert_eq!(word.await.unwrap(), "word");
    });
}

#[test]
fn a_scattered_value_that_has_copies_is_not_lost() {
    run_on(Kind::Processes, |cluster| async move {
        let client = two_workers(&cluster).await;
        let twice = client.scatter(vec![2u8; LENGTH]).workers(["worker-1"]).replicas(2).await.unwrap();
        let everywhere = client.scatter(vec![3u8; LENGTH]).workers(["worker-1"]).broadcast().await.unwrap();
        eventually(LIMIT, "there are copies", || bytes_on(&cluster, "worker-0") >= 2 * LENGTH as u64).await;
        kill(&cluster, "worker-1").await;
        for value in [twice, everywhere] {
            assert_eq!(client.submit(length(&value)).await.unwrap(), LENGTH);
            let value: Arc<Vec<u8>> = value.result_shared().await.unwrap();
            assert_eq!(value.len(), LENGTH);
        }
    });
}

/// What a checkpoint keeps is not computed again, and what it does not keep says so.
#[test]
fn a_checkpoint_outlives_a_killed_worker_in_its_copies_or_its_file() {
    run_on(Kind::Processes, |cluster| async move {
        let client = two_workers(&cluster).await;
        let path = std::env::temp_dir().join(format!("brisk-losses-{}.checkpoint", std::process::id()));
        let there =
            |length: usize| client.submit(longer(block(length - 1)).workers(["worker-0"]).allow_other_workers());
        let (twice, once, filed) = (there(LENGTH), there(LENGTH + 1), there(LENGTH + 2));
        wait([&twice, &once, &filed]).await;
        client.checkpoint([&twice]).copies(2).await.unwrap();
        client.checkpoint([&once]).copies(1).await.unwrap();
        client.checkpoint([&filed]).to_file(&path).await.unwrap();
        drop(filed);
        kill(&cluster, "worker-0").await;

        assert_eq!(client.submit(length(&twice)).await.unwrap(), LENGTH);
        let error = client.submit(length(&once)).await.unwrap_err();
        assert_eq!((error.kind(), error.key()), (ErrorKind::LineageCut, Some(once.key())), "{error}");
        let restored: Vec<brisk_client::TaskFuture<Vec<u8>>> = client.restore(&path).await.unwrap();
        assert_eq!(client.submit(length(&restored[0])).await.unwrap(), LENGTH + 2);
        let records = cluster.records();
        assert_eq!((finished(&records, twice.key()), finished(&records, once.key())), (1, 1), "none is computed again");
        std::fs::remove_file(path).unwrap();
    });
}
