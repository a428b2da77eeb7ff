//! The same without async: [`Client`], and [`Block`] to wait for anything that can be awaited.
//!
//! ```
//! use brisk_client::{blocking::{Block, Client}, task};
//!
//! #[task]
//! fn inc(x: i64) -> i64 {
//!     x + 1
//! }
//!
//! # #[brisk_client::main]
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = Client::from_env()?;
//!     let x = client.submit(inc(1));
//!     let many = client.map(0..10, inc);
//!     assert_eq!((&x).block()?, 2);
//!     assert_eq!(client.gather(&many)?.len(), 10);
//!     Ok(())
//! }
//! ```

use std::{collections::BTreeMap, future::IntoFuture, ops::Deref, sync::Arc};

use brisk_core::{
    error::TaskError,
    future::TaskFuture,
    graph::Call,
    message::{SchedulerInfo, StoryLine},
    value::Value,
};
use brisk_worker::server::block_on;

use crate::{
    client::{Dataset, Keyed},
    error::ClientError,
    gather::Gather,
};

/// A [`Client`](crate::Client) whose waits block the thread. Everything that does not wait is that client's own:
/// `submit`, `map`, `compute`; and what is to be awaited there is waited for here by [`block`](Block::block):
/// `client.publish("name", &futures).block()?`.
///
/// Don't wait inside an async function: the wait would hold up everything else on its thread. A task that is no `async fn`
/// may wait: it gives its thread up for as long as it waits, so that the tasks it waits for can run, however few threads
/// there are. It should hold no lock meanwhile that others need.
///
/// ```
/// use brisk_client::{TaskError, blocking::{Block, Client}, task};
///
/// #[task]
/// fn fib(n: u64) -> Result<u64, TaskError> {
///     if n < 2 {
///         return Ok(n);
///     }
///     let client = Client::current()?;
///     let (a, b) = (client.submit(fib(n - 1)), client.submit(fib(n - 2)));
///     Ok(a.block()? + b.block()?)
/// }
///
/// # #[brisk_client::main]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::local(brisk_client::Client::local().threads(1))?;
/// assert_eq!(client.submit(fib(12)).block()?, 144);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client(crate::Client);

impl Client {
    /// As [`Client::from_env`](crate::Client::from_env).
    ///
    /// # Errors
    /// As there.
    pub fn from_env() -> Result<Client, ClientError> {
        block_on(crate::Client::from_env()).map(Client)
    }

    /// As [`brisk_client::current`](crate::current): the client of the task that runs here.
    ///
    /// # Errors
    /// As there.
    pub fn current() -> Result<Client, ClientError> {
        block_on(crate::current()).map(Client)
    }

