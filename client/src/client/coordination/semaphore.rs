//! Semaphores and locks.

use std::{fmt, sync::Arc};

use brisk_core::{
    error::{ErrorKind, TaskError},
    id::Fence,
    message::{Answer, Operation},
};
use tokio::sync::watch;

use crate::client::{Client, copies::done, not_asked, unexpected};

/// A number of permits under a name; see [`Client::semaphore`].
///
/// Who waits is served in the order of asking, also where one who asks later asks for less. What is held ends with the session
/// of its holder: at once if the client is closed, and after five seconds if its process was
/// killed or its connection is lost, in which time it may come back and goes on holding it. It never ends because its holder is slow.
/// Nobody can keep a holder from going on that does not know yet that it is cut off: what it writes meanwhile is told by its
/// older [fence](Lease::fence).
///
/// The scheduler remembers nothing of a semaphore that nobody holds or waits for, and nothing at all once it has ended: one that
/// is started again knows no leases, and who held one is told so.
#[derive(Clone)]
pub struct Semaphore {
    client: Client,
    name: Arc<str>,
    permits: u32,
}

impl Semaphore {
    pub(super) fn new(client: Client, name: Arc<str>, permits: u32) -> Self {
        Semaphore { client, name, permits }
    }

    /// Takes one permit, once there is one. Dropped before that, this stops to wait.
    ///
    /// # Errors
    /// As [`acquire_many`](Semaphore::acquire_many).
    pub async fn acquire(&self) -> Result<Lease, TaskError> {
        self.acquire_many(1).await
    }

    /// Takes so many permits together, once there are as many. Dropped before that, this stops to wait.
    ///
    /// # Errors
    /// [`ErrorKind::Inconsistent`] if the name is in use with another number of permits; [`ErrorKind::Refused`] if more are
    /// asked for than there are, or a limit of the scheduler is reached; or if the connection is lost for good.
    pub async fn acquire_many(&self, count: u32) -> Result<Lease, TaskError> {
        let lease = self.ask(count, true).await?;
        lease.ok_or_else(|| unexpected("wait for a semaphore", &Answer::Flag(false)))
    }

    /// Takes one permit if there is one now and nobody waits.
    ///
    /// # Errors
    /// As [`acquire_many`](Semaphore::acquire_many).
    pub async fn try_acquire(&self) -> Result<Option<Lease>, TaskError> {
        self.try_acquire_many(1).await
    }

    /// Takes so many permits together if there are as many now and nobody waits.
    ///
    /// # Errors
    /// As [`acquire_many`](Semaphore::acquire_many).
    pub async fn try_acquire_many(&self, count: u32) -> Result<Option<Lease>, TaskError> {
        self.ask(count, false).await
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many permits it has.
    pub fn permits(&self) -> u32 {
        self.permits
    }

    async fn ask(&self, count: u32, wait: bool) -> Result<Option<Lease>, TaskError> {
        let Some(session) = self.client.session() else { return Err(not_asked("share locks")) };
        let (name, limit) = (self.name.clone(), self.permits);
        match session.coordinate(Operation::Acquire { name, limit, count, wait }).await?.1 {
            Answer::Granted(fence) => {
                let lost = session.lease(fence).unwrap_or_else(|| watch::channel(Some(ended(&self.name, fence))).1);
                Ok(Some(Lease { client: self.client.clone(), name: self.name.clone(), count, fence, lost }))
            }
            Answer::Flag(false) => Ok(None),
            other => Err(unexpected("acquire a semaphore", &other)),
        }
    }
}

/// A semaphore of one permit; see [`Client::lock`]. Whatever is said of [`Semaphore`] holds for it. It is the semaphore of one permit of
/// that name.
#[derive(Clone)]
pub struct Lock(pub(super) Semaphore);

impl Lock {
    /// Takes the lock, once it is free. Dropped before that, this stops to wait.
    ///
    /// # Errors
    /// As [`Semaphore::acquire_many`].
    pub async fn acquire(&self) -> Result<Lease, TaskError> {
        self.0.acquire().await
    }

    /// Takes the lock if it is free now.
    ///
    /// # Errors
    /// As [`Semaphore::acquire_many`].
    pub async fn try_acquire(&self) -> Result<Option<Lease>, TaskError> {
        self.0.try_acquire().await
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0.name()
    }
}

/// Permits that are held. Dropped, they are given back, without a wait; by [`release`](Lease::release) they are given back
/// with one.
#[must_use = "what is acquired is given back when the lease is dropped"]
pub struct Lease {
    client: Client,
    name: Arc<str>,
    count: u32,
    fence: Fence,
    /// Why it is not held any more.
    lost: watch::Receiver<Option<TaskError>>,
}

impl Lease {
    /// What tells this grant from others: greater than that of every earlier grant, whatever its name. Store it with what is
    /// written under the lock, and turn away what comes with a smaller one: a holder that was cut off and does not know it yet.
    pub fn fence(&self) -> Fence {
        self.fence
    }

    /// The name of what is held.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many permits are held.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether this client has not heard that the lease has ended. While its scheduler is lost and called again it can't hear.
    pub fn is_held(&self) -> bool {
        self.lost.borrow().is_none()
    }

    /// Waits until the lease has ended though it was not given back: with the session, or with the scheduler. Says why.
    pub async fn lost(&self) -> TaskError {
        let mut lost = self.lost.clone();
        let why = lost.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        why.unwrap_or_else(|| ended(&self.name, self.fence))
    }

    /// Gives back what is held, and waits until the scheduler has said so.
    ///
    /// # Errors
    /// [`ErrorKind::LeaseLost`] if it was not held any more: somebody else may have held it meanwhile. If the connection is lost
    /// before there is an answer, it is held no longer than the session's five seconds.
    pub async fn release(self) -> Result<(), TaskError> {
        let lost = self.lost.borrow().clone();
        if let Some(why) = lost {
            return Err(why);
        }
        let Some(session) = self.client.session() else { return Err(not_asked("share locks")) };
        done("release a lease", &session.give_back_in_order(self.name.clone(), self.fence).await?)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(session) = self.client.session() {
            session.give_back(self.name.clone(), self.fence);
        }
    }
}

fn ended(name: &str, fence: Fence) -> TaskError {
    TaskError::new(
        ErrorKind::LeaseLost,
        format!("`{name}` is not held under fence {fence} any more: its session has ended"),
    )
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Semaphore {} of {}>", self.name, self.permits)
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Lock {}>", self.name())
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_held() { "held" } else { "lost" };
        write!(f, "<Lease {} of {} under fence {} {state}>", self.count, self.name, self.fence)
    }
}
