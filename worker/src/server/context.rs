//! What a task may know of itself while it runs, and how it hears that nobody waits for it any more.
//!
//! A context is made when a task first asks for it: most never do. What it is made of lies in the thread that runs the
//! task, so that a task that does not ask costs no allocation for it. An asynchronous task has one from the start, by which
//! its future is ended from outside.

use std::{
    any::Any,
    cell::RefCell,
    fmt,
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use brisk_core::{address::Address, id::RunId, key::Key, task::TaskName, trace::TraceContext};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    driver::Shared,
    notes::{Notebook, Notes},
};

/// The run of a task, as the task's own code sees it.
///
/// ```no_run
/// # use brisk_worker::server::TaskContext;
/// # fn one_step(step: u64) {}
/// fn search(steps: u64) -> Option<u64> {
///     let context = TaskContext::current();
///     for step in 0..steps {
///         if context.as_ref().is_some_and(TaskContext::is_cancelled) {
///             return None;
///         }
///         one_step(step);
///     }
///     Some(steps)
/// }
/// ```
#[derive(Clone)]
pub struct TaskContext(Arc<Inner>);

/// Tells that nobody waits for a run any more. Cheap to clone, and to look at: it may be handed to threads and futures that
/// work for the task.
#[derive(Clone)]
pub struct CancellationToken(Arc<Inner>);

struct Inner {
    run: RunId,
    task: TaskName,
    attempt: u32,
    deadline: Option<Instant>,
    trace: Option<Arc<TraceContext>>,
    site: Arc<Site>,
    cancelled: AtomicBool,
    /// Whether it has submitted others.
    is_parent: AtomicBool,
    /// Whoever waits for the cancellation.
    told: Notify,
    /// The task's own future, if it is asynchronous.
    future: Mutex<Option<Waker>>,
    /// The number of the thread that it holds, or [`NO_THREAD`].
    thread: AtomicU32,
    /// What it has to say.
    notes: Said,
}

/// Where it is kept what a context's owner has to say.
enum Said {
    /// A run's own.
    Run(Mutex<Notes>),
    /// Of all calls of an actor.
    Actor(Arc<Mutex<Notes>>),
}

const NO_THREAD: u32 = u32::MAX;

/// Where a worker's tasks run.
pub(super) struct Site {
    pub(super) name: Arc<str>,
    pub(super) address: Address,
    pub(super) provided: Option<Arc<dyn Any + Send + Sync>>,
    /// What they say of themselves.
    pub(super) notebook: Notebook,
}

impl TaskContext {
    /// The context of the task that runs in this thread, or whose future is being polled in it. `None` everywhere else: in
    /// threads and futures that a task has started itself, to which it can hand the context.
    pub fn current() -> Option<TaskContext> {
        // A thread that is about to end runs no task.
        NOW.try_with(|now| now.try_borrow_mut().ok()?.context()).ok().flatten()
    }

    /// The task's key.
    pub fn key(&self) -> Key {
        self.0.task.key
    }

    /// The task's name, as its future has it.
    pub fn name(&self) -> &TaskName {
        &self.0.task
    }

    /// Which attempt this is, from 1: runs that were lost with their worker count, and retries.
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// The name of the worker that this runs on.
    pub fn worker_name(&self) -> &str {
        &self.0.site.name
    }

    /// The address of the worker that this runs on, as errors name it.
    pub fn worker_address(&self) -> &Address {
        &self.0.site.address
    }

    /// What is left of the time that the call may take; `None` if it may take any. When it is up the task has failed, and
    /// this is cancelled.
    pub fn time_left(&self) -> Option<Duration> {
        self.0.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether nobody waits for this run any more: it was cancelled, all futures of it were dropped, its time is up, or its
    /// worker leaves the cluster or has lost it. What it returns from now on is dropped; its thread is free for others when
    /// it returns. Reading this costs next to nothing: ask often.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until [`is_cancelled`](TaskContext::is_cancelled). An asynchronous task need not: it is dropped at its next
    /// `await`.
    pub async fn cancelled(&self) {
        self.0.cancelled().await;
    }

    /// What tells of the cancellation, to be handed to those who work for the task.
    pub fn cancellation(&self) -> CancellationToken {
        CancellationToken(self.0.clone())
    }

    /// Which run this is. For clients.
    #[doc(hidden)]
    pub fn run(&self) -> RunId {
        self.0.run
    }

    /// The task has submitted others, and will wait for them. For clients.
    #[doc(hidden)]
    pub fn has_children(&self) {
        self.0.is_parent.store(true, Ordering::Relaxed);
    }

    /// Whether it has.
    pub(super) fn is_parent(&self) -> bool {
        self.0.is_parent.load(Ordering::Relaxed)
    }

    /// What whoever started the worker has for its tasks, if it is a `T`.
    #[doc(hidden)]
    pub fn provided<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.site.provided.clone()?.downcast().ok()
    }

