//! Tasks that submit tasks, on every kind of cluster.

mod support;

use brisk_client::{Client, ClientError, TaskError, blocking, current, task};

brisk_client::test_worker!();

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

/// Its children run elsewhere, or in its place: it holds no thread.
#[task]
async fn sum_of(n: i64) -> Result<i64, TaskError> {
    let client = current().await.expect("this is a task");
    let many = client.map(0..n, inc);
    Ok(client.gather(&many).await?.into_iter().sum())
}

#[task(impure)]
async fn fails_below() -> Result<i64, TaskError> {
    let client = current().await.expect("this is a task");
    client.submit(refuses()).await
}

#[task]
fn refuses() -> Result<i64, String> {
    Err("no".to_owned())
}

/// Fibonacci numbers, each by two tasks.
#[task]
async fn fib(n: u64) -> Result<u64, TaskError> {
    if n < 2 {
        return Ok(n);
    }
    let client = current().await.expect("this is a task");
    let (a, b) = client.compute((fib(n - 1), fib(n - 2)));
    Ok(a.await? + b.await?)
}

/// Closing the client of a task ends nothing of what others do with it.
#[task(impure)]
async fn closes_its_client() -> Result<i64, TaskError> {
    let client = current().await.expect("this is a task");
    let one = client.submit(inc(0));
    client.close().await;
    one.await
}

on_every_cluster! {
    async fn tasks_submit_tasks_and_await_them(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let sums = client.map([1, 10, 100], sum_of);
        assert_eq!(client.gather(&sums).await.unwrap(), [1, 55, 5_050]);
        assert_eq!(client.submit(fib(20)).await.unwrap(), 6_765);
        let error = client.submit(fails_below()).await.unwrap_err();
        assert!(error.to_string().contains("no"), "{error}");
        assert_eq!(client.submit(closes_its_client()).await.unwrap(), 1);
        drop(sums);
        support::all_is_forgotten(&cluster).await;
        // Whoever asked first has opened the session, and nobody a second one.
        let clients = cluster.snapshot().clients.len() - 1;
        assert!((1..=2).contains(&clients), "{clients} sessions of two workers' tasks");
    }

    async fn a_cluster_ends_that_has_a_session_of_its_tasks(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        assert_eq!(client.submit(sum_of(3)).await.unwrap(), 6);
        cluster.close().await;
        client.close().await;
    }
}

#[test]
fn where_no_task_runs_there_is_no_client_of_one() {
    let error = blocking::Client::current().unwrap_err();
    assert!(matches!(error, ClientError::NotInTask), "{error}");
}

#[test]
fn a_task_of_the_submitting_thread_has_its_client() {
    let client = Client::sync();
    let outcome = client.submit(fib(5));
    assert_eq!(blocking::Block::block(outcome).unwrap(), 5);
    assert!(matches!(blocking::Client::current(), Err(ClientError::NotInTask)));
}
