//! Variables.

use std::{fmt, marker::PhantomData, sync::Arc};

use brisk_core::{
    error::TaskError,
    message::{Answer, Operation},
    shareable::Shareable,
};

use super::travelling;
use crate::client::{Client, copies::done, unexpected};

/// A future or a small value under a name; see [`Client::variable`].
///
/// What it holds stays until it is set anew or [deleted](Variable::delete), whoever set it and whoever has gone: a future's value is
/// wanted for as long. The scheduler's end is the end of it. Those who set and those who get must have the same type.
pub struct Variable<T> {
    client: Client,
    name: Arc<str>,
    holds: PhantomData<fn() -> T>,
}

impl<T: Shareable> Variable<T> {
    pub(super) fn new(client: Client, name: Arc<str>) -> Self {
        Variable { client, name, holds: PhantomData }
    }

    /// Sets it. All who wait for it get what it is set to.
    ///
    /// # Errors
    /// [`Inconsistent`](brisk_core::error::ErrorKind::Inconsistent) if it holds, or is awaited as, something of another type;
    /// [`Refused`](brisk_core::error::ErrorKind::Refused) if a value is too long or a future was cancelled; or if the connection is lost
    /// for good.
    pub async fn set(&self, value: impl std::borrow::Borrow<T>) -> Result<(), TaskError> {
        let shared = travelling(value.borrow())?;
        let (name, shape) = (self.name.clone(), T::shape().into());
        let answer = self.client.coordinate(Operation::SetVariable { name, shape, value: shared }).await?;
        done("set a variable", &answer)
    }

    /// What it holds, once it is set. Dropped before that, this stops to wait.
    ///
    /// # Errors
    /// As [`set`](Variable::set).
    pub async fn get(&self) -> Result<T, TaskError> {
        let held = self.ask(true).await?;
        held.ok_or_else(|| unexpected("wait for a variable", &Answer::Shared(Vec::new())))
    }

    /// What it holds, if it is set now.
    ///
    /// # Errors
    /// As [`set`](Variable::set).
    pub async fn try_get(&self) -> Result<Option<T>, TaskError> {
        self.ask(false).await
    }

    /// Lets it hold nothing. Whether it held something.
    ///
    /// # Errors
    /// If the connection is lost for good.
    pub async fn delete(&self) -> Result<bool, TaskError> {
        let name = self.name.clone();
        match self.client.coordinate(Operation::DeleteVariable { name }).await? {
            Answer::Flag(held) => Ok(held),
            other => Err(unexpected("delete a variable", &other)),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    async fn ask(&self, wait: bool) -> Result<Option<T>, TaskError> {
        let operation = Operation::GetVariable { name: self.name.clone(), shape: T::shape().into(), wait };
        Ok(self.client.receive(&self.name, operation).await?.pop())
    }
}

impl<T> Clone for Variable<T> {
    fn clone(&self) -> Self {
        Variable { client: self.client.clone(), name: self.name.clone(), holds: PhantomData }
    }
}

impl<T> fmt::Debug for Variable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Variable {}>", self.name)
    }
}
