//! Clients for tasks: what runs on a worker submits through a session that all tasks of its process share.
//!
//! The session is opened when a task first asks, outlives a lost scheduler as any client's does, and ends with the worker.
//! Whoever submits says from within which run, so that children go before what was submitted beside their parent, at the
//! expense of the parent's client.

use std::sync::Arc;

use async_trait::async_trait;
use brisk_core::{
    address::Address,
    error::{ErrorKind, TaskError},
};
use brisk_worker::server::TaskContext;
use parking_lot::Mutex;

use crate::{
    Client,
    connect::{Ground, Keep, open_session},
    error::ClientError,
    session::Session,
    sync,
};

/// The client of the task that runs here, of the cluster that it runs on: with it a task submits others, and waits for them.
/// All tasks of a worker share its session. What a task has submitted goes before everything that was submitted beside the
/// task itself, at the expense of the same client.
///
/// An `async fn` task awaits the futures of its client, and holds no thread meanwhile. Closing it ends nothing: it ends with the
/// worker. A wait for the task's own result fails at once with [`ErrorKind::Deadlock`]. Tasks that wait for each other in a circle are
/// not found out, since any of them may yet stop to wait; and to cancel one may not end them, since each is wanted, and made again, by
/// another. Give one of them a [time limit](crate::Delayed::timeout): that ends it. Without async there is
/// [`blocking::Client::current`](crate::blocking::Client::current).
///
/// ```
/// use brisk_client::{Client, TaskError, task};
///
/// #[task]
/// fn square(x: i64) -> i64 {
///     x * x
/// }
///
/// #[task]
/// async fn sum_of_squares(n: i64) -> Result<i64, TaskError> {
///     let client = brisk_client::current().await?;
///     let squares = client.map(0..n, square);
///     Ok(client.gather(&squares).await?.into_iter().sum())
/// }
///
/// # #[brisk_client::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::local().await?;
/// assert_eq!(client.submit(sum_of_squares(4)).await?, 14);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`ClientError::NotInTask`] where no task runs: in `main`, or in a thread that a task has started. If the scheduler can't be
/// reached, or the worker's credentials are not a client's too.
pub async fn current() -> Result<Client, ClientError> {
    if let Some(session) = sync::current() {
        return Ok(Client::of_sync(session));
    }
    home()?.session().await.map(Client::of_session)
}

/// Where the task that runs here finds its session.
pub(crate) fn home() -> Result<Arc<Home>, ClientError> {
    let context = TaskContext::current().ok_or(ClientError::NotInTask)?;
    context.provided::<Home>().ok_or_else(|| {
        let what = "this worker holds no client's credentials, so its tasks can't submit others: give its supervisor \
                    credentials that are for clients too";
        ClientError::Configuration(what.to_owned())
    })
}

/// Where the tasks of a process find their session.
pub(crate) struct Home {
    scheduler: Address,
    ground: Box<dyn Fn() -> Ground + Send + Sync>,
    /// Held while the session is opened: all who ask meanwhile get the same.
    opening: tokio::sync::Mutex<()>,
    session: Mutex<State>,
}

enum State {
    NotYet,
    Open(Arc<Session>),
    Closed,
}

impl Home {
    /// `ground` makes what a session stands on. It must not keep alive what this is a part of.
    pub(crate) fn new(scheduler: Address, ground: impl Fn() -> Ground + Send + Sync + 'static) -> Self {
        let (opening, session) = (tokio::sync::Mutex::new(()), Mutex::new(State::NotYet));
        Home { scheduler, ground: Box::new(ground), opening, session }
    }

    /// The session; opened now, if there is none, or the last one was given up.
    pub(crate) async fn session(&self) -> Result<Arc<Session>, ClientError> {
        let _opening = self.opening.lock().await;
        if let Some(session) = self.known()? {
            return Ok(session);
        }
        let session = open_session(self.scheduler.clone(), (self.ground)(), true).await?;
        let closed = {
            let mut state = self.session.lock();
            let closed = matches!(*state, State::Closed);
            if !closed {
                *state = State::Open(session.clone());
            }
            closed
        };
        if closed {
            session.end();
            return Err(ended());
        }
        Ok(session)
    }

    /// Where the session's connections are looked after.
    pub(crate) fn runtime(&self) -> tokio::runtime::Handle {
        (self.ground)().io.handle()
    }

    fn known(&self) -> Result<Option<Arc<Session>>, ClientError> {
        match &*self.session.lock() {
            State::Open(session) if !session.is_over() => Ok(Some(session.clone())),
            State::Open(_) | State::NotYet => Ok(None),
            State::Closed => Err(ended()),
        }
    }

    /// The workers are ending: what tasks still wait for settles.
    pub(crate) fn close(&self) {
        let state = std::mem::replace(&mut *self.session.lock(), State::Closed);
        if let State::Open(session) = state {
            session.end();
        }
    }
}

fn ended() -> ClientError {
    ClientError::Session(TaskError::new(ErrorKind::Closed, "the worker that this task runs on has ended"))
}

/// What stands below is somebody else's to end.
#[async_trait]
impl Keep for () {
    async fn close(&self) {}
}
