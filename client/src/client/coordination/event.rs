//! Events.

use std::{fmt, sync::Arc};

use brisk_core::{
    error::TaskError,
    message::{Answer, Operation},
};

use crate::client::{Client, copies::done, unexpected};

/// A flag under a name, for which others wait; see [`Client::event`].
///
/// A set event stays set until it is cleared, whoever set it and whoever has gone, but not beyond its scheduler: one that is started
/// again knows no event, and who waited for one waits on. One that is clear and not waited for is as one that never was.
#[derive(Clone)]
pub struct Event {
    client: Client,
    name: Arc<str>,
}

impl Event {
    pub(super) fn new(client: Client, name: Arc<str>) -> Self {
        Event { client, name }
    }

    /// Sets it: all who wait for it go on, and who waits later does so at once.
    ///
    /// # Errors
    /// If the name can't be used, or the connection is lost for good.
    pub async fn set(&self) -> Result<(), TaskError> {
        let name = self.name.clone();
        done("set an event", &self.client.coordinate(Operation::SetEvent { name }).await?)
    }

    /// Clears it: who waits from now on waits until it is set again.
    ///
    /// # Errors
    /// As [`set`](Event::set).
    pub async fn clear(&self) -> Result<(), TaskError> {
        let name = self.name.clone();
        done("clear an event", &self.client.coordinate(Operation::ClearEvent { name }).await?)
    }

    /// Whether it is set.
    ///
    /// # Errors
    /// As [`set`](Event::set).
    pub async fn is_set(&self) -> Result<bool, TaskError> {
        let name = self.name.clone();
        match self.client.coordinate(Operation::IsEventSet { name }).await? {
            Answer::Flag(is_set) => Ok(is_set),
            other => Err(unexpected("look at an event", &other)),
        }
    }

    /// Waits until it is set. Dropped before that, this stops to wait.
    ///
    /// # Errors
    /// As [`set`](Event::set), and if this client holds or waits for too much already.
    pub async fn wait(&self) -> Result<(), TaskError> {
        let name = self.name.clone();
        done("wait for an event", &self.client.coordinate(Operation::WaitForEvent { name }).await?)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Event {}>", self.name)
    }
}
