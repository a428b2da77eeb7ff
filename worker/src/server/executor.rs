//! The threads that run tasks.
//!
//! The machine hands out as many tasks as there are threads, the most urgent first, so this queue is short: a task waits
//! in it only for the moment in which a thread is about to look.

use std::{
    cell::Cell,
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use brisk_core::{id::RunId, key::Key, message::RunNotes, payload::Payload, task::TaskName};
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::{runtime::Handle, sync::watch};

use super::{
    call,
    context::{self, TaskContext},
    driver::Shared,
};

/// So many tasks of a worker may have given their threads up: each keeps one of the system's, with its stack.
const MAX_AWAY: u32 = 1_000;

/// A thread that took the place of one whose task has it again goes after so long without a task.
const SPARE: Duration = Duration::from_secs(5);

/// How long a thread that has run out of jobs looks around before it sleeps. To be woken costs about as much, and between
/// tasks of microseconds the next one is only as far away as a round of the scheduler (competitive spinning: Karlin et al.,
/// 1991).
const LOOK: Duration = Duration::from_micros(20);

/// The processor's own pauses between two looks: about half a microsecond.
const PAUSES: u32 = 16;

thread_local! {
    /// The executor whose thread this is.
    static MINE: Cell<*const Executor> = const { Cell::new(std::ptr::null()) };
}

/// A run to carry out.
pub(super) struct Job {
    pub(super) run: RunId,
    pub(super) spec: Payload,
    pub(super) task: TaskName,
    pub(super) wanted: bool,
    pub(super) attempt: u32,
    /// When its time is up.
    pub(super) deadline: Option<Instant>,
}

pub(super) struct Executor {
    threads: u32,
    /// Where asynchronous tasks go on.
    pub(super) async_tasks: Handle,
    queue: Mutex<Queue>,
    /// Whether there is anything in the queue to wake up for: for a thread that looks without a lock.
    news: AtomicBool,
    more: Condvar,
    /// How many threads there are.
    alive: watch::Sender<u32>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// What each thread is at.
    seats: Vec<Seat>,
    /// Threads that sleep.
    idle: u32,
    /// Whether a thread looks around for jobs, and has not gone to sleep yet.
    looking: bool,
    /// Threads that there are.
    threads: u32,
    /// Of those, the ones that their tasks have given up.
    away: u32,
    stopped: bool,
}

/// What a thread is at.
#[derive(Default)]
struct Seat {
    /// Whether there is a thread on it.
    taken: bool,
    run: Option<RunId>,
    key: Option<Key>,
    /// How often it was looked at since that run began.
    looks: u8,
    /// Whether the task has given the thread up.
    away: bool,
    /// Whether the thread was left to the task for good.
    abandoned: bool,
    /// Whether nobody waits for that run any more.
    cancelled: bool,
    /// The run's context, if it has asked for it.
    context: Option<TaskContext>,
}

/// Why a task can't give its thread up.
pub(super) enum CannotSecede {
    TooMany,
    NoThread(io::Error),
}

impl CannotSecede {
    pub(super) fn explain(&self, worker: &str) -> String {
        match self {
            CannotSecede::TooMany => format!(
                "{MAX_AWAY} tasks on worker {worker} wait for others already, each in a thread of its own, and no more may: \
                 make the tasks that wait `async`, or fewer of them"
            ),
            CannotSecede::NoThread(error) => format!(
                "the task waits for others on worker {worker}, and the system gives no thread for one of those to run in: \
                 {error}"
            ),
        }
    }
}

/// What has become of a run that is to end early.
pub(super) enum Aborted {
    /// No thread had taken it, and none will.
    NotTaken(Job),
    /// It has been taken: this is its context, if it has asked for one.
    Taken(Option<TaskContext>),
}

impl Executor {
    pub(super) fn new(threads: u32, async_tasks: Handle) -> Self {
        Executor {
            threads,
            async_tasks,
            queue: Mutex::default(),
            news: AtomicBool::new(false),
            more: Condvar::new(),
            alive: watch::Sender::new(0),
        }
    }

    /// Takes over jobs, in order. A thread of this executor that submits looks at the queue itself right after, so one
    /// sleeper less is woken.
    pub(super) fn submit(&self, jobs: &mut Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let wake = {
            let mut queue = self.queue.lock();
            if queue.stopped {
                return jobs.clear();
            }
            queue.jobs.extend(jobs.drain(..));
            self.news.store(true, Ordering::Release);
            let awake = usize::from(self.is_mine()) + usize::from(queue.looking);
            queue.jobs.len().saturating_sub(awake).min(queue.idle as usize)
        };
        for _ in 0..wake {
            self.more.notify_one();
        }
    }

    /// Whether this is one of its threads, which is not in the midst of a task.
    pub(super) fn is_mine(&self) -> bool {
        MINE.get() == std::ptr::from_ref(self) && context::is_free()
    }

    /// The task on this seat gives its thread up. The seat for another thread, if there must be one.
    pub(super) fn secede(&self, seat: usize) -> Result<Option<usize>, CannotSecede> {
        let mut queue = self.queue.lock();
        // One that was abandoned has nothing to give up.
        if queue.seats[seat].abandoned { Ok(None) } else { queue.secede(seat, self.threads) }
    }

    /// The thread that is at this run is left to it until it ends. The seat for another thread, if there must be one.
    pub(super) fn replace(&self, run: RunId) -> Result<Option<usize>, CannotSecede> {
        let mut queue = self.queue.lock();
        // It may have ended, and be about to say so.
        let Some(seat) = queue.seats.iter().position(|seat| seat.run == Some(run)) else { return Ok(None) };
        queue.seats[seat].abandoned = true;
        if queue.seats[seat].away { Ok(None) } else { queue.secede(seat, self.threads) }
    }

    /// The thread that is at this run is one of those that count, after all.
    pub(super) fn keep(&self, run: RunId) {
        let mut queue = self.queue.lock();
        let Some(seat) = queue.seats.iter_mut().find(|seat| seat.run == Some(run)) else { return };
        seat.abandoned = false;
        let was_away = std::mem::take(&mut seat.away);
        queue.away -= u32::from(was_away);
    }

    /// The task on this seat has its thread again.
    pub(super) fn rejoin(&self, seat: usize) {
        let mut queue = self.queue.lock();
        if !queue.seats[seat].abandoned && std::mem::take(&mut queue.seats[seat].away) {
            queue.away -= 1;
        }
    }

    /// No thread comes to this seat.
    pub(super) fn abandon(&self, seat: usize) {
        self.queue.lock().leave_seat(seat);
    }

    /// Takes a job back that no thread has taken yet, or notes that nobody waits for it.
    pub(super) fn abort(&self, run: RunId) -> Aborted {
        let mut queue = self.queue.lock();
        let waiting = queue.jobs.iter().position(|job| job.run == run);
        if let Some(job) = waiting.and_then(|place| queue.jobs.remove(place)) {
            return Aborted::NotTaken(job);
        }
        Aborted::Taken(queue.seats.iter_mut().find(|seat| seat.run == Some(run)).and_then(Seat::cancel))
    }

    /// A run has made its context. Whether nobody waits for it any more.
    pub(super) fn is_told(&self, seat: usize, run: RunId, context: &TaskContext) -> bool {
        let mut queue = self.queue.lock();
        let seat = &mut queue.seats[seat];
        debug_assert_eq!(seat.run, Some(run));
        seat.context = Some(context.clone());
        seat.cancelled
    }

    /// The runs that were there when this was last called, each once: whoever asks now and then hears of those that go on for
    /// long, and of the threads they hold.
    pub(super) fn long_runs(&self) -> Vec<RunNotes> {
        let mut queue = self.queue.lock();
        let seats = queue.seats.iter_mut().enumerate();
        seats
            .filter_map(|(number, seat)| {
                let (key, run) = seat.key.zip(seat.run)?;
                seat.looks = seat.looks.saturating_add(1);
                (seat.looks == 2).then(|| RunNotes { thread: u32::try_from(number).ok(), ..RunNotes::new(key, run) })
            })
            .collect()
    }

    /// Lets all threads go once they have finished what they are at, and tells them that nobody waits for it.
    pub(super) fn stop(&self) {
        let (jobs, contexts) = {
            let mut queue = self.queue.lock();
            queue.stopped = true;
            self.news.store(true, Ordering::Release);
            let contexts: Vec<_> = queue.seats.iter_mut().filter_map(Seat::cancel).collect();
            (std::mem::take(&mut queue.jobs), contexts)
        };
        self.more.notify_all();
        contexts.iter().for_each(TaskContext::cancel);
        drop(jobs);
    }

    /// Waits until no thread is left.
    pub(super) async fn joined(&self) {
        let mut alive = self.alive.subscribe();
        let _ = alive.wait_for(|alive| *alive == 0).await;
    }

    /// How many threads there are, now and later.
    pub(super) fn alive(&self) -> watch::Receiver<u32> {
        self.alive.subscribe()
    }

    /// The next job for the thread on this seat, which has ended the one before; sleeps until there is one, after a last
    /// call of `idle`. `None` once the executor is stopped.
    fn next(&self, seat: usize, idle: impl FnOnce()) -> Option<Job> {
        // Dropped after the lock.
        let _former;
        let mut queue = self.queue.lock();
        _former = std::mem::replace(&mut queue.seats[seat], Seat { taken: true, ..Seat::default() });
        // It may have left without taking its thread again.
        queue.away -= u32::from(_former.away);
        if queue.jobs.is_empty() && !queue.stopped {
            drop(queue);
            // It may bring a job.
            idle();
            queue = self.look_around();
        }
        loop {
            if queue.stopped {
                return None;
            }
            if let Some(job) = queue.jobs.pop_front() {
                (queue.seats[seat].run, queue.seats[seat].key) = (Some(job.run), Some(job.task.key));
                if !queue.jobs.is_empty() && queue.idle > 0 {
                    // Whoever submitted counted on this thread for one job. The others are for the others.
                    self.more.notify_one();
                }
                return Some(job);
            }
            queue.idle += 1;
            let late = if seat < self.threads as usize {
                self.more.wait(&mut queue);
                false
            } else {
                self.more.wait_for(&mut queue, SPARE).timed_out()
            };
            queue.idle -= 1;
            if late && queue.jobs.is_empty() && queue.threads - queue.away > self.threads {
                queue.leave_seat(seat);
                return None;
            }
        }
    }
}

impl Executor {
    /// Waits a little for jobs without going to sleep, unless another thread does. The queue, to be looked at before sleep:
    /// whoever submits counts on a thread that looks around.
    ///
    /// It does not yield: where many threads want the processor, one that yields waits for all of them, and one that sleeps and
    /// is woken does not.
    fn look_around(&self) -> MutexGuard<'_, Queue> {
        let mut queue = self.queue.lock();
        if queue.looking || queue.stopped || !queue.jobs.is_empty() {
            return queue;
        }
        queue.looking = true;
        self.news.store(false, Ordering::Release);
        drop(queue);
        let until = Instant::now() + LOOK;
        while !self.news.load(Ordering::Acquire) && Instant::now() < until {
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
        }
        let mut queue = self.queue.lock();
        queue.looking = false;
        queue
    }
}

