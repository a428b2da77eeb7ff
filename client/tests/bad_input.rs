//! Calls with nothing, with too much, and with what is not there: each ends soon, with a typed error that says what is wrong, or
//! well where nothing is what was asked for; on every kind of cluster, which is left as it was.

mod support;

use std::{
    fmt::Debug,
    future::Future,
    ops::{Range, RangeInclusive},
    time::Duration,
};

use brisk_client::{
    AsCompleted, CaseError, Client, ClientError, Delayed, ErrorKind, LocalCluster, Status, TaskError, TaskFuture,
    progress, replay_case, task, wait, wait_first,
};
use support::all_is_forgotten;

brisk_client::test_worker!();

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
async fn pends() {
    std::future::pending::<()>().await;
}

#[task]
fn negate(x: i64) -> i64 {
    -x
}

/// What a call came to.
struct Found {
    call: &'static str,
    outcome: Result<(), (Option<ErrorKind>, String)>,
}

/// An error of either kind.
trait Kind: Debug + ToString {
    fn kind_of(&self) -> Option<ErrorKind>;
}

impl Kind for TaskError {
    fn kind_of(&self) -> Option<ErrorKind> {
        Some(self.kind())
    }
}

impl Kind for ClientError {
    fn kind_of(&self) -> Option<ErrorKind> {
        match self {
            ClientError::Session(error) => Some(error.kind()),
            _ => None,
        }
    }
}

impl Kind for CaseError {
    fn kind_of(&self) -> Option<ErrorKind> {
        match self {
            CaseError::Task(error) | CaseError::Input { error, .. } => Some(error.kind()),
            _ => None,
        }
    }
}

async fn found<T, E: Kind>(call: &'static str, outcome: impl Future<Output = Result<T, E>>) -> Found {
    let outcome = tokio::time::timeout(Duration::from_secs(20), outcome).await;
    let outcome = outcome.unwrap_or_else(|_| panic!("{call} does not end"));
    Found { call, outcome: outcome.map(drop).map_err(|error| (error.kind_of(), error.to_string())) }
}

