//! Who works: waiting for workers, and letting them go.

use std::sync::Arc;

use brisk_core::{
    error::TaskError,
    message::{Answer, ClientToScheduler},
};

use super::{Backend, Client, not_asked};

impl Client {
    /// Waits until the cluster has at least `count` workers. Returns how many there are.
    ///
    /// # Errors
    /// If the connection ends first. There is no limit of time: wrap it in a timeout if there should be one.
    pub async fn wait_for_workers(&self, count: u32) -> Result<u32, TaskError> {
        match &self.0 {
            Backend::Session(session) => session.count_workers(count).await,
            Backend::Sync(_) => Ok(1),
        }
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