    pub(super) fn new(facts: Facts, site: Arc<Site>, thread: Option<usize>) -> Self {
        TaskContext::with(facts, site, thread, Said::Run(Mutex::default()))
    }

    /// Of a call of an actor, whose notes these are.
    pub(super) fn of_call(facts: Facts, site: Arc<Site>, notes: Arc<Mutex<Notes>>) -> Self {
        TaskContext::with(facts, site, None, Said::Actor(notes))
    }

    fn with(facts: Facts, site: Arc<Site>, thread: Option<usize>, notes: Said) -> Self {
        let Facts { run, task, attempt, deadline, trace } = facts;
        let thread = thread.and_then(|thread| u32::try_from(thread).ok()).unwrap_or(NO_THREAD);
        TaskContext(Arc::new(Inner {
            run,
            task,
            attempt,
            deadline,
            trace,
            site,
            cancelled: AtomicBool::new(false),
            is_parent: AtomicBool::new(false),
            told: Notify::new(),
            future: Mutex::new(None),
            thread: AtomicU32::new(thread),
            notes,
        }))
    }

    pub(super) fn site(&self) -> &Site {
        &self.0.site
    }

    pub(super) fn notes(&self) -> &Mutex<Notes> {
        match &self.0.notes {
            Said::Run(notes) => notes,
            Said::Actor(notes) => notes,
        }
    }

    /// The number of the thread that it holds.
    pub(super) fn thread(&self) -> Option<u32> {
        Some(self.0.thread.load(Ordering::Relaxed)).filter(|thread| *thread != NO_THREAD)
    }

    /// Tells all who look or wait. To be called without a lock: it wakes them.
    pub(super) fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        self.0.told.notify_waiters();
        let future = self.0.future.lock().take();
        if let Some(waker) = future {
            waker.wake();
        }
    }

    /// Has this woken by a cancellation too, as the task's own future.
    pub(super) fn wake_on_cancel(&self, waker: &Waker) {
        let mut future = self.0.future.lock();
        if !future.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *future = Some(waker.clone());
        }
    }
}

impl CancellationToken {
    /// As [`TaskContext::is_cancelled`].
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until [`is_cancelled`](CancellationToken::is_cancelled): for ever, if the run ends before.
    pub async fn cancelled(&self) {
        self.0.cancelled().await;
    }
}

impl Inner {
    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    async fn cancelled(&self) {
        let mut told = pin!(self.told.notified());
        poll_fn(|context| {
            // Enlisted first, so that what is said after the look is heard.
            let polled = told.as_mut().poll(context);
            if self.is_cancelled() { Poll::Ready(()) } else { polled }
        })
        .await;
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { run, task, attempt, site, .. } = &*self.0;
        write!(f, "<Task {task} attempt {attempt} ({run}) on {}>", site.name)
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancellationToken({}, cancelled: {})", self.0.task, self.is_cancelled())
    }
}

/// What is known of a run when it begins.
pub(super) struct Facts {
    pub(super) run: RunId,
    pub(super) task: TaskName,
    pub(super) attempt: u32,
    pub(super) deadline: Option<Instant>,
    /// The span that it was submitted in.
    pub(super) trace: Option<Arc<TraceContext>>,
}

/// What runs in a thread.
enum Now {
    Nothing,
    /// A task that has not asked for its context, in a thread of the executor.
    Facts(Facts),
    /// One that has, or an asynchronous one.
    Context(TaskContext),
}

thread_local! {
    static NOW: RefCell<Now> = const { RefCell::new(Now::Nothing) };
    static SEAT: RefCell<Option<Seat>> = const { RefCell::new(None) };
}

/// A thread's place in its worker's executor.
struct Seat {
    shared: Arc<Shared>,
    number: usize,
    /// Whether the task has given the thread up.
    away: bool,
    /// How long it had in all.
    waited: Duration,
}

impl Now {
    fn context(&mut self) -> Option<TaskContext> {
        if let Now::Context(context) = self {
            return Some(context.clone());
        }
        let Now::Facts(facts) = std::mem::replace(self, Now::Nothing) else { return None };
        let context = SEAT.with_borrow(|seat| seat.as_ref().map(|seat| seat.context(facts)));
        let context = context.expect("tasks begin in threads that have a seat");
        *self = Now::Context(context.clone());
        Some(context)
    }
}

