//! What users see, end to end, on every kind of cluster: threads, threads with everything encoded, processes over QUIC.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use brisk_client::{AsCompleted, ErrorKind, Status, task, wait, wait_first};
use serde::{Deserialize, Serialize};
use support::eventually;

brisk_client::test_worker!();

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task]
fn total(xs: &[i64]) -> i64 {
    xs.iter().sum()
}

#[task]
fn ratio(x: i64, y: i64) -> i64 {
    x / y
}

#[task]
fn checked(x: i64, y: i64) -> Result<i64, DivisionError> {
    x.checked_div(y).ok_or(DivisionError { dividend: x })
}

#[derive(Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[error("{dividend} can't be divided by zero")]
struct DivisionError {
    dividend: i64,
}

#[task]
async fn later(x: i64, time: Duration) -> i64 {
    tokio::time::sleep(time).await;
    x
}

/// How many of these calls there are at once in this process, as each finds when it has napped.
#[task(impure)]
async fn crowd(nap: Duration) -> usize {
    static PRESENT: AtomicUsize = AtomicUsize::new(0);
    PRESENT.fetch_add(1, Ordering::SeqCst);
    tokio::time::sleep(nap).await;
    PRESENT.fetch_sub(1, Ordering::SeqCst)
}

/// An asynchronous task that does what it should not: once it goes on, it blocks the thread that it shares with others,
/// until somebody writes to a pipe.
#[task]
async fn blocks_its_thread(pipe: String) -> std::io::Result<String> {
    tokio::task::yield_now().await;
    std::fs::read_to_string(pipe)
}

/// Starts this program once more, from within a task, as the worker was started. Whether it ended as itself.
#[task]
fn child_is_itself() -> std::io::Result<bool> {
    let mut child = std::process::Command::new(std::env::current_exe()?);
    let child = child.args(["--exact", "brisk_test_worker"]).stdin(std::process::Stdio::null());
    Ok(child.stdout(std::process::Stdio::null()).status()?.success())
}

/// A task that holds its thread for a time, as one that computes does.
#[task]
fn sleep(x: i64, time: Duration) -> i64 {
    std::thread::sleep(time);
    x
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
fn count_blocks(blocks: Vec<Arc<Vec<u8>>>) -> usize {
    blocks.iter().map(|block| block.len()).sum()
}

/// A value that refuses to be encoded.
#[derive(Clone, Debug, Deserialize)]
struct Stubborn(u8);

impl Serialize for Stubborn {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it will not"))
    }
}

#[task]
fn stubborn() -> Stubborn {
    Stubborn(1)
}

#[task]
fn take_stubborn(value: &Stubborn) -> u8 {
    value.0
}

/// Fails until the file has as many bytes as `times`; appends one each time.
#[task(impure)]
fn fails(path: String, times: u64) -> Result<u64, std::io::Error> {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path)?;
    file.write_all(b".")?;
    let tries = file.metadata()?.len();
    if tries <= times { Err(std::io::Error::other(format!("try {tries}"))) } else { Ok(tries) }
}

