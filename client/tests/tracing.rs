//! Spans that follow tasks, on every kind of cluster: what all processes write into one log.

mod support;

use std::{
    fs::{self, File},
    path::PathBuf,
    sync::Mutex,
};

use brisk_client::{TaskError, actor, current, private::TestHook, task, trace};
use tracing::Instrument;

/// Written to by this test's process and by its worker processes.
fn log_of(process: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("brisk-trace-{process}.log"))
}

fn install(log: File) {
    // Each line at once: processes write side by side.
    let builder = tracing_subscriber::fmt().with_ansi(false).with_writer(Mutex::new(log));
    let _ = builder.try_init();
}

/// What `setup` is in a program: installs the subscriber, in worker processes too.
#[test]
fn brisk_test_worker() {
    let path = log_of(std::os::unix::process::parent_id());
    if let Ok(log) = File::options().append(true).open(path) {
        install(log);
    }
    brisk_client::init();
}

brisk_client::__private::core::inventory::submit! {
    TestHook { test: "brisk_test_worker" }
}

#[task(impure)]
fn says(what: String) {
    tracing::info!("{what}");
}

/// Says something of its own, before and after a child does.
#[task(impure)]
async fn has_a_child(what: String) -> Result<(), TaskError> {
    tracing::info!("{what} first");
    let client = current().await.expect("this is a task");
    client.submit(says(format!("{what} child"))).await?;
    tracing::info!("{what} last");
    Ok(())
}

struct Teller;

#[actor]
impl Teller {
    fn new() -> Self {
        Teller
    }

    fn tell(&mut self, what: String) {
        tracing::info!("{what}");
    }

    async fn tell_later(&mut self, what: String) {
        tokio::task::yield_now().await;
        tracing::info!("{what}");
    }
}

/// Says something where it is made beside all tasks.
#[task]
async fn says_aside(what: String) {
    tokio::task::yield_now().await;
    tracing::info!("{what}");
}

/// The only line of the log that ends so.
fn line(what: &str) -> String {
    let log = fs::read_to_string(log_of(std::process::id())).unwrap();
    let found: Vec<&str> = log.lines().filter(|line| line.ends_with(&format!(": {what}"))).collect();
    assert_eq!(found.len(), 1, "{what}: {log}");
    found[0].to_owned()
}

/// The ids of the parent that a line tells of last.
fn parent(line: &str) -> Vec<&str> {
    let (_, parent) = line.rsplit_once(" parent=").expect(line);
    parent.split_once('}').unwrap().0.split('-').collect()
}

on_every_cluster! {
    async fn a_task_runs_in_a_span_below_the_one_it_was_submitted_in(cluster: LocalCluster) {
        let path = log_of(std::process::id());
        install(File::options().create(true).append(true).open(path).unwrap());
        let client = cluster.client().await.unwrap();
        let by_pointer = std::thread::current().name().is_some_and(|name| name.ends_with("::threads"));
        let kind = format!("{:?}", std::thread::current().id());

        assert_eq!(trace::current(), None);
        client.submit(says(format!("{kind} alone"))).await.unwrap();
        assert!(!line(&format!("{kind} alone")).contains("task{"), "at level INFO only what was submitted in a span has one");

        let span = tracing::info_span!("import", number = 7);
        let here = span.in_scope(trace::current).unwrap().to_string();
        let submitted = async { client.submit(has_a_child(kind.clone()).retries(0)).await };
        submitted.instrument(span).await.unwrap();

        let first = line(&format!("{kind} first"));
        let facts = |function: &str| format!(r#" function="{function}" attempt=1 worker="worker-"#);
        assert!(first.contains("task{key=has_a_child-") && first.contains(&facts("has_a_child")), "{first}");
        assert!(first.contains(&format!(r#"within="import" parent={here}}}: "#)), "{first}, not {here}");
        assert_eq!(first.contains("import{number=7}:task{"), by_pointer, "{first}");
        assert_eq!(parent(&line(&format!("{kind} last"))), parent(&first), "it is the same span after it has waited");

        let child = line(&format!("{kind} child"));
        assert!(child.contains("task{key=says-") && child.contains(&facts("says")), "{child}");
        assert!(child.contains(r#"within="task""#), "{child}");
        assert_eq!(child.matches("task{").count(), if by_pointer { 2 } else { 1 }, "{child}");
        let (above, below) = (parent(&first), parent(&child));
        assert_eq!(above[1], below[1], "all is one trace");
        assert_ne!(above[2], below[2]);
    }

    async fn calls_of_actors_and_calls_on_workers_run_in_spans_too(cluster: LocalCluster) {
        let path = log_of(std::process::id());
        install(File::options().create(true).append(true).open(path).unwrap());
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let kind = format!("{:?}", std::thread::current().id());
        let span = tracing::info_span!("import", number = 8);
        let here = span.in_scope(trace::current).unwrap().to_string();
        let calls = async {
            let teller = client.actor(TellerActor::new());
            // The first waits until the actor is there, and has its span all the same.
            teller.tell(format!("{kind} early")).await.unwrap();
            teller.tell(format!("{kind} told")).await.unwrap();
            teller.tell_later(format!("{kind} later")).await.unwrap();
            let aside = client.run(says_aside(format!("{kind} aside"))).workers(["worker-1"]).await.unwrap();
            assert!(aside[0].1.is_ok());
        };
        calls.instrument(span).await;
        for (what, function) in [("early", "tell"), ("told", "tell"), ("later", "tell_later"), ("aside", "says_aside")] {
            let line = line(&format!("{kind} {what}"));
            assert!(line.contains("task{key=") && line.contains(&format!("{function}\" attempt=1")), "{line}");
            assert!(line.contains(&format!(r#"within="import" parent={here}}}: "#)), "{line}, not {here}");
        }
    }
}
