//! What a worker may do at once.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

/// A worker's limits and patience.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The host's name, as other workers are told it; empty if it is not known.
    pub host: Arc<str>,
    /// Tasks that hold a thread at once.
    pub threads: u32,
    /// Tasks that go on asynchronously at once, without a thread.
    pub async_limit: u32,
    /// Runs that nobody waits for, whose threads may be left to them while others take their places.
    pub max_abandoned: u32,
    /// Bytes of values that may be held; 0 for no limit. At 80 % nothing new starts, below 70 % it does again (Dask pauses
    /// at 80 %; the gap keeps it from flapping).
    pub memory_limit: u64,
    /// Keys in one request to a peer.
    pub fetch_keys: usize,
    /// Bytes in one request to a peer; one longer value goes alone (Dask: 50 MB).
    pub fetch_bytes: u64,
    /// Peers that are asked at once (Dask: 50).
    pub fetch_peers: usize,
    /// Bytes that all requests together may bring; one longer value goes alone.
    pub incoming_bytes: u64,
    /// A request that makes no progress for so long has failed, the time aside that its bytes take on a slow line. A process
    /// that hangs as a whole is noticed by its connection before.
    pub fetch_timeout: Duration,
    /// A busy peer is left alone for so long (Dask: 150 ms).
    pub busy_delay: Duration,
    /// The scheduler is asked again for a missing value after so long; each time twice as long, up to
    /// [`Config::MAX_DELAY`].
    pub missing_delay: Duration,
    /// A worker that is to end waits for its dismissal at most so long: for its runs to end, and for its values to be
    /// copied elsewhere.
    pub retire_patience: Duration,
    /// Changes of what is held are reported at most this often.
    pub health_interval: Duration,
}

impl Config {
    /// No question is repeated more seldom than this.
    pub const MAX_DELAY: Duration = Duration::from_secs(30);

    /// The usual limits for a number of threads and a memory limit in bytes, 0 for none.
    pub fn new(threads: u32, memory_limit: u64) -> Self {
        const MIB: u64 = 1 << 20;
        // Dask lets a tenth of the memory be on its way.
        let incoming_bytes = if memory_limit == 0 { 512 * MIB } else { (memory_limit / 10).max(16 * MIB) };
        Config {
            host: "".into(),
            threads,
            async_limit: 1_024,
            max_abandoned: 64,
            memory_limit,
            fetch_keys: 1_024,
            fetch_bytes: 64 * MIB,
            fetch_peers: 50,
            incoming_bytes,
            fetch_timeout: Duration::from_secs(10),
            busy_delay: Duration::from_millis(150),
            missing_delay: Duration::from_secs(1),
            retire_patience: Duration::from_secs(60),
            health_interval: Duration::from_millis(500),
        }
    }

    /// `base` doubled `times` times, up to [`MAX_DELAY`](Config::MAX_DELAY).
    pub(super) fn backed_off(base: Duration, times: u32) -> Duration {
        base.saturating_mul(1 << times.min(16)).min(Self::MAX_DELAY).max(base)
    }
}
