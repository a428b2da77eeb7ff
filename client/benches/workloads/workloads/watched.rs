//! What it costs that people look on.

use std::{
    io::Read,
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use brisk_client::wait;

use super::released;
use crate::{Bench, browser::Browser, tasks::noop};

const VIEWERS: usize = 5;

/// How often each is measured, by turns.
const TURNS: usize = 5;

/// n independent no-op tasks with five viewers of the dashboard and without, by turns; the medians. The viewers take all that
/// comes, on the same processors, and do nothing with it.
pub(super) async fn watched(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let (mut alone, mut watched, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..TURNS {
        alone.push(noops(bench, n).await?);
        let viewers = Viewers::open(&bench.client.dashboard_url()?)?;
        watched.push(noops(bench, n).await?);
        bytes = viewers.close();
    }
    let (alone, watched) = (median(alone), median(watched));
    let more = [
        ("alone_s", alone.as_secs_f64()),
        ("ratio", watched.as_secs_f64() / alone.as_secs_f64()),
        ("bytes_a_viewer", bytes as f64 / VIEWERS as f64),
    ];
    bench.report.line("dashboard", n, n, watched, &more);
    Ok(())
}

async fn noops(bench: &Bench, n: usize) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let futures: Vec<_> = (0..n).map(|_| bench.client.submit(noop())).collect();
    wait(&futures).await;
    let finished = start.elapsed();
    drop(futures);
    released(bench).await?;
    Ok(finished)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Those who look on.
struct Viewers {
    streams: Vec<TcpStream>,
    bytes: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Viewers {
    /// Opens the link, and waits until each has begun to hear.
    fn open(link: &str) -> anyhow::Result<Viewers> {
        let browser = Browser::open(link);
        let cookie = browser.cookie();
        let bytes = Arc::<AtomicU64>::default();
        let (mut streams, mut threads) = (Vec::new(), Vec::new());
        for _ in 0..VIEWERS {
            let request = format!("GET /api/events HTTP/1.1\r\nHost: {}\r\n{cookie}\r\n", browser.address());
            let mut stream = browser.send(&request);
            stream.read_exact(&mut [0; 1])?;
            streams.push(stream.get_ref().try_clone()?);
            let bytes = bytes.clone();
            threads.push(thread::spawn(move || {
                let mut buffer = vec![0; 64 << 10];
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    bytes.fetch_add(read as u64, Ordering::Relaxed);
                }
            }));
        }
        Ok(Viewers { streams, bytes, threads })
    }

    /// How many bytes they were told together.
    fn close(self) -> u64 {
        // What is closed already needs no closing.
        self.streams.iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        self.threads.into_iter().for_each(|thread| drop(thread.join()));
        self.bytes.load(Ordering::Relaxed)
    }
}
