//! Tasks that submit tasks, on every kind of cluster.

mod support;

use std::{fs, process::Command, time::Duration};

use brisk_client::{
    Client, ClientError, ErrorKind, TaskError, TaskState,
    blocking::{self, Block},
    current, secede, task,
};

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

/// The same in threads, of which there are fewer than there are calls under way. Impure: no two share a call.
#[task(impure)]
fn blocking_fib(n: u64) -> Result<u64, TaskError> {
    if n < 2 {
        return Ok(n);
    }
    let client = blocking::Client::current().expect("this is a task");
    let (a, b) = client.compute((blocking_fib(n - 1), blocking_fib(n - 2)));
    Ok(a.block()? + b.block()?)
}

#[task(impure)]
fn blocking_sum_of(n: i64) -> Result<i64, TaskError> {
    let client = blocking::Client::current().expect("this is a task");
    let many = client.map(0..n, inc);
    Ok(client.gather(&many)?.into_iter().sum())
}

/// Reads from a pipe, without a thread, for as long as whoever writes to it takes.
#[task(impure)]
fn hears_aside(pipe: String) -> std::io::Result<String> {
    let _seceded = secede().expect("one may");
    assert!(format!("{:?}", secede().unwrap()).contains("nothing"), "there is nothing left to give up");
    fs::read_to_string(pipe)
}

#[task(impure)]
fn says(pipe: String, what: String) -> std::io::Result<()> {
    fs::write(pipe, what)
}

/// Waits for a task that never ends; tells through a pipe that it has begun to, and through another how its wait has ended.
#[task(impure)]
fn waits_for_ever(pipes: [String; 2]) {
    let client = blocking::Client::current().expect("this is a task");
    let never = client.submit(never());
    fs::write(&pipes[0], "waiting").unwrap();
    let error = never.block().unwrap_err();
    fs::write(&pipes[1], format!("{:?}", error.kind())).unwrap();
}

#[task(impure)]
async fn never() {
    std::future::pending::<()>().await;
}

/// Makes the very call again that it is itself.
#[task]
async fn awaits_itself(x: i64) -> Result<i64, TaskError> {
    current().await.expect("this is a task").submit(awaits_itself(x)).await
}

#[task]
fn blocks_on_itself(x: i64) -> Result<i64, TaskError> {
    blocking::Client::current().expect("this is a task").submit(blocks_on_itself(x)).block()
}

/// Awaits the other of two, which awaits this one.
#[task]
async fn awaits_the_other(x: i64) -> Result<i64, TaskError> {
    current().await.expect("this is a task").submit(awaits_the_other(1 - x)).await
}

#[task]
fn blocks_on_the_other(x: i64) -> Result<i64, TaskError> {
    blocking::Client::current().expect("this is a task").submit(blocks_on_the_other(1 - x)).block()
}

fn pipe() -> String {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("brisk-nested-{}-{count}", std::process::id()));
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path.to_string_lossy().into_owned()
}

async fn heard(pipe: &str) -> String {
    let pipe = pipe.to_owned();
    tokio::task::spawn_blocking(move || fs::read_to_string(pipe).unwrap()).await.unwrap()
}

/// Waits for a child, and holds no thread. It begins once there is a file: other processes have nothing else to see.
#[task]
async fn parent_of(x: i64, gate: String) -> Result<i64, TaskError> {
    while !std::path::Path::new(&gate).exists() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let client = current().await.expect("this is a task");
    client.submit(child_of(x)).await
}

#[task]
async fn child_of(x: i64) -> i64 {
    x + 1
}

