//! The shell around the machine: it accepts peers, feeds what they say to the machine, and sends what the machine asks for.
//!
//! There is no thread of its own and no event loop: whoever has news drives. A batch that arrives is put into a queue, and
//! the machine is driven by try-lock: who gets the lock handles all that is queued, sends one batch to each peer, and looks
//! at the queue again after unlocking; who does not get it may go, for the other will look. So an idle scheduler answers
//! on the very thread that brought the question, and a busy one handles and sends in bulk, without a timer that waits for
//! more.

use std::{
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use brisk_core::{comm::Listener, id::Epoch, time::Moment};
use parking_lot::Mutex;
use tokio::{runtime::Handle, sync::Notify};

use crate::machine::{self, FunctionIndex, Record, Scheduler, Snapshot};

// In reading order.
mod accept;
mod drive;
mod dumps;
mod inspection;
mod notes;
mod observer;
mod outbox;
mod plots;
mod recorder;
mod runs;
mod telemetry;
#[cfg(test)]
mod tests;
mod timer;

pub use notes::WorkerLine;
pub use observer::{NewRuns, Observer};
pub use plots::{PlotContent, PlotStatus};
pub use recorder::RecordingFile;
pub use telemetry::{EndedRun, ErrorGroup, FunctionRuns, RunTotals, WorkerRuns};

use drive::{Core, Input};
use plots::Plots;
use recorder::Recorder;
use telemetry::Telemetry;
use timer::Clock;

/// What an operator may choose of the shell.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The machine's settings.
    pub machine: machine::Config,
    /// The scheduler's name, for people.
    pub name: Arc<str>,
    /// How many records are kept; older ones are dropped.
    pub records: usize,
    /// How many runs that have ended are kept for those who show them; older ones are dropped.
    pub runs: usize,
    /// How many peers there may be; more are sent away for now.
    pub max_peers: usize,
    /// A peer that takes nothing while so many messages wait for it is sent away.
    pub outbox_messages: usize,
    /// A peer that takes nothing while so many bytes of payload wait for it is sent away.
    pub outbox_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            machine: machine::Config::default(),
            name: "scheduler".into(),
            records: 64 << 10,
            runs: 100_000,
            max_peers: 16_384,
            outbox_messages: 1 << 20,
            outbox_bytes: 512 << 20,
        }
    }
}

/// A running scheduler. It ends when this is dropped, or by [`shutdown`](Server::shutdown).
pub struct Server(Arc<Shared>);

/// What connections, tasks and the [`Server`] share. Connections and tasks hold it until the shutdown, the server no
/// longer: its drop is a shutdown.
pub(crate) struct Shared {
    this: Weak<Shared>,
    config: Config,
    epoch: Epoch,
    runtime: Handle,
    clock: Clock,
    /// What has arrived and was not handled. Bounded by the windows of the connections, whose permits are in it.
    queue: Mutex<Vec<Input>>,
    core: Mutex<Core>,
    /// Apart from the core, so that readers do not hold up the machine.
    records: Mutex<std::collections::VecDeque<Record>>,
    /// The same.
    telemetry: Mutex<Telemetry>,
    plots: Mutex<Plots>,
    /// The link to the page that shows this scheduler, once there is one.
    dashboard: OnceLock<Arc<str>>,
    next_incarnation: AtomicU64,
    /// How many peers there are, for those who decide whether to take one more.
    peers: AtomicUsize,
    /// When the machine wants to be woken, in nanoseconds; `u64::MAX` for never.
    deadline: AtomicU64,
    deadline_is_earlier: Notify,
    ended: AtomicBool,
    end: Notify,
    listeners: Mutex<Vec<Arc<dyn Listener>>>,
}

impl Server {
    /// Starts a scheduler. It has no thread: what must wait (for peers, for time, for room) waits in tasks on `runtime`,
    /// everything else is done by whoever brings it. `epoch` must differ from that of every earlier scheduler that peers
    /// may remember.
    pub fn start(config: Config, epoch: Epoch, runtime: Handle) -> Arc<Server> {
        Self::start_with(config, epoch, runtime, None)
    }

    /// The same, and every event is recorded in a file, for [`recording`](crate::recording) to replay.
    ///
    /// # Errors
    /// If the thread that writes the file can't be started.
    pub fn start_recorded(
        config: Config,
        epoch: Epoch,
        runtime: Handle,
        into: RecordingFile,
    ) -> std::io::Result<Arc<Server>> {
        let recorder = Recorder::start(into, &config.name, epoch, &config.machine)?;
        Ok(Self::start_with(config, epoch, runtime, Some(recorder)))
    }