fn temporary(name: &str) -> String {
    let unique = format!("brisk-test-{name}-{}-{:?}", std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(unique);
    let _ = std::fs::remove_file(&path);
    path.to_string_lossy().into_owned()
}

on_every_cluster! {
    async fn calls_and_their_futures_are_arguments(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let x = client.submit(inc(1));
        let y = client.submit(inc(2));
        let sum = client.submit(add(&x, &y));
        assert_eq!(sum.result().await.unwrap(), 5);
        assert_eq!((&x).await.unwrap(), 2);
        assert_eq!(client.submit(inc(1)).key(), x.key());
        let nested = client.submit(add(inc(inc(1)), &sum));
        assert_eq!(nested.await.unwrap(), 8);
    }

    async fn many_at_once(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let many = client.map(0..3_000, inc);
        let more = client.map(&many, |x| add(x, 10));
        let all = client.submit(total(&more));
        assert_eq!(client.gather(&many).await.unwrap(), (1..3_001).collect::<Vec<_>>());
        assert_eq!(all.result().await.unwrap(), (11..3_011).sum::<i64>());
        let (a, b) = client.compute((add(inc(100), 1), inc(inc(100))));
        assert_eq!((a.await.unwrap(), b.await.unwrap()), (102, 102));
    }

    async fn a_long_chain_is_an_ordinary_graph(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let mut chain = inc(0);
        for _ in 0..2_999 {
            chain = inc(chain);
        }
        assert_eq!(client.submit(&chain).await.unwrap(), 3_000);
    }

    async fn large_values_go_from_worker_to_worker(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let blocks = client.map(0..8usize, |i| block(3_000_000 + i));
        assert_eq!(client.submit(count_blocks(&blocks)).await.unwrap(), 8 * 3_000_000 + 28);
        let lengths = client.map(&blocks, length);
        assert_eq!(client.gather(&lengths).await.unwrap(), (3_000_000..3_000_008).collect::<Vec<_>>());
        let whole = blocks[3].result_shared().await.unwrap();
        assert!(whole.len() == 3_000_003 && whole.iter().all(|byte| *byte == 7));
    }

    async fn async_tasks_hold_no_thread(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let naps = client.map(0..100, |_| crowd(Duration::from_millis(400)));
        let most = client.gather(&naps).await.unwrap().into_iter().max();
        assert!(most > Some(4), "workers of one thread each had at most {most:?} of 100 calls under way at once");
    }

    async fn an_async_task_that_blocks_holds_up_no_connection(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let pipes: Vec<String> = (0..2).map(|i| temporary(&format!("pipe-{i}"))).collect();
        for pipe in &pipes {
            assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
        }
        let blocking = client.map(pipes.clone(), blocks_its_thread);
        // Results and values still come, and nobody is taken for dead.
        let blocks = client.map(0..4usize, |i| block(100_000 + i));
        assert_eq!(client.submit(count_blocks(&blocks)).await.unwrap(), 400_006);
        assert!(blocking.iter().all(|future| future.status() == Status::Pending));
        assert_eq!(cluster.snapshot().workers.len(), 2);
        for pipe in pipes.clone() {
            // Opening a pipe waits for its reader, and they may share one thread: whichever comes first must find its writer.
            tokio::task::spawn_blocking(move || std::fs::write(pipe, "go on").unwrap());
        }
        assert_eq!(client.gather(&blocking).await.unwrap(), ["go on", "go on"]);
        pipes.iter().for_each(|pipe| std::fs::remove_file(pipe).unwrap());
    }

    async fn a_child_of_a_task_is_no_worker(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        assert!(client.submit(child_is_itself()).await.unwrap(), "it inherits the variable and must not heed it");
    }

    async fn a_panic_is_an_error_that_names_the_task(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let bad = client.submit(ratio(25, 0));
        let sum = client.submit(add(&bad, 1));
        let last = client.submit(inc(&sum));
        let error = last.result().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked);
        assert_eq!(error.key(), Some(bad.key()), "the task that failed, not the one that was asked for");
        let text = error.to_string();
        assert!(text.starts_with(&format!("{}: attempt to divide by zero\n", bad.name())), "{text}");
        assert!(text.contains("tests/cluster.rs:"), "{text}");
        assert!(cluster.snapshot().workers.iter().any(|w| text.contains(&format!("on worker {} ", w.name))), "{text}");
        assert!(text.contains(&format!("needed by {}, for {}", sum.name(), last.name())), "{text}");
        // The worker lives.
        assert_eq!(client.submit(ratio(25, 5)).await.unwrap(), 5);
        assert_eq!(bad.exception().await.unwrap().kind(), ErrorKind::Panicked);
    }

    async fn an_err_comes_back_as_the_value_it_was(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        assert_eq!(client.submit(checked(6, 3)).await.unwrap(), 2);
        let error = client.submit(checked(6, 0)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert_eq!(error.downcast::<DivisionError>(), Some(DivisionError { dividend: 6 }));
        assert!(error.to_string().contains("6 can't be divided by zero"), "{error}");
    }

    async fn retries_end_in_a_value_or_in_the_last_error(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let path = temporary("retries");
        assert_eq!(client.submit(fails(path.clone(), 2).retries(2)).await.unwrap(), 3);
        std::fs::remove_file(&path).unwrap();
        let failed = client.submit(fails(path.clone(), 2).retries(1));
        let error = failed.result().await.unwrap_err();
        assert!(error.to_string().contains("try 2"), "{error}");
        assert!(error.to_string().contains("attempt 2"), "{error}");
        // By hand: the third try is good.
        failed.retry();
        assert_eq!(failed.result().await.unwrap(), 3);
        std::fs::remove_file(&path).unwrap();
    }

    async fn as_completed_gives_futures_as_they_end(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let slow = client.submit(later(1, Duration::from_millis(300)));
        let fast = client.submit(later(2, Duration::from_millis(1)));
        let mut done = AsCompleted::from_iter([slow.clone(), fast.clone(), fast.clone()]);
        assert_eq!(done.next().await.unwrap().key(), fast.key());
        assert_eq!(done.next().await.unwrap().key(), fast.key());
        done.push(client.submit(inc(1)));
        let mut rest = vec![done.next().await.unwrap().key(), done.next().await.unwrap().key()];
        rest.sort();
        let mut expected = vec![slow.key(), client.submit(inc(1)).key()];
        expected.sort();
        assert_eq!(rest, expected);
        assert!(done.next().await.is_none());
    }

    async fn waiting_for_the_first_and_for_all(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let futures = [client.submit(later(1, Duration::from_millis(400))), client.submit(later(2, Duration::ZERO))];
        let first = wait_first(&futures).await;
        assert_eq!((first.ended.len(), first.pending.len()), (1, 1));
        wait(&futures).await;
        assert!(futures.iter().all(|future| future.status() == Status::Finished));
    }

    async fn cancelling_settles_at_once(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let long = client.submit(later(1, Duration::from_secs(600)));
        let next = client.submit(inc(&long));
        long.cancel();
        assert_eq!(long.status(), Status::Cancelled);
        assert_eq!(long.result().await.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(next.result().await.unwrap_err().kind(), ErrorKind::Cancelled);
        // There is nothing to try again.
        long.retry();
        assert_eq!(long.status(), Status::Cancelled);
        // The key can be had again.
        let again = client.submit(later(1, Duration::from_secs(600)));
        assert_eq!(again.status(), Status::Pending);
        again.cancel();
        eventually(Duration::from_secs(5), "the cluster forgets what was cancelled", || {
            cluster.snapshot().total() == 0
        })
        .await;
        drop((long, next));
    }

    async fn many_are_cancelled_at_once_and_for_everybody_if_asked(cluster: LocalCluster) {
        let (here, there) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let long = |client: &brisk_client::Client| client.map(0..50, |x| later(x, Duration::from_secs(600)));
        let (mine, theirs) = (long(&here), long(&there));
        here.flush().await;
        there.flush().await;
        here.cancel(&mine);
        assert!(mine.iter().all(|future| future.status() == Status::Cancelled));
        here.flush().await;
        there.flush().await;
        assert!(theirs.iter().all(|future| future.status() == Status::Pending), "another client wants them");
        let again = long(&here);
        here.cancel_for_everybody(&again);
        for future in &theirs {
            assert_eq!(future.result().await.unwrap_err().kind(), ErrorKind::Cancelled);
        }
        let outcomes = here.gather_each(&again).await;
        assert!(outcomes.into_iter().all(|outcome| outcome.unwrap_err().kind() == ErrorKind::Cancelled));
    }

    async fn all_that_failed_are_tried_again(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let paths = [temporary("retry-bad"), temporary("retry-good")];
        let futures = [client.submit(fails(paths[0].clone(), 1)), client.submit(fails(paths[1].clone(), 0))];
        let outcomes = client.gather_each(&futures).await;
        assert!(outcomes[0].is_err() && outcomes[1] == Ok(1), "{outcomes:?}");
        client.retry(&futures);
        // What had not failed was not run again.
        assert_eq!(client.gather_each(&futures).await, [Ok(2), Ok(1)]);
        paths.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    }

    async fn dropping_the_last_handles_frees_everything(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let blocks = client.map(0..20usize, |i| block(100_000 + i));
        let clones = blocks.clone();
        let lengths = client.map(&blocks, length);
        let total = client.submit(count_blocks(&clones));
        {
            // A second `let` does not drop the first: it lives to the end of its scope.
            let shadowed = client.submit(inc(41));
            let shadowed = client.submit(add(&shadowed, 1));
            assert_eq!(shadowed.await.unwrap(), 43);
        }
        wait(&lengths).await;
        assert_eq!(total.await.unwrap(), 20 * 100_000 + 190);
        assert!(support::bytes(&cluster.snapshot()) >= 2_000_000);
        drop((blocks, lengths));
        client.flush().await;
        assert!(cluster.snapshot().total() >= 20, "the clones still want the blocks");
        drop(clones);
        eventually(Duration::from_secs(1), "tasks and bytes are back where they were", || {
            let snapshot = cluster.snapshot();
            snapshot.total() == 0 && support::bytes(&snapshot) == 0
        })
        .await;
    }

    async fn a_detached_task_runs_to_its_end(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let path = temporary("detached");
        client.submit(fails(path.clone(), 0)).detach();
        eventually(Duration::from_secs(10), "the detached task has run", || {
            std::fs::metadata(&path).is_ok_and(|file| file.len() == 1)
        })
        .await;
        eventually(Duration::from_secs(5), "its result is not kept", || cluster.snapshot().total() == 0).await;
        std::fs::remove_file(&path).unwrap();
    }

    async fn a_future_of_another_client_is_refused(cluster: LocalCluster) {
        let (here, there) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let foreign = there.submit(inc(1));
        let error = here.submit(inc(&foreign)).result().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ForeignFuture);
        // Two clients with the same call share its run, and release it apart.
        let mine = here.submit(inc(1));
        assert_eq!(mine.key(), foreign.key());
        drop(foreign);
        assert_eq!(mine.await.unwrap(), 2);
    }

    async fn two_calls_under_one_name_are_a_conflict(cluster: LocalCluster) {
        let (here, there) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let first = here.submit(inc(1).key("answer"));
        assert_eq!(first.name().to_string(), "answer");
        let error = here.submit(inc(2).key("answer")).result().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyConflict);
        here.flush().await;
        let error = there.submit(add(1, 2).key("answer")).result().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::KeyConflict);
        assert!(error.to_string().contains("inc") && error.to_string().contains("add"), "both are named: {error}");
        assert_eq!(there.submit(inc(1).key("answer")).await.unwrap(), 2);
        // What was refused is not known there: it is sent anew, and its retry is no wait without an end.
        let refused = there.submit(add(1, 2).key("answer"));
        refused.exception().await.unwrap();
        refused.retry();
        assert_eq!(refused.status(), Status::Erred);
        assert_eq!(first.await.unwrap(), 2);
    }

    async fn restrictions_choose_the_worker(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        for future in client.map(0..4, |i| ratio(i, 0).workers(["worker-1"])) {
            let error = future.exception().await.unwrap();
            assert_eq!(error.report().worker.as_deref(), Some("worker-1"), "{error}");
        }
    }

    async fn closing_the_client_settles_what_is_pending(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let long = client.submit(later(1, Duration::from_secs(600)));
        client.clone().close().await;
        assert_eq!(long.result().await.unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(client.submit(inc(1)).result().await.unwrap_err().kind(), ErrorKind::Closed);
        eventually(Duration::from_secs(5), "the scheduler forgets the client", || {
            let snapshot = cluster.snapshot();
            snapshot.total() == 0 && snapshot.clients.is_empty()
        })
        .await;
    }

    async fn the_cluster_ends_and_futures_say_so(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let value = client.submit(inc(1));
        assert_eq!(value.result().await.unwrap(), 2);
        let long = client.submit(later(1, Duration::from_secs(600)));
        client.flush().await;
        cluster.close().await;
        assert_eq!(long.result().await.unwrap_err().kind(), ErrorKind::SchedulerLost);
        assert_eq!(value.result().await.unwrap(), 2, "a settled handle keeps its value");
    }
}

