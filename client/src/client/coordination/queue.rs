//! Queues.

use std::{borrow::Borrow, fmt, marker::PhantomData, sync::Arc};

use brisk_core::{
    error::TaskError,
    message::{Answer, Operation},
    shareable::Shareable,
};

use super::travelling;
use crate::client::{Client, unexpected};

/// Futures or small values under a name, first in, first out; see [`Client::queue`].
///
/// A future's value is wanted from the moment it is put in until whoever takes it out wants it itself: it can't be lost in between.
/// An item that was handed to a client which goes before it has it goes back to its place. If a connection breaks in just
/// that moment the item may be handed out twice; never not at all. Who waits, for items or for room, is served in the
/// order of asking.
///
/// Items stay whoever put them in, until they are taken or [cleared](Queue::clear), but not beyond their scheduler. A queue that is
/// empty and not waited for is forgotten. While it is in use all must use it with one type, and all who put items in with one
/// [limit](Queue::limit).
pub struct Queue<T> {
    client: Client,
    name: Arc<str>,
    limit: u32,
    holds: PhantomData<fn() -> T>,
}

impl<T: Shareable> Queue<T> {
    pub(super) fn new(client: Client, name: Arc<str>) -> Self {
        Queue { client, name, limit: 0, holds: PhantomData }
    }

    /// Lets it hold so many items at most: whoever puts in more waits until some were taken out. 0, as at first, for no such limit.
    #[must_use]
    pub fn limit(mut self, items: u32) -> Self {
        self.limit = items;
        self
    }

    /// Puts an item behind all others, once there is room. Dropped before that, this stops to wait, and nothing was put in.
    ///
    /// # Errors
    /// [`Inconsistent`](brisk_core::error::ErrorKind::Inconsistent) if the name is in use with another type or limit;
    /// [`Refused`](brisk_core::error::ErrorKind::Refused) if a value is too long, a future was cancelled, or a limit of the scheduler
    /// is reached; [`SchedulerLost`](brisk_core::error::ErrorKind::SchedulerLost) if the connection is lost before there is an
    /// answer: then it may have been put in or not.
    pub async fn put(&self, item: impl Borrow<T>) -> Result<(), TaskError> {
        if self.offer(item.borrow(), true).await? {
            return Ok(());
        }
        Err(unexpected("wait for room in a queue", &Answer::Flag(false)))
    }

    /// Puts an item behind all others if there is room now and nobody waits for it. Whether it was put in.
    ///
    /// # Errors
    /// As [`put`](Queue::put).
    pub async fn try_put(&self, item: impl Borrow<T>) -> Result<bool, TaskError> {
        self.offer(item.borrow(), false).await
    }

    /// Takes out the first item, once there is one. Dropped before that, this stops to wait, and nothing was taken.
    ///
    /// # Errors
    /// [`Inconsistent`](brisk_core::error::ErrorKind::Inconsistent) if the name is in use with another type;
    /// [`Refused`](brisk_core::error::ErrorKind::Refused) if a limit of the scheduler is reached; or if the connection is lost for good.
    pub async fn get(&self) -> Result<T, TaskError> {
        let item = self.ask(1, true).await?.pop();
        item.ok_or_else(|| unexpected("wait for an item", &Answer::Shared(Vec::new())))
    }

    /// Takes out the first item if there is one now.
    ///
    /// # Errors
    /// As [`get`](Queue::get).
    pub async fn try_get(&self) -> Result<Option<T>, TaskError> {
        Ok(self.ask(1, false).await?.pop())
    }

    /// Takes out the first items, once there is one: as many as there are, and so many at most. Fewer come of items that are long.
    ///
    /// # Errors
    /// As [`get`](Queue::get).
    pub async fn get_many(&self, most: u32) -> Result<Vec<T>, TaskError> {
        self.ask(most, true).await
    }

    /// How many items it holds.
    ///
    /// # Errors
    /// If the name can't be used, or the connection is lost for good.
    pub async fn len(&self) -> Result<usize, TaskError> {
        let name = self.name.clone();
        self.count("count a queue's items", Operation::Length { name }).await
    }

    /// Whether it holds no item.
    ///
    /// # Errors
    /// As [`len`](Queue::len).
    pub async fn is_empty(&self) -> Result<bool, TaskError> {
        Ok(self.len().await? == 0)
    }

    /// Drops all items. Who waits for room then finds some. How many were dropped.
    ///
    /// # Errors
    /// As [`len`](Queue::len).
    pub async fn clear(&self) -> Result<usize, TaskError> {
        let name = self.name.clone();
        self.count("clear a queue", Operation::Clear { name }).await
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    async fn offer(&self, item: &T, wait: bool) -> Result<bool, TaskError> {
        let item = travelling(item)?;
        let (name, shape, limit) = (self.name.clone(), T::shape().into(), self.limit);
        match self.client.coordinate(Operation::Put { name, shape, limit, item, wait }).await? {
            Answer::Done => Ok(true),
            Answer::Flag(false) => Ok(false),
            other => Err(unexpected("put an item into a queue", &other)),
        }
    }

    async fn ask(&self, most: u32, wait: bool) -> Result<Vec<T>, TaskError> {
        let operation = Operation::Get { name: self.name.clone(), shape: T::shape().into(), most, wait };
        self.client.receive(&self.name, operation).await
    }

    async fn count(&self, what: &str, operation: Operation) -> Result<usize, TaskError> {
        match self.client.coordinate(operation).await? {
            Answer::Count(count) => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
            other => Err(unexpected(what, &other)),
        }
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Queue { client: self.client.clone(), name: self.name.clone(), limit: self.limit, holds: PhantomData }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Queue {}>", self.name)
    }
}
