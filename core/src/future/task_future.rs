//! [`TaskFuture`]: a handle that remembers its type, and the ways to wait for it.

use std::{
    fmt,
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use super::{Handle, Status, WeakHandle};
use crate::{
    error::{Failure, TaskError},
    graph::Item,
    key::Key,
    task::TaskName,
    value::{Datum, Value},
};

/// The result of a submitted task: somewhere on the cluster, or not yet.
///
/// It can be awaited, by value or by reference, any number of times; it can be passed to other tasks; clones share it.
/// When the last handle is dropped nobody wants the value any more: the cluster forgets it, and work not yet started for
/// it may never run. [`detach`](TaskFuture::detach) lets it run to its end.
#[must_use = "dropping the last handle of a task says that nobody wants its result; call `.detach()` to let it run"]
pub struct TaskFuture<T> {
    waiting: Waiting,
    result: PhantomData<fn() -> T>,
}

impl<T: Value> TaskFuture<T> {
    /// A handle of a task whose result is a `T`. For clients.
    #[doc(hidden)]
    pub fn from_handle(handle: Handle) -> Self {
        TaskFuture { waiting: Waiting::new(handle), result: PhantomData }
    }

    /// The handle without its type.
    #[doc(hidden)]
    pub fn handle(&self) -> &Handle {
        &self.waiting.handle
    }

    /// The future's result as somebody's argument.
    #[doc(hidden)]
    pub fn item(&self) -> Item {
        Item::Future(self.handle().clone())
    }

    /// The key: the same for every future of the same pure call.
    pub fn key(&self) -> Key {
        self.handle().key()
    }

    /// The name people see, as in `inc-5f3a91c2`.
    pub fn name(&self) -> &TaskName {
        self.handle().name()
    }

    /// How far the task is.
    pub fn status(&self) -> Status {
        self.handle().status()
    }

    /// Waits for the value and brings it here, as a copy of its own.
    ///
    /// Cancel safe: dropping the wait stops the wait, not the task.
    ///
    /// # Errors
    /// If the task failed, was cancelled, or its value is lost.
    pub async fn result(&self) -> Result<T, TaskError>
    where
        T: Clone,
    {
        self.await
    }

    /// Waits for the value and brings it here, shared, without a copy.
    ///
    /// # Errors
    /// As [`result`](TaskFuture::result).
    pub async fn result_shared(&self) -> Result<Arc<T>, TaskError> {
        typed(self.handle(), &self.handle().bring().await?)
    }

    /// Waits for the end. The error, or `None` if there is a value. The value stays where it is.
    pub async fn exception(&self) -> Option<TaskError> {
        let mut waiting = Waiting::new(self.handle().clone());
        match std::future::poll_fn(|context| waiting.poll_settled(context)).await {
            Ok(_) => self.handle().error(),
            Err(error) => Some(error),
        }
    }

    /// Waits until there is a value. It stays where it is, in a worker's memory.
    ///
    /// # Errors
    /// As [`result`](TaskFuture::result).
    pub async fn wait(&self) -> Result<(), TaskError> {
        self.exception().await.map_or(Ok(()), Err)
    }

    /// Waits for the end, whatever it is. The value stays where it is.
    pub fn settled(&self) -> Settled {
        Settled::new(self.handle().clone())
    }

    /// Cancels the task: this future settles as cancelled at once, and so does every future that depends on it. Another
    /// client that wants the same key keeps it. What runs already is told, and its result is dropped.
    pub fn cancel(&self) {
        self.handle().cancel();
    }

    /// Tries a failed task again, and what it failed for. The future is pending again.
    pub fn retry(&self) {
        self.handle().retry();
    }

    /// Lets the task run to its end even if all handles are dropped. Its result is then not kept.
    pub fn detach(self) {
        self.handle().detach();
    }
}

impl<T> Clone for TaskFuture<T> {
    fn clone(&self) -> Self {
        TaskFuture { waiting: Waiting::new(self.waiting.handle.clone()), result: PhantomData }
    }
}

impl<T> fmt::Debug for TaskFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handle = &self.waiting.handle;
        write!(f, "<Future {} {} {}>", handle.name(), crate::graph::short_type_name::<T>(), handle.status())
    }
}

