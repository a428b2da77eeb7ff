//! What the scheduler tells of itself; on every kind of cluster.

mod support;

use brisk_client::{ErrorKind, TaskState, task, wait};
use brisk_core::message::{Query, Told};
use brisk_scheduler::dump::Dump;
use brisk_worker::dump::Dumps;

brisk_client::test_worker!();

#[task]
fn block(bytes: usize) -> Vec<u8> {
    vec![7; bytes]
}

#[task]
fn half(x: i64) -> Result<i64, String> {
    if x % 2 == 0 { Ok(x / 2) } else { Err(format!("{x} is odd")) }
}

/// Goes on when somebody writes to a pipe.
#[task]
fn read(pipe: String) -> std::io::Result<usize> {
    Ok(std::fs::read(pipe)?.len())
}

#[task]
fn add(x: usize, y: usize) -> usize {
    x + y
}

/// A named pipe of this test's own.
struct Pipe(std::path::PathBuf);

impl Pipe {
    fn new() -> Self {
        let unique = format!("brisk-pipe-{}-{:?}", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(unique);
        let _ = std::fs::remove_file(&path);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        Pipe(path)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

on_every_cluster! {
    async fn workers_and_tasks_are_told(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let (one, two) = (client.submit(block(1_000).workers(["worker-0"])), client.submit(block(3_000).workers(["worker-1"])));
        let halves = client.map(0..10, half);
        wait([&one, &two]).await;
        wait(&halves).await;

        let info = client.scheduler_info().await.unwrap();
        let names: Vec<&str> = info.workers.iter().map(|worker| &*worker.name).collect();
        assert_eq!((names.len(), info.more_workers), (2, 0));
        assert!(names.contains(&"worker-0") && info.workers.iter().all(|worker| worker.threads == 1));
        assert_eq!((info.count(TaskState::Memory), info.count(TaskState::Erred)), (7, 5));
        let [halving, blocks] = &info.functions[..] else { panic!("{info:?}") };
        assert_eq!((&*halving.name, &*blocks.name), ("half", "block"));
        assert_eq!(halving.tasks, [(TaskState::Memory, 5), (TaskState::Erred, 5)]);
        assert!(blocks.place.contains("inspecting.rs:") && blocks.nbytes >= 4_000, "{blocks:?}");
        assert_eq!(client.nbytes().await.unwrap(), halving.nbytes + blocks.nbytes);

        let erred = client.tasks().state(TaskState::Erred).limit(2).await.unwrap();
        assert_eq!((erred.tasks.len(), erred.more), (2, 3));
        assert!(erred.to_string().contains("is odd") && erred.to_string().ends_with("and 3 more"), "{erred}");
        assert_eq!(client.tasks().function("block").limit(0).await.unwrap().more, 2);
        let held = client.has_what("worker-1").function("block").await.unwrap();
        assert_eq!(held.tasks.iter().map(|status| status.task.key).collect::<Vec<_>>(), [two.key()]);
        assert_eq!(client.has_what("nobody").await.unwrap().tasks, []);
        let holders = client.who_has([&two, &one]).await.unwrap();
        assert_eq!(holders, [vec!["worker-1".into()], vec!["worker-0".into()]]);
        assert!(client.who_has(halves.iter().skip(1).step_by(2)).await.unwrap().iter().all(Vec::is_empty));
    }

    async fn what_runs_is_told_with_its_age_and_story(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let pipe = Pipe::new();
        let reading = client.submit(read(pipe.0.to_string_lossy().into_owned()).workers(["worker-1"]));
        // Opening the pipe waits for its reader, so the task runs.
        let path = pipe.0.clone();
        let opened = tokio::task::spawn_blocking(move || std::fs::OpenOptions::new().write(true).open(path).unwrap());
        let writer = opened.await.unwrap();
        let running = client.processing().await.unwrap();
        let [status] = &running.tasks[..] else { panic!("{running}") };
        assert_eq!((status.task.key, &*status.function, &status.workers[..]), (reading.key(), "read", &["worker-1".into()][..]));
        assert!(status.age.is_some(), "{running}");
        // It says nothing of itself, but goes on for so long that its worker tells in which thread.
        while client.processing().await.unwrap().tasks[0].thread != Some(0) {
            tokio::task::yield_now().await;
        }
        drop(writer);
        assert_eq!(reading.await.unwrap(), 0);
        assert_eq!(client.processing().await.unwrap().tasks, []);
    }

    async fn what_a_future_waits_for_is_told_by_function(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let pipe = Pipe::new();
        let read = read(pipe.0.to_string_lossy().into_owned());
        let sum = client.submit(add(add(&read, 1), add(&read, 2)));
        let left = async || {
            let told = sum.handle().ask(Query::Remaining(vec![sum.key()])).expect("a cluster").await;
            let Some(Told::Remaining(left)) = told else { panic!("{told:?}") };
            left.functions
        };
        assert_eq!(left().await, [("add".into(), 2), ("read".into(), 1)]);
        std::fs::write(&pipe.0, b"seven").unwrap();
        sum.wait().await.unwrap();
        assert_eq!((left().await, sum.await.unwrap()), (vec![], 13));
    }

    async fn a_story_is_told_from_its_beginning(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let failed = client.submit(half(7).retries(1));
        assert_eq!(failed.exception().await.unwrap().kind(), ErrorKind::Failed);
        let story = client.story(&failed).await.unwrap();
        let story: Vec<String> = story.iter().map(|line| line.what.to_string()).collect();
        assert_eq!(story.first().unwrap(), "from Released to Waiting", "{story:#?}");
        let begun = story.iter().filter(|line| line.contains("to Processing, run ") && line.contains(" on worker-"));
        assert_eq!(begun.count(), 2, "{story:#?}");
        assert!(story.last().unwrap().starts_with("from Processing to Erred"), "{story:#?}");
        let ago: Vec<_> = client.story(&failed).await.unwrap().iter().map(|line| line.ago).collect();
        assert!(ago.is_sorted_by(|earlier, later| earlier >= later), "{ago:?}");
    }
}

#[test]
fn a_client_without_a_cluster_says_so() {
    let client = brisk_client::blocking::Client::from(brisk_client::Client::sync());
    assert_eq!(client.scheduler_info().unwrap_err().kind(), ErrorKind::Refused);
}

on_every_cluster! {
    async fn a_page_tells_what_ran_meanwhile(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let before = client.submit(block(1));
        before.wait().await.unwrap();
        let path = std::env::temp_dir().join(format!("brisk-page-{}-{:?}", std::process::id(), std::thread::current().id()));
        let work = async { client.gather_each(&client.map(0..20, half)).await };
        let (halves, report) = client.performance_report(&path, work).await;
        assert_eq!(halves.iter().filter(|half| half.is_ok()).count(), 10);
        let page = std::fs::read_to_string(report.unwrap()).unwrap();
        assert!(page.contains("<td>half</td><td>20</td><td>10</td>"), "{page}");
        assert!(!page.contains("<td>block</td>"), "what ran before is not in it: {page}");
        assert!(page.contains("worker-1") && page.contains("2 with 2 threads"), "{page}");
        assert!(!page.contains("http:") && !page.contains("https:"), "it stands by itself");
        std::fs::remove_file(&path).unwrap();

        // That it can't be written costs no work.
        let (done, report) = client.performance_report("/nowhere/page.html", async { 7 }).await;
        assert_eq!(done, 7);
        assert!(report.unwrap_err().to_string().contains("the report can't be written"));

        let stream = client.task_stream().limit(3).await.unwrap();
        assert_eq!((stream.runs.len(), stream.more, stream.complete), (3, 18, true));
        assert!(stream.runs.iter().all(|run| &*run.function == "half" && run.ended.is_some()), "{stream:?}");
    }
}

on_every_cluster! {
    async fn a_dump_of_everything_is_a_machine_again(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let pipe = Pipe::new();
        let running = client.submit(read(pipe.0.to_str().unwrap().to_owned()));
        let blocks = client.map(0..500, |n: i32| block(n as usize));
        let failed = client.submit(half(1));
        let queue = client.queue::<i64>("numbers");
        queue.put(7).await.unwrap();
        wait(&blocks).await;
        wait([&failed]).await;
        client.publish("blocks", &blocks).await.unwrap();
        let path = std::env::temp_dir().join(format!("brisk-dump-{}-{:?}", std::process::id(), std::thread::current().id()));
        let length = client.dump_cluster_state(&path).await.unwrap();
        assert!(length > 2 * (256 << 10), "{length}: it came in several pages");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), length);

        let dump = Dump::open(&path).unwrap();
        let workers: Vec<_> = Dumps::open(&path).unwrap().map(Result::unwrap).collect();
        std::fs::remove_file(&path).unwrap();
        let mut names: Vec<&str> = workers.iter().map(|dump| &*dump.worker).collect();
        names.sort_unstable();
        assert_eq!(names, ["worker-0", "worker-1"]);
        let workers: Vec<_> = workers.iter().map(|dump| dump.machine.as_ref().unwrap()).collect();
        workers.iter().for_each(|worker| worker.check_invariants().unwrap());
        assert_eq!(workers.iter().map(|worker| worker.values()).sum::<u64>(), 500);
        assert_eq!(workers.iter().map(|worker| worker.running()).sum::<u32>(), 1);
        dump.machine.check_invariants().unwrap();
        let snapshot = dump.machine.snapshot();
        assert_eq!((snapshot.total(), snapshot.count(TaskState::Memory), snapshot.workers.len()), (502, 500, 2));
        let told = dump.machine.describe_task(failed.key()).unwrap();
        assert!(told.contains("half-") && told.contains("1 is odd") && told.contains("wanted by"), "{told}");
        let lines = dump.records.iter().filter_map(|record| dump.machine.story_line(record, failed.key(), dump.header.at));
        assert!(lines.count() >= 3, "{:?}", dump.records);
        let running_there = dump.machine.describe_task(running.key()).unwrap();
        assert!(running_there.contains("Processing on worker-"), "{running_there}");

        // What can't be written costs nothing, and nothing is left of it.
        let error = client.dump_cluster_state("/nowhere/state").await.unwrap_err();
        assert!(error.to_string().contains("the dump can't be written"), "{error}");
        std::fs::write(&pipe.0, "12").unwrap();
        assert_eq!(running.await.unwrap(), 2);
    }
}