/// Holds what was found against what each call should say: the kind of its error and words of it, or nothing if it goes well.
fn check(found: Vec<Found>, expected: &[(&str, Option<(ErrorKind, &str)>)]) {
    let mut wrong = Vec::new();
    assert_eq!(found.len(), expected.len());
    for (Found { call, outcome }, (name, wanted)) in found.iter().zip(expected) {
        assert_eq!(call, name);
        let is_right = match (outcome, wanted) {
            (Ok(()), None) => true,
            (Err((kind, text)), Some((wanted, words))) => {
                kind.is_none_or(|kind| kind == *wanted) && text.contains(words)
            }
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{call}: {outcome:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Asks for each in turn.
macro_rules! ask {
    ($($call:literal: $outcome:expr, $wanted:expr;)*) => {{
        let mut all = Vec::new();
        $(all.push(found($call, async { $outcome }).await);)*
        check(all, &[$(($call, $wanted)),*]);
    }};
}

fn holds(what: bool) -> Result<(), TaskError> {
    assert!(what);
    Ok(())
}

const NONE: [&TaskFuture<i64>; 0] = [];

/// Longer than any name may be.
fn long() -> String {
    "x".repeat(100_000)
}

async fn with_nothing(client: &Client) {
    ask! {
        "gather": client.gather(NONE).await, None;
        "gather_shared": client.gather_shared(NONE).await, None;
        "scatter_all": client.scatter_all(Vec::<i64>::new()).await, None;
        "replicate": client.replicate(NONE).await, None;
        "checkpoint": client.checkpoint(NONE).await, None;
        "rebalance only": client.rebalance().only(NONE).await, None;
        "who_has": client.who_has(NONE).await, None;
        "publish": client.publish("nothing", &Vec::<TaskFuture<i64>>::new()).await, None;
        "dataset": client.dataset::<Vec<TaskFuture<i64>>>("nothing").await, None;
        "unpublish": client.unpublish("nothing").await, None;
        "wait_for_workers": client.wait_for_workers(0).await, None;
        "tasks": client.tasks().limit(0).await, None;
        "task_stream": client.task_stream().limit(0).within(Duration::ZERO).await, None;
        "compute": holds(client.compute(Vec::<Delayed<i64>>::new()).is_empty()), None;
        "persist": holds(client.persist(Vec::<Delayed<i64>>::new()).is_empty()), None;
        "gather_nested": client.gather_nested(&(Vec::<TaskFuture<i64>>::new(), None::<TaskFuture<i64>>)).await, None;
        "function": client.tasks().function("").await, None;
        "run": client.run(inc(1)).workers(Vec::<String>::new()).await, Some((ErrorKind::Refused, "no worker was named"));
        "scatter": client.scatter(1i64).workers(Vec::<String>::new()).await, Some((ErrorKind::Refused, "no worker was named"));
        "replicate": client.replicate(NONE).workers(Vec::<String>::new()).await, Some((ErrorKind::Refused, "no worker was named"));
        "retire_workers": client.retire_workers(Vec::<String>::new()).await, Some((ErrorKind::Refused, "no worker was named"));
        "a call's workers": client.submit(inc(2).workers(Vec::<String>::new())).await, None;
        "multi_lock": client.multi_lock(Vec::<String>::new()).acquire().await, Some((ErrorKind::Refused, "at least one name"));
    }
    client.cancel(NONE);
    client.cancel_for_everybody(NONE);
    client.abandon(NONE);
    client.retry(NONE);
    wait(NONE).await;
    let first = wait_first(NONE).await;
    assert!(first.ended.is_empty() && first.pending.is_empty());
    assert!(AsCompleted::<i64>::new().next().await.is_none());
    assert!(client.gather_each(NONE).await.is_empty());
    assert!(client.map(0..0, inc).is_empty());
    assert!(client.map_stream(0..0, inc).next().await.is_none());
    progress(NONE).await.unwrap();
}

async fn unknown_names(client: &Client, x: &TaskFuture<i64>) {
    ask! {
        "replicate": client.replicate([x]).workers(["nobody"]).await, Some((ErrorKind::Refused, "nobody"));
        "scatter": client.scatter(1i64).workers(["nobody"]).await, Some((ErrorKind::Refused, "nobody"));
        "run": client.run(inc(1)).workers(["nobody"]).await, Some((ErrorKind::Refused, "nobody"));
        "retire_workers": client.retire_workers(["nobody"]).await, Some((ErrorKind::Refused, "nobody"));
        "dataset": client.dataset::<TaskFuture<i64>>("nobody's").await, Some((ErrorKind::Refused, "nobody's"));
        "unpublish": client.unpublish("nobody's").await, Some((ErrorKind::Refused, "nobody's"));
        "has_what": client.has_what("nobody").await, None;
        "function": client.tasks().function("nobody's").await, None;
        "try_get": client.variable::<i64>("nobody's").try_get().await, None;
        "delete": client.variable::<i64>("nobody's").delete().await, None;
        "queue": client.queue::<i64>("nobody's").try_get().await, None;
        "queue clear": client.queue::<i64>("nobody's").clear().await, None;
        "event": client.event("nobody's").clear().await, None;
        "restore": client.restore::<i64>("/nowhere/at/all").await, Some((ErrorKind::Refused, "can't be read"));
        "to_file": client.checkpoint([x]).to_file("/nowhere/at/all").await, Some((ErrorKind::Refused, "can't be written"));
        "dump": client.dump_cluster_state("/").await, Some((ErrorKind::Refused, "can't be written"));
    }
}

async fn absurd_sizes(client: &Client, x: &TaskFuture<i64>) {
    ask! {
        "no permits": client.semaphore("s", 0).acquire().await, Some((ErrorKind::Refused, "permit"));
        "acquire none": client.semaphore("s", 2).acquire_many(0).await, Some((ErrorKind::Refused, "permit"));
        "acquire too many": client.semaphore("s", 2).try_acquire_many(3).await, Some((ErrorKind::Refused, "permit"));
        "wait_for_workers": client.wait_for_workers(u32::MAX).limit(Duration::ZERO).await, Some((ErrorKind::TimedOut, "workers"));
        "get none": client.queue::<i64>("q").get_many(0).await, Some((ErrorKind::Refused, "one at least"));
        "tasks": client.tasks().limit(u32::MAX).await, None;
        "task_stream": client.task_stream().limit(u32::MAX).within(Duration::MAX).await, None;
        "replicate": client.replicate([x]).copies(u32::MAX).await, None;
        "scatter": client.scatter(2i64).replicas(u32::MAX).await, None;
        "retries": client.submit(inc(10).retries(u32::MAX).priority(i32::MIN)).await, None;
        "copies": client.submit(inc(11).replicas(u32::MAX)).await, None;
        "not a number": client.submit(inc(15).resource("gpu", f64::NAN)).await, Some((ErrorKind::Refused, "of the resource `gpu`"));
        "negative": client.submit(inc(12).resource("gpu", -1.0)).await, Some((ErrorKind::Refused, "must be a number"));
        "endless": client.submit(inc(16).resource("gpu", f64::INFINITY)).await, Some((ErrorKind::Refused, "of the resource"));
        "nothing of it": client.submit(inc(17).resource("gpu", 0.0)).await, None;
        "a time limit": client.submit(inc(13).timeout(Duration::MAX)).await, None;
        "a pause": client.submit(inc(14).retry_delay(Duration::MAX)).await, None;
    }
    for name in [String::new(), long()] {
        let of_a_call = client.submit(inc(20).key(name.clone())).await;
        if name.is_empty() {
            of_a_call.unwrap();
        } else {
            let error = of_a_call.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused);
            assert!(error.to_string().contains("has 100000 bytes") && error.to_string().len() < 1_000, "{error}");
        }
    }
    let many = (0..5_000).map(|n| format!("a worker that is called {n}"));
    let error = client.submit(inc(21).workers(many.collect::<Vec<_>>())).await.unwrap_err();
    assert!(error.to_string().contains("the names in its options take"), "{error}");
    ask! {
        "lock": client.lock(long()).acquire().await, Some((ErrorKind::Refused, "bytes"));
        "event": client.event(long()).set().await, Some((ErrorKind::Refused, "bytes"));
        "variable": client.variable::<i64>(long()).set(1).await, Some((ErrorKind::Refused, "bytes"));
        "queue": client.queue::<i64>(long()).put(1).await, Some((ErrorKind::Refused, "bytes"));
        "publish": client.publish(long(), x).await, Some((ErrorKind::Refused, "bytes"));
    }
}

async fn absurd_clusters(cluster: &LocalCluster) {
    ask! {
        "scale": cluster.scale(u32::MAX).await, Some((ErrorKind::Refused, "workers: there may be"));
        "adapt": cluster.adapt(0..=u32::MAX), Some((ErrorKind::Refused, "workers: there may be"));
        "adapt to none": cluster.adapt(0..=0), Some((ErrorKind::Refused, "there is no such number"));
        "adapt backwards": cluster.adapt(RangeInclusive::new(3, 2)), Some((ErrorKind::Refused, "there is no such number"));
    }
}

/// Names that are none, and paths where no file can be.
async fn no_names_and_no_places(client: &Client, x: &TaskFuture<i64>) {
    let nowhere = "/nowhere/at/all";
    let case = client.recreate_task_locally(x).await.unwrap();
    ask! {
        "lock": client.lock("").acquire().await, Some((ErrorKind::Refused, "from 1 to"));
        "multi_lock": client.multi_lock([""]).try_acquire().await, Some((ErrorKind::Refused, "from 1 to"));
        "semaphore": client.semaphore("", 1).try_acquire().await, Some((ErrorKind::Refused, "from 1 to"));
        "event": client.event("").wait().await, Some((ErrorKind::Refused, "from 1 to"));
        "variable": client.variable::<i64>("").set(1).await, Some((ErrorKind::Refused, "from 1 to"));
        "queue": client.queue::<i64>("").put(1).await, Some((ErrorKind::Refused, "from 1 to"));
        "publish": client.publish("", x).await, Some((ErrorKind::Refused, "from 1 to"));
        "dataset": client.dataset::<TaskFuture<i64>>("").await, Some((ErrorKind::Refused, "nothing is published"));
        "unpublish": client.unpublish("").await, Some((ErrorKind::Refused, "nothing is published"));
        "has_what": client.has_what("").await, None;
        "a call's worker": holds(client.submit(inc(60).workers([""])).status() != Status::Finished), None;
        "report": client.performance_report(nowhere, async {}).await.1, Some((ErrorKind::Refused, nowhere));
        "dump": client.dump_cluster_state(nowhere).await, Some((ErrorKind::Refused, nowhere));
        "to_file": client.checkpoint([x]).to_file(nowhere).await, Some((ErrorKind::Refused, nowhere));
        "save": case.save(nowhere), Some((ErrorKind::Refused, nowhere));
        "replay": replay_case(nowhere), Some((ErrorKind::Refused, nowhere));
    }
    assert!(case.run().is_ok(), "the case is as it was");
    let ((), report) = client.performance_report(nowhere, async {}).await;
    assert!(report.unwrap_err().to_string().contains("can't be written"));
}

/// Plots without words, and with backgrounds that are none.
async fn odd_plots(client: &Client) {
    let grid = |x: Range<f64>, columns, values| client.plot("p").grid(x, 0.0..1.0, columns, vec![0.0; values]);
    let wrong = Some((ErrorKind::Refused, "the background of the plot `p`"));
    ask! {
        "an empty range": grid(1.0..1.0, 2, 4), wrong;
        "backwards": grid(1.0..0.0, 2, 4), wrong;
        "without an end": grid(0.0..f64::INFINITY, 2, 4), wrong;
        "no number": grid(f64::NAN..1.0, 2, 4), wrong;
        "no columns": grid(0.0..1.0, 0, 4), wrong;
        "no values": grid(0.0..1.0, 2, 0), wrong;
        "half a row": grid(0.0..1.0, 2, 3), wrong;
        "too many": grid(0.0..1.0, 1, 100_000), wrong;
        "of a function": client.plot("p").background(0.0..1.0, 1.0..0.0, |x, _| x), wrong;
        "a good one": grid(0.0..1.0, 2, 4), None;
    }
    let plot = client.plot("").title(long()).axes("", long()).scatter();
    plot.extend([]);
    plot.push(f64::NAN, f64::INFINITY);
    plot.series("").push(0.0, 0.0);
    plot.series(long()).push(0.0, 0.0);
    client.plot(long()).heat().push(0.0, 0.0, f64::NAN);
}

/// No time, no room, no bytes. What asks for one at least gets one.
async fn nothing_allowed(client: &Client, x: &TaskFuture<i64>) {
    let (queue, variable, event) = (client.queue::<i64>("z"), client.variable::<i64>("z"), client.event("z"));
    let held = client.lock("z").acquire().await.unwrap();
    ask! {
        "a call": client.submit(pends().timeout(Duration::ZERO)).await, Some((ErrorKind::TimedOut, ""));
        "a pause": client.submit(inc(51).retries(1).retry_delay(Duration::ZERO)).await, None;
        "wait_for_workers": client.wait_for_workers(3).limit(Duration::ZERO).await, Some((ErrorKind::TimedOut, "workers"));
        "case": client.recreate_task_locally(x).limit(0).await, None;
        "replicate": client.replicate([x]).copies(0).await, None;
        "scatter": client.scatter(3i64).replicas(0).await, None;
        "checkpoint": client.checkpoint([x]).copies(0).await, None;
        "no queue limit": queue.put(1).await, None;
        "map_stream": holds(client.map_stream(0..2, inc).limit(0).next().await.is_some()), None;
    }
    let no_time = Duration::ZERO;
    // What waits is dropped before it has begun, or before it is answered: nothing is taken, acquired or left.
    for _ in 0..3 {
        assert!(tokio::time::timeout(no_time, variable.get()).await.is_err());
        assert!(tokio::time::timeout(no_time, event.wait()).await.is_err());
        assert!(tokio::time::timeout(no_time, client.lock("z").acquire()).await.is_err());
        // Within one process the answer may be there at once.
        if let Ok(item) = tokio::time::timeout(no_time, queue.get()).await {
            queue.put(item.unwrap()).await.unwrap();
        }
    }
    assert_eq!(queue.get().await.unwrap(), 1, "what was put in is there");
    held.release().await.unwrap();
    client.lock("z").acquire().await.unwrap().release().await.unwrap();
}

/// Futures of another client, and those that were let go.
async fn strangers(client: &Client, other: &Client) {
    let theirs = other.submit(inc(30));
    let (gone, x) = (client.submit(inc(31)), client.submit(inc(32)));
    x.wait().await.unwrap();
    gone.wait().await.unwrap();
    assert_eq!((&gone).await.unwrap(), 32);
    gone.cancel();
    ask! {
        "an argument": client.submit(negate(&theirs)).await, Some((ErrorKind::ForeignFuture, "another client"));
        "publish": client.publish("theirs", &theirs).await, None;
        "unpublish": client.unpublish("theirs").await, None;
        "replicate": client.replicate([&theirs]).await, Some((ErrorKind::Refused, ""));
        "checkpoint": client.checkpoint([&theirs]).await, Some((ErrorKind::Refused, ""));
        "gather": client.gather([&theirs]).await, None;
        "who_has": client.who_has([&theirs, &gone]).await, None;
        "rebalance": client.rebalance().only([&gone]).await, None;
        "story": client.story(&gone).await, None;
        "metadata": client.metadata(&gone).await, None;
        "a case of it": client.recreate_task_locally(&gone).await, Some((ErrorKind::Refused, "there is no task"));
        "an error of it": client.recreate_error_locally(&x).await, Some((ErrorKind::Refused, "has not failed"));
        "an argument that was cancelled": client.submit(negate(&gone)).await, Some((ErrorKind::Cancelled, "had come here before"));
        "its copies": client.replicate([&gone]).await, Some((ErrorKind::Refused, "not wanted"));
        "its checkpoint": client.checkpoint([&gone]).await, Some((ErrorKind::Refused, "not wanted"));
        "its value": (&gone).await, None;
    }
    // Nobody but its own client ends it.
    client.cancel([&theirs]);
    client.cancel_for_everybody([&theirs]);
    client.abandon([&theirs]);
    client.retry([&theirs, &gone]);
    assert_eq!(theirs.await.unwrap(), 31);
}

on_every_cluster! {
    async fn whatever_is_asked_for_is_answered_and_changes_nothing(cluster: LocalCluster) {
        let (client, other) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        client.wait_for_workers(2).await.unwrap();
        let x = client.submit(inc(1));
        x.wait().await.unwrap();
        with_nothing(&client).await;
        unknown_names(&client, &x).await;
        absurd_sizes(&client, &x).await;
        absurd_clusters(&cluster).await;
        nothing_allowed(&client, &x).await;
        no_names_and_no_places(&client, &x).await;
        odd_plots(&client).await;
        strangers(&client, &other).await;
        assert_eq!(x.await.unwrap(), 2);
        assert_eq!(client.submit(inc(40)).await.unwrap(), 41, "the client goes on");
        all_is_forgotten(&cluster).await;
        assert_eq!(cluster.snapshot().workers.len(), 2);
    }
}

/// Clusters that there can't be. Each is refused before anything of it was started.
#[tokio::test]
async fn a_cluster_that_cannot_be_is_refused() {
    let local = Client::local;
    ask! {
        "no workers": local().workers(0).await, Some((ErrorKind::Refused, "0 workers: there must be from 1"));
        "no threads": local().threads(0).await, Some((ErrorKind::Refused, "0 threads: there must be from 1"));
        "more workers than there may be": local().workers(u32::MAX).await, Some((ErrorKind::Refused, "workers: there must be"));
        "more threads than there may be": local().threads(u32::MAX).await, Some((ErrorKind::Refused, "threads: there must be"));
        "a debt": local().resource("gpu", -1.0).await, Some((ErrorKind::Refused, "of the resource `gpu`"));
        "no number": local().resource("gpu", f64::NAN).await, Some((ErrorKind::Refused, "of the resource `gpu`"));
        "a page nowhere": local().dashboard("nowhere at all").await, Some((ErrorKind::Refused, "nowhere at all"));
        "processes of none": local().processes().workers(0).await, Some((ErrorKind::Refused, "0 workers"));
        "processes of no threads": local().processes().threads(0).await, Some((ErrorKind::Refused, "0 threads"));
    }
}

/// What is 0 where that is no number at all is no limit, or the least that there can be.
#[cfg(feature = "inproc")]
#[tokio::test]
async fn zeros_that_mean_something_are_taken() {
    let builder = Client::local().workers(1).memory_limit(0).shown_argument_bytes(0).resource("gpu", 0.0);
    let client = builder.no_worker_timeout(Duration::ZERO).await.unwrap();
    client.wait_for_workers(1).await.unwrap();
    assert_eq!(client.submit(inc(1)).await.unwrap(), 2);
    let error = client.submit(inc(2).resource("gpu", 1.0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoWorker, "{error}");
}

/// Addresses, files and credentials by which there is no scheduler to be had.
#[cfg(feature = "quic")]
mod connecting {
    use brisk_transport_quic::Credentials;

    use super::*;

    /// A file of credentials, which is gone when this is.
    struct File(std::path::PathBuf);

    impl File {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("brisk-bad-input-{}-{name}", std::process::id()));
            Credentials::create(&path).unwrap();
            File(path)
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[tokio::test]
    async fn what_is_no_address_and_who_is_not_there_is_told() {
        let file = File::new("addresses");
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let nobody = format!("quic://{}", silent.local_addr().unwrap());
        ask! {
            "nothing": Client::connect("", &file.0).await, Some((ErrorKind::Refused, "address"));
            "no port": Client::connect("quic://127.0.0.1", &file.0).await, Some((ErrorKind::Refused, "quic://127.0.0.1"));
            "no scheme": Client::connect("127.0.0.1:8786", &file.0).await, Some((ErrorKind::Refused, "127.0.0.1:8786"));
            "another scheme": Client::connect("tcp://127.0.0.1:8786", &file.0).await, Some((ErrorKind::Refused, "tcp://127.0.0.1:8786"));
            "this process": Client::connect("inproc://nobody", &file.0).await, Some((ErrorKind::Refused, "inproc://nobody"));
            "no file": Client::connect(&nobody, "/nowhere/at/all").await, Some((ErrorKind::Refused, "/nowhere/at/all"));
            "no credentials": Client::connect(&nobody, "/dev/null").await, Some((ErrorKind::Refused, "/dev/null"));
            "nobody there": Client::connect(&nobody, &file.0).await, Some((ErrorKind::Refused, &nobody));
            "no name": Client::connect("quic://nobody.invalid:8786", &file.0).await, Some((ErrorKind::Refused, "nobody.invalid"));
        }
        let no_time = tokio::time::timeout(Duration::ZERO, Client::connect(&nobody, &file.0));
        assert!(no_time.await.is_err(), "it is dropped before it has begun");
    }

    #[test]
    fn credentials_of_another_cluster_are_refused_and_nobody_is_let_in() {
        support::run_on(support::Kind::Processes, |cluster| async move {
            let file = File::new("strangers");
            let (before, address) = (cluster.snapshot().clients.len(), cluster.address().to_string());
            ask! {
                "a stranger": Client::connect(&address, &file.0).await, Some((ErrorKind::Refused, "credentials"));
            }
            assert_eq!(cluster.snapshot().clients.len(), before);
        });
    }
}

/// Nobody waits for the answer to a question that could not be put.
#[cfg(feature = "inproc")]
#[test]
fn a_request_that_is_too_long_for_a_message_is_refused() {
    support::run_on(support::Kind::Encoded, |cluster| async move {
        let client = cluster.client().await.unwrap();
        let name = "nobody".repeat(1_000_000);
        ask! {
            "run": client.run(inc(1)).workers([name.as_str()]).await, Some((ErrorKind::TooLarge, "the request can't be sent"));
            "retire_workers": client.retire_workers([name.as_str()]).await, Some((ErrorKind::TooLarge, "the request can't be sent"));
        }
        assert_eq!(client.submit(inc(1)).result().await.unwrap(), 2);
    });
}