impl Queue {
    /// A thread counts no more. The seat for another one, if there must be one.
    fn secede(&mut self, seat: usize, threads: u32) -> Result<Option<usize>, CannotSecede> {
        if self.away >= MAX_AWAY {
            return Err(CannotSecede::TooMany);
        }
        self.away += 1;
        self.seats[seat].away = true;
        if self.threads - self.away >= threads || self.stopped {
            return Ok(None);
        }
        Ok(Some(self.take_seat()))
    }

    /// A seat for one more thread.
    fn take_seat(&mut self) -> usize {
        let free = self.seats.iter().position(|seat| !seat.taken);
        let seat = free.unwrap_or(self.seats.len());
        if free.is_none() {
            self.seats.push(Seat::default());
        }
        self.seats[seat].taken = true;
        self.threads += 1;
        seat
    }

    fn leave_seat(&mut self, seat: usize) {
        self.seats[seat] = Seat::default();
        self.threads -= 1;
    }
}

impl Seat {
    /// Nobody waits for what the thread is at. The context by which it is told, if there is one.
    fn cancel(&mut self) -> Option<TaskContext> {
        self.cancelled = true;
        self.context.clone()
    }
}

impl Shared {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system gives none. Those that were started go when the executor is stopped.
    pub(super) fn start_threads(self: &Arc<Self>) -> io::Result<()> {
        for _ in 0..self.executor.threads {
            let seat = self.executor.queue.lock().take_seat();
            self.start_thread(seat)?;
        }
        Ok(())
    }

    /// Starts the thread of a seat.
    ///
    /// # Errors
    /// If the system gives none.
    pub(super) fn start_thread(self: &Arc<Self>, seat: usize) -> io::Result<()> {
        let shared = self.clone();
        self.executor.alive.send_modify(|alive| *alive += 1);
        let alive = Alive(self.clone());
        let work = move || {
            let _alive = alive;
            MINE.set(std::ptr::from_ref(&shared.executor));
            context::seated(&shared, seat, || shared.work(seat));
        };
        thread::Builder::new().name(format!("brisk-worker-{seat}")).spawn(work).map(drop)
    }

    /// Makes calls until there will be none any more.
    fn work(self: &Arc<Self>, seat: usize) {
        let mut last: Option<Arc<str>> = None;
        while let Some(job) = self.executor.next(seat, || self.report_held()) {
            if last.as_deref() != Some(&*job.task.name) {
                self.report_held();
                last = Some(job.task.name.clone());
            }
            call::make(self, job);
        }
    }
}

/// Counts a thread for as long as it is there, however it ends.
struct Alive(Arc<Shared>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.executor.alive.send_modify(|alive| *alive -= 1);
    }
}
