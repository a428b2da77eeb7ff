//! Calls made on workers themselves, beside all tasks.

use std::{
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
};

use brisk_core::{
    error::TaskError,
    graph::{Call, Node},
    value::Value,
};

use super::{Backend, Client, workers::meant};

impl Client {
    /// Makes a call once on every worker, or on [some](RunOnWorkers::workers), at once and beside all tasks: it waits for
    /// no thread, is not scheduled, not repeated and not kept. For what is to be set up or looked at on each worker:
    /// [`TaskContext::current`](crate::TaskContext::current) tells the function where it is. To be awaited; gives each
    /// worker's name with what it returned, by name.
    ///
    /// ```
    /// # use brisk_client::{Client, TaskContext, task};
    /// #[task]
    /// fn where_am_i() -> String {
    ///     TaskContext::current().map_or_else(String::new, |context| context.worker_name().to_owned())
    /// }
    ///
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::local().workers(2).await?;
    /// client.wait_for_workers(2).await?;
    /// for (worker, answer) in client.run(where_am_i()).await? {
    ///     assert_eq!(*worker, *answer?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Options of the call mean nothing here, and what it says by `progress`, `log` or `metadata` is kept by nobody: it is no
    /// task. A worker that makes sixteen such calls already refuses more. Awaiting it ends when all have returned, or their
    /// workers are gone; to stop to wait earlier, drop it.
    ///
    /// # Errors
    /// If no worker has one of the names, or there are none, or an argument is the result of a task. What goes wrong on one worker is that
    /// worker's outcome.
    pub fn run<C: Call>(&self, call: C) -> RunOnWorkers<C::Output> {
        let node = call.delayed().node().clone();
        RunOnWorkers { client: self.clone(), node, workers: None, output: PhantomData }
    }
}

/// A call that is about to be made on workers; see [`Client::run`].
#[must_use = "nothing is called before this is awaited"]
pub struct RunOnWorkers<T> {
    client: Client,
    node: Arc<Node>,
    workers: Option<Vec<Arc<str>>>,
    output: PhantomData<fn() -> T>,
}

impl<T: Value + Clone> RunOnWorkers<T> {
    /// Only on these, given by name, address or host.
    pub fn workers<W: Into<Arc<str>>>(mut self, workers: impl IntoIterator<Item = W>) -> Self {
        self.workers = Some(workers.into_iter().map(Into::into).collect());
        self
    }

    async fn run(self) -> Result<Vec<(Arc<str>, Result<T, TaskError>)>, TaskError> {
        let workers = meant(self.workers)?;
        let outcomes = match &self.client.0 {
            Backend::Session(session) => session.run_on(&self.node, workers).await?,
            Backend::Sync(session) => {
                let handle = session.submit(std::slice::from_ref(&self.node)).pop().expect("a handle for the call");
                vec![(Arc::from("here"), handle.bring().await)]
            }
        };
        let typed = |value: brisk_core::value::Datum| {
            value.into_value().map_err(|error| TaskError::from(brisk_core::error::Failure::from(error)))
        };
        Ok(outcomes.into_iter().map(|(worker, outcome)| (worker, outcome.and_then(typed))).collect())
    }
}

impl<T: Value + Clone> IntoFuture for RunOnWorkers<T> {
    type Output = Result<Vec<(Arc<str>, Result<T, TaskError>)>, TaskError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<T> std::fmt::Debug for RunOnWorkers<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<Run of {} on {:?}>", self.node.def.info().name, self.workers.as_deref().unwrap_or_default())
    }
}
