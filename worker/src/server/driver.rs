//! What drives the machine: whatever happens is queued, and whichever thread can have the machine deals with all of it.
//!
//! No thread ever waits for the machine. One that finds it taken leaves its news in the queue, and the one that has it
//! looks at the queue again after giving it back. In process a delivery therefore runs on its sender's thread, and a
//! thread that has finished a task starts the next one without waking another. What the machine asks for is gathered
//! and carried out after it is given back, since carrying out may come back here.

use std::{
    cell::RefCell,
    sync::{
        Arc, OnceLock,
        atomic::{Ordering, fence},
    },
    time::{Duration, Instant},
};

use brisk_core::{
    comm::{CloseReason, Comm, Inbox, PeerId, Permit},
    error::Failure,
    id::{EnvironmentId, Epoch, RequestId, RunId, WorkerId},
    key::Key,
    message::{Batch, Messages, SchedulerToWorker, WorkerToScheduler},
    payload::Payload,
    registry::Registry,
    time::Moment,
    value::Datum,
};
use parking_lot::Mutex;
use tokio::{runtime::Handle, sync::watch};

use super::{
    Ended, Snapshot,
    actors::Actors,
    call,
    context::{Site, TaskContext},
    engine::{After, Engine},
    executor::Executor,
    fetch::Links,
    links::Sender,
    panics,
    reports::{Reports, SHORT},
    roundtrip::RoundTrips,
    serve::Serve,
    store::Store,
    timer::Timer,
};
use crate::machine::{FetchResult, LeaveReason, Worker};

/// Everything that a worker's threads share.
pub(super) struct Shared {
    pub(super) name: Arc<str>,
    /// What tasks may know of it.
    pub(super) site: Arc<Site>,
    pub(super) environment: EnvironmentId,
    pub(super) registry: Arc<Registry>,
    pub(super) runtime: Handle,
    pub(super) store: Store,
    pub(super) executor: Executor,
    pub(super) links: Links,
    pub(super) serve: Serve,
    /// How much a failure's report shows of each argument.
    pub(super) shown_bytes: usize,
    pub(super) actors: Actors,
    pub(super) timer: Timer,
    pub(super) round_trips: RoundTrips,
    pub(super) reports: Reports,
    /// Executors of earlier sessions some of whose threads were busy when this one began: how many still are.
    pub(super) still_busy: OnceLock<Vec<watch::Receiver<u32>>>,
    /// Set once the scheduler has taken the worker.
    pub(super) session: OnceLock<Session>,
    /// What has happened and was not dealt with.
    news: Mutex<Vec<News>>,
    /// `None` until the scheduler has taken the worker.
    engine: Mutex<Option<Engine>>,
    /// Why the session is over, once it is, and whether all is tidied up.
    pub(super) end: watch::Sender<End>,
    clock: Instant,
}

/// The session with the scheduler.
pub(super) struct Session {
    pub(super) id: WorkerId,
    pub(super) epoch: Epoch,
    pub(super) scheduler: Arc<Sender>,
    pub(super) by_reference: bool,
}

/// How far the session's end has come.
#[derive(Clone, Debug, Default)]
pub(super) struct End {
    pub(super) why: Option<Ended>,
    pub(super) tidy: bool,
}

/// Something for the machine, with the values that come with it.
pub(super) enum News {
    Batch {
        epoch: Epoch,
        messages: Vec<SchedulerToWorker>,
        permit: Permit,
    },
    Done {
        run: RunId,
        outcome: Result<Done, Box<Failure>>,
        took: Duration,
    },
    Detached(RunId, TaskContext),
    Seceded(RunId),
    Rejoined(RunId),
    Kept(RunId),
    Fetched {
        request: RequestId,
        outcomes: Vec<(Key, Fetched)>,
        permit: Permit,
    },
    PeerLost(WorkerId),
    /// Something for the scheduler that the machine need not know.
    Say(WorkerToScheduler),
    Put(Put),
    Tick,
    Shutdown,
    /// The worker is to leave once what it holds is safe elsewhere.
    Retire,
}

/// Values that a client wants kept here, and how it is told which are.
pub(super) struct Put {
    pub(super) from: Arc<Sender>,
    pub(super) request: RequestId,
    /// With the memory that each takes.
    pub(super) values: Vec<(Key, Datum, u64)>,
    pub(super) permit: Arc<Permit>,
}

