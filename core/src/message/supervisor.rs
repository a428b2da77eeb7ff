//! The link between a supervisor and the scheduler.
//!
//! A supervisor (`brisk worker`) has none of the user's code. It is told which program a client runs, verifies the
//! image's hash, starts it as worker processes, and says why each ended.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{EnvironmentId, Incarnation, RequestId};

/// A program that clients run, as it can be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramSpec {
    /// The content hash that the file must have.
    pub environment: EnvironmentId,
    /// Where the executable lies, on the client's host and presumably on others.
    pub path: Arc<str>,
}

/// What the scheduler says to a supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SchedulerToSupervisor {
    /// Keep workers of this program running.
    Start(ProgramSpec),
    /// Nobody needs this program's workers any more: end them.
    Stop(EnvironmentId),
    /// End this worker, which was declared dead or dismissed.
    End(Incarnation),
}

/// What a supervisor says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SupervisorToScheduler {
    /// A program can't be started here: not there, another hash, not executable. Told to its clients.
    CannotStart {
        /// The program.
        environment: EnvironmentId,
        /// Why.
        reason: Arc<str>,
    },
    /// A worker process has ended.
    Exited(Exit),
    /// The answer to a request.
    Done(RequestId),
    /// The supervisor ends, and its workers with it.
    Goodbye,
}

/// How a worker process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The name that the process was given, which it says in its Hello.
    pub name: Arc<str>,
    /// What it ran.
    pub environment: EnvironmentId,
    /// Signal, exit code or out of memory, in words.
    pub cause: Arc<str>,
    /// Its last lines of output.
    pub output: Arc<str>,
    /// Whether it was ended on purpose.
    pub intended: bool,
}