    /// A cluster of one's own, as [`Client::local`](crate::Client::local) makes it.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn local(builder: crate::LocalBuilder) -> Result<Client, ClientError> {
        builder.block().map(Client)
    }

    /// As [`Client::connect`](crate::Client::connect).
    ///
    /// # Errors
    /// As there.
    pub fn connect(address: &str, credentials: impl AsRef<std::path::Path>) -> Result<Client, ClientError> {
        block_on(crate::Client::connect(address, credentials)).map(Client)
    }

    /// As [`Client::gather`](crate::Client::gather).
    ///
    /// # Errors
    /// As there.
    pub fn gather<'a, T: Value + Clone>(
        &self,
        futures: impl IntoIterator<Item = &'a TaskFuture<T>>,
    ) -> Result<Vec<T>, TaskError> {
        block_on(self.0.gather(futures))
    }

    /// As [`Client::gather_shared`](crate::Client::gather_shared).
    ///
    /// # Errors
    /// As there.
    pub fn gather_shared<'a, T: Value>(
        &self,
        futures: impl IntoIterator<Item = &'a TaskFuture<T>>,
    ) -> Result<Vec<Arc<T>>, TaskError> {
        block_on(self.0.gather_shared(futures))
    }

    /// As [`Client::gather_each`](crate::Client::gather_each).
    pub fn gather_each<'a, T: Value + Clone>(
        &self,
        futures: impl IntoIterator<Item = &'a TaskFuture<T>>,
    ) -> Vec<Result<T, TaskError>> {
        block_on(self.0.gather_each(futures))
    }

    /// As [`Client::gather_nested`](crate::Client::gather_nested). For its options: `client.gather_nested(&shape).limit(n).block()`
    /// of [that client](crate::Client).
    ///
    /// # Errors
    /// As there.
    pub fn gather_nested<G: Gather + Sync + ?Sized>(&self, shape: &G) -> Result<G::Output, TaskError> {
        self.0.gather_nested(shape).block()
    }

    /// As [`wait`](crate::wait).
    pub fn wait<'a, T: Value>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) {
        block_on(crate::wait(futures));
    }

    /// As [`Client::wait_for_workers`](crate::Client::wait_for_workers).
    ///
    /// # Errors
    /// As there.
    pub fn wait_for_workers(&self, count: u32) -> Result<u32, TaskError> {
        self.0.wait_for_workers(count).block()
    }

    /// As [`Client::retire_workers`](crate::Client::retire_workers).
    ///
    /// # Errors
    /// As there.
    pub fn retire_workers<W: Into<Arc<str>>>(
        &self,
        workers: impl IntoIterator<Item = W>,
    ) -> Result<Vec<Arc<str>>, TaskError> {
        block_on(self.0.retire_workers(workers))
    }

    /// As [`Client::scale`](crate::Client::scale).
    ///
    /// # Errors
    /// As there.
    pub fn scale(&self, workers: u32) -> Result<(), ClientError> {
        block_on(self.0.scale(workers))
    }

    /// As [`Client::plot`](crate::Client::plot).
    pub fn plot(&self, name: impl Into<Arc<str>>) -> crate::PlotBuilder {
        self.0.plot(name)
    }

    /// As [`Client::dashboard_url`](crate::Client::dashboard_url).
    ///
    /// # Errors
    /// As there.
    pub fn dashboard_url(&self) -> Result<String, ClientError> {
        self.0.dashboard_url()
    }

    /// As [`Client::restart`](crate::Client::restart).
    ///
    /// # Errors
    /// As there.
    pub fn restart(&self) -> Result<(), ClientError> {
        block_on(self.0.restart())
    }

    /// As [`Client::shutdown`](crate::Client::shutdown).
    ///
    /// # Errors
    /// As there.
    pub fn shutdown(self) -> Result<(), ClientError> {
        block_on(self.0.shutdown())
    }

    /// As [`Client::run`](crate::Client::run). On some workers only: `client.run(call).workers([..]).block()` of
    /// [that client](crate::Client).
    ///
    /// # Errors
    /// As there.
    #[expect(clippy::type_complexity, reason = "what each worker has answered, by its name")]
    pub fn run<C: Call>(&self, call: C) -> Result<Vec<(Arc<str>, Result<C::Output, TaskError>)>, TaskError>
    where
        C::Output: Clone,
    {
        self.0.run(call).block()
    }

    /// As [`Client::dataset`](crate::Client::dataset).
    ///
    /// # Errors
    /// As there.
    pub fn dataset<D: Dataset>(&self, name: impl Into<Arc<str>>) -> Result<D, TaskError> {
        block_on(self.0.dataset(name))
    }

    /// As [`Client::unpublish`](crate::Client::unpublish).
    ///
    /// # Errors
    /// As there.
    pub fn unpublish(&self, name: impl Into<Arc<str>>) -> Result<(), TaskError> {
        block_on(self.0.unpublish(name))
    }

    /// As [`Client::datasets`](crate::Client::datasets).
    ///
    /// # Errors
    /// As there.
    pub fn datasets(&self) -> Result<Vec<Arc<str>>, TaskError> {
        block_on(self.0.datasets())
    }

    /// As [`Client::scheduler_info`](crate::Client::scheduler_info).
    ///
    /// # Errors
    /// As there.
    pub fn scheduler_info(&self) -> Result<SchedulerInfo, TaskError> {
        block_on(self.0.scheduler_info())
    }

    /// As [`Client::who_has`](crate::Client::who_has).
    ///
    /// # Errors
    /// As there.
    pub fn who_has<'a, T: Value>(
        &self,
        futures: impl IntoIterator<Item = &'a TaskFuture<T>>,
    ) -> Result<Vec<Vec<Arc<str>>>, TaskError> {
        block_on(self.0.who_has(futures))
    }

    /// As [`Client::nbytes`](crate::Client::nbytes).
    ///
    /// # Errors
    /// As there.
    pub fn nbytes(&self) -> Result<u64, TaskError> {
        block_on(self.0.nbytes())
    }

    /// As [`Client::metadata`](crate::Client::metadata).
    ///
    /// # Errors
    /// As there.
    pub fn metadata(&self, of: &impl Keyed) -> Result<BTreeMap<Arc<str>, Arc<str>>, TaskError> {
        block_on(self.0.metadata(of))
    }

    /// As [`Client::story`](crate::Client::story).
    ///
    /// # Errors
    /// As there.
    pub fn story(&self, of: &impl Keyed) -> Result<Vec<StoryLine>, TaskError> {
        block_on(self.0.story(of))
    }

    /// As [`Client::dump_cluster_state`](crate::Client::dump_cluster_state).
    ///
    /// # Errors
    /// As there.
    pub fn dump_cluster_state(&self, path: impl AsRef<std::path::Path>) -> Result<u64, ClientError> {
        block_on(self.0.dump_cluster_state(path))
    }

    /// As [`Client::restore`](crate::Client::restore).
    ///
    /// # Errors
    /// As there.
    pub fn restore<T: Value>(&self, path: impl AsRef<std::path::Path>) -> Result<Vec<TaskFuture<T>>, ClientError> {
        block_on(self.0.restore(path))
    }

    /// As [`Client::performance_report`](crate::Client::performance_report), of what `work` does.
    ///
    /// # Errors
    /// As there.
    pub fn performance_report<T>(
        &self,
        path: impl AsRef<std::path::Path>,
        work: impl FnOnce() -> T,
    ) -> (T, Result<std::path::PathBuf, ClientError>) {
        block_on(self.0.performance_report(path, async { work() }))
    }

    /// As [`Client::flush`](crate::Client::flush).
    pub fn flush(&self) {
        block_on(self.0.flush());
    }

    /// As [`Client::close`](crate::Client::close).
    pub fn close(self) {
        block_on(self.0.close());
    }
}

