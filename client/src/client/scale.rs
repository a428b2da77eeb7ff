//! How many workers the client's own cluster has.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use brisk_core::{
    error::TaskError,
    message::{Answer, ClientToScheduler},
};

use super::{Client, not_asked, unexpected};
use crate::{error::ClientError, local::LocalCluster};

impl Client {
    /// Has so many workers: as [`LocalCluster::scale`], for the cluster that this program has started.
    ///
    /// # Errors
    /// As there; and if this program has not started the cluster.
    pub async fn scale(&self, workers: u32) -> Result<(), ClientError> {
        self.own_cluster()?.scale(workers).await
    }

    /// Follows the work with the number of workers: as [`LocalCluster::adapt`], for the cluster that this program has started.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::local().workers(1).await?;
    /// client.adapt(1..=4)?;
    /// assert_eq!(client.gather(&client.map(0..100, inc)).await?.len(), 100);
    /// client.scale(2).await?; // And no more of that.
    /// assert_eq!(client.wait_for_workers(2).await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As there; and if this program has not started the cluster.
    pub fn adapt(&self, workers: RangeInclusive<u32>) -> Result<(), ClientError> {
        self.own_cluster()?.adapt(workers)
    }

    /// The link to the page that shows the cluster while it runs: what runs where, what waits, what failed. A cluster that this
    /// program has started serves it from now on, if it did not yet ([`LocalCluster::dashboard_url`]); another one's scheduler
    /// said when this client connected where it is. Whoever has the link may look.
    ///
    /// ```
    /// # use brisk_client::Client;
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::local().await?;
    /// println!("dashboard: {}", client.dashboard_url()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is none: it is switched off, the client has no cluster, or there is no port for it.
    pub fn dashboard_url(&self) -> Result<String, ClientError> {
        let none = |what: &str| ClientError::Configuration(what.to_owned());
        let Some(session) = self.session() else {
            return Err(none("a client that runs every task in the submitting thread has no cluster to show"));
        };
        match session.cluster() {
            Some(cluster) => cluster.dashboard_url(),
            None => session.dashboard().map(|link| link.to_string()).ok_or_else(|| {
                none("the scheduler did not say that it serves a dashboard: `brisk scheduler --dashboard on` makes it")
            }),
        }
    }

    /// Begins anew: all of this client's tasks are dropped, its futures that have no value here fail as
    /// [cancelled](crate::ErrorKind::Cancelled), and all workers are ended and started again, as
    /// [`LocalCluster::restart`] does. Returns when they have joined. What other clients of the cluster want is not cancelled:
    /// it is computed again by the new workers.
    ///
    /// ```
    /// # use brisk_client::{Client, ErrorKind, task};
    /// # #[task] async fn pends() { std::future::pending::<()>().await; }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let stuck = client.submit(pends());
    /// client.restart().await?;
    /// assert_eq!(stuck.await.unwrap_err().kind(), ErrorKind::Cancelled);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As there; and if this program has not started the cluster: then nothing was dropped.
    pub async fn restart(&self) -> Result<(), ClientError> {
        let cluster = self.own_cluster()?;
        if let Some(session) = self.session() {
            session.cancel_everything("the client has restarted its workers, and dropped all its tasks");
            session.sync().await;
        }
        cluster.restart().await
    }

    /// Ends the cluster, for all its clients: as [`LocalCluster::close`], for the cluster that this program has started.
    ///
    /// # Errors
    /// If this program has not started the cluster.
    pub async fn shutdown(self) -> Result<(), ClientError> {
        let cluster = self.own_cluster()?;
        self.close().await;
        cluster.close().await;
        Ok(())
    }

    fn own_cluster(&self) -> Result<LocalCluster, ClientError> {
        self.session().and_then(|session| session.cluster()).ok_or_else(|| {
            let what = "this program has not started the workers of this cluster, so they are not its to start or end: start or \
                        end `brisk worker` processes, or retire workers with `client.retire_workers(..)`";
            ClientError::Configuration(what.to_owned())
        })
    }

    /// How many workers have one of these names.
    pub(crate) async fn workers_called(&self, names: &[String]) -> Result<usize, TaskError> {
        let Some(session) = self.session() else { return Err(not_asked("look for workers")) };
        // All are asked for: that some are not there is no error.
        let find = |request| ClientToScheduler::FindWorkers { request, workers: Vec::<Arc<str>>::new() };
        match session.request(find).await? {
            Answer::Found(found) => {
                Ok(names.iter().filter(|name| found.iter().any(|(_, there)| **there == ***name)).count())
            }
            other => Err(unexpected("find workers", &other)),
        }
    }

    pub(crate) async fn sleep(&self, time: Duration) {
        if let Some(session) = self.session() {
            session.sleep(time).await;
        }
    }
}
