//! Who works: waiting for workers, and letting them go.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use brisk_core::{
    error::{ErrorKind, TaskError},
    message::{Answer, ClientToScheduler},
};

use super::{Backend, Client, not_asked};

impl Client {
    /// Waits until the cluster has at least `count` workers; for as long as it takes, unless [`limit`](WaitForWorkers::limit)
    /// says otherwise. To be awaited; says how many there are.
    ///
    /// ```
    /// # use brisk_client::Client;
    /// # use std::time::Duration;
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::local().workers(2).await?;
    /// assert_eq!(client.wait_for_workers(2).await?, 2);
    /// let error = client.wait_for_workers(3).limit(Duration::from_millis(50)).await.unwrap_err();
    /// assert_eq!(error.kind(), brisk_client::ErrorKind::TimedOut);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the connection ends first, or the limit.
    pub fn wait_for_workers(&self, count: u32) -> WaitForWorkers {
        WaitForWorkers { client: self.clone(), count, limit: None }
    }

    /// Lets workers go without losing what they hold: nothing new is given to them, what they run may finish, and values
    /// that only they hold are copied to others first. Workers are given by name, address or host. Returns the addresses of
    /// those that have gone.
    ///
    /// ```
    /// # use brisk_client::Client;
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::local().workers(2).await?;
    /// client.wait_for_workers(2).await?;
    /// let gone = client.retire_workers(["worker-1"]).await?;
    /// assert_eq!(gone.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such worker, or nobody else could take what one of them holds: that one then stays.
    pub async fn retire_workers<W: Into<Arc<str>>>(
        &self,
        workers: impl IntoIterator<Item = W>,
    ) -> Result<Vec<Arc<str>>, TaskError> {
        let workers: Vec<Arc<str>> = workers.into_iter().map(Into::into).collect();
        let Some(session) = self.session() else { return Err(not_asked("retire workers")) };
        match session.request(|request| ClientToScheduler::RetireWorkers { request, workers }).await? {
            Answer::Workers(gone) => Ok(gone),
            other => Err(super::unexpected("retire workers", &other)),
        }
    }
}

/// The workers that a request is for: none given is all, but a list of none is a mistake.
pub(super) fn meant(workers: Option<Vec<Arc<str>>>) -> Result<Vec<Arc<str>>, TaskError> {
    if workers.as_ref().is_some_and(Vec::is_empty) {
        let text = "no worker was named: leave `workers` out to mean all of them";
        return Err(TaskError::new(ErrorKind::Refused, text));
    }
    Ok(workers.unwrap_or_default())
}

/// A wait for workers; see [`Client::wait_for_workers`].
#[derive(Debug)]
#[must_use = "nothing is waited for before this is awaited"]
pub struct WaitForWorkers {
    client: Client,
    count: u32,
    limit: Option<Duration>,
}

impl WaitForWorkers {
    /// Fails with [`ErrorKind::TimedOut`] if there are not so many after this time. With none at all it looks once.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    async fn run(self) -> Result<u32, TaskError> {
        let WaitForWorkers { client, count, limit } = self;
        let Backend::Session(session) = &client.0 else { return of_none(count) };
        let Some(limit) = limit else { return session.count_workers(count).await };
        // Asked again and again: a question that waits for ever would be kept by the scheduler after this has given up.
        let start = Instant::now();
        loop {
            let present = session.count_workers(0).await?;
            if present >= count {
                return Ok(present);
            }
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() {
                let text = format!("{count} workers were waited for, and after {limit:?} there are {present}");
                return Err(TaskError::new(ErrorKind::TimedOut, text));
            }
            session.sleep(left.min(LOOK_AGAIN)).await;
        }
    }
}

/// A wait with a limit looks this often.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The submitting thread is the only worker there is.
fn of_none(count: u32) -> Result<u32, TaskError> {
    if count <= 1 { Ok(1) } else { Err(not_asked("wait for workers")) }
}

impl IntoFuture for WaitForWorkers {
    type Output = Result<u32, TaskError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
