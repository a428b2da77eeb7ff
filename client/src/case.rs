//! One call with its inputs, to be made here: under a debugger, and as often as one likes.

use std::{collections::BTreeMap, fmt, path::Path};

use brisk_core::{
    error::TaskError,
    graph::{Invocation, block_on},
    key::Key,
    show::{self, SHOWN_BYTES},
    task::{Ran, TaskName},
    value::{Datum, Value},
};
use thiserror::Error;

mod file;

pub(crate) use file::run_if_told;
pub use file::{SavedCase, replay_case};

/// A call of the cluster, brought here with its inputs. Made by
/// [`recreate_error_locally`](crate::Client::recreate_error_locally) and
/// [`recreate_task_locally`](crate::Client::recreate_task_locally), or read by [`replay_case`].
#[derive(Clone)]
pub struct Case {
    task: TaskName,
    call: Invocation,
    inputs: BTreeMap<Key, Datum>,
    error: Option<TaskError>,
}

/// A call can't be brought here, kept or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CaseError {
    /// There is no error to look into.
    #[error("{0} has not failed: `recreate_task_locally` brings a task that went well")]
    NotFailed(TaskName),
    /// The scheduler does not tell, or the task is not one of the cluster.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// An input can't be had any more, or not made again.
    #[error("an input of {task} can't be had: {error}")]
    Input {
        /// The task.
        task: TaskName,
        /// What became of the input. [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) if all inputs together are longer than is
        /// allowed.
        error: TaskError,
    },
    /// The call is of a function that this program does not have.
    #[error("{task} can't be called here: {why}")]
    UnknownFunction {
        /// The task.
        task: TaskName,
        /// What is near, and what to do.
        why: String,
    },
    /// The case was saved by another build of the program, in which the function takes other arguments.
    #[error(
        "{task} was saved by another build of this program: its function was `{name}{was}`, and is `{name}{is}` now. Replay it \
         with the build that saved it"
    )]
    OtherBuild {
        /// The task.
        task: TaskName,
        /// The function's name.
        name: String,
        /// Its signature then.
        was: String,
        /// Its signature now.
        is: String,
    },
    /// A value can't be written.
    #[error("{task} can't be saved: {why}")]
    Encode {
        /// The task.
        task: TaskName,
        /// What its `Serialize` says.
        why: String,
    },
    /// The file is no case, or is too long to be one.
    #[error("{path} is no saved case: {why}")]
    NoCase {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The system refuses the file.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        #[source]
        error: std::io::Error,
    },
}

impl Case {
    pub(crate) fn new(
        task: TaskName,
        call: Invocation,
        inputs: BTreeMap<Key, Datum>,
        error: Option<TaskError>,
    ) -> Self {
        Case { task, call, inputs, error }
    }

    /// The task.
    pub fn task(&self) -> &TaskName {
        &self.task
    }

    /// What it failed with on the cluster, if it did.
    pub fn error(&self) -> Option<&TaskError> {
        self.error.as_ref()
    }

    /// Makes the call, in this thread. What the task panics with is not caught: a debugger stops there. An asynchronous task
    /// has a runtime for its timers and connections.
    ///
    /// # Errors
    /// What the task returns as its `Err`; that an input is of another type than the task takes.
    ///
    /// # Panics
    /// If the task does.
    pub fn run(&self) -> Result<(), TaskError> {
        self.call().map(drop)
    }

    /// The same, for its result.
    ///
    /// # Errors
    /// As [`run`](Case::run); if the result is of another type.
    ///
    /// # Panics
    /// As there.
    pub fn result<T: Value + Clone>(&self) -> Result<T, TaskError> {
        let value = self.call()?;
        value.into_value().map_err(|error| TaskError::from(brisk_core::error::Failure::from(error)))
    }

    fn call(&self) -> Result<Datum, TaskError> {
        let inputs = self.call.inputs(|key| self.inputs.get(&key).cloned());
        let inputs = inputs.map_err(|key| {
            let text = format!("the case has no input {key}");
            TaskError::new(brisk_core::error::ErrorKind::DataLost, text)
        })?;
        let outcome = match self.call.run(inputs) {
            Ran::Done(outcome) => outcome,
            Ran::Future(future) => finish(future)?,
        };
        outcome.map_err(|failure| {
            TaskError::from(failure.with_arguments(self.arguments())).with(|report| {
                report.task = Some(self.task.clone());
                report.place = Some(self.call.def.info().place.clone());
            })
        })
    }

    fn arguments(&self) -> Option<String> {
        let given = self.call.arguments(|key| self.inputs.get(&key).cloned());
        show::arguments(self.call.def, &given, SHOWN_BYTES)
    }

    /// Keeps the call with its inputs in a file that only this user can read, for [`replay_case`], in this program or another
    /// run of it.
    ///
    /// # Errors
    /// If a value can't be encoded, or the system refuses the file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<SavedCase, CaseError> {
        file::save(self, path.as_ref())
    }
}

/// Waits for an asynchronous task in this thread.
fn finish<F: Future>(future: F) -> Result<F::Output, TaskError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| {
        let text = format!("the system gives no thread for an asynchronous task: {error}");
        TaskError::new(brisk_core::error::ErrorKind::Refused, text)
    })?;
    let output = {
        let _context = runtime.enter();
        block_on(future)
    };
    // Waiting for its end is not allowed in an async function, from which this may be called.
    runtime.shutdown_background();
    Ok(output)
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Case {}{}>", self.task, self.arguments().unwrap_or_default())
    }
}
