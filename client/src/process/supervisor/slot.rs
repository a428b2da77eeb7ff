//! One place for a worker process: started, watched, and started again.

use std::{
    collections::VecDeque,
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use brisk_core::message::Exit;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStderr, Command},
    sync::watch,
};

use super::{Program, Supervisor, WorkerProcess};
use crate::process::{
    config::{Entry, VARIABLE, WorkerConfig, variable},
    worker::RETIRED,
};

/// A process that ends more often than this within [`INTENSITY_WINDOW`] is not started again: it would never stop.
const INTENSITY: usize = 10;
const INTENSITY_WINDOW: Duration = Duration::from_secs(60);

/// A process that was told to end and has not after this long is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lines of a dead worker's output that are told to the scheduler.
const LINES_KEPT: usize = 20;

pub(super) struct Slot {
    name: String,
    process: Mutex<Option<u32>>,
    stop: watch::Sender<bool>,
    stopped: watch::Sender<bool>,
    /// How often it was asked for another process in place of the one that runs.
    restarts: watch::Sender<u64>,
    /// Whether its worker was retired: the process ends by itself, and is the last.
    leaving: AtomicBool,
}

impl Slot {
    /// Starts the first process of a place, and whatever must follow it.
    pub(super) fn start(supervisor: &Arc<Supervisor>, program: Program, config: WorkerConfig) -> Arc<Slot> {
        let slot = Arc::new(Slot {
            name: config.name.clone(),
            process: Mutex::new(None),
            stop: watch::Sender::new(false),
            stopped: watch::Sender::new(false),
            restarts: watch::Sender::new(0),
            leaving: AtomicBool::new(false),
        });
        let (watched, owner) = (slot.clone(), Arc::downgrade(supervisor));
        supervisor.runtime.spawn(async move {
            watched.keep_running(&owner, &program, &config).await;
            watched.stopped.send_replace(true);
        });
        slot
    }

    pub(super) fn process(&self) -> Option<WorkerProcess> {
        let pid = (*self.process.lock())?;
        Some(WorkerProcess { name: self.name.clone(), pid })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether no process will be started here any more.
    pub(super) fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Whether there will be a worker here.
    pub(super) fn is_kept(&self) -> bool {
        !self.is_stopped() && !self.leaving.load(Ordering::Relaxed)
    }

    /// Its worker was retired.
    pub(super) fn let_go(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Ends the process, and starts another in its place.
    pub(super) fn restart(&self) {
        self.restarts.send_modify(|count| *count += 1);
    }

    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(super) async fn stopped(&self) {
        // The sender lives in `self`.
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }

    async fn keep_running(&self, owner: &Weak<Supervisor>, program: &Program, config: &WorkerConfig) {
        let mut starts: VecDeque<Instant> = VecDeque::new();
        loop {
            starts.push_back(Instant::now());
            starts.retain(|start| start.elapsed() < INTENSITY_WINDOW);
            let restarts = *self.restarts.borrow();
            let (status, output) = match spawn(program, config) {
                Ok(child) => self.watch(child, restarts).await,
                Err(error) => (Err(format!("it can't be started: {error}")), String::new()),
            };
            let retired = matches!(&status, Ok(status) if status.code() == Some(RETIRED));
            let cause = status.map_or_else(|error| error, describe);
            let last = retired || *self.stop.borrow();
            let restarted = !last && *self.restarts.borrow() != restarts;
            let Some(supervisor) = owner.upgrade() else { return };
            let exit = Exit {
                name: self.name.as_str().into(),
                environment: program.image.id,
                cause: cause.as_str().into(),
                output: output.into(),
                intended: last || restarted,
            };
            supervisor.exited(exit);
            if last {
                return;
            }
            if restarted {
                // Nobody is to blame for it.
                starts.pop_back();
                continue;
            }
            if starts.len() > INTENSITY {
                tracing::error!(worker = self.name, cause, "a worker keeps ending; it is not started again");
                eprintln!("brisk: worker {} keeps ending ({cause}); it is not started again", self.name);
                return;
            }
            tracing::warn!(worker = self.name, cause, "a worker ended; it is started again");
        }
    }

    /// Waits for the end of a process, or ends it: for good, or since there were more than so many `restarts`. How it ended, and
    /// its last words.
    async fn watch(&self, mut child: Child, restarts: u64) -> (Result<ExitStatus, String>, String) {
        *self.process.lock() = child.id();
        // The process ends when this is closed, however we end.
        let starter = child.stdin.take();
        let lines = child.stderr.take().map(|stderr| tokio::spawn(forward(stderr)));
        let (mut stop, mut again) = (self.stop.subscribe(), self.restarts.subscribe());
        let ended = async {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => {}
                _ = again.wait_for(|count| *count != restarts) => {}
            }
        };
        let status = tokio::select! {
            status = child.wait() => status,
            () = ended => {
                // It is told by the end of its input, and given time to leave in order.
                drop(starter);
                match tokio::time::timeout(PATIENCE, child.wait()).await {
                    Ok(status) => status,
                    Err(_) => {
                        let _ = child.start_kill();
                        child.wait().await
                    }
                }
            }
        };
        *self.process.lock() = None;
        let output = match lines {
            Some(lines) => lines.await.unwrap_or_default(),
            None => String::new(),
        };
        (status.map_err(|error| format!("its end is unknown: {error}")), output)
    }
}

fn spawn(program: &Program, config: &WorkerConfig) -> std::io::Result<Child> {
    let told = config.write()?;
    let mut command = Command::new(program.image.executable());
    command.arg0(&program.image.path).env(VARIABLE, variable(&told)).stdin(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    if let Entry::Test(test) = program.entry {
        // What the test harness says is of no interest to anybody.
        command.args(["--exact", test, "--nocapture", "--test-threads=1"]).stdout(Stdio::null());
    }
    let spawned = command.spawn();
    if spawned.is_err() {
        // Nobody will read and delete it.
        let _ = std::fs::remove_file(told);
    }
    spawned
}

/// Copies a worker's standard error to ours, and keeps its last lines.
async fn forward(stderr: ChildStderr) -> String {
    let mut kept: VecDeque<String> = VecDeque::new();
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        eprintln!("{line}");
        if kept.len() == LINES_KEPT {
            kept.pop_front();
        }
        kept.push_back(line);
    }
    Vec::from(kept).join("\n")
}

/// How a process ended, in words.
fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(RETIRED), _) => "it was retired".to_owned(),
        (Some(0), _) => "it ended by itself (exit code 0)".to_owned(),
        (Some(code), _) => format!("exit code {code}"),
        (_, Some(9)) => "signal 9 (SIGKILL); if nobody sent it, the system was out of memory".to_owned(),
        (_, Some(signal)) => format!("signal {signal} ({})", signal_name(signal)),
        _ => status.to_string(),
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        2 => "SIGINT",
        4 => "SIGILL",
        6 => "SIGABRT: it called abort, or a panic could not unwind",
        7 => "SIGBUS",
        8 => "SIGFPE",
        11 => "SIGSEGV: a bad pointer, or the stack overflowed",
        15 => "SIGTERM",
        _ => "see `man 7 signal`",
    }
}