impl News {
    /// Whether all it says is that a task has ended well, after a short time.
    pub(super) fn is_short(&self) -> bool {
        matches!(self, News::Done { outcome: Ok(_), took, .. } if *took <= SHORT)
    }
}

/// A task's result.
pub(super) struct Done {
    pub(super) value: Datum,
    pub(super) nbytes: u64,
    /// What goes along with the report.
    pub(super) inline: Option<Payload>,
}

/// A peer's answer for one key.
pub(super) enum Fetched {
    Value(Datum, u64),
    Not(FetchResult),
}

impl Shared {
    #[allow(clippy::too_many_arguments, reason = "its parts, each once")]
    pub(super) fn new(
        site: Site,
        environment: EnvironmentId,
        registry: Arc<Registry>,
        runtime: Handle,
        executor: Executor,
        links: Links,
        serve: Serve,
        shown_bytes: usize,
    ) -> Arc<Self> {
        Arc::new(Shared {
            name: site.name.clone(),
            site: Arc::new(site),
            environment,
            registry,
            runtime,
            store: Store::default(),
            executor,
            links,
            serve,
            shown_bytes,
            actors: Actors::default(),
            timer: Timer::new(),
            round_trips: RoundTrips::default(),
            reports: Reports::default(),
            still_busy: OnceLock::new(),
            session: OnceLock::new(),
            news: Mutex::default(),
            engine: Mutex::default(),
            end: watch::Sender::new(End::default()),
            clock: Instant::now(),
        })
    }

    /// The session.
    ///
    /// # Panics
    /// Before there is one. Nobody who asks is made before.
    pub(super) fn session(&self) -> &Session {
        self.session.get().expect("whatever asks for the session was made after it")
    }

    /// Gives the machine to the driver.
    pub(super) fn begin(self: &Arc<Self>, machine: Worker) {
        let mut engine = Engine::new(machine);
        engine.begin(self);
        *self.engine.lock() = Some(engine);
        self.drive();
    }

    pub(super) fn now(&self) -> Moment {
        Moment::ORIGIN + self.clock.elapsed()
    }

    /// Takes what is queued, and leaves an empty list in its place.
    pub(super) fn swap_news(&self, empty: &mut Vec<News>) {
        std::mem::swap(&mut *self.news.lock(), empty);
    }

    /// Takes the end of a run out of the queue, if that is what stands first in it: nothing is overtaken.
    pub(super) fn next_done(&self) -> Option<(RunId, Result<Done, Box<Failure>>, Duration)> {
        let mut news = self.news.lock();
        if !matches!(news.first(), Some(News::Done { .. })) {
            return None;
        }
        match news.remove(0) {
            News::Done { run, outcome, took } => Some((run, outcome, took)),
            _ => None,
        }
    }

    /// Queues something for the machine, and sees to it that it is dealt with.
    pub(super) fn tell(self: &Arc<Self>, news: News) {
        self.queue(news);
        self.drive();
    }

    /// Queues something for the machine, in its place. The caller [drives](Shared::drive) once it holds no lock.
    pub(super) fn queue(&self, news: News) {
        self.news.lock().push(news);
    }

    /// Takes the machine away, for good: what still happens is for nobody.
    pub(super) fn take_machine(&self) -> Option<Worker> {
        self.engine.lock().take().map(|engine| engine.machine)
    }

    /// What the worker has now.
    pub(super) fn snapshot(self: &Arc<Self>) -> Snapshot {
        let snapshot = self.with_machine(|machine| Snapshot {
            bytes: machine.bytes(),
            values: machine.values(),
            running: machine.running(),
            assigned: machine.assigned() as u64,
            paused: machine.is_paused(),
        });
        snapshot.unwrap_or_default()
    }

    /// Looks at the machine between two events, if the worker has one. Whatever happens meanwhile waits.
    pub(super) fn with_machine<T>(self: &Arc<Self>, look: impl FnOnce(&Worker) -> T) -> Option<T> {
        let seen = self.engine.lock().as_ref().map(|engine| look(&engine.machine));
        self.look_again();
        seen
    }

    /// Ends all asynchronous tasks, those that are only about to begin included.
    pub(super) fn abort_all(self: &Arc<Self>) {
        let running = self.engine.lock().as_mut().map(Engine::take_futures);
        self.look_again();
        running.into_iter().flatten().for_each(|future| future.cancel());
    }

