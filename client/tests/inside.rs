//! What a task sees of itself while it runs, on every kind of cluster.

mod support;

use std::{fs, process::Command, time::Duration};

use brisk_client::{Client, ErrorKind, Reschedule, TaskContext, TaskFuture, TaskStatus, task};

brisk_client::test_worker!();

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

/// What a task is told of itself: its name, attempt, worker's name and address, and whether it may take any time.
type Facts = (String, u32, String, String, bool);

fn facts() -> Facts {
    let context = TaskContext::current().expect("a task has a context");
    assert_eq!(context.key(), context.name().key);
    let (worker, address) = (context.worker_name().to_owned(), context.worker_address().to_string());
    (context.name().to_string(), context.attempt(), worker, address, context.time_left().is_none())
}

/// Fails in its first attempt.
#[task(impure)]
fn facts_here() -> Result<Facts, String> {
    assert!(std::thread::spawn(TaskContext::current).join().unwrap().is_none(), "a thread of its own runs no task");
    let facts = facts();
    if facts.1 == 1 { Err("once more".to_owned()) } else { Ok(facts) }
}

#[task(impure)]
async fn facts_later() -> Facts {
    let before = facts();
    tokio::task::yield_now().await;
    assert_eq!(before, facts(), "it is the same run wherever its future is polled");
    before
}

#[task]
fn time_left() -> Option<Duration> {
    TaskContext::current()?.time_left()
}

/// Reads a file, when there is one. Writes down each time that it tries.
#[task(impure)]
fn reads_when_there(path: String, tries: String) -> Result<(String, u32), Reschedule> {
    use std::io::Write;
    let mut file = fs::OpenOptions::new().create(true).append(true).open(tries).unwrap();
    file.write_all(b".").unwrap();
    let attempt = TaskContext::current().unwrap().attempt();
    let text = fs::read_to_string(&path).map_err(|error| Reschedule::new(format!("{path}: {error}")))?;
    Ok((text, attempt))
}

/// Asks to be placed again until its third attempt, through an error that hides what it was made from.
#[task]
fn goes_on_in_its_third_attempt(explained: bool) -> anyhow::Result<u32> {
    use anyhow::Context;
    let attempt = TaskContext::current().unwrap().attempt();
    let asked = if attempt < 3 { Err(Reschedule::new("not yet")) } else { Ok(attempt) };
    if explained { asked.context("the device is taken") } else { Ok(asked?) }
}

/// Tells through one pipe that it has begun, goes on until it is cancelled, and tells that through another.
#[task(impure)]
fn until_cancelled(pipes: [String; 2]) {
    let context = TaskContext::current().unwrap();
    fs::write(&pipes[0], "begun").unwrap();
    while !context.is_cancelled() {
        std::thread::yield_now();
    }
    fs::write(&pipes[1], "cancelled").unwrap();
}

/// Tells that it has begun, and goes on until somebody writes to another pipe, cancelled or not.
#[task(impure)]
fn until_written(pipes: [String; 2]) {
    fs::write(&pipes[0], "begun").unwrap();
    fs::read_to_string(&pipes[1]).unwrap();
}

/// The same, by a future that the task has started elsewhere, and that waits.
#[task(impure)]
async fn helper_until_cancelled(pipes: [String; 2]) {
    let token = TaskContext::current().unwrap().cancellation();
    tokio::spawn(async move {
        tokio::task::spawn_blocking({
            let begun = pipes[0].clone();
            move || fs::write(begun, "begun").unwrap()
        });
        token.cancelled().await;
        tokio::task::spawn_blocking(move || fs::write(&pipes[1], "cancelled").unwrap());
    });
    std::future::pending().await
}

/// Says how far it is, writes to its log and notes facts; waits for a word, and says more. Fails in its first attempt.
#[task(impure)]
fn talks(pipe: String) -> Result<(), String> {
    let context = TaskContext::current().unwrap();
    say_before(&context);
    fs::read_to_string(pipe).unwrap();
    say_after(&context)
}

/// The same without a thread.
#[task(impure)]
async fn talks_later(pipe: String) -> Result<(), String> {
    let context = TaskContext::current().unwrap();
    say_before(&context);
    tokio::task::spawn_blocking(|| fs::read_to_string(pipe).unwrap()).await.unwrap();
    say_after(&context)
}

fn say_before(context: &TaskContext) {
    context.progress(0.1, "beginning");
    context.progress((1, 4), "one");
    context.log(format!("attempt {} begins", context.attempt()));
    context.metadata("rows", 7).unwrap();
    if context.attempt() == 1 {
        context.metadata("first", true).unwrap();
    }
}

