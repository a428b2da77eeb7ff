//! What a worker process is told by whoever starts it, and whether this program would listen.

use std::sync::atomic::{AtomicBool, Ordering};

/// The test of a test binary that becomes the worker: see [`test_worker!`](crate::test_worker). A promise, made at link
/// time, that this program becomes a worker when it is started as one.
pub struct TestHook {
    /// The test's full name, without the crate.
    pub test: &'static str,
}

brisk_core::inventory::collect!(TestHook);

static MAIN: AtomicBool = AtomicBool::new(false);

/// `main` has passed the place at which a process becomes a worker.
pub(crate) fn main_has_the_hook() {
    MAIN.store(true, Ordering::Release);
}

/// How a process started from this program becomes a worker; `None` if it would not. Without one, starting worker
/// processes is refused: a program that starts itself and does not become a worker starts itself again, and again.
#[cfg(feature = "quic")]
pub(crate) fn entry() -> Option<Entry> {
    match brisk_core::inventory::iter::<TestHook>.into_iter().next() {
        Some(hook) => Some(Entry::Test(hook.test)),
        None => MAIN.load(Ordering::Acquire).then_some(Entry::Main),
    }
}

/// How a process becomes a worker.
#[cfg(feature = "quic")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// By its `main`.
    Main,
    /// By this test, of a test binary.
    Test(&'static str),
}

#[cfg(feature = "quic")]
pub(crate) use file::*;

#[cfg(feature = "quic")]
mod file {
    use std::{
        fs, io,
        io::{Read, Write},
        os::unix::fs::OpenOptionsExt,
        path::{Path, PathBuf},
    };

    use brisk_core::{address::Address, id::EnvironmentId};
    use brisk_transport_quic::Credentials;
    use serde::{Deserialize, Serialize};

    /// The variable that names the file. It says the starter's process id too: a child of a task inherits the variable,
    /// and must not take itself for a worker.
    pub(crate) const VARIABLE: &str = "BRISK_WORKER";

    /// A file longer than this is none of ours.
    const MAX_BYTES: u64 = 1 << 20;

    /// What a worker process is to do.
    #[derive(Serialize, Deserialize)]
    pub(crate) struct WorkerConfig {
        pub(crate) scheduler: Address,
        pub(crate) credentials: Credentials,
        pub(crate) environment: EnvironmentId,
        pub(crate) name: String,
        pub(crate) host: String,
        /// The address to listen at for other workers and clients.
        pub(crate) listen: std::net::IpAddr,
        pub(crate) threads: u32,
        /// In bytes; 0 for no limit.
        pub(crate) memory_limit: u64,
        /// In per cent of an ordinary worker's.
        pub(crate) speed_percent: u32,
        /// How many bytes of each argument a failed task's report shows.
        pub(crate) shown_bytes: usize,
        pub(crate) resources: Vec<(String, f64)>,
        /// For so long the worker tries to reach a scheduler again that it has lost.
        pub(crate) reconnect: std::time::Duration,
    }

    impl WorkerConfig {
        /// Writes the configuration where only this user can read it. The worker deletes it.
        pub(crate) fn write(&self) -> io::Result<PathBuf> {
            let path = std::env::temp_dir().join(format!("brisk-worker-{:032x}", crate::connect::session_number()));
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            Ok(path)
        }

        /// Reads the configuration and deletes it.
        pub(crate) fn read(path: &Path) -> io::Result<Self> {
            let mut text = Vec::new();
            let read = fs::File::open(path)?.take(MAX_BYTES).read_to_end(&mut text);
            fs::remove_file(path)?;
            read?;
            Ok(serde_json::from_slice(&text)?)
        }
    }

    /// The value of [`VARIABLE`] for a file.
    pub(crate) fn variable(path: &Path) -> String {
        format!("{}:{}", std::process::id(), path.display())
    }

    /// The file that [`VARIABLE`] names for this very process; `None` if it is not meant.
    pub(crate) fn path_for_this_process() -> Option<PathBuf> {
        let value = std::env::var(VARIABLE).ok()?;
        let (starter, path) = value.split_once(':')?;
        (starter.parse() == Ok(std::os::unix::process::parent_id())).then(|| PathBuf::from(path))
    }
}