    /// What everybody does who has had the machine: somebody may have found it taken, and left.
    fn look_again(self: &Arc<Self>) {
        fence(Ordering::SeqCst);
        if !self.news.lock().is_empty() {
            self.drive();
        }
    }

    /// Deals with all that is queued, unless somebody does already: another thread, or this one further up its stack.
    pub(super) fn drive(self: &Arc<Self>) {
        let Some(_driving) = Driving::begin(self) else { return };
        loop {
            // The queue was written before the lock is looked at; whoever holds it gives it back before it looks at the
            // queue. So one of the two sees the other.
            fence(Ordering::SeqCst);
            let after = {
                let Some(mut engine) = self.engine.try_lock() else { return };
                let Some(engine) = engine.as_mut() else { return };
                engine.deal_with_news(self)
            };
            self.carry_out(after);
            fence(Ordering::SeqCst);
            if self.news.lock().is_empty() {
                return;
            }
        }
    }

    fn carry_out(self: &Arc<Self>, after: After) {
        let After { fetches, disconnects, aborts, abandoned, never_ran, answers, garbage, leave, patient, now } = after;
        self.report((patient && leave.is_none()).then_some(now));
        answers.into_iter().for_each(|client| client.flush());
        disconnects.into_iter().for_each(|worker| self.links.disconnect(worker));
        fetches.into_iter().for_each(|fetch| self.fetch(fetch));
        aborts.into_iter().for_each(|run| run.cancel());
        abandoned.into_iter().for_each(|run| self.abandon(run));
        for job in never_ran {
            self.tell(News::Done { run: job.run, outcome: Err(call::cancelled()), took: Duration::ZERO });
        }
        garbage.into_iter().for_each(panics::drop_quietly);
        if let Some(reason) = leave {
            self.end_after_goodbye(match reason {
                LeaveReason::Retired(reason) => Ended::Retired(reason),
                LeaveReason::Dismissed(reason) => Ended::Dismissed(reason),
                LeaveReason::Shutdown(_) => Ended::Shutdown,
            });
        }
    }
}

thread_local! {
    /// The workers that this thread drives: each has done so on behalf of the one before it.
    static DRIVEN: RefCell<Vec<*const Shared>> = const { RefCell::new(Vec::new()) };
}

/// A worker that this thread drives, for as long as it does. What is carried out in process may come back here, and lead
/// to more, and come back; whoever is further up looks at the queue again, so that the stack does not grow with it.
struct Driving;

impl Driving {
    fn begin(shared: &Arc<Shared>) -> Option<Self> {
        let this = Arc::as_ptr(shared);
        let nested = DRIVEN.try_with(|driven| {
            let mut driven = driven.borrow_mut();
            let nested = driven.contains(&this);
            if !nested {
                driven.push(this);
            }
            nested
        });
        // A thread that is about to end remembers nothing any more, and drives nothing else.
        (!nested.unwrap_or(false)).then_some(Driving)
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        let _ = DRIVEN.try_with(|driven| driven.borrow_mut().pop());
    }
}

/// The inbox of the link with the scheduler.
pub(super) struct FromScheduler(pub(super) std::sync::Weak<Shared>);

impl Inbox for FromScheduler {
    fn deliver(&self, _: PeerId, batch: Batch, permit: Permit) {
        let Some(shared) = self.0.upgrade() else { return };
        let Messages::SchedulerToWorker(messages) = batch.messages else {
            return shared.break_off(format!("{} messages on a worker's link", batch.messages.link()));
        };
        // The first batch may come before this side knows its own session; after that it must be this one's.
        if shared.session.get().is_some_and(|session| session.id.0 != batch.incarnation) {
            return tracing::debug!(incarnation = %batch.incarnation, "a batch for another session was dropped");
        }
        shared.tell(News::Batch { epoch: batch.epoch, messages, permit });
    }

    fn closed(&self, _: PeerId, reason: CloseReason) {
        if let Some(shared) = self.0.upgrade() {
            shared.end_now(Ended::SchedulerLost(reason));
        }
    }
}

impl Session {
    pub(super) fn new(id: WorkerId, epoch: Epoch, comm: Arc<dyn Comm>, runtime: Handle) -> Self {
        let scheduler = Sender::new(comm, runtime);
        let by_reference = scheduler.is_by_reference();
        Session { id, epoch, scheduler, by_reference }
    }
}
