//! A failed call, brought here with its inputs.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
};

use brisk_core::{
    error::{ErrorKind, TaskError},
    future::{Handle, Settled, TaskFuture},
    graph::CallError,
    key::Key,
    message::{CallSpec, Query, Told},
    registry::Registry,
    value::Value,
};

use super::{Client, inspection::strange, not_asked};
use crate::{
    case::{Case, CaseError},
    gather,
};

/// Inputs of a case may be so long together, unless it is set.
const LIMIT: u64 = 1 << 30;

impl Client {
    /// The task that a failed future failed for, with its inputs: it can be run here, in this thread, as often as one likes,
    /// or saved. Only that one task and its inputs come here. Inputs that nobody kept are computed again. To be awaited; waits
    /// for the future first.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// #[task]
    /// fn ratio(x: i64, y: i64) -> Result<i64, String> {
    ///     x.checked_div(y).ok_or(format!("{x} by {y}"))
    /// }
    /// # #[task] fn sum(xs: &[i64]) -> i64 { xs.iter().sum() }
    ///
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let ratios = client.map([(5, 5), (25, 0), (30, 6)], |(x, y)| ratio(x, y));
    /// let f = client.submit(sum(&ratios));
    /// let case = client.recreate_error_locally(&f).await?;
    /// assert_eq!(case.run().unwrap_err().report().failure.message, "25 by 0");
    /// # Ok(())
    /// # }
    /// ```
    pub fn recreate_error_locally<T: Value>(&self, future: &TaskFuture<T>) -> Recreate {
        Recreate { client: self.clone(), handle: future.handle().clone(), error: true, limit: LIMIT }
    }

    /// The call behind a future, with its inputs, whether it went well or not. As
    /// [`recreate_error_locally`](Client::recreate_error_locally), but for this very task; what it may have failed for is not
    /// looked at, so inputs that failed are an error.
    ///
    /// ```
    /// # use brisk_client::{Client, replay_case, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// # let path = std::env::temp_dir().join(format!("brisk-case-doc-{}", std::process::id()));
    /// let future = client.submit(inc(inc(1)));
    /// let case = client.recreate_task_locally(&future).await?;
    /// assert_eq!(case.result::<i64>()?, 3);
    /// // For a debugger, or for a test of another day:
    /// println!("{}", case.save(&path)?);
    /// replay_case(&path)?.run()?;
    /// # std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn recreate_task_locally<T: Value>(&self, future: &TaskFuture<T>) -> Recreate {
        Recreate { client: self.clone(), handle: future.handle().clone(), error: false, limit: LIMIT }
    }
}

/// A call that is about to be brought here; see [`Client::recreate_error_locally`].
#[must_use = "nothing is brought before this is awaited"]
pub struct Recreate {
    client: Client,
    handle: Handle,
    error: bool,
    limit: u64,
}

impl Recreate {
    /// How many bytes of inputs may come here; 1 GiB unless set. Where values move by pointer nothing is counted.
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    async fn run(self) -> Result<Case, CaseError> {
        let (key, error) = if self.error {
            Settled::new(self.handle.clone()).await;
            let error = self.handle.error().ok_or_else(|| CaseError::NotFailed(self.handle.name().clone()))?;
            (self.culprit(&error)?, Some(error))
        } else {
            (self.handle.key(), None)
        };
        let CallSpec { task, spec, inputs } = match self.client.ask(Query::Call(key)).await? {
            Told::Call(call) => call,
            other => return Err(strange(other).into()),
        };
        let registry = Registry::linked().map_err(|error| TaskError::new(ErrorKind::Refused, error.to_string()))?;
        let call = spec.call(&registry).map_err(|error| match error {
            CallError::UnknownFunction(_) => {
                CaseError::UnknownFunction { task: task.clone(), why: registry.explain_unknown(&task.name) }
            }
            malformed => CaseError::Task(brisk_core::error::Failure::from(malformed).into()),
        })?;
        let Some(session) = self.client.session() else { return Err(not_asked("look").into()) };
        let handles = session.adopt(inputs);
        let values = gather::bring(session, &handles, Some(self.limit), true).await;
        let values = values.and_then(|values| values.into_iter().collect::<Result<Vec<_>, _>>());
        let values = values.map_err(|error| CaseError::Input { task: task.clone(), error })?;
        let inputs = handles.iter().map(Handle::key).zip(values).collect();
        Ok(Case::new(task, call, inputs, error))
    }

    /// The task that an error is of.
    fn culprit(&self, error: &TaskError) -> Result<Key, CaseError> {
        let failed_there = !matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Closed | ErrorKind::SchedulerLost);
        error.key().filter(|_| failed_there).ok_or_else(|| CaseError::Task(error.clone()))
    }
}

impl IntoFuture for Recreate {
    type Output = Result<Case, CaseError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
