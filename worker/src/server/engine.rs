//! The machine with all that belongs to it: events and the values that come with them in, effects out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use brisk_core::{
    error::Failure,
    id::{RunId, WorkerId},
    key::Key,
    message::{Batch, DataMessage, Messages, WorkerToScheduler},
    payload::Payload,
    time::Moment,
    value::Datum,
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    condense,
    context::TaskContext,
    driver::{Done, Fetched, News, Put, Shared},
    executor::{Aborted, Job},
    fetch::ToFetch,
    links::Sender,
};
use crate::machine::{Action, Event, FetchResult, LeaveReason, Worker};

/// Messages of one batch to the scheduler.
const MAX_MESSAGES: usize = 1_024;

/// Messages of the scheduler after which the threads are looked after: some microseconds.
const AT_A_TIME: usize = 16;

/// What is only touched with the machine in hand.
pub(super) struct Engine {
    pub(super) machine: Worker,
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
    running: FxHashMap<RunId, TaskContext>,
    /// Those in a thread's hands that nobody waits for any more: one that turns out to be asynchronous need not go on.
    unwanted: FxHashSet<RunId>,
    /// The session is over: none need go on.
    over: bool,
}

/// What is done once the machine is given back.
#[derive(Default)]
pub(super) struct After {
    pub(super) fetches: Vec<ToFetch>,
    pub(super) disconnects: Vec<WorkerId>,
    /// Runs that nobody waits for, to be told so.
    pub(super) aborts: Vec<TaskContext>,
    /// Runs whose threads are left to them.
    pub(super) abandoned: Vec<RunId>,
    /// Runs that no thread has taken and nobody waits for.
    pub(super) never_ran: Vec<Job>,
    /// Clients to whom something waits to be sent.
    pub(super) answers: Vec<Arc<Sender>>,
    /// Values to drop: that may run user code.
    pub(super) garbage: Vec<Datum>,
    pub(super) leave: Option<LeaveReason>,
    /// Nothing was said but that short tasks have ended, and this thread goes on with another one.
    pub(super) patient: bool,
    /// When this round began.
    pub(super) now: Moment,
}

/// The values that came with one event, for [`Action::Keep`].
#[derive(Default)]
struct Brought {
    one: Option<(Datum, u64)>,
    inline: Option<Payload>,
    many: std::vec::IntoIter<(Key, (Datum, u64))>,
}

impl Engine {
    pub(super) fn new(machine: Worker) -> Self {
        Engine {
            machine,
            futures: Futures::default(),
            batch: Vec::new(),
            outbox: Vec::new(),
            jobs: Vec::new(),
            after: After::default(),
        }
    }

    /// Carries out what a new machine asks for at once.
    pub(super) fn begin(&mut self, shared: &Shared) {
        while let Some(action) = self.machine.poll_action() {
            self.take(shared, action, &mut Brought::default());
        }
    }

    /// No asynchronous task need go on, nor begin. Answers how to end those that do.
    pub(super) fn take_futures(&mut self) -> impl Iterator<Item = TaskContext> + use<> {
        self.futures.over = true;
        std::mem::take(&mut self.futures.running).into_values()
    }

    /// One round: everything that is queued now. What comes meanwhile is for the next one, so that reports do not wait.
    pub(super) fn deal_with_news(&mut self, shared: &Arc<Shared>) -> After {
        shared.swap_news(&mut self.batch);
        let now = shared.now();
        let mut batch = std::mem::take(&mut self.batch);
        let short = batch.iter().all(News::is_short);
        for news in batch.drain(..) {
            self.deal_with(shared, now, news);
        }
        self.batch = batch;
        self.after.now = now;
        self.after.patient = short && !self.jobs.is_empty() && shared.executor.is_mine();
        self.post(shared);
        shared.executor.submit(&mut self.jobs);
        shared.timer.arm(self.machine.next_deadline());
        shared.serve.outgoing.set_paused(self.machine.is_paused());
        std::mem::take(&mut self.after)
    }

    fn deal_with(&mut self, shared: &Shared, now: Moment, news: News) {
        match news {
            News::Batch { epoch, messages, permit } => {
                for (place, message) in (1_usize..).zip(messages) {
                    self.handle(shared, now, Event::FromScheduler { epoch, message }, Brought::default());
                    if place.is_multiple_of(AT_A_TIME) {
                        self.keep_threads_busy(shared, now);
                    }
                }
                drop(permit);
            }
            News::Done { run, outcome, took } => self.done(shared, now, run, outcome, took),
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
            News::Seceded(run) => self.handle(shared, now, Event::Seceded { run }, Brought::default()),
            News::Kept(run) => self.handle(shared, now, Event::Kept { run }, Brought::default()),
            News::Rejoined(run) => self.handle(shared, now, Event::Rejoined { run }, Brought::default()),
            News::Say(message) => self.outbox.push(message),
            News::Put(put) => self.put(shared, now, put),
            News::PeerLost(worker) => self.handle(shared, now, Event::PeerLost { worker }, Brought::default()),
            News::Tick => self.handle(shared, now, Event::Tick, Brought::default()),
            News::Retire => {
                let reason = Arc::from("the worker's process is to end");
                self.handle(shared, now, Event::Retire { reason }, Brought::default());
            }
            News::Shutdown => {
                let reason = Arc::from("the worker was shut down");
                self.handle(shared, now, Event::Shutdown { reason }, Brought::default());
            }
        }
    }

