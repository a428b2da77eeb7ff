//! The page of a cluster, as a browser sees it while programs run.
#![cfg(feature = "dashboard")]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use brisk_client::{Client, TaskContext, task};
use serde_json::Value;

#[path = "../../dashboard/tests/support/browser.rs"]
mod browser;
mod support;

#[cfg(feature = "quic")]
brisk_client::test_worker!();

use browser::{Browser, Events};

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn odd(x: i64) -> Result<i64, String> {
    if x % 2 == 0 { Ok(x) } else { Err("<script>alert(1)</script> is odd".to_owned()) }
}

#[task]
fn says(text: String) {
    TaskContext::current().expect("a task has a context").log(text);
}

#[task]
async fn marks(x: i64) -> i64 {
    let client = brisk_client::current().await.expect("a task has a client");
    client.plot("a search/1").title("<b>where</b>").axes("x", "y").scatter().series("tasks").push(x as f64, 0.0);
    x
}

/// What a page knows after all events so far.
#[derive(Default)]
struct Page {
    totals: Value,
    workers: BTreeMap<u64, Value>,
    functions: BTreeMap<u64, Value>,
    errors: BTreeMap<u64, Value>,
    plots: BTreeMap<String, Value>,
    runs: Vec<(u64, f64, f64, u64, String)>,
    snapshots: u32,
}

impl Page {
    /// Takes events until `holds`.
    fn until(&mut self, events: &mut Events, what: &str, holds: impl Fn(&Page) -> bool) {
        let limit = Instant::now() + Duration::from_secs(30);
        while !holds(self) {
            assert!(Instant::now() < limit, "the page never showed that {what}");
            let (kind, feed) = events.next().expect("events go on while the cluster does");
            self.take(&kind, feed);
        }
    }

    fn take(&mut self, kind: &str, mut feed: Value) {
        assert_eq!(feed["version"], 1);
        if kind == "snapshot" {
            *self = Page { snapshots: self.snapshots + 1, ..Page::default() };
            assert!(feed["cluster"]["started"].as_f64().unwrap() > 0.0);
        }
        if let Value::Object(_) = feed["totals"] {
            self.totals = feed["totals"].take();
        }
        for (rows, name) in
            [(&mut self.workers, "workers"), (&mut self.functions, "functions"), (&mut self.errors, "errors")]
        {
            for row in feed[name].as_array().into_iter().flatten() {
                rows.insert(row["id"].as_u64().unwrap(), row.clone());
            }
        }
        for row in feed["plots"].as_array().into_iter().flatten() {
            self.plots.insert(row["name"].as_str().unwrap().to_owned(), row.clone());
        }
        for name in feed["plots_gone"].as_array().into_iter().flatten() {
            self.plots.remove(name.as_str().unwrap());
        }
        let runs = &feed["runs"];
        for i in 0..runs["key"].as_array().map_or(0, Vec::len) {
            let number = |column: &str| runs[column][i].as_f64().unwrap();
            let key = runs["key"][i].as_str().unwrap().to_owned();
            assert!(number("start") <= number("end") && number("lane") < 1_000.0);
            self.runs.push((number("worker") as u64, number("start"), number("end"), number("function") as u64, key));
        }
    }

    fn function(&self, name: &str) -> &Value {
        self.functions.values().find(|row| row["name"] == name).unwrap_or(&Value::Null)
    }
}

fn signed_in(client: &Client) -> (Browser, String) {
    let browser = Browser::open(&client.dashboard_url().unwrap());
    let cookie = browser.cookie();
    (browser, cookie)
}

