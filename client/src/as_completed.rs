//! Futures as they come: [`AsCompleted`].

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use brisk_core::{
    future::{Settled, TaskFuture},
    value::Value,
};
use futures_core::Stream;

/// A stream of futures in the order in which they end, whatever their end. More can be [pushed](AsCompleted::push) while
/// it is read; a future that was pushed twice comes twice.
///
/// Each costs a constant however many are waited for.
///
/// ```
/// # use brisk_client::{AsCompleted, Client, task};
/// # #[task] fn square(x: i64) -> i64 { x * x }
/// # #[brisk_client::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let client = Client::local().await?;
/// let mut done = AsCompleted::from_iter(client.map(0..3, square));
/// let mut sum = 0;
/// while let Some(future) = done.next().await {
///     sum += future.result().await?;
/// }
/// assert_eq!(sum, 5);
/// # Ok(())
/// # }
/// ```
pub struct AsCompleted<T> {
    waiting: Vec<Option<(TaskFuture<T>, Settled)>>,
    free: Vec<usize>,
    ended: Arc<Ended>,
}

/// The places of futures that may have ended, and whoever reads the stream.
#[derive(Default)]
struct Ended(Mutex<(VecDeque<usize>, Option<Waker>)>);

/// Wakes one place of a stream.
struct Place {
    index: usize,
    ended: Arc<Ended>,
}

impl<T: Value> AsCompleted<T> {
    /// An empty stream.
    pub fn new() -> Self {
        AsCompleted { waiting: Vec::new(), free: Vec::new(), ended: Arc::default() }
    }

    /// Adds a future.
    pub fn push(&mut self, future: TaskFuture<T>) {
        let entry = Some((future.clone(), future.settled()));
        let index = match self.free.pop() {
            Some(index) => {
                self.waiting[index] = entry;
                index
            }
            None => {
                self.waiting.push(entry);
                self.waiting.len() - 1
            }
        };
        // Its first poll registers the place with the future.
        self.ended.push(index);
    }

    /// How many futures are still to come.
    pub fn len(&self) -> usize {
        self.waiting.len() - self.free.len()
    }

    /// Whether no future is still to come.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits for the next future to end; `None` when none is left. Cancel safe.
    pub async fn next(&mut self) -> Option<TaskFuture<T>> {
        poll_fn(|context| self.poll_ended(context)).await
    }

    fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<Option<TaskFuture<T>>> {
        if self.is_empty() {
            return Poll::Ready(None);
        }
        self.ended.lock().1 = Some(context.waker().clone());
        loop {
            let Some(index) = self.ended.lock().0.pop_front() else { return Poll::Pending };
            let Some((_, settled)) = &mut self.waiting[index] else { continue };
            let waker = Waker::from(Arc::new(Place { index, ended: self.ended.clone() }));
            if Pin::new(settled).poll(&mut Context::from_waker(&waker)).is_ready() {
                self.free.push(index);
                return Poll::Ready(self.waiting[index].take().map(|(future, _)| future));
            }
        }
    }
}

impl<T: Value> Default for AsCompleted<T> {
    fn default() -> Self {
        AsCompleted::new()
    }
}

impl<T: Value> FromIterator<TaskFuture<T>> for AsCompleted<T> {
    fn from_iter<I: IntoIterator<Item = TaskFuture<T>>>(futures: I) -> Self {
        let mut this = AsCompleted::new();
        this.extend(futures);
        this
    }
}

impl<T: Value> Extend<TaskFuture<T>> for AsCompleted<T> {
    fn extend<I: IntoIterator<Item = TaskFuture<T>>>(&mut self, futures: I) {
        futures.into_iter().for_each(|future| self.push(future));
    }
}

impl<T: Value> Stream for AsCompleted<T> {
    type Item = TaskFuture<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_ended(context)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl Ended {
    fn push(&self, index: usize) {
        let reader = {
            let mut this = self.lock();
            this.0.push_back(index);
            this.1.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, (VecDeque<usize>, Option<Waker>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Place {
    fn wake(self: Arc<Self>) {
        self.ended.push(self.index);
    }
}
