//! Whole error reports, as people read them, on every kind of cluster: each is a file of `tests/reports`. Keys, lines and the
//! worker's number differ from run to run, and are left out. `BRISK_BLESS=1` writes the files anew.

mod support;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use brisk_client::{LocalBuilder, LocalCluster, TaskError, What, task};
use serde::{Deserialize, Serialize};
use support::eventually;

brisk_client::test_worker!();

#[task]
fn ratio(x: i64, y: i64) -> i64 {
    x / y
}

#[task]
fn sum(xs: &[i64]) -> i64 {
    xs.iter().sum()
}

#[task]
fn show(x: i64) -> String {
    x.to_string()
}

#[task]
async fn slow_ratio(x: i64, y: i64) -> i64 {
    tokio::task::yield_now().await;
    x / y
}

#[derive(Debug, thiserror::Error)]
#[error("the table of {city} can't be read")]
struct NoTable {
    city: String,
    #[source]
    source: NoFile,
}

#[derive(Debug, thiserror::Error)]
#[error("there is no such file")]
struct NoFile(#[source] std::io::Error);

#[task]
fn table(city: &str, years: &[u16]) -> Result<i64, NoTable> {
    let source = NoFile(std::io::Error::other(format!("the disk of {} years is gone", years.len())));
    Err(NoTable { city: city.to_owned(), source })
}

/// A value that can't be shown.
#[derive(Clone, Serialize, Deserialize)]
struct Secret(u8);

#[task]
fn secret(x: u8) -> Secret {
    Secret(x)
}

#[task]
fn open(secret: &Secret, tries: Option<u8>) -> Result<u8, String> {
    Err(format!("it is not {}, after {tries:?}", secret.0))
}

#[task]
fn block(bytes: usize) -> Vec<u8> {
    vec![7; bytes]
}

#[task]
fn check(block: &[u8], name: String) -> Result<u8, String> {
    Err(format!("{} bytes and {} letters", block.len(), name.len()))
}

/// Ends its process, each time once it is told to: when a file with the number of the try is there.
#[cfg(feature = "quic")]
#[task]
fn dies(directory: PathBuf) -> std::io::Result<()> {
    use std::io::Write;
    let mut tries = std::fs::OpenOptions::new().create(true).append(true).open(directory.join("tries"))?;
    tries.write_all(b".")?;
    let told = directory.join(tries.metadata()?.len().to_string());
    while !told.exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    eprintln!("the end is near");
    std::process::abort();
}

/// Is there when the process ends; the second time it has nothing to wait for.
#[cfg(feature = "quic")]
#[task]
fn bystander(marker: PathBuf) -> std::io::Result<()> {
    if !marker.exists() {
        std::fs::write(&marker, "")?;
        loop {
            std::thread::park();
        }
    }
    Ok(())
}

on_every_cluster! {
    async fn a_panic_in_a_dependency(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let ratios = client.map([(5, 5), (25, 0), (30, 6)], |(x, y)| ratio(x, y));
        let shown = client.submit(show(sum(&ratios)));
        is_as_in("panic_in_a_dependency", &shown.await.unwrap_err());
        // The same if it is known here, when it is submitted, that it can't come to anything.
        let again = client.submit(show(sum(&ratios)).priority(1));
        is_as_in("panic_in_a_dependency", &again.await.unwrap_err());
    }

    async fn a_panic_in_an_asynchronous_task(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        is_as_in("panic_in_an_asynchronous_task", &client.submit(slow_ratio(25, 0)).await.unwrap_err());
    }

    async fn an_error_with_its_causes(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let failed = client.submit(table("Ulm", vec![1999, 2000]).retries(1));
        is_as_in("error_with_its_causes", &failed.await.unwrap_err());
    }

    async fn an_argument_without_debug(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let failed = client.submit(open(secret(7), Some(3)));
        is_as_in("argument_without_debug", &failed.await.unwrap_err());
    }

    async fn long_arguments(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let failed = client.submit(check(block(10_000_000), "x".repeat(10_000_000)));
        is_as_in("long_arguments", &failed.await.unwrap_err());
    }
}

#[cfg(feature = "inproc")]
#[test]
fn how_much_is_shown_is_for_the_cluster_to_say() {
    let shown = |bytes| async move {
        let client = LocalBuilder::default().shown_argument_bytes(bytes).await.unwrap();
        let error = client.submit(check(vec![1, 2], "abcdefgh".to_owned())).await.unwrap_err();
        error.report().failure.arguments.clone()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (none, few, all) = runtime.block_on(async { (shown(0).await, shown(5).await, shown(99).await) });
    assert_eq!(none, None);
    assert_eq!(few.as_deref(), Some("([… of 2], \"abcd…)"));
    assert_eq!(all.as_deref(), Some("([1, 2], \"abcdefgh\")"));
}

#[test]
fn a_graph_that_runs_here_tells_its_arguments_too() {
    let error = table("Ulm", vec![1999]).run().unwrap_err();
    assert!(error.to_string().ends_with("called with (\"Ulm\", [1999])"), "{error}");
}

#[cfg(feature = "quic")]
#[test]
fn a_worker_that_dies() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let cluster = support::start(support::Kind::Processes, LocalBuilder::default().workers(1).threads(2)).await;
        tokio::time::timeout(Duration::from_secs(60), killing(cluster)).await.expect("nothing hangs");
    });
}