/// Encoding is what these are about: within one process by pointer nothing is encoded, but for the check of debug builds.
#[test]
fn what_cannot_be_encoded_is_an_error_and_nothing_hangs() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        for &kind in support::KINDS {
            let cluster = support::cluster(kind).await;
            let client = cluster.client().await.unwrap();
            client.wait_for_workers(2).await.unwrap();
            let value = client.submit(stubborn());
            let error = value.result().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Encode, "{kind:?}: {error}");
            assert!(error.to_string().contains("Stubborn"), "{kind:?}: {error}");
            // An argument is encoded to name the call, before anything is sent.
            let error = client.submit(take_stubborn(Stubborn(1))).result().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Encode, "{kind:?}: {error}");
            assert_eq!(client.submit(inc(1)).await.unwrap(), 2);
        }
    });
}

#[cfg(feature = "inproc")]
#[test]
fn without_workers_the_client_hears_why_and_the_wait_ends() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let builder = brisk_client::LocalBuilder::default().no_worker_timeout(Duration::from_millis(300));
        let cluster = support::start(support::Kind::Threads, builder).await;
        let client = cluster.client().await.unwrap();
        let error = client.submit(inc(1).workers(["nobody"])).result().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoWorker);
        assert!(error.to_string().contains("nobody"), "{error}");
        let error = client.submit(inc(2).resource("gpu", 1.0)).result().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoWorker);
        assert!(error.to_string().contains("gpu"), "{error}");
    });
}

#[cfg(feature = "inproc")]
#[test]
fn an_unknown_function_is_an_error_that_says_what_is_missing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let registry = brisk_client::Registry::builder().task::<inc>().build().unwrap();
        // By pointer a call brings its function along: only what is encoded is looked up.
        let builder = brisk_client::LocalBuilder::default().registry(registry);
        let cluster = support::start(support::Kind::Encoded, builder).await;
        let client = cluster.client().await.unwrap();
        assert_eq!(client.submit(inc(1)).await.unwrap(), 2);
        let error = client.submit(add(1, 2)).result().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownFunction);
        let text = error.to_string();
        assert!(text.contains("`add`") && text.contains("use that_crate as _;"), "{text}");
    });
}

#[cfg(feature = "inproc")]
#[test]
fn a_sleeping_task_does_not_hold_up_the_others() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let cluster = support::cluster(support::Kind::Threads).await;
        let client = cluster.client().await.unwrap();
        let long = client.submit(sleep(1, Duration::from_secs(2)));
        let sums = client.map(0..100, inc);
        assert_eq!(client.gather(&sums).await.unwrap().len(), 100);
        assert_eq!(long.status(), Status::Pending);
        drop(long);
    });
}
