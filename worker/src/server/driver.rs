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
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::{runtime::Handle, sync::watch};

use super::{
    Ended, Snapshot, call,
    detached::Abort,
    executor::{Executor, Job},
    fetch::{Links, ToFetch},
    links::Sender,
    panics,
    roundtrip::RoundTrips,
    serve::Serve,
    store::Store,
    timer::Timer,
};
use crate::machine::{Action, Event, FetchResult, LeaveReason, Worker};

/// Messages of one batch to the scheduler.
const MAX_MESSAGES: usize = 1_024;

/// Everything that a worker's threads share.
pub(super) struct Shared {
    pub(super) name: Arc<str>,
    pub(super) environment: EnvironmentId,
    pub(super) registry: Arc<Registry>,
    pub(super) runtime: Handle,
    pub(super) store: Store,
    pub(super) executor: Executor,
    pub(super) links: Links,
    pub(super) serve: Serve,
    pub(super) timer: Timer,
    pub(super) round_trips: RoundTrips,
    /// Set once the scheduler has taken the worker.
    pub(super) session: OnceLock<Session>,
    /// What has happened and was not dealt with.
    news: Mutex<Vec<News>>,
    /// `None` until the scheduler has taken the worker.
    core: Mutex<Option<Core>>,
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
    Batch { epoch: Epoch, messages: Vec<SchedulerToWorker>, permit: Permit },
    Done { run: RunId, outcome: Result<Done, Box<Failure>>, took: Duration },
    Detached(RunId, Arc<Abort>),
    Fetched { request: RequestId, outcomes: Vec<(Key, Fetched)>, permit: Permit },
    PeerLost(WorkerId),
    Tick,
    Shutdown,
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

/// What is only touched with the machine in hand.
pub(super) struct Core {
    machine: Worker,
    futures: Futures,
    /// Kept for its memory.
    batch: Vec<News>,
    outbox: Vec<WorkerToScheduler>,
    jobs: Vec<Job>,
    after: After,
}

/// How runs that the executor has can be ended early.
#[derive(Default)]
struct Futures {
    /// The asynchronous ones that go on.
    running: FxHashMap<RunId, Arc<Abort>>,
    /// Those in a thread's hands that nobody waits for any more: one that turns out to be asynchronous need not go on.
    unwanted: FxHashSet<RunId>,
    /// The session is over: none need go on.
    over: bool,
}

/// What is done once the machine is given back.
#[derive(Default)]
struct After {
    fetches: Vec<ToFetch>,
    disconnects: Vec<WorkerId>,
    aborts: Vec<Arc<Abort>>,
    /// Runs that no thread has taken and nobody waits for.
    never_ran: Vec<Job>,
    /// Values to drop: that may run user code.
    garbage: Vec<Datum>,
    leave: Option<LeaveReason>,
}

/// The values that came with one event, for [`Action::Keep`].
#[derive(Default)]
struct Brought {
    one: Option<(Datum, u64)>,
    inline: Option<Payload>,
    many: std::vec::IntoIter<(Key, (Datum, u64))>,
}

impl Shared {
    #[allow(clippy::too_many_arguments, reason = "its parts, each once")]
    pub(super) fn new(
        name: Arc<str>,
        environment: EnvironmentId,
        registry: Arc<Registry>,
        runtime: Handle,
        threads: u32,
        links: Links,
        serve: Serve,
    ) -> Arc<Self> {
        Arc::new(Shared {
            name,
            environment,
            registry,
            runtime,
            store: Store::default(),
            executor: Executor::new(threads),
            links,
            serve,
            timer: Timer::new(),
            round_trips: RoundTrips::default(),
            session: OnceLock::new(),
            news: Mutex::default(),
            core: Mutex::default(),
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
        let core = Core {
            machine,
            futures: Futures::default(),
            batch: Vec::new(),
            outbox: Vec::new(),
            jobs: Vec::new(),
            after: After::default(),
        };
        *self.core.lock() = Some(core);
        self.drive();
    }

    pub(super) fn now(&self) -> Moment {
        Moment::ORIGIN + self.clock.elapsed()
    }

    /// Queues something for the machine, and sees to it that it is dealt with.
    pub(super) fn tell(self: &Arc<Self>, news: News) {
        self.news.lock().push(news);
        self.drive();
    }

    /// What the worker has now.
    pub(super) fn snapshot(self: &Arc<Self>) -> Snapshot {
        let snapshot = self.core.lock().as_ref().map(|core| Snapshot {
            bytes: core.machine.bytes(),
            values: core.machine.values(),
            running: core.machine.running(),
            assigned: core.machine.assigned() as u64,
            paused: core.machine.is_paused(),
        });
        self.look_again();
        snapshot.unwrap_or_default()
    }

    /// Ends all asynchronous tasks, those that are only about to begin included.
    pub(super) fn abort_all(self: &Arc<Self>) {
        let running = self.core.lock().as_mut().map(|core| {
            core.futures.over = true;
            std::mem::take(&mut core.futures.running)
        });
        self.look_again();
        running.into_iter().flatten().for_each(|(_, future)| future.abort());
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
                let Some(mut core) = self.core.try_lock() else { return };
                let Some(core) = core.as_mut() else { return };
                core.deal_with_news(self)
            };
            self.carry_out(after);
            fence(Ordering::SeqCst);
            if self.news.lock().is_empty() {
                return;
            }
        }
    }