on_every_cluster! {
    async fn more_asynchronous_parents_than_run_at_once_leave_room_for_their_children(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let gate = std::env::temp_dir().join(format!("brisk-gate-{:?}-{}", std::thread::current().id(), std::process::id()));
        let parents = client.map(0..3_000, |x| parent_of(x, gate.to_string_lossy().into_owned()));
        client.wait_for_workers(2).await.unwrap();
        // Two workers run 1,024 asynchronous tasks each at once. All of them are parents.
        while client.scheduler_info().await.unwrap().count(TaskState::Processing) < 2_048 {
            tokio::task::yield_now().await;
        }
        fs::write(&gate, "").unwrap();
        assert!(client.gather(&parents).await.unwrap().into_iter().eq(1..=3_000));
        fs::remove_file(&gate).unwrap();
    }

    async fn tasks_that_wait_in_their_threads_keep_nobody_waiting(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let sums = client.map([1, 10, 100], blocking_sum_of);
        assert_eq!(client.gather(&sums).await.unwrap(), [1, 55, 5_050]);
        // Nearly five hundred calls, of which a third wait for others.
        assert_eq!(client.submit(blocking_fib(11)).await.unwrap(), 89);
        drop(sums);
        support::all_is_forgotten(&cluster).await;
    }

    async fn a_thread_that_was_given_up_is_anothers(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let pipe = pipe();
        let hears = client.submit(hears_aside(pipe.clone()).workers(["worker-0"]));
        // On the same worker, which has one thread.
        let says = client.submit(says(pipe.clone(), "hello".to_owned()).workers(["worker-0"]));
        assert_eq!(hears.await.unwrap(), "hello");
        says.await.unwrap();
        fs::remove_file(pipe).unwrap();
    }

    async fn a_cancelled_task_waits_no_longer(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let pipes = [pipe(), pipe()];
        let waits = client.submit(waits_for_ever(pipes.clone()).workers(["worker-0"]));
        assert_eq!(heard(&pipes[0]).await, "waiting");
        waits.cancel();
        client.flush().await;
        assert_eq!(heard(&pipes[1]).await, format!("{:?}", ErrorKind::Cancelled));
        assert_eq!(client.submit(inc(1).workers(["worker-0"])).await.unwrap(), 2);
        pipes.iter().for_each(|pipe| fs::remove_file(pipe).unwrap());
        support::all_is_forgotten(&cluster).await;
    }

    async fn a_task_that_waits_for_itself_is_told_so(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let futures = [client.submit(awaits_itself(1)), client.submit(blocks_on_itself(1))];
        for future in futures {
            let error = future.result().await.unwrap_err();
            assert_eq!(error.downcast::<TaskError>().unwrap().kind(), ErrorKind::Deadlock, "{error}");
            assert!(error.to_string().contains("it waits for its own result"), "{error}");
        }
    }

    async fn tasks_that_wait_for_each_other_end_with_a_time_limit(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let limit = Duration::from_millis(200);
        let futures = [awaits_the_other(0).timeout(limit), blocks_on_the_other(0).timeout(limit)].map(|call| client.submit(call));
        for future in futures {
            assert_eq!(future.await.unwrap_err().kind(), ErrorKind::TimedOut);
        }
        support::all_is_forgotten(&cluster).await;
        assert_eq!(client.submit(inc(1)).await.unwrap(), 2);
    }

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

/// A task whose wait goes on for as long as this one does.
#[task]
async fn never_shared() {
    std::future::pending::<()>().await;
}

#[task(impure)]
fn waits_for_shared() -> Result<(), TaskError> {
    blocking::Client::current().expect("this is a task").submit(never_shared()).block()
}

#[cfg(feature = "inproc")]
#[test]
fn only_so_many_threads_are_given_up_and_one_more_hears_why_it_cannot_wait() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let cluster = support::start(support::Kind::Threads, Client::local().workers(1).threads(1)).await;
        let client = cluster.client().await.unwrap();
        let waiting = client.map(0..1_001, |_| waits_for_shared());
        let first = brisk_client::wait_first(&waiting).await;
        assert_eq!((first.ended.len(), first.pending.len()), (1, 1_000));
        let error = first.ended[0].exception().await.unwrap();
        assert!(error.to_string().contains("1000 tasks on worker worker-0 wait for others already"), "{error}");
        // The others are told, and their threads end.
        client.cancel(&waiting);
        drop((waiting, first));
        support::all_is_forgotten(&cluster).await;
        assert_eq!(client.submit(inc(1)).await.unwrap(), 2);
    });
}

#[test]
fn where_no_task_runs_there_is_no_client_of_one() {
    let error = blocking::Client::current().unwrap_err();
    assert!(matches!(error, ClientError::NotInTask), "{error}");
}

#[test]
fn a_task_of_the_submitting_thread_has_its_client() {
    let client = Client::sync();
    assert_eq!(client.submit(fib(5)).block().unwrap(), 5);
    assert_eq!(client.submit(blocking_fib(5)).block().unwrap(), 5);
    assert!(matches!(blocking::Client::current(), Err(ClientError::NotInTask)));
}
