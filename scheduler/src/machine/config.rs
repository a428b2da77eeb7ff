//! What an operator may choose.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The machine's settings. They never change while it lives, and belong to a recording: the same settings and events give
/// the same actions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Config {
    /// How many workers may die while they run a task before the task fails. As Dask's `allowed-failures`.
    pub allowed_failures: u32,
    /// How often a task's value may be lost by a failed transfer, or the task handed back by workers, before it fails.
    /// Two workers that can't reach each other would else send the scheduler round in circles.
    pub allowed_losses: u32,
    /// How often a task may ask to be placed again. With one time more it fails.
    pub allowed_reschedules: u32,
    /// How deep the lineage of a value may be: so many tasks, each needing the one before, are remembered to compute it
    /// again. At that depth the value is kept in two places instead, for as long as anything depends on it, and what it was
    /// computed from is forgotten. Deep enough that only loops get there: `x = client.submit(step(&x))`, for ever.
    pub max_lineage: u32,
    /// So long after a run's time limit the scheduler itself lets it fail, if its worker has not said that it has ended.
    pub timeout_grace: Duration,
    /// After so long without a worker that could run it, a task fails.
    pub no_worker_timeout: Duration,
    /// After so long without a worker that could run their task, clients are told what is missing.
    pub notice_after: Duration,
    /// So long after the last client of a program has gone, supervisors are told to end its workers.
    pub stop_after: Duration,
    /// Bytes that a second moves between two workers, presumed until it is measured. The default is that of QUIC between
    /// two processes of one host.
    pub bandwidth_bytes_per_second: u64,
    /// The time before the first byte of a transfer.
    pub latency: Duration,
    /// How long a call of a function that was never measured is presumed to take. Long on purpose: until the first call
    /// is measured (a moment for short ones) nothing is sent ahead of need, so calls that turn out to take seconds are
    /// not stuck behind one another while other threads idle. Dask presumes 500 ms.
    pub unknown_duration: Duration,
    /// How much work a worker is fed ahead of what its threads are running: a few round trips' worth.
    pub prefetch_time: Duration,
    /// While the wait for a thread is below this, one task more than there are threads is sent all the same: it hides
    /// the round trip between two tasks and can be stuck no longer than this.
    pub prefetch_one_time: Duration,
    /// Whether tasks are sent to the worker that is making their inputs before those exist. Off, each link of a chain
    /// costs a round trip, and is assigned when all is known of its inputs.
    pub send_ahead: bool,
    /// How many tasks more than it has threads a worker may have at most, however short they are.
    pub prefetch_tasks: u32,
    /// A worker with work ahead that ends nothing for so long is stalled: it is given nothing more, and asked to hand over
    /// what others could start. Several times the prefetch, so that a busy worker is not disturbed.
    pub steal_after: Duration,
    /// After so long a worker that has not answered is asked again.
    pub steal_again_after: Duration,
    /// When values and results to come take more than this part of what workers may hold, in hundredths, tasks that would
    /// add to it wait for others that free some. Below the 80 % at which a worker pauses; Dask begins to spill here.
    pub live_percent: u32,
    /// They wait no longer if none of those has ended for so long, or for twice as long as the longest takes.
    pub withhold_time: Duration,
    /// How many calls of `async` functions a worker may have at once. They hold no thread, so neither threads nor time
    /// bound them.
    pub async_tasks: u32,
    /// After so long a worker that has not got a copy it was asked to keep is not expected to any more.
    pub copy_timeout: Duration,
    /// So long after the copies or the consumers of a value have changed, copies that nobody needs are dropped. As Dask's
    /// interval of its memory manager: long enough that a value which is used again at once is still there.
    pub surplus_after: Duration,
    /// How long the runs of a worker that retires may take to end. Then they are given back, and run elsewhere.
    pub retire_patience: Duration,
    /// How many tasks there may be. A submission beyond is refused.
    pub max_tasks: u32,
    /// How many functions there may be. A client that introduces more is sent away.
    pub max_functions: u32,
    /// How many submissions a client may have open at once.
    pub max_open_submissions: u32,
    /// What a client wants whose connection was lost stays wanted for so long: one that lives comes back. Two peers find
    /// that a connection is dead up to a sign of life ([`KEEP_ALIVE`](brisk_core::limits::KEEP_ALIVE)) apart, and calling
    /// again takes a second or two; what nobody comes back for should not run much longer.
    pub client_grace: Duration,
    /// How many names there may be of published values.
    pub max_publications: u32,
    /// How many values may be published, under all names together.
    pub max_published_keys: u32,
    /// How many names there may be of primitives in use: semaphores, events and whatever else clients share by name.
    pub max_shared_names: u32,
    /// How many leases a client may hold, and how much it may wait for, together. More is refused.
    pub max_claims: u32,
    /// How many items queues may hold, all together.
    pub max_queue_items: u32,
    /// How long a value may be that is put into a queue or variable itself. A longer one is put in as a future.
    pub max_shared_value_bytes: u64,
    /// How long all of them may be together.
    pub max_shared_bytes: u64,
    /// What a worker holds from before it joined is kept for so long, for somebody to ask for it. Longer than clients take to
    /// find that their scheduler is gone and to come back.
    pub offer_grace: Duration,
    /// How many such values are kept of one worker; more are freed at once.
    pub max_offers: u32,
    /// When somebody comes back to a scheduler that was started a moment ago, nothing is assigned for so long, for others
    /// to come back too: what they hold need not be computed again. Longer than the time between two peers' finding that
    /// the former scheduler is gone, and a call or two.
    pub gather_time: Duration,
    /// In this time the present work should be done by as many workers as [`targets`](super::Scheduler::targets) says. As
    /// Dask's `adaptive.target-duration`.
    pub target_duration: Duration,
    /// Whether [`Action::Record`](super::Action::Record) is emitted.
    pub records: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            allowed_failures: 3,
            allowed_losses: 16,
            allowed_reschedules: 100,
            max_lineage: 10_000,
            timeout_grace: Duration::from_secs(10),
            no_worker_timeout: Duration::from_secs(300),
            notice_after: Duration::from_secs(5),
            stop_after: Duration::from_secs(10),
            bandwidth_bytes_per_second: 1_000_000_000,
            latency: Duration::from_micros(200),
            unknown_duration: Duration::from_millis(100),
            prefetch_time: Duration::from_millis(5),
            prefetch_one_time: Duration::from_millis(100),
            send_ahead: true,
            prefetch_tasks: 256,
            steal_after: Duration::from_millis(20),
            steal_again_after: Duration::from_secs(1),
            live_percent: 60,
            withhold_time: Duration::from_secs(1),
            async_tasks: 1_024,
            copy_timeout: Duration::from_secs(120),
            surplus_after: Duration::from_secs(2),
            retire_patience: Duration::from_secs(60),
            max_tasks: 50_000_000,
            max_functions: 1_000_000,
            max_open_submissions: 4_096,
            client_grace: Duration::from_secs(5),
            max_publications: 10_000,
            max_published_keys: 10_000_000,
            max_shared_names: 100_000,
            max_claims: 16_384,
            max_queue_items: 1_000_000,
            max_shared_value_bytes: 64 << 10,
            max_shared_bytes: 256 << 20,
            offer_grace: Duration::from_secs(30),
            max_offers: 1_000_000,
            gather_time: Duration::from_secs(3),
            target_duration: Duration::from_secs(5),
            records: true,
        }
    }
}