    /// In the midst of many messages: hands over the jobs there are, and deals with runs that have ended meanwhile. Their
    /// threads would have nothing to do until the last message was dealt with.
    fn keep_threads_busy(&mut self, shared: &Shared, now: Moment) {
        while let Some((run, outcome, took)) = shared.next_done() {
            self.done(shared, now, run, outcome, took);
        }
        shared.executor.submit(&mut self.jobs);
    }

    fn done(&mut self, shared: &Shared, now: Moment, run: RunId, outcome: Result<Done, Box<Failure>>, took: Duration) {
        self.futures.forget(run);
        let (outcome, brought) = match outcome {
            Ok(Done { value, nbytes, inline }) => {
                (Ok(nbytes), Brought { one: Some((value, nbytes)), inline, ..Brought::default() })
            }
            Err(failure) => (Err(failure), Brought::default()),
        };
        self.handle(shared, now, Event::Done { run, outcome, took }, brought);
    }

    /// Keeps what a client has put here, as far as the machine allows, and says what is held then.
    fn put(&mut self, shared: &Shared, now: Moment, put: Put) {
        let Put { from, request, values, permit } = put;
        let lengths: Vec<_> = values.iter().map(|(key, _, nbytes)| (*key, *nbytes)).collect();
        let mut keys: Vec<Key> = lengths.iter().map(|(key, _)| *key).collect();
        let many: Vec<_> = values.into_iter().map(|(key, value, nbytes)| (key, (value, nbytes))).collect();
        let brought = Brought { many: many.into_iter(), ..Brought::default() };
        self.handle(shared, now, Event::Put { values: lengths }, brought);
        keys.retain(|key| shared.store.has(*key));
        shared.push_data(&from, DataMessage::Stored { request, keys }, Some(Box::new(permit)));
        self.after.answers.push(from);
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
                condense::add(&mut self.outbox, message);
            }
            Action::Execute { run, spec, task, attempt, wanted, limit, .. } => {
                let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
                self.jobs.push(Job { run, spec, task, wanted, attempt, deadline });
            }
            Action::Abort { run } => self.abort(shared, run),
            Action::Abandon { run } => self.after.abandoned.push(run),
            Action::Keep { key } => {
                let value = brought.one.take().or_else(|| brought.find(key, &mut self.after.garbage));
                if let Some((value, nbytes)) = value {
                    self.after.garbage.extend(shared.store.insert(key, value, nbytes));
                } else {
                    tracing::error!(%key, "a value to keep did not come along");
                }
            }
            Action::DropValue { key } => {
                self.after.garbage.extend(shared.store.remove(key));
                // Later than the value: whoever begins a call looks the other way round.
                shared.site.notebook.forget(key);
            }
            Action::Fetch { request, from, address, keys } => {
                self.after.fetches.push(ToFetch { request, from, address, keys });
            }
            Action::Disconnect { worker } => self.after.disconnects.push(worker),
            Action::Leave { reason } => self.after.leave = Some(reason),
        }
    }

    /// Ends a run early, as far as that can be done: one that a thread has is told.
    fn abort(&mut self, shared: &Shared, run: RunId) {
        if let Some(future) = self.futures.running.get(&run) {
            return self.after.aborts.push(future.clone());
        }
        // It may be about to be handed over.
        if let Some(place) = self.jobs.iter().position(|job| job.run == run) {
            return self.after.never_ran.push(self.jobs.remove(place));
        }
        match shared.executor.abort(run) {
            Aborted::NotTaken(job) => self.after.never_ran.push(job),
            Aborted::Taken(context) => {
                self.futures.unwanted.insert(run);
                self.after.aborts.extend(context);
            }
        }
    }

    /// Puts what is to be said to the scheduler into its queue, in batches of bounded length.
    fn post(&mut self, shared: &Shared) {
        let Some(session) = shared.session.get().filter(|_| !self.outbox.is_empty()) else { return };
        let (epoch, incarnation) = (session.epoch, session.id.0);
        if self.outbox.len() <= MAX_MESSAGES && !self.outbox.iter().any(is_long) {
            return session.scheduler.push_short(epoch, incarnation, &mut self.outbox);
        }
        let mut short = Vec::new();
        for message in self.outbox.drain(..) {
            let long = is_long(&message);
            if !short.is_empty() && (long || short.len() == MAX_MESSAGES) {
                session.scheduler.push_short(epoch, incarnation, &mut short);
            }
            if long {
                let messages = Messages::WorkerToScheduler(vec![message]);
                session.scheduler.push(Batch { epoch, incarnation, messages }, None);
            } else {
                short.push(message);
            }
        }
        if !short.is_empty() {
            session.scheduler.push_short(epoch, incarnation, &mut short);
        }
    }
}

/// Whether a report may be long by itself. It is sent alone: many of them would be more than a batch may hold.
fn is_long(message: &WorkerToScheduler) -> bool {
    use WorkerToScheduler::{Added, Failed, Missing, Notes, Offered, Received, Stolen, Transfers};
    match message {
        Failed { .. } | Notes(_) => true,
        Added(keys) | Offered(keys) | Received(keys) => keys.len() > 16,
        Missing { holders, .. } => holders.len() > 16,
        Stolen { runs, .. } => runs.len() > 16,
        Transfers(transfers) => transfers.len() > 16,
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
