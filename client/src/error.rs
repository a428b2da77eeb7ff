//! Why there is no client.

use std::{
    io,
    path::{Path, PathBuf},
};

use brisk_core::{
    comm::ConnectError,
    error::{ErrorKind, TaskError},
    registry::DuplicateTask,
};
use thiserror::Error;

/// A client could not be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The environment names a scheduler in a way that can't be used.
    #[error("{variable}={value}: {reason}")]
    Environment {
        /// The variable.
        variable: &'static str,
        /// What it says.
        value: String,
        /// What is wrong.
        reason: String,
    },
    /// `BRISK_SCHEDULER` is set and `BRISK_CREDENTIALS` is not.
    #[error("BRISK_SCHEDULER is set but BRISK_CREDENTIALS is not: name the cluster's credentials file in it")]
    NoCredentials,
    /// The scheduler was not reached, or refused.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The program was built without what the address or the cluster needs.
    #[error("this program was built without brisk-client's feature `{feature}`, which {what} needs")]
    Feature {
        /// The feature.
        feature: &'static str,
        /// What needs it.
        what: &'static str,
    },
    /// The transport between processes can't be had: credentials that are missing, open to others or expired.
    #[error(transparent)]
    Transport(Box<dyn std::error::Error + Send + Sync>),
    /// Worker processes were asked for, and the program would not become one.
    #[error(
        "worker processes run this program again, and it does not yet know how to be a worker: put #[brisk_client::main] \
         on `main`, or call `brisk_client::init()` first thing in it (in a test binary: `brisk_client::test_worker!();`)"
    )]
    NoHook,
    /// A worker process ended before it joined.
    #[error("a worker process did not start: {0}")]
    Worker(String),
    /// A number, range, name or combination of settings can't be used.
    #[error("{0}")]
    Configuration(String),
    /// The system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, and with which file.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// Two task functions of this program can't be told apart.
    #[error(transparent)]
    DuplicateTask(#[from] DuplicateTask),
    /// A task's client was asked for where no task runs.
    #[error(
        "no task runs here, so there is no task's client: ask in the task's own thread, or in its own future, and hand the \
         client on to the threads and futures that it starts"
    )]
    NotInTask,
    /// What should be a checkpoint's file can't be restored from.
    #[error("{}: {why}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The session ended while it began.
    #[error(transparent)]
    Session(#[from] TaskError),
}

/// So that a task which returns a [`TaskError`] can say `current().await?`.
impl From<ClientError> for TaskError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Session(error) => error,
            ClientError::Connect(error) => TaskError::new(ErrorKind::SchedulerLost, error.to_string()),
            other => TaskError::new(ErrorKind::Refused, other.to_string()),
        }
    }
}

impl ClientError {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> ClientError {
        move |source| ClientError::Io { what: what.to_owned(), source }
    }

    /// Of a file.
    pub(crate) fn file(what: &'static str, path: &Path) -> impl Fn(io::Error) -> ClientError {
        move |source| ClientError::Io { what: format!("{}: {what}", path.display()), source }
    }
}
