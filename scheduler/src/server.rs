//! The shell.

use std::sync::Arc;

use brisk_core::{comm::Listener, id::Epoch};

use crate::machine::{self, FunctionIndex, Record, Snapshot};

/// What an operator may choose of the shell.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The machine's settings.
    pub machine: machine::Config,
    /// The scheduler's name, for people.
    pub name: Arc<str>,
    /// How many records are kept.
    pub records: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config { machine: machine::Config::default(), name: "scheduler".into(), records: 64 << 10 }
    }
}

/// A running scheduler.
#[derive(Debug)]
pub struct Server {}

impl Server {
    /// Starts a scheduler whose tasks run on `runtime`.
    pub fn start(_config: Config, _epoch: Epoch, _runtime: tokio::runtime::Handle) -> Arc<Server> {
        Arc::new(Server {})
    }

    /// Takes peers from this listener too.
    pub fn serve(self: &Arc<Self>, _listener: Arc<dyn Listener>) {}

    /// The latest records, oldest first.
    pub fn records(&self) -> Vec<Record> {
        Vec::new()
    }

    /// What the scheduler looks like now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::default()
    }

    /// The name of the function that records call `index`.
    pub fn function_name(&self, _index: FunctionIndex) -> Option<Arc<str>> {
        None
    }

    /// Sends all peers away and ends every task of the server.
    pub fn shutdown(&self) {}
}