fn say_after(context: &TaskContext) -> Result<(), String> {
    context.log("the end");
    context.metadata("rows", 8).unwrap();
    if context.attempt() == 1 { Err("once more".to_owned()) } else { Ok(()) }
}

/// Says more than is kept.
#[task(impure)]
fn chatters() {
    let context = TaskContext::current().unwrap();
    for number in 0..1_000 {
        context.log(format!("line {number} {}", "ü".repeat(2_000)));
    }
    for number in 0..32 {
        context.metadata(number.to_string(), number).unwrap();
    }
    context.metadata("7", "changed").unwrap();
    for (name, fact) in [("33", "one too many".to_owned()), ("7", "x".repeat(1_001))] {
        assert_eq!(context.metadata(name, fact).unwrap_err().kind(), ErrorKind::TooLarge);
    }
}

/// The facts that a task has noted, in words.
async fn facts_of(client: &Client, future: &TaskFuture<()>) -> String {
    format!("{:?}", client.metadata(future).await.unwrap())
}

/// Two pipes, which are gone when this is.
struct Pipes([String; 2]);

impl Pipes {
    fn paths() -> [String; 2] {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = |end| std::env::temp_dir().join(format!("brisk-inside-{}-{count}-{end}", std::process::id()));
        [path("begun"), path("cancelled")].map(|path| path.to_string_lossy().into_owned())
    }

    fn new() -> Self {
        let pipes = Self::paths();
        assert!(Command::new("mkfifo").args(&pipes).status().unwrap().success());
        Pipes(pipes)
    }

    /// Waits until the task has said this.
    async fn hears(&self, what: &'static str) {
        let pipe = self.0.iter().find(|pipe| pipe.ends_with(what)).unwrap().clone();
        let said = tokio::task::spawn_blocking(move || fs::read_to_string(pipe).unwrap());
        assert_eq!(said.await.unwrap(), what);
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        self.0.iter().for_each(|pipe| fs::remove_file(pipe).unwrap());
    }
}

/// Waits until the only task that runs has said how far it is.
async fn progress_of(client: &Client, attempt: u32) -> TaskStatus {
    loop {
        let mut running = client.processing().await.unwrap().tasks;
        if let Some(status) = running.pop()
            && status.progress.is_some()
            && status.attempt == attempt
        {
            return status;
        }
        tokio::task::yield_now().await;
    }
}

/// On `worker-0`, which has one thread.
async fn its_thread_is_free(client: &Client, number: i64) {
    assert_eq!(client.submit(inc(number).workers(["worker-0"])).await.unwrap(), number + 1);
}