impl From<crate::Client> for Client {
    fn from(client: crate::Client) -> Self {
        Client(client)
    }
}

impl Deref for Client {
    type Target = crate::Client;

    fn deref(&self) -> &crate::Client {
        &self.0
    }
}

/// Waits, in this thread, for anything that can be awaited: `future.block()`, `(&future).block()`, `progress(&fs).block()`.
pub trait Block: IntoFuture + Sized {
    /// Waits for the output. In a task that is no `async fn`, its thread is given up meanwhile; and once that task is
    /// cancelled, a wait for another task's future ends with an error of [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled).
    fn block(self) -> Self::Output {
        block_on(self.into_future())
    }
}

impl<F: IntoFuture> Block for F {}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    /// The methods of `Client` that begin so, in a file or in all files of a folder.
    fn methods(path: &Path, beginning: &str, found: &mut BTreeSet<String>) {
        if path.is_dir() {
            let files = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
            return files
                .filter(|path| !path.ends_with("blocking.rs"))
                .for_each(|path| methods(&path, beginning, found));
        }
        let text = fs::read_to_string(path).unwrap();
        for block in text.split("\nimpl Client {\n").skip(1) {
            let lines = block.lines().take_while(|line| *line != "}");
            let names = lines.filter_map(|line| line.strip_prefix("    ")?.strip_prefix(beginning));
            found.extend(names.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()));
        }
    }

    #[test]
    fn whatever_the_other_client_waits_for_this_one_waits_for_too() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let (mut there, mut here) = (BTreeSet::new(), BTreeSet::new());
        methods(&source, "pub async fn ", &mut there);
        methods(&source.join("blocking.rs"), "pub fn ", &mut here);
        assert!(there.len() > 20 && there.contains("gather") && here.contains("gather"), "{there:?}");
        let missing: Vec<_> = there.difference(&here).collect();
        assert!(missing.is_empty(), "brisk_client::blocking::Client lacks {missing:?}");
    }
}