on_every_cluster! {
    async fn the_page_shows_what_is_there_and_what_changes(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let before = client.map(0..10, inc);
        client.gather(&before).await.unwrap();
        let (browser, cookie) = signed_in(&client);
        let mut events = browser.follow(&cookie);
        let mut page = Page::default();
        page.until(&mut events, "there are ten values", |page| page.totals["memory"] == 10);
        assert_eq!(page.snapshots, 1);
        assert_eq!((page.workers.len(), page.runs.len()), (2, 10), "what was before the page was opened is there");
        assert_eq!(page.function("inc")["finished"], 10);
        let held: u64 = page.workers.values().map(|row| row["held"].as_u64().unwrap()).sum();
        let ended: u64 = page.workers.values().map(|row| row["finished"].as_u64().unwrap()).sum();
        assert!(held >= 10 && ended == 10, "{:?}", page.workers);

        let more = client.map(100..120, inc);
        client.gather(&more).await.unwrap();
        page.until(&mut events, "twenty more have ended", |page| page.function("inc")["finished"] == 30 && page.runs.len() == 30);
        drop((before, more));
        page.until(&mut events, "all is forgotten", |page| page.totals["memory"] == 0 && page.totals["released"] == 0);
        assert_eq!(page.totals["finished"], 30);
        assert_eq!(page.snapshots, 1, "one beginning, then what changed");
    }

    async fn a_task_tells_its_story_and_its_failure(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        // What a failure pulls down with it is no failure of its own.
        let pulled = client.submit(inc(odd(3)));
        let failed = client.submit(odd(3));
        let after = client.submit(inc(1));
        failed.result().await.unwrap_err();
        pulled.result().await.unwrap_err();
        after.result().await.unwrap();
        let (browser, cookie) = signed_in(&client);
        let mut events = browser.follow(&cookie);
        let mut page = Page::default();
        page.until(&mut events, "a task has failed", |page| !page.errors.is_empty());
        let group = page.errors.values().next().unwrap();
        assert_eq!((&group["count"], &group["message"]), (&1.into(), &"<script>alert(1)</script> is odd".into()));

        assert_eq!((page.errors.len(), &page.totals["erred"], &page.totals["failed"]), (1, &2.into(), &1.into()));

        let task = browser.get(&format!("/api/tasks/{}", group["key"].as_str().unwrap()), &cookie);
        // JSON is never taken for a page, whatever it says.
        assert_eq!(task.header("content-type"), Some("application/json"));
        assert_eq!(task.header("x-content-type-options"), Some("nosniff"));
        let task = task.json();
        assert_eq!((&task["function"], &task["state"]), (&"odd".into(), &"erred".into()));
        assert_eq!(task["error"]["message"], group["message"]);
        assert_eq!(task["error"]["arguments"], "(3)");
        assert!(task["story"].as_array().unwrap().iter().any(|line| line["event"].as_str().unwrap().contains("Erred")));
        assert!(task["recreate"][0].as_str().unwrap().contains("recreate_error_locally"));
        assert_eq!(browser.get("/api/tasks/00000000000000000000000000000000", &cookie).status, 404);

        let (id, _) = page.workers.iter().next().unwrap();
        let worker = browser.get(&format!("/api/workers/{id}"), &cookie).json();
        assert_eq!((&worker["id"], &worker["threads"]), (&(*id).into(), &1.into()));
        assert!(worker["holds"].is_array() && worker["running_now"].is_array() && worker["started"].is_number());
        assert_eq!(browser.get("/api/workers/987654", &cookie).status, 404);
    }

    async fn a_workers_page_has_what_tasks_say_there(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let word = "<b>bold</b> & so on";
        let (first, second) = (client.submit(says(word.to_owned())), client.submit(says("another".to_owned())));
        first.result().await.unwrap();
        second.result().await.unwrap();
        let (browser, cookie) = signed_in(&client);
        let mut page = Page::default();
        page.until(&mut browser.follow(&cookie), "there are two workers", |page| page.workers.len() == 2);
        let logs = || {
            let pages = page.workers.keys().map(|id| browser.get(&format!("/api/workers/{id}"), &cookie).json());
            pages.flat_map(|mut page| page["log"].as_array_mut().map(std::mem::take).unwrap()).collect::<Vec<_>>()
        };
        // What a run says last goes before its end.
        let log = logs();
        let mut texts: Vec<_> = log.iter().map(|line| line["text"].as_str().unwrap()).collect();
        texts.sort_unstable();
        assert_eq!(texts, [word, "another"]);
        for line in &log {
            assert!(line["time"].is_number() && line["key"].is_string() && line["name"].as_str().unwrap().starts_with("says-"), "{line}");
        }
        drop((first, second));
        client.flush().await;
        assert!(logs().is_empty(), "what a task has said goes with it");
    }

    async fn the_graph_is_of_tasks_while_they_are_few_and_of_functions_then(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let values: Vec<_> = client.map(0..5, inc);
        let above = client.map(&values, inc);
        client.gather(&above).await.unwrap();
        let (browser, cookie) = signed_in(&client);
        let graph = browser.get("/api/graph?limit=100", &cookie).json();
        assert_eq!((&graph["grouped"], graph["nodes"].as_array().unwrap().len()), (&false.into(), 10), "{graph}");
        let layers = graph["nodes"].as_array().unwrap().iter().map(|node| node["layer"].as_u64().unwrap()).max();
        assert!(layers >= Some(1), "{graph}");
        let grouped = browser.get("/api/graph?limit=3", &cookie).json();
        assert_eq!(grouped["grouped"], true);
        let inc = grouped["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "inc").unwrap();
        assert_eq!(inc["states"]["memory"], 10);
        assert_eq!(browser.get("/api/graph?limit=many", &cookie).status, 404);
    }

    async fn points_are_seen_as_they_come(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let (browser, cookie) = signed_in(&client);
        let mut events = browser.follow(&cookie);
        let mut page = Page::default();
        let plot = client.plot("a search/1").title("<b>where</b>").axes("x", "y").background(-1.0..1.0, 0.0..1.0, |x, y| x * y);
        let points = plot.unwrap().scatter();
        points.push(1.0, 2.0);
        page.until(&mut events, "there is a plot", |page| page.plots.get("a search/1").is_some_and(|row| row["points"] == 1));
        let first = page.plots["a search/1"]["revision"].as_u64().unwrap();
        points.extend((0..10_000).map(|i| (f64::from(i), f64::NAN)));
        points.series("best").extend([(3.0, 4.0), (5.0, 6.0)]);
        // Tasks add to the same plot, each worker as a program of its own.
        client.gather(&client.map(0..4, marks)).await.unwrap();
        page.until(&mut events, "all points are there", |page| page.plots["a search/1"]["points"] == 7);
        let row = &page.plots["a search/1"];
        assert_eq!((&row["title"], &row["kind"], &row["left_out"]), (&"<b>where</b>".into(), &"scatter".into(), &0.into()));
        assert!(row["revision"].as_u64().unwrap() > first);

        let plot = browser.get("/api/plots/a%20search%2F1", &cookie);
        assert_eq!(plot.header("content-type"), Some("application/json"));
        let plot = plot.json();
        let series: BTreeMap<_, _> = plot["series"].as_array().unwrap().iter()
            .map(|series| (series["name"].as_str().unwrap(), series["x"].as_array().unwrap().len())).collect();
        assert_eq!(series, BTreeMap::from([("", 1), ("best", 2), ("tasks", 4)]));
        assert_eq!((&plot["background"]["columns"], &plot["background"]["rows"]), (&128.into(), &128.into()));
        assert_eq!(browser.get("/api/plots/other", &cookie).status, 404);
    }

    async fn plots_go_with_their_programs(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let other = cluster.client().await.unwrap();
        let (browser, cookie) = signed_in(&client);
        let mut events = browser.follow(&cookie);
        let mut page = Page::default();
        client.plot("mine").heat().push(0.0, 0.0, 1.0);
        other.plot("theirs").line().push(0.0, 0.0);
        page.until(&mut events, "there are two plots", |page| page.plots.len() == 2);
        other.close().await;
        page.until(&mut events, "one plot has gone", |page| page.plots.len() == 1);
        assert_eq!(browser.get("/api/plots/mine", &cookie).json()["series"][0]["z"], serde_json::json!([1.0]));
    }

    async fn the_page_ends_with_its_cluster(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let (browser, cookie) = signed_in(&client);
        let mut events = browser.follow(&cookie);
        assert_eq!(events.next().unwrap().0, "snapshot");
        assert_eq!(client.dashboard_url().unwrap(), cluster.dashboard_url().unwrap(), "asked twice, it is one page");
        drop(client);
        let begun = Instant::now();
        cluster.close().await;
        assert!(begun.elapsed() < Duration::from_secs(10), "whoever looks on holds up no end");
        while events.next().is_some() {}
        // Its port may be another program's by now, which knows nothing of this viewer.
        assert!(!browser.is_let_in(), "the page has gone");
    }
}

#[cfg(feature = "inproc")]
#[tokio::test]
async fn the_page_is_where_the_builder_says_or_nowhere() {
    let client = Client::local().dashboard("127.0.0.1:0").await.unwrap();
    let first = client.dashboard_url().unwrap();
    Browser::open(&first).cookie();
    let taken = Browser::open(&first).address();
    let error = Client::local().dashboard(taken.to_string()).await.unwrap_err().to_string();
    assert!(error.contains(&taken.to_string()), "{error}");
    let off = Client::local().dashboard("off").await.unwrap();
    let error = off.dashboard_url().unwrap_err().to_string();
    assert!(error.contains("switched off"), "{error}");
    let error = Client::local().dashboard("somewhere").await.unwrap_err().to_string();
    assert!(error.contains("`somewhere`"), "{error}");
    let error = Client::sync().dashboard_url().unwrap_err().to_string();
    assert!(error.contains("no cluster"), "{error}");
}
