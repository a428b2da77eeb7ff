//! Values of many futures, brought here.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
};

use brisk_core::{
    error::TaskError,
    future::{Handle, TaskFuture},
    value::{Datum, Value},
};

use super::{Backend, Client};
use crate::gather::{self, Gather, Values};

impl Client {
    /// Waits for all values and brings them here, in order: straight from the workers that hold them, a window of bytes at a
    /// time. It ends when all have; to wait for less long, drop it (`tokio::time::timeout`), which leaves the tasks as they are.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let futures = client.map(0..3, inc);
    /// assert_eq!(client.gather(&futures).await?, [1, 2, 3]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The error of the first future, in the order given, that failed. [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) if
    /// they take more bytes than [may come](Client::set_gather_limit); then none comes.
    pub async fn gather<'a, T: Value + Clone>(
        &self,
        futures: impl IntoIterator<Item = &'a TaskFuture<T>>,
    ) -> Result<Vec<T>, TaskError> {
        let shared = self.gather_shared(futures).await?;
        Ok(shared.into_iter().map(Arc::unwrap_or_clone).collect())
    }

    /// As [`gather`](Client::gather), without copies.
    ///
    /// # Errors
    /// As [`gather`](Client::gather).
    pub async fn gather_shared<'a, T: Value>(
        &self,
        futures: impl IntoIterator<Item = &'a TaskFuture<T>>,
    ) -> Result<Vec<Arc<T>>, TaskError> {
        let handles: Vec<Handle> = futures.into_iter().map(|future| future.handle().clone()).collect();
        let values = self.bring_all(&handles, None).await?;
        handles.iter().zip(values).map(|(handle, value)| handle.typed(&value)).collect()
    }

    /// Waits for all to end, whatever their ends, and brings the values here, in order: for those that failed, why.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn ratio(x: i64, y: i64) -> i64 { x / y }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let ratios = client.map([1, 0, 2], |y| ratio(4, y));
    /// let known: Vec<i64> = client.gather_each(&ratios).await.into_iter().flatten().collect();
    /// assert_eq!(known, [4, 2]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn gather_each<'a, T: Value + Clone>(
        &self,
        futures: impl IntoIterator<Item = &'a TaskFuture<T>>,
    ) -> Vec<Result<T, TaskError>> {
        let handles: Vec<Handle> = futures.into_iter().map(|future| future.handle().clone()).collect();
        let outcomes = self.bring(&handles, None, false).await.unwrap_or_else(|error| vec![Err(error); handles.len()]);
        let typed = |(handle, outcome): (&Handle, Result<Datum, TaskError>)| {
            outcome.and_then(|value| handle.typed::<T>(&value)).map(Arc::unwrap_or_clone)
        };
        handles.iter().zip(outcomes).map(typed).collect()
    }

    /// Brings the values of a shape of futures here and keeps the shape: vectors, options, maps and tuples, however nested. To
    /// be awaited.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # use std::collections::BTreeMap;
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[task] fn text(x: i64) -> String { x.to_string() }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let rows = vec![client.map(0..2, inc), client.map(5..6, inc)];
    /// let names = BTreeMap::from([("seven", client.submit(text(7)))]);
    /// let (rows, names) = client.gather_nested(&(rows, names)).await?;
    /// assert_eq!(rows, [vec![1, 2], vec![6]]);
    /// assert_eq!(names["seven"], "7");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`gather`](Client::gather).
    pub fn gather_nested<'a, G: Gather + Sync + ?Sized>(&self, shape: &'a G) -> Gathering<'a, G> {
        Gathering { client: self.clone(), shape, limit: None }
    }

    /// How many bytes of values that are elsewhere one gathering may bring here; it fails with
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) if there are more, before they come. Three quarters of the memory
    /// that is free, unless set; `None` for that. Where values move by pointer, within one process, nothing is counted.
    pub fn set_gather_limit(&self, bytes: Option<u64>) {
        if let Some(session) = self.session() {
            session.gather_limit().store(bytes.unwrap_or(gather::AVAILABLE), Ordering::Relaxed);
        }
    }

    async fn bring_all(&self, handles: &[Handle], limit: Option<u64>) -> Result<Vec<Datum>, TaskError> {
        self.bring(handles, limit, true).await?.into_iter().collect()
    }

    async fn bring(
        &self,
        handles: &[Handle],
        limit: Option<u64>,
        all: bool,
    ) -> Result<Vec<Result<Datum, TaskError>>, TaskError> {
        match &self.0 {
            Backend::Session(session) => gather::bring(session, handles, limit, all).await,
            Backend::Sync(_) => {
                let mut outcomes = Vec::with_capacity(handles.len());
                for handle in handles {
                    outcomes.push(handle.bring().await);
                }
                Ok(outcomes)
            }
        }
    }
}

/// A shape of futures whose values are about to be brought here; see [`Client::gather_nested`].
#[must_use = "nothing is brought before this is awaited"]
pub struct Gathering<'a, G: ?Sized> {
    client: Client,
    shape: &'a G,
    limit: Option<u64>,
}

impl<'a, G: Gather + Sync + ?Sized> Gathering<'a, G> {
    /// How many bytes may come, in place of what [`set_gather_limit`](Client::set_gather_limit) says.
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = Some(bytes);
        self
    }

    async fn run(self) -> Result<G::Output, TaskError> {
        let mut handles = Vec::new();
        self.shape.handles(&mut handles);
        let values = self.client.bring_all(&handles, self.limit).await?;
        self.shape.of_values(&mut Values(values.into_iter()))
    }
}

impl<'a, G: Gather + Sync + ?Sized> IntoFuture for Gathering<'a, G> {
    type Output = Result<G::Output, TaskError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<G: ?Sized> std::fmt::Debug for Gathering<'_, G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<Gathering of {}>", std::any::type_name::<G>())
    }
}
