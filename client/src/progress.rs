//! Progress of many futures, drawn while the program goes on.

use std::{
    future::{Future, IntoFuture},
    io::IsTerminal,
    pin::Pin,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use brisk_core::{
    error::TaskError,
    future::{Status, TaskFuture, WeakHandle},
    value::Value,
};
use indicatif::{ProgressBar, ProgressStyle};

/// How often a terminal is redrawn.
const REDRAW: Duration = Duration::from_millis(100);

/// How often a line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(5);

/// Shows how far these futures are: a bar on a terminal, elsewhere a line every five seconds, on standard error. Returns
/// at once and draws in the background, until all have ended or are dropped; it keeps none of them wanted.
///
/// Awaiting it waits until all have ended. It is an error if one of them failed: the first, in the order given.
///
/// ```
/// # use brisk_client::{Client, task};
/// # #[task] fn double(x: i64) -> i64 { 2 * x }
/// # #[brisk_client::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let client = Client::local().await?;
/// let futures = client.map(0..100, double);
/// brisk_client::progress(&futures).await?;
/// # Ok(())
/// # }
/// ```
pub fn progress<'a, T: Value>(futures: impl IntoIterator<Item = &'a TaskFuture<T>>) -> Progress {
    let handles: Vec<WeakHandle> = futures.into_iter().map(|future| future.handle().downgrade()).collect();
    let handles: Arc<[WeakHandle]> = handles.into();
    let (stop, stopped) = mpsc::channel();
    let (drawn, done) = tokio::sync::oneshot::channel();
    let watched = handles.clone();
    let spawned = thread::Builder::new().name("brisk-progress".to_owned()).spawn(move || {
        let mut watch = Watch::new(&watched);
        if std::io::stderr().is_terminal() {
            draw(&mut watch, &stopped)
        } else {
            log(&mut watch, &stopped)
        }
        // Nobody may be waiting.
        let _ = drawn.send(());
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "progress can't be shown: no thread");
    }
    Progress { handles, stop, done }
}

/// A display of [`progress`].
pub struct Progress {
    handles: Arc<[WeakHandle]>,
    stop: mpsc::Sender<Wake>,
    done: tokio::sync::oneshot::Receiver<()>,
}

/// Tells the drawing thread to look at once.
struct Wake;

impl IntoFuture for Progress {
    type Output = Result<(), TaskError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut first = None;
            for handle in self.handles.iter().filter_map(WeakHandle::upgrade) {
                brisk_core::future::Settled::new(handle.clone()).await;
                first = first.or_else(|| handle.error());
            }
            // The last picture should show the end before the program writes anything else.
            let _ = self.stop.send(Wake);
            let _ = self.done.await;
            first.map_or(Ok(()), Err)
        })
    }
}

/// Counts ends, looking only at those that had not ended before.
struct Watch<'a> {
    total: usize,
    pending: Vec<&'a WeakHandle>,
    failed: usize,
}

impl<'a> Watch<'a> {
    fn new(handles: &'a [WeakHandle]) -> Self {
        Watch { total: handles.len(), pending: handles.iter().collect(), failed: 0 }
    }

    /// Looks again. Whether nothing is pending any more.
    fn look(&mut self) -> bool {
        let failed = &mut self.failed;
        self.pending.retain(|handle| match handle.upgrade().map(|handle| handle.status()) {
            Some(Status::Pending) => true,
            Some(Status::Finished) | None => false,
            Some(_) => {
                *failed += 1;
                false
            }
        });
        self.pending.is_empty()
    }

    fn ended(&self) -> usize {
        self.total - self.pending.len()
    }

    fn failures(&self) -> String {
        if self.failed == 0 { String::new() } else { format!("  {} failed", self.failed) }
    }
}

fn draw(watch: &mut Watch<'_>, wake: &mpsc::Receiver<Wake>) {
    let bar = ProgressBar::new(watch.total as u64);
    let style = ProgressStyle::with_template("{bar:40.cyan/dim} {pos}/{len} {elapsed} eta {eta}{msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("█▉▊▋▌▍▎▏ "));
    loop {
        let done = watch.look();
        bar.set_position(watch.ended() as u64);
        bar.set_message(watch.failures());
        if done {
            bar.abandon();
            return;
        }
        pause(wake, REDRAW);
    }
}

fn log(watch: &mut Watch<'_>, wake: &mpsc::Receiver<Wake>) {
    let start = Instant::now();
    let mut next = LINE;
    loop {
        let done = watch.look();
        let elapsed = start.elapsed();
        // A run that is over before the first line is due needs none.
        if elapsed >= next || (done && next > LINE) {
            eprintln!(
                "progress: {}/{} after {:.0} s{}",
                watch.ended(),
                watch.total,
                elapsed.as_secs_f64(),
                watch.failures()
            );
            next = elapsed + LINE;
        }
        if done {
            return;
        }
        pause(wake, REDRAW);
    }
}

/// Waits for a time, or until somebody awaits the end.
fn pause(wake: &mpsc::Receiver<Wake>, time: Duration) {
    if let Err(RecvTimeoutError::Disconnected) = wake.recv_timeout(time) {
        // The display was dropped and draws on by itself: nobody can wake it any more, and the pace is still wanted.
        thread::sleep(time);
    }
}