impl Seat {
    fn context(&self, facts: Facts) -> TaskContext {
        let run = facts.run;
        let context = TaskContext::new(facts, self.shared.site.clone(), Some(self.number));
        if self.shared.executor.is_told(self.number, run, &context) {
            context.cancel();
        }
        context
    }
}

/// The key of the task that runs here, as [`TaskContext::current`] tells it, without making a context. For clients.
#[doc(hidden)]
pub fn current_key() -> Option<Key> {
    let key = |now: &RefCell<Now>| match &*now.try_borrow().ok()? {
        Now::Nothing => None,
        Now::Facts(facts) => Some(facts.task.key),
        Now::Context(context) => Some(context.key()),
    };
    NOW.try_with(key).ok().flatten()
}

/// The span that the task which runs here was submitted in.
pub(super) fn current_trace() -> Option<Arc<TraceContext>> {
    let trace = |now: &RefCell<Now>| match &*now.try_borrow().ok()? {
        Now::Nothing => None,
        Now::Facts(facts) => facts.trace.clone(),
        Now::Context(context) => context.0.trace.clone(),
    };
    NOW.try_with(trace).ok().flatten()
}

/// Runs `work` in a thread that has a seat in this worker's executor.
pub(super) fn seated(shared: &Arc<Shared>, number: usize, work: impl FnOnce()) {
    SEAT.set(Some(Seat { shared: shared.clone(), number, away: false, waited: Duration::ZERO }));
    work();
    // Now, and not when the thread's own variables go: it may be the last that holds the worker.
    SEAT.set(None);
}

/// Runs a task's code in such a thread. What is known of the run comes back with what the code returns.
pub(super) fn run<T>(facts: Facts, code: impl FnOnce() -> T) -> (T, Left) {
    let outer = NOW.replace(Now::Facts(facts));
    let output = code();
    let waited = with_seat(|seat| {
        seat.away = false;
        std::mem::take(&mut seat.waited)
    });
    (output, Left { now: NOW.replace(outer), waited: waited.unwrap_or_default() })
}

/// Whether no task's code runs in this thread.
pub(super) fn is_free() -> bool {
    NOW.try_with(|now| now.try_borrow().is_ok_and(|now| matches!(*now, Now::Nothing))).unwrap_or(true)
}

/// The task that runs in this thread gives it up, unless it has: where it does so. `None` if there is nothing to give up.
pub(super) fn go_away() -> Option<(Arc<Shared>, usize, RunId)> {
    let run = NOW.with_borrow(|now| match now {
        Now::Nothing => None,
        Now::Facts(facts) => Some(facts.run),
        Now::Context(context) => Some(context.run()),
    })?;
    with_seat(|seat| (!std::mem::replace(&mut seat.away, true)).then(|| (seat.shared.clone(), seat.number, run)))?
}

/// The task that runs in this thread has it again, after so long.
pub(super) fn come_back(waited: Duration) {
    with_seat(|seat| {
        seat.away = false;
        seat.waited += waited;
    });
}

/// Whether a task runs here that holds a thread of an executor, which others may need.
pub(super) fn holds_a_thread() -> bool {
    !is_free() && with_seat(|_| ()).is_some()
}

fn with_seat<T>(code: impl FnOnce(&mut Seat) -> T) -> Option<T> {
    SEAT.try_with(|seat| seat.try_borrow_mut().ok()?.as_mut().map(code)).ok().flatten()
}

/// What is known of a run whose first part has ended.
pub(super) struct Left {
    now: Now,
    /// How long it had given its thread up.
    pub(super) waited: Duration,
}

impl Left {
    /// The context that the run has made.
    pub(super) fn made(&self) -> Option<&TaskContext> {
        match &self.now {
            Now::Context(context) => Some(context),
            _ => None,
        }
    }

    /// To go on with, asynchronously.
    pub(super) fn context(self, site: &Arc<Site>) -> TaskContext {
        match self.now {
            Now::Context(context) => {
                context.0.thread.store(NO_THREAD, Ordering::Relaxed);
                context
            }
            Now::Facts(facts) => TaskContext::new(facts, site.clone(), None),
            Now::Nothing => unreachable!("what was put there is taken out once"),
        }
    }
}

/// Polls the future of an asynchronous task.
pub(super) fn poll<T>(context: &TaskContext, code: impl FnOnce() -> T) -> T {
    let outer = NOW.replace(Now::Context(context.clone()));
    let output = code();
    NOW.set(outer);
    output
}
