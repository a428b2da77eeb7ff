//! What it costs that people look on, and what is kept for them.

use std::{
    io::{BufReader, Read},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Context;
use brisk_client::wait;

use super::{lives::resident_bytes, released};
use crate::program::{Bench, browser::Browser, tasks::noop};

const VIEWERS: usize = 5;

/// How often each is measured, by turns.
const TURNS: usize = 7;

/// Tasks that are there at once. A turn has many rounds of them, so that looks of ten a second fall into it as often as they would.
const AT_ONCE: usize = 50_000;

/// Nobody waits longer for the first event.
const LIMIT: Duration = Duration::from_secs(20);

/// n independent no-op tasks with five viewers of the dashboard and without, by turns; the median of each pair's ratio, of time and
/// of processor time, which says something on a machine that others use too. The viewers take all that comes, on the same
/// processors, and do nothing with it.
pub(super) async fn watched(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let (mut times, mut ratios, mut processor_ratios, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for turn in 0..TURNS {
        // Now the one first, now the other: whatever gets slower or faster with time falls on both.
        let (alone, watched);
        if turn % 2 == 0 {
            alone = noops(bench, n).await?;
            (watched, bytes) = noops_watched(bench, n).await?;
        } else {
            (watched, bytes) = noops_watched(bench, n).await?;
            alone = noops(bench, n).await?;
        }
        ratios.push(watched.time.as_secs_f64() / alone.time.as_secs_f64());
        processor_ratios.push(watched.processor.as_secs_f64() / alone.processor.as_secs_f64());
        times.push((watched.time, alone.time));
    }
    times.sort();
    ratios.sort_by(f64::total_cmp);
    processor_ratios.sort_by(f64::total_cmp);
    let (watched, alone) = times[TURNS / 2];
    let more = [
        ("alone_s", alone.as_secs_f64()),
        ("ratio", ratios[TURNS / 2]),
        ("least_ratio", ratios[0]),
        ("most_ratio", ratios[TURNS - 1]),
        ("processor_ratio", processor_ratios[TURNS / 2]),
        ("bytes_a_viewer", bytes as f64 / VIEWERS as f64),
    ];
    bench.report.line("dashboard", n, n, watched, &more);
    Ok(())
}

/// The memory of this process, in which scheduler, client and page are, while n no-op tasks pass through it under the eyes of five
/// viewers: after each tenth of them.
pub(super) async fn memory(bench: &mut Bench, n: usize) -> anyhow::Result<()> {
    let viewers = Viewers::open(&bench.client.dashboard_url()?)?;
    let (mut done, mut took) = (0, Duration::ZERO);
    for until in (1..=10).map(|tenths| n / 10 * tenths) {
        took += noops(bench, until - done).await?.time;
        done = until;
        bench.report.begin();
        let more = [
            ("rss_mib", (resident_bytes()? >> 20) as f64),
            ("bytes_a_viewer", viewers.heard() as f64 / VIEWERS as f64),
        ];
        bench.report.line("dashboard-memory", done, done, took, &more);
        bench.report.end();
    }
    viewers.close();
    Ok(())
}

/// What some tasks took.
struct Took {
    time: Duration,
    /// All threads of this process together: of workers that are processes only what is done here.
    processor: Duration,
}

/// What n of them take, from the first submission until the last is forgotten.
async fn noops(bench: &Bench, n: usize) -> anyhow::Result<Took> {
    let (start, before) = (Instant::now(), processor_time()?);
    for first in (0..n).step_by(AT_ONCE) {
        let futures: Vec<_> = (first..n.min(first + AT_ONCE)).map(|_| bench.client.submit(noop())).collect();
        wait(&futures).await;
        drop(futures);
        released(bench).await?;
    }
    Ok(Took { time: start.elapsed(), processor: processor_time()? - before })
}

/// Processor time that this process has taken, to a hundredth of a second.
fn processor_time() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    // The name, in parentheses, may have spaces in it; what follows it are fields 3 and on, and 14 and 15 are meant.
    let fields = text.rsplit_once(')').context("a name in /proc/self/stat")?.1;
    let hundredths = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(10 * hundredths))
}

/// The same under the eyes of viewers, with the bytes that they were told meanwhile.
async fn noops_watched(bench: &Bench, n: usize) -> anyhow::Result<(Took, u64)> {
    let viewers = Viewers::open(&bench.client.dashboard_url()?)?;
    let before = viewers.heard();
    let took = noops(bench, n).await?;
    let heard = viewers.heard() - before;
    viewers.close();
    Ok((took, heard))
}

/// Those who look on.
struct Viewers {
    streams: Vec<TcpStream>,
    bytes: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Viewers {
    /// Opens the link, and waits until each has heard the beginning, which is long and comes once.
    fn open(link: &str) -> anyhow::Result<Viewers> {
        let browser = Browser::open(link);
        let cookie = browser.cookie();
        let bytes = Arc::<AtomicU64>::default();
        let (has_begun, begun) = mpsc::channel();
        let (mut streams, mut threads) = (Vec::new(), Vec::new());
        for _ in 0..VIEWERS {
            let request = format!("GET /api/events HTTP/1.1\r\nHost: {}\r\n{cookie}\r\n", browser.address());
            let stream = browser.send(&request);
            streams.push(stream.get_ref().try_clone()?);
            let (bytes, has_begun) = (bytes.clone(), has_begun.clone());
            threads.push(thread::spawn(move || listen(stream, &bytes, &has_begun)));
        }
        for _ in 0..VIEWERS {
            begun.recv_timeout(LIMIT)?;
        }
        Ok(Viewers { streams, bytes, threads })
    }

    /// How many bytes they were told together.
    fn heard(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn close(self) {
        // What is closed already needs no closing.
        self.streams.iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        self.threads.into_iter().for_each(|thread| drop(thread.join()));
    }
}

/// Takes all that comes, and says so once the first event has come, at whose end there are two line ends.
fn listen(mut stream: BufReader<TcpStream>, bytes: &AtomicU64, has_begun: &mpsc::Sender<()>) {
    let mut buffer = vec![0; 64 << 10];
    let (mut last, mut is_beginning) = (0, true);
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        bytes.fetch_add(read as u64, Ordering::Relaxed);
        if is_beginning {
            let heard = &buffer[..read];
            let is_over = (last, heard[0]) == (b'\n', b'\n') || heard.windows(2).any(|pair| pair == b"\n\n");
            last = heard[read - 1];
            if is_over {
                is_beginning = false;
                // Nobody may wait for it any more.
                let _ = has_begun.send(());
            }
        }
    }
}
