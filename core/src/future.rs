//! Futures: handles to values that are somewhere else, or not yet.
//!
//! A [`Handle`] is what a client knows of one key while anybody in its program wants it: a status that settles, the value
//! once it was brought here, and those who wait. Clones share it; when the last is dropped its [`Owner`] is told, and the
//! cluster forgets. A [`TaskFuture<T>`] is a handle that remembers its type.
//!
//! Nothing here needs a runtime: waiting is done with wakers, from any executor or from none.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    error::TaskError,
    graph::Node,
    id::WantId,
    key::Key,
    message::{Query, Told},
    task::TaskName,
    value::Datum,
    wakers::WakerSet,
};

mod task_future;

pub use task_future::{Settled, TaskFuture, Unowned, Wait};

/// How far a future is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// Not done: waiting, running, or being computed again.
    Pending,
    /// The value exists.
    Finished,
    /// The task, or one it depends on, failed.
    Erred,
    /// Cancelled; the value will not come.
    Cancelled,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Finished => "finished",
            Self::Erred => "error",
            Self::Cancelled => "cancelled",
        })
    }
}

/// What the scheduler is about to answer, if it does.
pub type Asked = Pin<Box<dyn Future<Output = Option<Told>> + Send>>;

/// The client behind a handle. No method may block or panic: some are called from `Drop`.
pub trait Owner: Send + Sync {
    /// The last handle of this want was dropped.
    fn released(&self, key: Key, want: WantId);

    /// Somebody waits for the value of a finished task, and it is not here. Ends in [`Handle::set_value`],
    /// [`Handle::set_error`] or [`Handle::set_pending`]. Called once until then.
    fn fetch(&self, handle: &Handle);

    /// The program no longer wants the task to run.
    fn cancel(&self, handle: &Handle);

    /// The program wants a failed task to be tried again.
    fn retry(&self, handle: &Handle);

    /// The program wants the task to run to its end whether or not there are handles.
    fn detach(&self, handle: &Handle);

    /// Starts calls that the program makes of one of this client's futures. A handle for each; what goes wrong is theirs.
    fn submit(&self, calls: &[Arc<Node>]) -> Vec<Handle>;

    /// Asks the scheduler something, for a display that can do without an answer: nothing comes of it if there is no scheduler, or
    /// it does not answer.
    fn ask(&self, _: Query) -> Option<Asked> {
        None
    }

    /// Somebody waits for this handle of the client's: whatever the client still keeps back is to be done now. What will be
    /// there in a moment may be waited for here, for some tens of microseconds. If the wait is not to go on, why: whoever waits
    /// may have been cancelled, or be the task itself.
    fn awaited(&self, _: &Handle) -> Option<TaskError> {
        None
    }
}

/// Those who waited for handles that have settled, to be woken when this is dropped: outside all locks. Whoever waits for many
/// futures, one after the other, is woken once for all that settled together, and not for each.
#[derive(Default)]
pub struct Wakers(SmallVec<[Waker; 1]>);

impl Wakers {
    fn add(&mut self, waker: &Waker) {
        if !self.0.last().is_some_and(|last| last.will_wake(waker)) {
            self.0.push(waker.clone());
        }
    }
}

