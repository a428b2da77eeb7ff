//! The first words of a connection: who calls, what it speaks, and whether the other takes it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    address::Address,
    id::{EnvironmentId, Epoch, Incarnation},
    message::ProgramSpec,
    options::Quantity,
    wire::LinkKind,
};

/// The version of every message in [`message`](crate::message). It changes with any change there.
pub const PROTOCOL_VERSION: u32 = 1;

/// What a peer is. On transports with certificates the certificate must say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// It accepts clients, workers and supervisors, and calls nobody.
    Scheduler,
    /// It runs tasks and holds values.
    Worker,
    /// It submits tasks.
    Client,
    /// It starts worker processes.
    Supervisor,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Scheduler => "scheduler",
            Role::Worker => "worker",
            Role::Client => "client",
            Role::Supervisor => "supervisor",
        })
    }
}

/// What the caller says first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL_VERSION`].
    pub protocol: u32,
    /// The version of Brisk, for the words of a refusal.
    pub version: Arc<str>,
    /// What the caller is, and what the call is for.
    pub purpose: Purpose,
    /// The caller's name, for people. Empty for none.
    pub name: Arc<str>,
    /// The build of the caller's program.
    pub environment: EnvironmentId,
    /// The scheduler's life that the caller believes in; `None` at the first contact.
    pub epoch: Option<Epoch>,
}

/// What a connection is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Purpose {
    /// A client calls the scheduler.
    Client {
        /// Where its program can be started from, if others may start it.
        program: Option<ProgramSpec>,
    },
    /// A worker calls the scheduler.
    Worker(WorkerInfo),
    /// A supervisor calls the scheduler.
    Supervisor {
        /// The host's name.
        host: Arc<str>,
        /// How many workers it will start for each program.
        workers: u32,
    },
    /// A worker or client calls a worker for values.
    Data {
        /// What the caller is.
        role: Role,
        /// The caller's session with the scheduler.
        caller: Incarnation,
        /// The session of the worker that is meant.
        callee: Incarnation,
    },
}

/// What a worker says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Where its data link listens.
    pub address: Address,
    /// Its host's name.
    pub host: Arc<str>,
    /// How many tasks it runs at once.
    pub threads: u32,
    /// How many bytes of values it may hold; 0 for no limit.
    pub memory_limit: u64,
    /// How fast its threads are, in per cent of ordinary ones, as whoever started it says; 100 if nobody does. A first guess:
    /// the scheduler goes by what calls take there.
    pub speed_percent: u32,
    /// What it declares for tasks to take.
    pub resources: Vec<(Arc<str>, Quantity)>,
}

/// What the listener answers if it takes the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The scheduler's life.
    pub epoch: Epoch,
    /// The caller's session; on a data link the callee's.
    pub incarnation: Incarnation,
    /// The listener's version of Brisk.
    pub version: Arc<str>,
    /// From a scheduler to a client: the link to the page that shows it, if it serves one. Whoever has the link may look.
    pub dashboard: Option<Arc<str>>,
}

/// What the listener answers if it does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The two speak different protocols.
    #[error(
        "the {listener} speaks protocol {listener_protocol} (Brisk {listener_version}), the caller {caller_protocol} \
         (Brisk {caller_version}): the {older} is older; build both with the same version",
        older = if listener_protocol < caller_protocol { "listener" } else { "caller" }
    )]
    Protocol {
        /// What the listener is.
        listener: Role,
        /// Its protocol.
        listener_protocol: u32,
        /// Its version.
        listener_version: Arc<str>,
        /// The caller's protocol.
        caller_protocol: u32,
        /// The caller's version.
        caller_version: Arc<str>,
    },
    /// The caller's certificate does not allow what it calls for.
    #[error(
        "the certificate is for a {certified}, but the caller says it is a {claimed}: use the {claimed}'s credentials"
    )]
    Role {
        /// What the certificate says.
        certified: Role,
        /// What the Hello says.
        claimed: Role,
    },
    /// The listener does not serve this purpose.
    #[error("a {listener} takes no calls of this kind: is the address right?")]
    Purpose {
        /// What the listener is.
        listener: Role,
    },
    /// The worker that is meant is not the one that listens here.
    #[error("the worker {wanted} is gone; {here} has its address now")]
    AnotherIncarnation {
        /// Who was meant.
        wanted: Incarnation,
        /// Who is here.
        here: Incarnation,
    },
    /// The scheduler was started again since the caller last knew it.
    #[error("the scheduler was started again: it is {here}, not {wanted}")]
    AnotherEpoch {
        /// Who was meant.
        wanted: Epoch,
        /// Who is here.
        here: Epoch,
    },
    /// The listener is full or about to end.
    #[error("{0}")]
    Unavailable(Arc<str>),
}

