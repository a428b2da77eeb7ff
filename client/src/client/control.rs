//! Many futures at once: cancelled, or tried again.

use brisk_core::{
    future::{Handle, TaskFuture},
    value::Value,
};

use super::{Backend, Client};
use crate::session::Cancel;

impl Client {
    /// Cancels many tasks, as [`TaskFuture::cancel`] does one: these futures settle as cancelled at once, and so does
    /// every future that depends on them. What another client wants goes on.
    ///
    /// ```
    /// # use brisk_client::{Client, Status, task};
    /// # use std::time::Duration;
    /// # #[task] async fn nap(x: u64) -> u64 { tokio::time::sleep(Duration::from_secs(600)).await; x }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let naps = client.map(0..100, nap);
    /// client.cancel(&naps);
    /// assert_eq!(naps[0].status(), Status::Cancelled);
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancel<'a, T: Value>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) {
        self.cancel_handles(futures, Cancel::ForThisClient);
    }

    /// As [`cancel`](Client::cancel), also if other clients want the same tasks: they are cancelled for them too.
    pub fn cancel_for_everybody<'a, T: Value>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) {
        self.cancel_handles(futures, Cancel::ForEverybody);
    }

    /// As [`cancel`](Client::cancel), for tasks whose code does not look at its [cancellation](crate::TaskContext::is_cancelled)
    /// and may go on for long: the worker has another thread take the place of theirs at once, as it does when a task's time
    /// limit is up.
    ///
    /// Nothing can stop a thread from outside, in a worker process or in this one: the code goes on, with what it holds of memory, locks
    /// and processor time, and what it returns is dropped. A worker leaves up to 64 threads behind in this way; beyond that, tasks
    /// hold theirs until they end. An asynchronous task holds none: it ends at its next `await`. A cluster of worker processes that this program has started gets rid of all of them by
    /// [`restart`](Client::restart).
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// #[task]
    /// fn stuck() {
    ///     loop {
    ///         std::thread::park();
    ///     }
    /// }
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    ///
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::local().workers(1).threads(1).await?;
    /// let future = client.submit(stuck());
    /// # while client.processing().await?.tasks.is_empty() {}
    /// client.abandon([&future]);
    /// assert_eq!(client.submit(inc(1)).await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn abandon<'a, T: Value>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) {
        self.cancel_handles(futures, Cancel::WithItsThread);
    }

    /// Tries many failed tasks again, as [`TaskFuture::retry`] does one, and what they failed for. Those that have not failed are
    /// left as they are.
    ///
    /// ```
    /// # use brisk_client::{Client, TaskContext, task};
    /// #[task]
    /// fn second_time_lucky() -> Result<u32, String> {
    ///     // Whatever was wrong was put right meanwhile.
    ///     let attempt = TaskContext::current().expect("this is a task").attempt();
    ///     if attempt == 1 { Err("the disk is full".to_owned()) } else { Ok(attempt) }
    /// }
    ///
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let futures = [client.submit(second_time_lucky())];
    /// assert!(client.gather(&futures).await.is_err());
    /// client.retry(&futures);
    /// assert_eq!(client.gather(&futures).await?, [2]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn retry<'a, T: Value>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) {
        let failed = futures.into_iter().filter(|future| future.status() == brisk_core::future::Status::Erred);
        failed.for_each(TaskFuture::retry);
    }

    fn cancel_handles<'a, T: Value>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>, how: Cancel) {
        let handles: Vec<&Handle> = futures.into_iter().map(TaskFuture::handle).collect();
        match &self.0 {
            Backend::Session(session) => session.cancel_all(&handles, how),
            // Whatever could be cancelled has run.
            Backend::Sync(_) => {}
        }
    }
}