    fn carry_out(self: &Arc<Self>, after: After) {
        if let Some(session) = self.session.get() {
            session.scheduler.flush();
        }
        let After { fetches, disconnects, aborts, never_ran, garbage, leave } = after;
        disconnects.into_iter().for_each(|worker| self.links.disconnect(worker));
        fetches.into_iter().for_each(|fetch| self.fetch(fetch));
        aborts.into_iter().for_each(|future| future.abort());
        for job in never_ran {
            self.tell(News::Done { run: job.run, outcome: Err(call::cancelled()), took: Duration::ZERO });
        }
        garbage.into_iter().for_each(panics::drop_quietly);
        if let Some(reason) = leave {
            self.end_after_goodbye(match reason {
                LeaveReason::Retired => Ended::Retired,
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
        DRIVEN.with_borrow_mut(|driven| {
            let this = Arc::as_ptr(shared);
            let first = !driven.contains(&this);
            first.then(|| {
                driven.push(this);
                Driving
            })
        })
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        DRIVEN.with_borrow_mut(|driven| driven.pop());
    }
}

impl Core {
    /// One round: everything that is queued now. What comes meanwhile is for the next one, so that reports do not wait.
    fn deal_with_news(&mut self, shared: &Arc<Shared>) -> After {
        std::mem::swap(&mut *shared.news.lock(), &mut self.batch);
        let now = shared.now();
        let mut batch = std::mem::take(&mut self.batch);
        for news in batch.drain(..) {
            self.deal_with(shared, now, news);
        }
        self.batch = batch;
        self.post(shared);
        shared.executor.submit(&mut self.jobs);
        shared.timer.arm(self.machine.next_deadline());
        std::mem::take(&mut self.after)
    }

    fn deal_with(&mut self, shared: &Shared, now: Moment, news: News) {
        match news {
            News::Batch { epoch, messages, permit } => {
                for message in messages {
                    self.handle(shared, now, Event::FromScheduler { epoch, message }, Brought::default());
                }
                drop(permit);
            }
            News::Done { run, outcome, took } => {
                self.futures.forget(run);
                let (outcome, brought) = match outcome {
                    Ok(Done { value, nbytes, inline }) => {
                        (Ok(nbytes), Brought { one: Some((value, nbytes)), inline, ..Brought::default() })
                    }
                    Err(failure) => (Err(failure), Brought::default()),
                };
                self.handle(shared, now, Event::Done { run, outcome, took }, brought);
            }
            News::Fetched { request, outcomes, permit } => {
                let mut values = Vec::with_capacity(outcomes.len());
                let outcomes = outcomes.into_iter().map(|(key, fetched)| match fetched {
                    Fetched::Value(value, nbytes) => {
                        values.push((key, (value, nbytes)));
                        (key, FetchResult::Stored { nbytes })
                    }
                    Fetched::Not(result) => (key, result),
                });
                let outcomes = outcomes.collect();
                let brought = Brought { many: values.into_iter(), ..Brought::default() };
                self.handle(shared, now, Event::FetchDone { request, outcomes }, brought);
                drop(permit);
            }
            News::Detached(run, abort) => {
                if self.futures.over || self.futures.unwanted.contains(&run) {
                    self.after.aborts.push(abort);
                } else {
                    self.futures.running.insert(run, abort);
                }
                self.handle(shared, now, Event::Detached { run }, Brought::default());
            }
            News::PeerLost(worker) => self.handle(shared, now, Event::PeerLost { worker }, Brought::default()),
            News::Tick => self.handle(shared, now, Event::Tick, Brought::default()),
            News::Shutdown => {
                let reason = Arc::from("the worker was shut down");
                self.handle(shared, now, Event::Shutdown { reason }, Brought::default());
            }
        }
    }

    /// One event, then all its actions.
    fn handle(&mut self, shared: &Shared, now: Moment, event: Event, mut brought: Brought) {
        self.machine.handle(now, event);
        while let Some(action) = self.machine.poll_action() {
            self.take(shared, action, &mut brought);
        }
        // What was not kept came for nobody.
        let garbage = &mut self.after.garbage;
        garbage.extend(brought.one.map(|(value, _)| value));
        garbage.extend(brought.many.map(|(_, (value, _))| value));
    }

    fn take(&mut self, shared: &Shared, action: Action, brought: &mut Brought) {
        match action {
            Action::ToScheduler(mut message) => {
                if let WorkerToScheduler::Finished { value, .. } = &mut message {
                    *value = brought.inline.take();
                }
                self.outbox.push(message);
            }
            Action::Execute { run, spec, task, wanted, .. } => self.jobs.push(Job { run, spec, task, wanted }),
            Action::Abort { run } => match (shared.executor.take_back(run), self.futures.running.get(&run)) {
                (Some(job), _) => self.after.never_ran.push(job),
                (None, Some(future)) => self.after.aborts.push(future.clone()),
                (None, None) => _ = self.futures.unwanted.insert(run),
            },
            Action::Keep { key } => {
                let value = brought.one.take().or_else(|| brought.find(key, &mut self.after.garbage));
                if let Some((value, nbytes)) = value {
                    self.after.garbage.extend(shared.store.insert(key, value, nbytes));
                } else {
                    tracing::error!(%key, "a value to keep did not come along");
                }
            }
            Action::DropValue { key } => self.after.garbage.extend(shared.store.remove(key)),
            Action::Fetch { request, from, address, keys } => {
                self.after.fetches.push(ToFetch { request, from, address, keys });
            }
            Action::Disconnect { worker } => self.after.disconnects.push(worker),
            Action::Leave { reason } => self.after.leave = Some(reason),
        }
    }

    /// Puts what is to be said to the scheduler into its queue, in batches of bounded length.
    fn post(&mut self, shared: &Shared) {
        let Some(session) = shared.session.get().filter(|_| !self.outbox.is_empty()) else { return };
        let batch = |messages| Batch {
            epoch: session.epoch,
            incarnation: session.id.0,
            messages: Messages::WorkerToScheduler(messages),
        };
        let all = std::mem::take(&mut self.outbox);
        if all.len() <= MAX_MESSAGES && !all.iter().any(is_long) {
            return session.scheduler.push_short(batch(all));
        }
        let mut short = Vec::new();
        for message in all {
            let long = is_long(&message);
            if !short.is_empty() && (long || short.len() == MAX_MESSAGES) {
                session.scheduler.push_short(batch(std::mem::take(&mut short)));
            }
            if long {
                session.scheduler.push(batch(vec![message]), None);
            } else {
                short.push(message);
            }
        }
        if !short.is_empty() {
            session.scheduler.push_short(batch(short));
        }
    }
}

/// Whether a report may be long by itself. It is sent alone: many of them would be more than a batch may hold.
fn is_long(message: &WorkerToScheduler) -> bool {
    use WorkerToScheduler::{Added, Failed, Missing, Stolen};
    match message {
        Failed { .. } => true,
        Added(keys) => keys.len() > 16,
        Missing { holders, .. } => holders.len() > 16,
        Stolen { runs, .. } => runs.len() > 16,
        _ => false,
    }
}

impl Futures {
    /// A run has ended.
    fn forget(&mut self, run: RunId) {
        if !self.running.is_empty() {
            self.running.remove(&run);
        }
        if !self.unwanted.is_empty() {
            self.unwanted.remove(&run);
        }
    }
}

impl Brought {
    /// The value of `key`. Those before it were not kept.
    fn find(&mut self, key: Key, garbage: &mut Vec<Datum>) -> Option<(Datum, u64)> {
        for (of, value) in self.many.by_ref() {
            if of == key {
                return Some(value);
            }
            garbage.push(value.0);
        }
        None
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
