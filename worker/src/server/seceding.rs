//! Tasks that give their thread up while they wait for others.
//!
//! A task that waits for tasks of its own holds a thread which those may need. So it secedes: another thread takes its
//! place for as long as it waits. It does so by itself where it waits with [`block_on`], and by hand with [`secede`].

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    marker::PhantomData,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use brisk_core::{
    error::{ErrorKind, TaskError},
    graph,
    id::RunId,
};

use super::{
    context::{self, TaskContext},
    driver::{News, Shared},
    executor::CannotSecede,
};

/// A task that has given its thread up, until this is dropped.
#[must_use = "the thread is taken again when this is dropped"]
pub struct Seceded {
    away: Option<Away>,
    /// To be dropped in the thread that it is about.
    _here: PhantomData<*const ()>,
}

struct Away {
    shared: Arc<Shared>,
    seat: usize,
    run: RunId,
    since: Instant,
}

/// Gives the thread of the task that runs here up, for as long as what is returned is not dropped: for waits that are not for
/// tasks, such as for another service. Its worker starts other tasks meanwhile. Waits for futures with
/// [`block`](https://docs.rs/brisk-client/latest/brisk_client/blocking/trait.Block.html) do so by themselves.
///
/// When it is dropped the task goes on at once, even if others have taken all threads; the worker then starts nothing until
/// there are fewer. An asynchronous task holds no thread, and what runs in no task has none to give up: nothing is done there.
///
/// # Errors
/// If too many tasks of this worker have given up theirs: each keeps one of the system's.
pub fn secede() -> Result<Seceded, TaskError> {
    let Some((shared, seat, run)) = context::go_away() else { return Ok(Seceded { away: None, _here: PhantomData }) };
    if let Err(why) = shared.secede(seat) {
        context::come_back(std::time::Duration::ZERO);
        return Err(TaskError::new(ErrorKind::Refused, why.explain(&shared.name)));
    }
    shared.tell(News::Seceded(run));
    Ok(Seceded { away: Some(Away { shared, seat, run, since: Instant::now() }), _here: PhantomData })
}

impl Seceded {
    /// Takes the thread again, as dropping does.
    pub fn rejoin(self) {}
}

impl Drop for Seceded {
    fn drop(&mut self) {
        if let Some(Away { shared, seat, run, since }) = self.away.take() {
            shared.executor.rejoin(seat);
            context::come_back(since.elapsed());
            shared.tell(News::Rejoined(run));
        }
    }
}

impl std::fmt::Debug for Seceded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.away {
            Some(away) => write!(f, "Seceded({})", away.run),
            None => f.write_str("Seceded(nothing)"),
        }
    }
}

thread_local! {
    /// The wait of the task that runs in this thread.
    static WAIT: RefCell<Option<Wait>> = const { RefCell::new(None) };
}

struct Wait {
    task: TaskContext,
    /// Why the task could not give its thread up.
    refused: Option<TaskError>,
}

/// Puts the former one back.
struct Waiting(Option<Wait>);

impl Drop for Waiting {
    fn drop(&mut self) {
        WAIT.set(self.0.take());
    }
}

/// Waits for a future in this thread. A task that runs here gives the thread up meanwhile; once it is cancelled, waits for the
/// futures of other tasks end with an error. It drives no runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    if !context::holds_a_thread() {
        return graph::block_on(future);
    }
    let Some(task) = TaskContext::current() else { return graph::block_on(future) };
    let _waiting = Waiting(WAIT.replace(Some(Wait { task: task.clone(), refused: None })));
    let mut future = pin!(future);
    if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return output;
    }
    // Taken again before the wait is over for good.
    let _seceded = secede().map_err(|error| WAIT.with_borrow_mut(|wait| refuse(wait, error)));
    let mut cancelled = pin!(task.cancelled());
    let mut told = false;
    graph::block_on(poll_fn(|context| {
        told = told || cancelled.as_mut().poll(context).is_ready();
        future.as_mut().poll(context)
    }))
}

fn refuse(wait: &mut Option<Wait>, error: TaskError) {
    if let Some(wait) = wait {
        wait.refused = Some(error);
    }
}

/// Why a wait for another task's future is not to go on in this thread, if it is not: for clients.
#[doc(hidden)]
pub fn interruption() -> Option<TaskError> {
    WAIT.try_with(|wait| {
        let wait = wait.try_borrow().ok()?;
        let Wait { task, refused } = wait.as_ref()?;
        let cancelled = || {
            let what = format!("{}, which waited for it, was cancelled", task.name());
            TaskError::new(ErrorKind::Cancelled, what)
        };
        refused.clone().or_else(|| task.is_cancelled().then(cancelled))
    })
    .ok()
    .flatten()
}

impl Shared {
    /// Lets another thread take the place of the one on this seat.
    fn secede(self: &Arc<Self>, seat: usize) -> Result<(), CannotSecede> {
        let Some(other) = self.executor.secede(seat)? else { return Ok(()) };
        self.start_thread(other).map_err(|error| {
            self.executor.abandon(other);
            self.executor.rejoin(seat);
            CannotSecede::NoThread(error)
        })
    }
}
