//! Progress of many futures, drawn while the program goes on.

use std::{
    future::{Future, IntoFuture},
    io::IsTerminal,
    pin::Pin,
    sync::{Arc, mpsc},
    thread,
};

use brisk_core::{
    error::TaskError,
    future::{TaskFuture, WeakHandle},
    value::Value,
};

mod below;
mod display;
mod watch;
mod words;

use watch::Watch;

/// Shows how far these futures are, and the calls that they wait for, on standard error. On a terminal each function has a line, with
/// a bar, how many have ended, erred and been cancelled, how many end in a second, and the time that is left; elsewhere a line
/// for a log is written after five seconds, and then more and more seldom, up to a minute. Of calls that they wait for those are
/// counted that are left when the scheduler is first asked; it is not asked for more than a thousand futures, and does not count
/// more than 50,000 calls. Returns at once and draws in the background, until all have ended
/// or are dropped; it keeps none of them wanted.
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
            display::draw(&mut watch, &stopped);
        } else {
            display::log(&mut watch, &stopped);
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
            for handle in self.handles.iter() {
                let error = handle.settled().await.and_then(|(_, error)| error);
                first = first.or(error);
            }
            // The last picture should show the end before the program writes anything else.
            let _ = self.stop.send(Wake);
            let _ = self.done.await;
            first.map_or(Ok(()), Err)
        })
    }
}
