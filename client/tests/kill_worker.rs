//! A worker process is killed in the middle of `flights`, and the table is the same.

#![cfg(all(feature = "inproc", feature = "quic"))]

#[allow(dead_code, unreachable_pub, reason = "a program of its own, whose `main` is not run here")]
#[path = "../examples/flights.rs"]
mod flights;
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use brisk_client::{Client, LocalBuilder, LocalCluster, Record, What};
use brisk_core::{id::WorkerId, key::Key, state::TaskState};
use support::{Kind, eventually};

brisk_client::test_worker!();

/// Twice the excerpt's months; the first two as named pipes: a task that reads one runs until somebody writes to it, so
/// the test chooses the middle of the run.
struct Months {
    directory: PathBuf,
    pipes: Vec<(PathBuf, Vec<u8>)>,
}

impl Months {
    fn new() -> Self {
        let directory = std::env::temp_dir().join(format!("brisk-flights-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir(&directory).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/flights");
        let mut months: Vec<PathBuf> = std::fs::read_dir(source).unwrap().map(|entry| entry.unwrap().path()).collect();
        months.retain(|path| path.extension().is_some_and(|extension| extension == "csv"));
        months.sort();
        assert!(months.len() >= 3, "the excerpt has months");
        let mut pipes = Vec::new();
        for number in 0..8 {
            let content = std::fs::read(&months[number % months.len()]).unwrap();
            let path = directory.join(format!("{number}.csv"));
            if number < 2 {
                assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
                pipes.push((path, content));
            } else {
                std::fs::write(path, content).unwrap();
            }
        }
        Months { directory, pipes }
    }

    fn files(&self) -> Vec<String> {
        flights::files(&self.directory).unwrap()
    }

    /// Lets the tasks that read the pipes go on, whoever reads them.
    fn write_pipes(&self) {
        for (path, content) in self.pipes.clone() {
            // Opening a pipe waits for its reader.
            tokio::task::spawn_blocking(move || std::fs::write(path, content).unwrap());
        }
    }

    /// The table that these months have, computed undisturbed.
    async fn expected(&self) -> String {
        self.write_pipes();
        let client = Client::local().threads(2).await.unwrap();
        let table = flights::table(&flights::summarise_all(&client, self.files()).await.unwrap());
        client.close().await;
        table
    }
}

impl Drop for Months {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// What the event log says of one moment.
#[derive(Default)]
struct Moment {
    running: BTreeMap<Key, WorkerId>,
    holders: BTreeMap<Key, BTreeSet<WorkerId>>,
    finished: BTreeMap<Key, usize>,
    recomputed: BTreeSet<Key>,
}

impl Moment {
    fn of(records: &[Record]) -> Self {
        let mut moment = Moment::default();
        for record in records {
            match record.what {
                What::Started { key, worker, .. } => {
                    moment.running.insert(key, worker);
                }
                What::Transition { key, from: TaskState::Processing, to, .. } => {
                    moment.running.remove(&key);
                    *moment.finished.entry(key).or_default() += usize::from(to == TaskState::Memory);
                }
                What::ReplicaAdded { key, worker, .. } => {
                    moment.holders.entry(key).or_default().insert(worker);
                }
                What::ReplicaLost { key, worker, .. } => {
                    moment.holders.entry(key).or_default().remove(&worker);
                }
                What::Recompute { key, .. } => {
                    moment.recomputed.insert(key);
                }
                _ => {}
            }
        }
        moment
    }

    /// A worker that runs a task and is the only holder of a value.
    fn victim(&self) -> Option<(WorkerId, Key, Key)> {
        self.running.iter().find_map(|(task, worker)| {
            let only = self.holders.iter().find(|(_, holders)| holders.len() == 1 && holders.contains(worker))?;
            Some((*worker, *task, *only.0))
        })
    }
}

#[test]
fn killed_in_the_middle_of_flights_and_the_table_is_the_same() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let limit = Duration::from_secs(60);
        tokio::time::timeout(limit, kill_one()).await.expect("nothing hangs");
    });
}

async fn kill_one() {
    let months = Months::new();
    let expected = months.expected().await;
    let cluster = support::start(Kind::Processes, LocalBuilder::default().workers(2).threads(2)).await;
    let client = cluster.client().await.unwrap();
    client.wait_for_workers(2).await.unwrap();

    let files = months.files();
    let computing = tokio::spawn({
        let client = client.clone();
        async move { flights::summarise_all(&client, files).await }
    });

    // Both pipes hold a task up, one on each worker, and everything else is done: what is left is needed.
    let mut chosen = None;
    eventually(Duration::from_secs(20), "a worker runs a task and holds the only copy of a needed value", || {
        let moment = Moment::of(&cluster.records());
        // Six summaries of files, and their sums: three of two, and one of four.
        let settled = moment.running.len() == 2 && moment.finished.len() == 10;
        chosen = moment.victim().filter(|_| settled);
        chosen.is_some()
    })
    .await;
    let (victim, task, value) = chosen.expect("chosen");
    let before = cluster.records().len();
    kill_9(&cluster, victim);
    eventually(Duration::from_secs(20), "the log tells that the worker left, and what is computed again", || {
        let moment = Moment::of(&cluster.records());
        moment.recomputed.contains(&value)
    })
    .await;
    months.write_pipes();

    let summary = computing.await.unwrap().unwrap();
    assert_eq!(flights::table(&summary), expected);
    let records = cluster.records();
    let left = records[before..].iter().any(|r| matches!(r.what, What::WorkerLeft { worker, .. } if worker == victim));
    assert!(left, "the log tells that the worker left");
    let moment = Moment::of(&records);
    assert_eq!(moment.finished[&value], 2, "the value that only the dead worker held was computed twice");
    assert_eq!(moment.finished[&task], 1, "the task that the dead worker ran was finished by another");
    let suspected =
        |r: &Record| matches!(r.what, What::Suspected { key, worker, .. } if key == task && worker == victim);
    assert!(records.iter().any(suspected), "only what was running is blamed, and it is");
}

fn kill_9(cluster: &LocalCluster, worker: WorkerId) {
    let snapshot = cluster.snapshot();
    let name = &snapshot.workers.iter().find(|w| w.worker == worker).expect("the worker is alive").name;
    support::signal(cluster, name, "-9");
}
