//! Copies of values: how many, and evened out.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
};

use brisk_core::{
    error::TaskError,
    future::TaskFuture,
    id::WantId,
    key::Key,
    message::{Answer, ClientToScheduler},
    value::Value,
};

use super::{Backend, Client, unexpected, workers::meant};

impl Client {
    /// Keeps copies of these values on several workers for as long as they are wanted: on every worker, also on those that
    /// come later, unless [`copies`](Replicate::copies) says how many. To be awaited; it is done once the copies exist.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn table(rows: usize) -> Vec<f64> { vec![1.0; rows] }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::local().workers(3).await?;
    /// client.wait_for_workers(3).await?;
    /// let table = client.submit(table(1_000));
    /// client.replicate([&table]).copies(2).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn replicate<'a, T: Value>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) -> Replicate {
        let keys = futures.into_iter().map(|future| (future.key(), future.handle().want())).collect();
        Replicate { client: self.clone(), keys, count: 0, workers: None }
    }

    /// Moves values from workers that hold many bytes to workers that hold few. All values unless
    /// [`only`](Rebalance::only) says which. To be awaited; it is done once nothing moves any more. Tasks may run meanwhile.
    ///
    /// ```
    /// # use brisk_client::Client;
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// client.rebalance().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn rebalance(&self) -> Rebalance {
        Rebalance { client: self.clone(), keys: None }
    }
}

/// A request for copies; see [`Client::replicate`].
#[derive(Debug)]
#[must_use = "nothing is copied before this is awaited"]
pub struct Replicate {
    client: Client,
    keys: Vec<(Key, WantId)>,
    count: u32,
    workers: Option<Vec<Arc<str>>>,
}

impl Replicate {
    /// How many copies there are to be, the first included. At least one is.
    pub fn copies(mut self, count: u32) -> Self {
        self.count = count.max(1);
        self
    }

    /// Keeps them on these workers only, given by name, address or host.
    pub fn workers<W: Into<Arc<str>>>(mut self, workers: impl IntoIterator<Item = W>) -> Self {
        self.workers = Some(workers.into_iter().map(Into::into).collect());
        self
    }

    async fn run(self) -> Result<(), TaskError> {
        let Replicate { client, keys, count, workers } = self;
        let workers = meant(workers)?;
        let Backend::Session(session) = &client.0 else { return Ok(()) };
        let answer = session.request(|request| ClientToScheduler::Replicate { request, keys, count, workers }).await?;
        done("replicate", &answer)
    }
}

/// A request to even out what workers hold; see [`Client::rebalance`].
#[derive(Debug)]
#[must_use = "nothing is moved before this is awaited"]
pub struct Rebalance {
    client: Client,
    /// All, if none were named.
    keys: Option<Vec<Key>>,
}

impl Rebalance {
    /// Moves only these values: nothing, if there are none.
    pub fn only<'a, T: Value>(mut self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) -> Self {
        self.keys.get_or_insert_default().extend(futures.into_iter().map(TaskFuture::key));
        self
    }

    async fn run(self) -> Result<(), TaskError> {
        let Rebalance { client, keys } = self;
        let Backend::Session(session) = &client.0 else { return Ok(()) };
        if keys.as_ref().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        let keys = keys.unwrap_or_default();
        let answer = session.request(|request| ClientToScheduler::Rebalance { request, keys }).await?;
        done("rebalance", &answer)
    }
}

/// The answer to a request that is either done or refused.
pub(super) fn done(what: &str, answer: &Answer) -> Result<(), TaskError> {
    match answer {
        Answer::Done => Ok(()),
        other => Err(unexpected(what, other)),
    }
}

macro_rules! awaited {
    ($($request:ty),*) => {$(
        impl IntoFuture for $request {
            type Output = Result<(), TaskError>;
            type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(self.run())
            }
        }
    )*};
}

awaited!(Replicate, Rebalance, super::Publish);
