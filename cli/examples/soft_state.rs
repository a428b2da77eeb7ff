//! A program that holds what a scheduler can't be told again, and says what comes of it: for tests of a lost scheduler.
//!
//! Once it says `waiting` its scheduler may be killed and started again. Its tasks write down that they ran.

use std::{fs, io::Write, path::Path, time::Duration};

use brisk_client::{Client, TaskError, TaskFuture, actor, task, wait};

/// Long enough not to travel with the report.
const LENGTH: usize = 20_000;

fn note(directory: &str, what: &str) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(Path::new(directory).join(what)).unwrap();
    file.write_all(b".").unwrap();
}

/// A value of some length.
#[task]
fn made(directory: String, what: String) -> Vec<u64> {
    note(&directory, &what);
    vec![1; LENGTH]
}

/// The sum of a value, once there is a file.
#[task]
fn gated(directory: String, what: String, value: &[u64]) -> u64 {
    note(&directory, &what);
    // The test that lets it go is another process, which has a file to say it with and nothing to wake this one.
    while !Path::new(&directory).join("go").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    value.iter().sum()
}

/// Counts its calls.
struct Counter(u64);

#[actor]
impl Counter {
    fn new() -> Self {
        Counter(0)
    }

    fn count(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// Says in one line what a future came to.
async fn tell<T: brisk_client::Value>(what: &str, future: &TaskFuture<T>) {
    match future.result_shared().await {
        Ok(_) => println!("{what}: a value"),
        Err(error) => println!("{what}: {:?} {}", error.kind(), in_one_line(&error)),
    }
}

fn in_one_line(error: &TaskError) -> String {
    error.to_string().replace('\n', " ")
}

#[brisk_client::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("a directory, please")?;
    let client = Client::from_env().await?;
    let made = |what: &str| made(directory.clone(), what.to_owned());
    let scattered = client.scatter(vec![7u64; LENGTH]).await?;
    let ordinary = client.submit(made("ordinary"));
    let once = client.submit(made("once").once());
    wait([&ordinary, &once]).await;
    client.publish("numbers", &ordinary).await?;
    let counter = client.actor(CounterActor::new());
    assert_eq!(counter.count().await?, 1);
    let needs_scattered = client.submit(gated(directory.clone(), "needs-scattered".to_owned(), &scattered));
    let once_running = client.submit(gated(directory.clone(), "once-running".to_owned(), &ordinary).once());
    // The tasks run in other processes, and say that they have begun by files only.
    while !["needs-scattered", "once-running"].iter().all(|what| Path::new(&directory).join(what).exists()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("names: {} {} {}", scattered.name(), once.name(), once_running.name());
    println!("waiting");

    // Settled as soon as there is a scheduler again.
    tell("once and running", &once_running).await;
    tell("needs the scattered value", &needs_scattered).await;
    tell("scattered", &scattered).await;
    tell("once and finished", &once).await;
    tell("ordinary", &ordinary).await;
    match counter.count().await {
        Ok(count) => println!("actor: {count}"),
        Err(error) => println!("actor: {:?} {}", error.kind(), in_one_line(&error)),
    }
    match client.dataset::<TaskFuture<Vec<u64>>>("numbers").await {
        Ok(_) => println!("published: a value"),
        Err(error) => println!("published: {:?} {}", error.kind(), in_one_line(&error)),
    }
    drop((scattered, needs_scattered));

    // What the errors say to do.
    client.publish("numbers", &ordinary).await?;
    let again = client.scatter(vec![7u64; LENGTH]).await?;
    fs::write(Path::new(&directory).join("go"), "")?;
    assert_eq!(client.actor(CounterActor::new()).count().await?, 1);
    let needs_it = client.submit(gated(directory.clone(), "needs-scattered".to_owned(), &again));
    assert_eq!(needs_it.await?, 7 * LENGTH as u64);
    assert_eq!(client.dataset::<TaskFuture<Vec<u64>>>("numbers").await?.result_shared().await?.len(), LENGTH);
    println!("all right");
    client.close().await;
    Ok(())
}
