//! Many futures at once: cancelled, or tried again.

use brisk_core::{
    future::{Handle, TaskFuture},
    value::Value,
};

use super::{Backend, Client};

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
        self.cancel_handles(futures, false);
    }

    /// As [`cancel`](Client::cancel), also if other clients want the same tasks: they are cancelled for them too.
    pub fn cancel_for_everybody<'a, T: Value>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) {
        self.cancel_handles(futures, true);
    }

    /// Tries many failed tasks again, as [`TaskFuture::retry`] does one, and what they failed for. Those that have not failed are
    /// left as they are.
    pub fn retry<'a, T: Value>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) {
        let failed = futures.into_iter().filter(|future| future.status() == brisk_core::future::Status::Erred);
        failed.for_each(TaskFuture::retry);
    }

    fn cancel_handles<'a, T: Value>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>, force: bool) {
        let handles: Vec<&Handle> = futures.into_iter().map(TaskFuture::handle).collect();
        match &self.0 {
            Backend::Session(session) => session.cancel_all(&handles, force),
            // Whatever could be cancelled has run.
            Backend::Sync(_) => {}
        }
    }
}
