//! What the end-to-end tests share: clusters of each kind, and waiting for a state without sleeping blindly.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this module")]

use std::{
    future::Future,
    time::{Duration, Instant},
};

use brisk_client::{LocalBuilder, LocalCluster, Snapshot};

/// The kinds of clusters that this build knows, for tests that go through them by themselves.
pub const KINDS: &[Kind] = &[
    #[cfg(feature = "inproc")]
    Kind::Threads,
    #[cfg(feature = "inproc")]
    Kind::Encoded,
    #[cfg(feature = "quic")]
    Kind::Processes,
];

/// The kinds of clusters that every end-to-end program must work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Threads of this process; values move by pointer.
    #[cfg(feature = "inproc")]
    Threads,
    /// Threads of this process; everything is encoded and decoded.
    #[cfg(feature = "inproc")]
    Encoded,
    /// Processes, over QUIC.
    #[cfg(feature = "quic")]
    Processes,
}

/// Starts a cluster of two workers of one thread each.
pub async fn cluster(kind: Kind) -> LocalCluster {
    start(kind, LocalBuilder::default().workers(2).threads(1)).await
}

/// Starts a cluster of a kind.
pub async fn start(kind: Kind, builder: LocalBuilder) -> LocalCluster {
    let builder = match kind {
        #[cfg(feature = "inproc")]
        Kind::Threads => builder,
        #[cfg(feature = "inproc")]
        Kind::Encoded => builder.encoding(),
        #[cfg(feature = "quic")]
        Kind::Processes => builder.processes(),
    };
    builder.start().await.expect("a local cluster starts")
}

/// Runs a test on a new cluster of two workers of one thread each. It fails after a minute.
pub fn run_on<F: Future<Output = ()>>(kind: Kind, test: fn(LocalCluster) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async move {
        let limit = Duration::from_secs(60);
        let test = async move { test(cluster(kind).await).await };
        tokio::time::timeout(limit, test).await.expect("nothing hangs");
    });
}

/// Sends a signal, as in `-9`, to the process of a worker.
#[cfg(feature = "quic")]
pub fn signal(cluster: &LocalCluster, worker: &str, signal: &str) {
    let process = cluster.processes().into_iter().find(|process| process.name == worker).expect("its process runs");
    let sent = std::process::Command::new("kill").args([signal, &process.pid.to_string()]).status().unwrap();
    assert!(sent.success(), "kill {signal} of {worker}");
}

/// The bytes of all values that workers hold.
pub fn bytes(snapshot: &Snapshot) -> u64 {
    snapshot.workers.iter().map(|worker| worker.bytes).sum()
}

/// Waits until `holds`, and fails if it does not within `limit`.
pub async fn eventually(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "after {limit:?} it still does not hold that {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until the scheduler and the workers have forgotten every task and value.
pub async fn all_is_forgotten(cluster: &LocalCluster) {
    eventually(Duration::from_secs(5), "tasks and bytes are back where they were", || {
        let snapshot = cluster.snapshot();
        snapshot.total() == 0 && bytes(&snapshot) == 0
    })
    .await;
}

/// Runs a test on every kind of cluster.
#[macro_export]
macro_rules! on_every_cluster {
    ($($(#[$meta:meta])* async fn $name:ident($cluster:ident: LocalCluster) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn run($cluster: brisk_client::LocalCluster) $body

            fn on(kind: $crate::support::Kind) {
                $crate::support::run_on(kind, run);
            }

            $(#[$meta])*
            #[cfg(feature = "inproc")]
            #[test]
            fn threads() {
                on($crate::support::Kind::Threads);
            }

            $(#[$meta])*
            #[cfg(feature = "inproc")]
            #[test]
            fn encoded() {
                on($crate::support::Kind::Encoded);
            }

            $(#[$meta])*
            #[cfg(feature = "quic")]
            #[test]
            fn processes() {
                on($crate::support::Kind::Processes);
            }
        }
    )*};
}