impl Drop for Wakers {
    fn drop(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

/// One key, wanted by one client. Cheap to clone; see the [module](self).
#[derive(Clone)]
pub struct Handle(Arc<Inner>);

struct Inner {
    name: TaskName,
    want: WantId,
    owner: Arc<dyn Owner>,
    cell: Mutex<Cell>,
}

struct Cell {
    state: State,
    /// Whether anybody has asked for the value, not only for the end.
    value_wanted: bool,
    waiting: WakerSet,
}

#[derive(Clone)]
enum State {
    Pending,
    /// Done; the value is elsewhere. `fetching`: the owner was asked to bring it.
    Finished {
        fetching: bool,
    },
    /// Done; the value is here.
    Here(Datum),
    Erred(TaskError),
    Cancelled(TaskError),
}

impl State {
    fn status(&self) -> Status {
        match self {
            State::Pending => Status::Pending,
            State::Finished { .. } | State::Here(_) => Status::Finished,
            State::Erred(_) => Status::Erred,
            State::Cancelled(_) => Status::Cancelled,
        }
    }
}

impl Handle {
    /// A pending handle. For clients.
    pub fn new(name: TaskName, want: WantId, owner: Arc<dyn Owner>) -> Self {
        let cell = Cell { state: State::Pending, value_wanted: false, waiting: WakerSet::default() };
        Handle(Arc::new(Inner { name, want, owner, cell: Mutex::new(cell) }))
    }

    /// The key.
    pub fn key(&self) -> Key {
        self.0.name.key
    }

    /// The name people see.
    pub fn name(&self) -> &TaskName {
        &self.0.name
    }

    /// The want that this handle stands for.
    pub fn want(&self) -> WantId {
        self.0.want
    }

    /// Whether `owner` is this handle's client.
    pub fn is_owned_by(&self, owner: &Arc<dyn Owner>) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.0.owner), Arc::as_ptr(owner))
    }

    /// A pointer that does not keep the key wanted.
    pub fn downgrade(&self) -> WeakHandle {
        WeakHandle(Arc::downgrade(&self.0))
    }

    /// How far the task is.
    pub fn status(&self) -> Status {
        self.cell().state.status()
    }

    /// The value, if it is here.
    pub fn value(&self) -> Option<Datum> {
        match &self.cell().state {
            State::Here(value) => Some(value.clone()),
            _ => None,
        }
    }

    /// The error, if the future failed or was cancelled.
    pub fn error(&self) -> Option<TaskError> {
        match &self.cell().state {
            State::Erred(error) | State::Cancelled(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// The client says: the value exists. A value that is here already stays.
    pub fn set_finished(&self) {
        self.set_finished_among(&mut Wakers::default());
    }

    /// The same, and those who wait are woken with others.
    pub fn set_finished_among(&self, wakers: &mut Wakers) {
        let fetch = self.change(wakers, |cell| match cell.state {
            State::Pending => {
                cell.state = State::Finished { fetching: cell.value_wanted };
                Some(cell.value_wanted)
            }
            _ => None,
        });
        if fetch {
            self.0.owner.fetch(self);
        }
    }

    /// The client says: here is the value. The first one stays.
    pub fn set_value(&self, value: Datum) {
        self.set_value_among(value, &mut Wakers::default());
    }

    /// The same, and those who wait are woken with others.
    pub fn set_value_among(&self, value: Datum, wakers: &mut Wakers) {
        self.settle(State::Here(value), wakers);
    }

    /// The client says: it failed. A value that is here stays.
    pub fn set_error(&self, error: TaskError) {
        self.settle(State::Erred(error), &mut Wakers::default());
    }

    /// The client says: it was cancelled. A value that is here, or an error, stays.
    pub fn set_cancelled(&self, error: TaskError) {
        self.settle(State::Cancelled(error), &mut Wakers::default());
    }

    /// Ends it, unless it has ended with a value that is here, or with an error.
    fn settle(&self, end: State, wakers: &mut Wakers) {
        self.change(wakers, |cell| match cell.state {
            State::Pending | State::Finished { .. } => {
                cell.state = end;
                Some(false)
            }
            _ => None,
        });
    }

    /// The client says: it is to be computed again, because the value was lost before it came here, or by
    /// [`retry`](Handle::retry).
    pub fn set_pending(&self) {
        self.change(&mut Wakers::default(), |cell| match cell.state {
            State::Here(_) => None,
            _ => {
                cell.state = State::Pending;
                Some(false)
            }
        });
    }

    /// Asks for the value to be brought here as soon as there is one, without waiting for it.
    pub fn want_value(&self) {
        let fetch = {
            let mut cell = self.cell();
            cell.value_wanted = true;
            match &mut cell.state {
                State::Finished { fetching } => !std::mem::replace(fetching, true),
                _ => false,
            }
        };
        if fetch {
            self.0.owner.fetch(self);
        }
    }

    /// Asks the client to cancel the task. The handle settles at once.
    pub fn cancel(&self) {
        self.0.owner.cancel(self);
    }

    /// Asks the client's scheduler something: see [`Owner::ask`].
    pub fn ask(&self, query: Query) -> Option<Asked> {
        self.0.owner.ask(query)
    }

    /// Asks the client to try a failed task again. The handle is pending again.
    pub fn retry(&self) {
        self.0.owner.retry(self);
    }

    /// Asks the client to let the task run to its end even if all handles are dropped.
    pub fn detach(&self) {
        self.0.owner.detach(self);
    }

    /// Starts calls with the client behind this handle. A handle for each.
    pub(crate) fn submit(&self, calls: &[Arc<Node>]) -> Vec<Handle> {
        self.0.owner.submit(calls)
    }

    /// Waits for the end, without bringing the value here.
    ///
    /// # Errors
    /// Why the wait is not to go on.
    fn poll_settled(&self, context: &mut Context<'_>, slot: &mut Option<usize>) -> Poll<Result<Status, TaskError>> {
        let mut cell = self.cell();
        match cell.state.status() {
            Status::Pending => {
                cell.waiting.register(slot, context.waker());
                drop(cell);
                if let Some(error) = self.0.owner.awaited(self) {
                    return Poll::Ready(Err(error));
                }
                // The client may have waited a moment for it.
                match self.status() {
                    Status::Pending => Poll::Pending,
                    status => Poll::Ready(Ok(status)),
                }
            }
            status => Poll::Ready(Ok(status)),
        }
    }

    /// Waits for the value, and brings it here.
    fn poll_value(&self, context: &mut Context<'_>, slot: &mut Option<usize>) -> Poll<Result<Datum, TaskError>> {
        let mut cell = self.cell();
        let fetch = match &mut cell.state {
            State::Here(value) => return Poll::Ready(Ok(value.clone())),
            State::Erred(error) | State::Cancelled(error) => return Poll::Ready(Err(error.clone())),
            State::Finished { fetching } => !std::mem::replace(fetching, true),
            State::Pending => false,
        };
        cell.value_wanted = true;
        cell.waiting.register(slot, context.waker());
        drop(cell);
        if fetch {
            // It may settle the handle before it returns: the waker was registered first.
            self.0.owner.fetch(self);
        }
        if let Some(error) = self.0.owner.awaited(self) {
            return Poll::Ready(Err(error));
        }
        // The client may have waited a moment for it.
        match &self.cell().state {
            State::Here(value) => Poll::Ready(Ok(value.clone())),
            State::Erred(error) | State::Cancelled(error) => Poll::Ready(Err(error.clone())),
            State::Pending | State::Finished { .. } => Poll::Pending,
        }
    }

    fn stop_waiting(&self, slot: usize) {
        self.cell().waiting.remove(slot);
    }

    /// Makes a change after which all who wait are to be woken. `None`: nothing changed. Returns what `change` did.
    fn change(&self, wakers: &mut Wakers, change: impl FnOnce(&mut Cell) -> Option<bool>) -> bool {
        let mut cell = self.cell();
        let Some(answer) = change(&mut cell) else { return false };
        cell.waiting.iter().for_each(|waker| wakers.add(waker));
        answer
    }

    fn cell(&self) -> MutexGuard<'_, Cell> {
        // Nothing panics while it holds the lock, but a waker's clone may: the cell is whole all the same.
        self.0.cell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Whoever waits without a handle of their own: there will be no end.
        let cell = self.cell.get_mut().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut cell.waiting).wake();
        self.owner.released(self.name.key, self.want);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Handle {} {}>", self.0.name, self.status())
    }
}

/// A [`Handle`] that does not keep its key wanted: what the client's own table holds.
#[derive(Clone)]
pub struct WeakHandle(Weak<Inner>);

impl WeakHandle {
    /// The handle, if the key is still wanted.
    pub fn upgrade(&self) -> Option<Handle> {
        self.0.upgrade().map(Handle)
    }

    /// Waits for the end, or until nobody wants the key any more: the wait itself is nobody's wish.
    pub fn settled(&self) -> Unowned {
        Unowned::new(self.clone())
    }
}

#[cfg(test)]
mod tests;
