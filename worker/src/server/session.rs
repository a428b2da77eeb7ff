//! A session from its first word to the last thread's end.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use brisk_core::{
    address::Address,
    comm::{CloseReason, Connector, Listener, PeerId},
    hello::{Hello, Purpose, WorkerInfo},
    id::WorkerId,
};
use tokio::{runtime::Handle, time::timeout};

use super::{
    Ended, StartError, WorkerConfig,
    context::Site,
    driver::{FromScheduler, News, Session, Shared},
    executor::Executor,
    fetch::Links,
    notes::Notebook,
    panics,
    serve::{self, Serve},
};
use crate::machine::{Config, Worker};

/// The last words to the scheduler may take this long to be sent.
const GOODBYE: Duration = Duration::from_secs(1);

/// Threads have this long to end. One that runs a task's code for longer is left behind.
const FAREWELL: Duration = Duration::from_secs(2);

/// Idle links are looked for this often.
const SWEEP: Duration = Duration::from_secs(15);

/// Runs that go on for long are looked for this often.
const LOOK: Duration = Duration::from_secs(2);

pub(super) async fn start(
    config: WorkerConfig,
    scheduler: Address,
    connector: Arc<dyn Connector>,
    listener: Arc<dyn Listener>,
    runtime: Handle,
    former: Option<&Shared>,
) -> Result<Arc<Shared>, StartError> {
    if config.threads == 0 {
        return Err(StartError::NoThreads);
    }
    panics::install();
    let info = WorkerInfo {
        address: listener.address(),
        host: config.host.clone(),
        threads: config.threads,
        memory_limit: config.memory_limit,
        speed_percent: config.speed_percent,
        resources: config.resources.clone(),
    };
    let hello = Hello::new(Purpose::Worker(info), config.name.clone(), config.environment);
    let shared = Shared::new(
        Site {
            name: config.name,
            address: listener.address(),
            provided: config.provided,
            notebook: Notebook::default(),
        },
        config.environment,
        config.registry,
        runtime.clone(),
        Executor::new(config.threads, config.async_tasks),
        Links::new(connector.clone()),
        Serve::new(listener.clone(), config.memory_limit),
        config.shown_bytes,
    );
    if let Err(error) = shared.start_threads() {
        shared.executor.stop();
        return Err(StartError::Threads(error));
    }
    // From here on whatever goes wrong, this future being dropped included, must end the threads.
    let mut unfinished = Finally(Some((shared.clone(), Ended::Shutdown)));
    let inbox = Arc::new(FromScheduler(Arc::downgrade(&shared)));
    let connected = connector.connect(&scheduler, hello, PeerId(0), inbox).await;
    let (comm, welcome) = connected.map_err(StartError::Connect)?;
    let id = WorkerId(welcome.incarnation);
    let session = Session::new(id, welcome.epoch, comm, runtime.clone());
    assert!(shared.session.set(session).is_ok(), "a worker is started once");
    unfinished.0 = None;
    runtime.spawn(keep_time(Arc::downgrade(&shared)));
    runtime.spawn(serve::accept(Arc::downgrade(&shared), listener));
    let machine = Config { host: config.host, ..Config::new(config.threads, config.memory_limit) };
    match former.map(Shared::bequeath) {
        None => shared.begin(Worker::new(machine, id, welcome.epoch)),
        Some(legacy) => shared.begin_with(legacy, machine, id, welcome.epoch),
    }
    Ok(shared)
}

/// Wakes the machine at its deadlines, and closes links that are not used.
async fn keep_time(shared: Weak<Shared>) {
    let Some(mut ended) = shared.upgrade().map(|shared| shared.end.subscribe()) else { return };
    let ticks = {
        let shared = shared.clone();
        async move {
            while let Some(shared) = shared.upgrade() {
                shared.timer.due(|| shared.now()).await;
                shared.tell(News::Tick);
            }
        }
    };
    let sweeps = {
        let shared = shared.clone();
        async move {
            let mut interval = tokio::time::interval(SWEEP);
            loop {
                interval.tick().await;
                let Some(shared) = shared.upgrade() else { return };
                shared.links.close_idle();
            }
        }
    };
    let notes = {
        let shared = shared.clone();
        async move {
            while let Some(shared) = shared.upgrade() {
                shared.notes_are_due().await;
                shared.send_notes();
            }
        }
    };
    let looks = async move {
        let mut interval = tokio::time::interval(LOOK);
        loop {
            interval.tick().await;
            let Some(shared) = shared.upgrade() else { return };
            shared.tell_of_threads();
        }
    };
    tokio::select! {
        () = ticks => {}
        () = sweeps => {}
        () = notes => {}
        () = looks => {}
        _ = ended.wait_for(|end| end.why.is_some()) => {}
    }
}