    fn start_with(config: Config, epoch: Epoch, runtime: Handle, recorder: Option<Recorder>) -> Arc<Server> {
        let machine = Scheduler::new(config.machine.clone(), epoch);
        let shared = Arc::new_cyclic(|this| Shared {
            this: this.clone(),
            epoch,
            clock: Clock::start(),
            queue: Mutex::default(),
            core: Mutex::new(Core::new(machine, recorder)),
            records: Mutex::default(),
            plots: Mutex::default(),
            telemetry: Mutex::new(Telemetry::new(config.runs)),
            dashboard: OnceLock::new(),
            next_incarnation: AtomicU64::new(1),
            peers: AtomicUsize::new(0),
            deadline: AtomicU64::new(u64::MAX),
            deadline_is_earlier: Notify::new(),
            ended: AtomicBool::new(false),
            end: Notify::new(),
            listeners: Mutex::default(),
            runtime,
            config,
        });
        shared.runtime.spawn(timer::run(shared.clone()));
        tracing::info!(name = %shared.config.name, %epoch, "the scheduler has started");
        Arc::new(Server(shared))
    }

    /// Takes peers from this listener too.
    pub fn serve(&self, listener: Arc<dyn Listener>) {
        tracing::info!(address = %listener.address(), "listening");
        self.0.listeners.lock().push(listener.clone());
        if self.0.has_ended() {
            listener.close();
        }
        self.0.runtime.spawn(accept::run(self.0.clone(), listener));
    }

    /// The latest records, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.0.records.lock().iter().copied().collect()
    }

    /// What the scheduler looks like now. Waits for whoever is driving; so it must not be called from within an inbox.
    pub fn snapshot(&self) -> Snapshot {
        self.0.look(Scheduler::snapshot)
    }

    /// The name of the function that records call `index`. Waits as [`snapshot`](Server::snapshot) does.
    pub fn function_name(&self, index: FunctionIndex) -> Option<Arc<str>> {
        self.0.look(|machine| machine.function(index).map(|info| info.name.clone()))
    }

    /// There is a page that shows this scheduler: clients that come from now on are told the link. The first link stays.
    pub fn set_dashboard(&self, link: Arc<str>) {
        if self.0.dashboard.set(link).is_err() {
            tracing::warn!(name = %self.0.config.name, "a second dashboard is served, of which clients are not told");
        }
    }

    /// Tells the workers to leave, sends all peers away, closes the listeners, and ends every task of the server. Does
    /// nothing the second time.
    pub fn shutdown(&self) {
        self.0.shutdown();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.shutdown();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("name", &self.0.config.name)
            .field("epoch", &self.0.epoch)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Waits for the shutdown. Cancel safe.
    async fn until_end(&self) {
        let mut notified = std::pin::pin!(self.end.notified());
        // Registered before the flag is read, so that a shutdown in between is not missed.
        notified.as_mut().enable();
        if !self.has_ended() {
            notified.await;
        }
    }

    /// Looks at the machine between two events.
    fn look<T>(&self, look: impl FnOnce(&Scheduler) -> T) -> T {
        self.look_beside(|core| look(core.machine()))
    }

    /// The same, at what is kept beside the machine too.
    fn look_beside<T>(&self, look: impl FnOnce(&Core) -> T) -> T {
        let seen = look(&self.core.lock());
        // Whoever brought something in the meantime did not get the lock, and relies on its holder.
        self.drive();
        seen
    }

    fn shutdown(&self) {
        if self.ended.swap(true, Ordering::SeqCst) {
            return;
        }
        self.end.notify_waiters();
        self.close_listeners();
        self.push(Input::Shutdown);
        tracing::info!(name = %self.config.name, "the scheduler has ended");
    }

    /// The scheduler is over: nobody is taken any more.
    fn refuse_all(&self, reason: &str) {
        tracing::debug!(reason, "no more peers are taken");
        self.ended.store(true, Ordering::SeqCst);
        self.end.notify_waiters();
        self.close_listeners();
    }

    fn close_listeners(&self) {
        for listener in std::mem::take(&mut *self.listeners.lock()) {
            listener.close();
        }
    }
}
