//! Values of this program, put into workers' memory.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
};

use brisk_core::{
    error::TaskError,
    future::{Handle, TaskFuture},
    value::{Datum, Value},
};

use super::{Backend, Client, workers::meant};
use crate::session::How;

impl Client {
    /// Puts a value into a worker's memory, once, for many tasks to use: as an argument it would travel with each of them.
    /// To be awaited; then it is there.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn row(table: &[f64], i: usize) -> f64 { table[i] }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().workers(2).await?;
    /// let table = client.scatter(vec![0.5; 1_000]).await?;
    /// let rows = client.map(0..10, |i| row(&table, i));
    /// assert_eq!(client.gather(&rows).await?, [0.5; 10]);
    /// // A copy on every worker, also on those that come later:
    /// let everywhere = client.scatter(vec![1.5; 1_000]).broadcast().await?;
    /// # drop(everywhere);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Equal values of one type are one, in this program and in others of the same build, unless
    /// [`distinct`](Scatter::distinct) says otherwise. A scattered value can't be computed again: if all workers that hold it
    /// die, its future and whatever needs it fail with [`ErrorKind::DataLost`](crate::ErrorKind::DataLost). Keep
    /// [several copies](Scatter::replicas) of what must not be lost.
    ///
    /// It waits until there is a worker, without a limit of time: wrap it in a timeout if there should be one. Dropping the
    /// wait drops what was sent.
    ///
    /// # Errors
    /// If the value can't be encoded or is longer than may travel, or no worker has room for it.
    pub fn scatter<T: Value>(&self, value: T) -> Scatter<TaskFuture<T>> {
        self.scatter_shared(Arc::new(value))
    }

    /// As [`scatter`](Client::scatter), of a value that is shared here: in process it is not copied.
    ///
    /// # Errors
    /// As there.
    pub fn scatter_shared<T: Value>(&self, value: Arc<T>) -> Scatter<TaskFuture<T>> {
        self.scattering::<T, _>(vec![Datum::from_shared(value)], |mut handles| {
            TaskFuture::from_handle(handles.pop().expect("a handle for the value"))
        })
    }

    /// Puts many values on workers, spread by their lengths, and gives a future of each, in order.
    ///
    /// # Errors
    /// As [`scatter`](Client::scatter), if that is so for one of them.
    pub fn scatter_all<T: Value>(&self, values: impl IntoIterator<Item = T>) -> Scatter<Vec<TaskFuture<T>>> {
        let values = values.into_iter().map(Datum::new).collect();
        self.scattering::<T, _>(values, |handles| handles.into_iter().map(TaskFuture::from_handle).collect())
    }

    fn scattering<T: Value, F>(&self, values: Vec<Datum>, futures: fn(Vec<Handle>) -> F) -> Scatter<F> {
        let name = brisk_core::graph::short_type_name::<T>().into();
        let how = How { replicas: 1, hash: true, workers: Vec::new(), name };
        Scatter { client: self.clone(), values, how, workers: None, futures }
    }
}

/// Values that are about to be put on workers; see [`Client::scatter`].
#[must_use = "nothing is sent before this is awaited"]
pub struct Scatter<F> {
    client: Client,
    values: Vec<Datum>,
    how: How,
    workers: Option<Vec<Arc<str>>>,
    futures: fn(Vec<Handle>) -> F,
}

impl<F> Scatter<F> {
    /// Keeps a copy on every worker, also on those that come later.
    pub fn broadcast(mut self) -> Self {
        self.how.replicas = 0;
        self
    }

    /// Keeps so many copies, on as many workers. One unless set.
    pub fn replicas(mut self, count: u32) -> Self {
        self.how.replicas = count.max(1);
        self
    }

    /// Puts them on these workers only, given by name, address or host.
    pub fn workers<W: Into<Arc<str>>>(mut self, workers: impl IntoIterator<Item = W>) -> Self {
        self.workers = Some(workers.into_iter().map(Into::into).collect());
        self
    }

    /// Tells equal values apart. They are then not hashed, which saves a moment with long ones.
    pub fn distinct(mut self) -> Self {
        self.how.hash = false;
        self
    }

    async fn run(mut self) -> Result<F, TaskError> {
        self.how.workers = meant(self.workers)?;
        let handles = match &self.client.0 {
            Backend::Session(session) => session.scatter(self.values, self.how).await?,
            Backend::Sync(session) => session.scatter(self.values, &self.how)?,
        };
        Ok((self.futures)(handles))
    }
}

impl<F: Send + 'static> IntoFuture for Scatter<F> {
    type Output = Result<F, TaskError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<F> std::fmt::Debug for Scatter<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<Scatter {} values>", self.values.len())
    }
}