on_every_cluster! {
    async fn a_task_knows_which_run_it_is(cluster: LocalCluster) {
        assert!(TaskContext::current().is_none(), "this is no task");
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let workers = cluster.snapshot().workers;
        let address = &workers.iter().find(|worker| &*worker.name == "worker-1").unwrap().address;
        let here = client.submit(facts_here().workers(["worker-1"]).retries(1));
        let later = client.submit(facts_later().workers(["worker-1"]));
        let expected = |name: String, attempt| (name, attempt, "worker-1".to_owned(), address.to_string(), true);
        assert_eq!(here.result().await.unwrap(), expected(here.name().to_string(), 2));
        assert_eq!(later.result().await.unwrap(), expected(later.name().to_string(), 1));
        let left = client.submit(time_left().timeout(Duration::from_secs(100))).await.unwrap().unwrap();
        assert!((Duration::from_secs(50)..=Duration::from_secs(100)).contains(&left), "{left:?}");
    }

    async fn a_task_that_heeds_its_cancellation_frees_its_thread(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        for number in 0..3 {
            let pipes = Pipes::new();
            let call = until_cancelled(pipes.0.clone()).workers(["worker-0"]);
            let call = if number == 2 { call.timeout(Duration::from_millis(100)) } else { call };
            let future = client.submit(call);
            pipes.hears("begun").await;
            match number {
                0 => future.cancel(),
                1 => drop(future),
                _ => assert_eq!(future.result().await.unwrap_err().kind(), ErrorKind::TimedOut),
            }
            client.flush().await;
            pipes.hears("cancelled").await;
            its_thread_is_free(&client, number).await;
        }
    }

    async fn the_thread_of_an_abandoned_task_is_free_while_its_code_goes_on(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let all: Vec<Pipes> = (0..3).map(|_| Pipes::new()).collect();
        for (number, pipes) in all.iter().enumerate() {
            let call = until_written(pipes.0.clone()).workers(["worker-0"]);
            // Some are abandoned since their time is up.
            let call = if number == 1 { call.timeout(Duration::from_millis(100)) } else { call };
            let future = client.submit(call);
            pipes.hears("begun").await;
            if number != 1 {
                client.abandon([&future]);
            }
            let kind = future.exception().await.unwrap().kind();
            assert_eq!(kind, if number == 1 { ErrorKind::TimedOut } else { ErrorKind::Cancelled });
            its_thread_is_free(&client, number as i64).await;
        }
        for pipes in &all {
            let pipe = pipes.0[1].clone();
            tokio::task::spawn_blocking(move || fs::write(pipe, "the end").unwrap()).await.unwrap();
        }
        its_thread_is_free(&client, 7).await;
        support::all_is_forgotten(&cluster).await;
    }

    async fn a_task_that_asks_is_placed_again_until_it_can_go_on(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let [path, tries] = Pipes::paths();
        let future = client.submit(reads_when_there(path.clone(), tries.clone()));
        support::eventually(Duration::from_secs(20), "it has tried twice", || {
            fs::metadata(&tries).is_ok_and(|file| file.len() >= 2)
        })
        .await;
        // Whole at once: it may be looking.
        fs::write(format!("{path}.new"), "here").unwrap();
        fs::rename(format!("{path}.new"), &path).unwrap();
        let (text, attempt) = future.result().await.unwrap();
        assert_eq!(text, "here");
        assert_eq!(u64::from(attempt), fs::metadata(&tries).unwrap().len(), "without any retries");
        [path, tries].iter().for_each(|path| fs::remove_file(path).unwrap());
    }

    async fn a_task_asks_to_be_placed_again_through_anyhow_too(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let attempts = client.map([false, true], goes_on_in_its_third_attempt);
        assert_eq!(client.gather(&attempts).await.unwrap(), [3, 3]);
    }

    async fn what_works_for_an_async_task_hears_of_its_cancellation(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let pipes = Pipes::new();
        let future = client.submit(helper_until_cancelled(pipes.0.clone()));
        pipes.hears("begun").await;
        future.cancel();
        client.flush().await;
        pipes.hears("cancelled").await;
    }

    async fn what_a_task_says_of_itself_is_heard_while_it_runs_and_afterwards(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        for thread in [Some(0), None] {
            let pipes = Pipes::new();
            let pipe = pipes.0[0].clone();
            let future = match thread {
                Some(_) => client.submit(talks(pipe.clone()).retries(1)),
                None => client.submit(talks_later(pipe.clone()).retries(1)),
            };
            for attempt in [1, 2] {
                let status = progress_of(&client, attempt).await;
                let progress = status.progress.clone().unwrap();
                assert_eq!((progress.extent, &*progress.message), ((1, 4).into(), "one"));
                assert_eq!(status.thread, thread);
                assert!(status.to_string().contains(": 1 of 4, one ("), "{status}");
                let first = if attempt == 1 { r#""first": "true", "# } else { "" };
                assert_eq!(facts_of(&client, &future).await, format!(r#"{{{first}"rows": "7"}}"#));
                let go_on = pipe.clone();
                tokio::task::spawn_blocking(move || fs::write(go_on, "go on").unwrap()).await.unwrap();
            }
            future.result().await.unwrap();
            assert_eq!(facts_of(&client, &future).await, r#"{"rows": "8"}"#, "what was said last was there before the end");
            let story = client.story(&future).await.unwrap();
            let said = story.iter().filter_map(|line| line.what.split_once("says: ")).map(|(_, said)| said);
            assert!(said.eq(["attempt 1 begins", "the end", "attempt 2 begins", "the end"]), "{story:#?}");
            drop(future);
        }
        support::all_is_forgotten(&cluster).await;
    }

    async fn of_a_task_that_says_too_much_the_last_is_kept(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let future = client.submit(chatters());
        future.wait().await.unwrap();
        let facts = client.metadata(&future).await.unwrap();
        assert_eq!((facts.len(), &*facts["7"], &*facts["31"]), (32, "changed", "31"));
        let story = client.story(&future).await.unwrap();
        let says: Vec<&str> = story.iter().filter_map(|line| line.what.split_once("says: ")).map(|(_, said)| said).collect();
        assert_eq!(says.len(), 100);
        assert!(says[0].starts_with("line 900 ü") && says[99].starts_with("line 999 ü"), "{says:?}");
        assert!(says.iter().all(|said| said.len() < 1_010 && said.ends_with('…')), "{says:?}");
        assert!(story.iter().any(|line| line.what.starts_with("900 earlier")), "{story:#?}");
    }

    async fn a_task_hears_that_its_cluster_ends(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let pipes = Pipes::new();
        let future = client.submit(until_cancelled(pipes.0.clone()));
        pipes.hears("begun").await;
        let ((), ()) = tokio::join!(cluster.close(), pipes.hears("cancelled"));
        assert_eq!(future.result().await.unwrap_err().kind(), ErrorKind::SchedulerLost);
    }
}
