//! What needs no cluster, or no async: the synchronous client, the blocking façade, progress, and clients that are dropped
//! in odd places.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use brisk_client::{
    Client, Delayed, ErrorKind, Status, blocking,
    blocking::{Block, Client as BlockingClient},
    task,
};

static RUNS: AtomicUsize = AtomicUsize::new(0);

#[task]
fn counted(x: i64) -> i64 {
    RUNS.fetch_add(1, Ordering::SeqCst);
    x
}

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task]
fn half(x: i64) -> Result<i64, String> {
    if x % 2 == 0 { Ok(x / 2) } else { Err(format!("{x} is odd")) }
}

#[task]
async fn soon(x: i64) -> i64 {
    std::future::ready(x).await
}

#[task]
async fn later(x: i64, time: Duration) -> i64 {
    tokio::time::sleep(time).await;
    x
}

#[test]
fn the_synchronous_client_runs_in_this_thread() {
    let client = Client::sync();
    let x = client.submit(inc(1));
    assert_eq!(x.status(), Status::Finished, "it ran when it was submitted");
    let sum = client.submit(add(&x, soon(10)));
    assert_eq!((&sum).block().unwrap(), 12);
    // The same call is not run again while its future lives.
    let (first, second) = (client.submit(counted(7)), client.submit(counted(7)));
    assert_eq!((first.key(), RUNS.load(Ordering::SeqCst)), (second.key(), 1));
    drop((first, second));
    drop(client.submit(counted(7)));
    assert_eq!(RUNS.load(Ordering::SeqCst), 2);
    let many = client.map(0..10, |i| add(i, 1));
    assert_eq!(client.gather(&many).block().unwrap(), (1..11).collect::<Vec<_>>());
}

#[test]
fn the_synchronous_client_tells_errors_as_a_cluster_does() {
    let client = Client::sync();
    let bad = client.submit(half(3));
    let sum = client.submit(add(&bad, 1));
    let error = (&sum).block().unwrap_err();
    assert_eq!((error.kind(), error.key()), (ErrorKind::Failed, Some(bad.key())));
    assert_eq!(error.downcast::<String>().as_deref(), Some("3 is odd"));
    assert!(error.to_string().contains(&format!("needed by {}", sum.name())), "{error}");
    bad.retry();
    assert_eq!(bad.status(), Status::Erred, "it is tried again at once, and is as odd as before");
}

#[test]
#[should_panic(expected = "attempt to add with overflow")]
fn a_panic_in_the_synchronous_client_is_a_panic_here() {
    drop(Client::sync().submit(inc(i64::MAX)));
}

#[test]
fn a_graph_runs_without_any_client() {
    let shared: Delayed<i64> = add(inc(1), 1);
    assert_eq!(add(&shared, &shared).run().unwrap(), 6);
    let future = Client::sync().submit(inc(1));
    assert_eq!(add(&future, 1).run().unwrap(), 3, "a future that has its value is an argument here too");
}

#[cfg(feature = "inproc")]
#[test]
fn the_blocking_client_works_in_plain_threads() {
    let client = blocking::Client::local(Client::local().workers(1).threads(2)).unwrap();
    let x = client.submit(inc(1));
    assert_eq!((&x).block().unwrap(), 2);
    let sums: Vec<i64> = std::thread::scope(|scope| {
        let threads = (0..4).map(|t| {
            let client = client.clone();
            scope.spawn(move || client.gather(&client.map(0..100, |i| add(i, t))).unwrap().into_iter().sum())
        });
        threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(sums, [4950, 5050, 5150, 5250]);
    let many = client.map(0..50, inc);
    client.wait(&many);
    assert!(many.iter().all(|future| future.status() == Status::Finished));
    client.close();
}

#[cfg(feature = "inproc")]
#[test]
fn progress_ends_with_the_last_and_tells_the_first_error() {
    let client = blocking::Client::local(Client::local()).unwrap();
    brisk_client::progress(&client.map(0..100, inc)).block().unwrap();
    let halves = client.map(0..10, half);
    let error = brisk_client::progress(&halves).block().unwrap_err();
    assert!(error.to_string().contains("1 is odd"), "{error}");
    // It keeps nothing wanted: with the futures dropped there is nothing to wait for.
    let bar = brisk_client::progress(&client.map(0..3, |i| later(i, Duration::from_secs(600))));
    let start = Instant::now();
    bar.block().unwrap();
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[cfg(feature = "inproc")]
#[test]
fn a_client_may_be_dropped_anywhere() {
    // Outside any runtime, with futures that outlive it.
    let client = BlockingClient::local(Client::local()).unwrap();
    let future = client.submit(inc(1));
    drop(client);
    assert_eq!((&future).block().unwrap(), 2, "the session lives as long as its last future");
    drop(future);
    // Inside a runtime of another's, and after that has gone.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (client, future) = runtime.block_on(async {
        let client = Client::local().await.unwrap();
        drop(Client::local().await.unwrap());
        let future = client.submit(inc(2));
        (client, future)
    });
    drop(runtime);
    assert_eq!(future.block().unwrap(), 3);
    drop(client);
}