impl<T: Value + Clone> Future for TaskFuture<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let value = ready!(self.waiting.poll_value(context))?;
        Poll::Ready(typed(self.handle(), &value).map(Arc::unwrap_or_clone))
    }
}

impl<T: Value + Clone> IntoFuture for &TaskFuture<T> {
    type Output = Result<T, TaskError>;
    type IntoFuture = Wait<T>;

    fn into_future(self) -> Wait<T> {
        Wait { waiting: Waiting::new(self.handle().clone()), result: PhantomData }
    }
}

/// A wait for the value of a [`TaskFuture`]: what `(&future).await` awaits. Dropping it stops the wait, not the task.
pub struct Wait<T> {
    waiting: Waiting,
    result: PhantomData<fn() -> T>,
}

impl<T: Value + Clone> Future for Wait<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let value = ready!(self.waiting.poll_value(context))?;
        Poll::Ready(typed(&self.waiting.handle, &value).map(Arc::unwrap_or_clone))
    }
}

/// A wait for the end of a task, whatever it is. It ends as [`Status::Pending`] if it is given up: in a task that waits in
/// its own thread, and is cancelled.
pub struct Settled(Waiting);

impl Settled {
    /// Waits for the end of the task behind a handle.
    pub fn new(handle: Handle) -> Self {
        Settled(Waiting::new(handle))
    }
}

impl Future for Settled {
    type Output = Status;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Status> {
        self.0.poll_settled(context).map(|settled| settled.unwrap_or(Status::Pending))
    }
}

/// A wait for the end of a task that does not keep its key wanted. It ends as `None` if nobody wants the key any more, and as
/// [`Settled`] does otherwise, with the error if there is one.
pub struct Unowned {
    weak: WeakHandle,
    slot: Option<usize>,
}

impl Unowned {
    pub(super) fn new(weak: WeakHandle) -> Self {
        Unowned { weak, slot: None }
    }
}

impl Future for Unowned {
    type Output = Option<(Status, Option<TaskError>)>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // If this comes to be the last handle, its drop wakes whoever is registered: this wait is polled again.
        let Some(handle) = self.weak.upgrade() else { return Poll::Ready(None) };
        let status = ready!(handle.poll_settled(context, &mut self.slot)).unwrap_or(Status::Pending);
        Poll::Ready(Some((status, handle.error())))
    }
}

impl Drop for Unowned {
    fn drop(&mut self) {
        if let (Some(slot), Some(handle)) = (self.slot, self.weak.upgrade()) {
            handle.stop_waiting(slot);
        }
    }
}

/// One party that waits for a handle, and its place among those who wait.
struct Waiting {
    handle: Handle,
    slot: Option<usize>,
}

impl Waiting {
    fn new(handle: Handle) -> Self {
        Waiting { handle, slot: None }
    }

    fn poll_value(&mut self, context: &mut Context<'_>) -> Poll<Result<Datum, TaskError>> {
        self.handle.poll_value(context, &mut self.slot)
    }

    fn poll_settled(&mut self, context: &mut Context<'_>) -> Poll<Result<Status, TaskError>> {
        self.handle.poll_settled(context, &mut self.slot)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.handle.stop_waiting(slot);
        }
    }
}

impl Handle {
    /// Waits for the value and brings it here. Dropping the wait stops the wait, not the task.
    ///
    /// # Errors
    /// If the task failed, was cancelled, or its value is lost.
    pub async fn bring(&self) -> Result<Datum, TaskError> {
        let mut waiting = Waiting::new(self.clone());
        std::future::poll_fn(|context| waiting.poll_value(context)).await
    }

    /// A value that was brought here, as what it is.
    ///
    /// # Errors
    /// If it is of another type or does not decode; the error names the task.
    pub fn typed<T: Value>(&self, value: &Datum) -> Result<Arc<T>, TaskError> {
        typed(self, value)
    }
}

fn typed<T: Value>(handle: &Handle, value: &Datum) -> Result<Arc<T>, TaskError> {
    value
        .shared()
        .map_err(|error| TaskError::from(Failure::from(error)).with(|report| report.task = Some(handle.name().clone())))
}
