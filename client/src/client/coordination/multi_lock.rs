//! Several locks at once.

use brisk_core::error::{ErrorKind, TaskError};

use super::{Lease, Lock};

/// The locks of several names; see [`Client::multi_lock`](crate::Client::multi_lock).
///
/// They are taken one after the other, in the order of their names: whoever takes several so, in whatever order it names them,
/// never waits for somebody who waits for it. While one is waited for, those before it are held. A program that holds a lock
/// already and then takes others can still meet one that does so the other way round.
#[derive(Clone, Debug)]
pub struct MultiLock {
    /// By name, each once.
    locks: Vec<Lock>,
}

impl MultiLock {
    pub(super) fn new(mut locks: Vec<Lock>) -> Self {
        locks.sort_by(|a, b| a.name().cmp(b.name()));
        locks.dedup_by(|a, b| a.name() == b.name());
        MultiLock { locks }
    }

    /// Takes all of them, once each is free: a lease of each, in the order of the names. Dropped before that, this holds and waits
    /// for none.
    ///
    /// # Errors
    /// As [`Semaphore::acquire_many`](super::Semaphore::acquire_many); or if there are no names. Then none is held.
    pub async fn acquire(&self) -> Result<Vec<Lease>, TaskError> {
        self.check()?;
        let mut held = Vec::with_capacity(self.locks.len());
        for lock in &self.locks {
            held.push(lock.acquire().await?);
        }
        Ok(held)
    }

    /// Takes all of them if all are free now, or none.
    ///
    /// # Errors
    /// As [`acquire`](MultiLock::acquire).
    pub async fn try_acquire(&self) -> Result<Option<Vec<Lease>>, TaskError> {
        self.check()?;
        let mut held = Vec::with_capacity(self.locks.len());
        for lock in &self.locks {
            match lock.try_acquire().await? {
                Some(lease) => held.push(lease),
                None => {
                    for lease in held {
                        lease.release().await?;
                    }
                    return Ok(None);
                }
            }
        }
        Ok(Some(held))
    }

    /// The names, each once, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.locks.iter().map(Lock::name)
    }

    fn check(&self) -> Result<(), TaskError> {
        match self.locks.is_empty() {
            true => Err(TaskError::new(ErrorKind::Refused, "there are no locks to take: give at least one name")),
            false => Ok(()),
        }
    }
}