impl Shared {
    /// Waits for the end, but not for what comes after it.
    pub(super) async fn over(&self) -> Ended {
        let mut end = self.end.subscribe();
        match end.wait_for(|end| end.why.is_some()).await {
            Ok(end) => end.why.clone().unwrap_or(Ended::Shutdown),
            Err(_) => Ended::Shutdown,
        }
    }

    /// Whether the session has ended.
    pub(super) fn is_over(&self) -> bool {
        self.end.borrow().why.is_some()
    }

    /// Drops all values: in a place where a user's `Drop` may do what it likes.
    pub(super) fn drop_values(&self) {
        self.store.take_all().into_iter().for_each(|(_, (value, _))| panics::drop_quietly(value));
    }

    /// Waits for the end, and for what comes after it.
    pub(super) async fn ended(&self) -> Ended {
        let mut end = self.end.subscribe();
        match end.wait_for(|end| end.tidy).await {
            Ok(end) => end.why.clone().unwrap_or(Ended::Shutdown),
            // The sender lives as long as this.
            Err(_) => Ended::Shutdown,
        }
    }

    /// Leaves, of this side's own will.
    pub(super) fn shut_down(self: &Arc<Self>) {
        if self.session.get().is_some() && self.end.borrow().why.is_none() {
            self.tell(News::Shutdown);
        } else {
            self.end_now(Ended::Shutdown);
        }
    }

    /// Asks the scheduler to be let go.
    pub(super) fn retire(self: &Arc<Self>) {
        if self.session.get().is_some() && self.end.borrow().why.is_none() {
            self.tell(News::Retire);
        } else {
            self.end_now(Ended::Shutdown);
        }
    }

    /// Breaks the session off because the scheduler broke the protocol.
    pub(super) fn break_off(self: &Arc<Self>, what: String) {
        tracing::error!(worker = %self.name, what, "the scheduler broke the protocol");
        let reason = CloseReason::Protocol(what);
        if let Some(session) = self.session.get() {
            session.scheduler.close(reason.clone());
        }
        self.end_now(Ended::SchedulerLost(reason));
    }

    /// Ends the session once the machine's last words are sent, or can't be.
    pub(super) fn end_after_goodbye(self: &Arc<Self>, why: Ended) {
        let finally = Finally(Some((self.clone(), why)));
        let shared = self.clone();
        self.runtime.spawn(async move {
            // Dropped with this future, should the runtime end first.
            let _finally = finally;
            let sent = timeout(GOODBYE, shared.session().scheduler.drained()).await;
            if sent.is_err() {
                tracing::warn!(worker = %shared.name, "the scheduler did not take the goodbye in time");
            }
        });
    }

    /// Ends the session: closes all links, drops all values, and lets the threads go. Does nothing the second time.
    pub(super) fn end_now(self: &Arc<Self>, why: Ended) {
        let first = self.end.send_if_modified(|end| {
            let first = end.why.is_none();
            if first {
                end.why = Some(why);
            }
            first
        });
        if !first {
            return;
        }
        self.executor.stop();
        self.abort_all();
        self.site.notebook.close();
        self.serve.close();
        self.links.close();
        if let Some(session) = self.session.get() {
            session.scheduler.close(CloseReason::Local);
        }
        // Another session may be given what this one has made.
        if !matches!(self.end.borrow().why, Some(Ended::SchedulerLost(_))) {
            self.drop_values();
        }
        let tidy = Tidy(self.clone());
        self.runtime.spawn(async move {
            if timeout(FAREWELL, tidy.0.executor.joined()).await.is_err() {
                tracing::warn!(worker = %tidy.0.name, "a task's code does not end: its thread is left behind");
            }
        });
    }
}

/// Ends the session when it is dropped.
struct Finally(Option<(Arc<Shared>, Ended)>);

impl Drop for Finally {
    fn drop(&mut self) {
        if let Some((shared, why)) = self.0.take() {
            shared.end_now(why);
        }
    }
}

/// Says that all is tidied up when it is dropped.
struct Tidy(Arc<Shared>);

impl Drop for Tidy {
    fn drop(&mut self) {
        self.0.end.send_modify(|end| end.tidy = true);
    }
}
