//! Names of sessions, runs and requests: the numbers that fence off what is stale.
//!
//! Each is a newtype over `u64`, handed out in rising order by one owner and never reused while that owner lives.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    )*};
}

ids! {
    /// One life of a scheduler. A scheduler that starts again takes another; peers of the former one are strangers to it.
    Epoch, "e";
    /// One session of a peer (client, worker or supervisor) with a scheduler, within an [`Epoch`]. The scheduler hands
    /// it out in its [`Welcome`](crate::hello::Welcome). A peer that comes back takes another.
    Incarnation, "i";
    /// One assignment of one task to one worker. It grows with each assignment, over the whole life of a scheduler; a
    /// report about any but the current run of a task is dropped.
    RunId, "r";
    /// One request of one peer. Unique within the sender's incarnation; the reply carries it back.
    RequestId, "q";
    /// One period during which a client wants a key: from its first handle to the drop of the last. Unique within the
    /// client's incarnation, and growing; news about an earlier period is dropped by the client.
    WantId, "n";
}

/// A worker, in one incarnation. A worker process that joins again is another worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkerId(pub Incarnation);

/// A client, in one incarnation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub Incarnation);

/// A supervisor of worker processes on a host, in one incarnation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SupervisorId(pub Incarnation);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{}", self.0.0)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0.0)
    }
}

impl fmt::Display for SupervisorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0.0)
    }
}

/// One grant of a semaphore or lock. A later grant has a greater fence, under whatever name: whoever keeps the greatest it has
/// seen can turn away a holder that does not know that its lease has ended. A scheduler that starts again gives greater
/// ones still, if its [`Epoch`] is greater, as it is where epochs are taken from a clock that does not go back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// The life of the scheduler that granted it.
    pub epoch: Epoch,
    /// Its number in that life.
    pub number: u64,
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch.0, self.number)
    }
}

/// Which build of which program a task, a client or a worker belongs to: a content hash of the executable as it was
/// started. The scheduler pairs equals only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EnvironmentId(#[serde(with = "crate::hex")] pub u128);

impl EnvironmentId {
    /// The environment of everything that runs inside one process.
    pub const IN_PROCESS: EnvironmentId = EnvironmentId(0);
}

impl fmt::Display for EnvironmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::IN_PROCESS { f.write_str("in-process") } else { write!(f, "{:08x}", self.0 >> 96) }
    }
}

impl fmt::Debug for EnvironmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnvironmentId({self})")
    }
}