impl Refusal {
    /// Whether the same call may be taken later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Refusal::Unavailable(_))
    }
}

impl Hello {
    /// A first Hello of this build of Brisk.
    pub fn new(purpose: Purpose, name: impl Into<Arc<str>>, environment: EnvironmentId) -> Self {
        Hello {
            protocol: PROTOCOL_VERSION,
            version: env!("CARGO_PKG_VERSION").into(),
            purpose,
            name: name.into(),
            environment,
            epoch: None,
        }
    }

    /// What the caller says it is.
    pub fn role(&self) -> Role {
        match &self.purpose {
            Purpose::Client { .. } => Role::Client,
            Purpose::Worker(_) => Role::Worker,
            Purpose::Supervisor { .. } => Role::Supervisor,
            Purpose::Data { role, .. } => *role,
        }
    }

    /// What the caller takes the listener for.
    pub fn callee(&self) -> Role {
        match &self.purpose {
            Purpose::Client { .. } | Purpose::Worker(_) | Purpose::Supervisor { .. } => Role::Scheduler,
            Purpose::Data { .. } => Role::Worker,
        }
    }

    /// Which kind of link is asked for.
    pub fn link(&self) -> LinkKind {
        match &self.purpose {
            Purpose::Client { .. } | Purpose::Worker(_) | Purpose::Supervisor { .. } => LinkKind::Control,
            Purpose::Data { .. } => LinkKind::Data,
        }
    }

    /// What every listener checks first: the protocol, and the certificate's role if the transport has certificates.
    ///
    /// # Errors
    /// The refusal to send.
    pub fn check(&self, listener: Role, certified: Option<Role>) -> Result<(), Refusal> {
        if self.protocol != PROTOCOL_VERSION {
            return Err(Refusal::Protocol {
                listener,
                listener_protocol: PROTOCOL_VERSION,
                listener_version: env!("CARGO_PKG_VERSION").into(),
                caller_protocol: self.protocol,
                caller_version: self.version.clone(),
            });
        }
        match certified {
            Some(certified) if certified != self.role() => Err(Refusal::Role { certified, claimed: self.role() }),
            _ => Ok(()),
        }
    }
}

impl Welcome {
    /// An answer of this build of Brisk.
    pub fn new(epoch: Epoch, incarnation: Incarnation) -> Self {
        Welcome { epoch, incarnation, version: env!("CARGO_PKG_VERSION").into(), dashboard: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Hello {
        Hello::new(Purpose::Client { program: None }, "test", EnvironmentId::IN_PROCESS)
    }

    #[test]
    fn a_mismatch_says_which_side_is_older() {
        let newer = Hello { protocol: PROTOCOL_VERSION + 1, ..hello() };
        let text = newer.check(Role::Scheduler, None).unwrap_err().to_string();
        assert!(text.contains("the listener is older"), "{text}");
        let older = Hello { protocol: 0, ..hello() };
        let text = older.check(Role::Scheduler, None).unwrap_err().to_string();
        assert!(text.contains("the caller is older"), "{text}");
    }

    #[test]
    fn the_certificate_must_say_the_same() {
        assert!(hello().check(Role::Scheduler, Some(Role::Client)).is_ok());
        let text = hello().check(Role::Scheduler, Some(Role::Worker)).unwrap_err().to_string();
        assert!(text.contains("certificate is for a worker"), "{text}");
    }
}