/// Two tasks run; one of them ends the process, again and again, once the scheduler has heard that it runs.
#[cfg(feature = "quic")]
async fn killing(cluster: LocalCluster) {
    let directory = std::env::temp_dir().join(format!("brisk-reports-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir(&directory).unwrap();
    let client = cluster.client().await.unwrap();
    let beside = client.submit(bystander(directory.join("marker")));
    let killer = client.submit(dies(directory.clone()));
    let starts = |of| {
        let records = cluster.records().into_iter();
        records.filter(|record| matches!(record.what, What::Started { key, .. } if key == of)).count()
    };
    for attempt in 1..=4 {
        eventually(Duration::from_secs(20), "the scheduler knows that both run", || {
            starts(killer.key()) == attempt && starts(beside.key()) > 0
        })
        .await;
        std::fs::write(directory.join(attempt.to_string()), "").unwrap();
    }
    let error = killer.await.unwrap_err();
    beside.await.expect("only the culprit fails");
    is_as_in("worker_that_dies", &error);
    std::fs::remove_dir_all(&directory).unwrap();
}

/// The report is the text in this file.
#[track_caller]
fn is_as_in(file: &str, error: &TaskError) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports").join(format!("{file}.txt"));
    let had = normal(error);
    if std::env::var_os("BRISK_BLESS").is_some() {
        std::fs::write(&path, &had).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(had, wanted, "the report is not as in {}:\n{had}", path.display());
}

/// The report without what differs from run to run.
fn normal(error: &TaskError) -> String {
    let error = error.clone().with(|report| report.failure.backtrace = None);
    let text = format!("{error:?}\n");
    let text = without(&text, ".rs:", |c| c.is_ascii_digit(), "LINE");
    let text = without(&text, "worker-", |c| c.is_ascii_digit(), "N");
    without(&text, "-", |c| c.is_ascii_hexdigit(), "KEY")
}

/// The text with `instead` for the characters of a kind that follow `before`, where it is a key or a number.
fn without(text: &str, before: &str, kind: fn(char) -> bool, instead: &str) -> String {
    let mut pieces = text.split(before);
    let mut changed = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(kind);
        let length = piece.len() - rest.len();
        let is_meant = if instead == "KEY" { length == 8 } else { length > 0 };
        changed.push_str(before);
        changed.push_str(if is_meant { instead } else { &piece[..length] });
        changed.push_str(rest);
    }
    changed
}
