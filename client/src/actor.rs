//! Actors: state that stays on one worker and is changed by calls, as a client sees it.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use brisk_core::{
    error::{ErrorKind, Failure, TaskError},
    future::{Handle, Status},
    graph::{Delayed, Slot},
    message::FetchOutcome,
    task::{TaskDef, TaskName},
    value::Value,
};
use brisk_worker::server::current_key;
use tokio::sync::oneshot;

use crate::Client;

mod raw;

pub use raw::RawActor;

/// A handle of an actor, as `#[actor]` makes it: besides the actor's own methods it has these.
///
/// Cloning it copies a pointer. The actor lives until the last clone, and the last call that is under way, are dropped.
///
/// A handle may be an argument of a task, which then calls the actor as anybody does. As an argument it keeps nothing alive:
/// keep one here for as long as such tasks may run.
pub trait ActorHandle: Clone {
    /// The same handle without its type.
    #[doc(hidden)]
    fn raw(&self) -> &RawActor;

    /// The handle of an actor.
    #[doc(hidden)]
    fn of_raw(actor: RawActor) -> Self;

    /// Waits until the actor is there. Nobody has to: calls wait for it too.
    ///
    /// # Errors
    /// If it could not be made, or is gone again.
    fn ready(&self) -> impl Future<Output = Result<(), TaskError>> + Send {
        let actor = self.raw().clone();
        async move {
            actor.settled().await;
            actor.error().map_or(Ok(()), Err)
        }
    }

    /// How far it is: finished once it is there, and in error once it is gone.
    fn status(&self) -> Status {
        self.raw().status()
    }

    /// The name that people see, as in `Counter-5f3a91c2`.
    fn name(&self) -> &TaskName {
        self.raw().name()
    }
}

/// What makes an actor: a call of one of its constructors, to be given to [`Client::actor`].
#[must_use = "nothing is made until it is given to `Client::actor`"]
pub struct NewActor<H> {
    call: Delayed<()>,
    handle: PhantomData<fn() -> H>,
}

impl<H> NewActor<H> {
    #[doc(hidden)]
    pub fn call(def: &'static TaskDef, slots: impl IntoIterator<Item = Slot>) -> Self {
        NewActor { call: Delayed::call(def, slots).pinned(), handle: PhantomData }
    }

    /// Lets it live on one of these workers, given by name, address or host.
    pub fn workers<W: Into<Arc<str>>>(self, workers: impl IntoIterator<Item = W>) -> Self {
        NewActor { call: self.call.workers(workers), ..self }
    }

    /// Makes [`workers`](NewActor::workers) a preference: while none of them is there it may live elsewhere.
    pub fn allow_other_workers(self) -> Self {
        NewActor { call: self.call.allow_other_workers(), ..self }
    }
}

impl<H> fmt::Debug for NewActor<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<NewActor {}>", self.call.node().def.identity.name)
    }
}

impl Client {
    /// Makes an actor: state on one worker, and a handle to call it by. Returns at once; what goes wrong is an error of the
    /// calls.
    ///
    /// Calls of one actor are made one at a time: those of one caller in the order in which they are made, those of several as
    /// they come. Each is made once at most, and a panic in one ends the actor. So does the end of its worker, or of the scheduler:
    /// what it knew is lost, and calls fail with [`ErrorKind::ActorLost`]. An actor is never moved or copied; the worker it lives
    /// on is not let go by [`retire_workers`](Client::retire_workers).
    ///
    /// In a method there are [`TaskContext::current`](crate::TaskContext::current) and [`current`](crate::current()), as in a task;
    /// it may await whatever it likes but its own actor's calls, which is [`ErrorKind::Deadlock`]. Other calls of the actor wait
    /// meanwhile. What it says by `progress`, `log` or `metadata` is kept with the actor, for as long as that lives: see
    /// [`tasks`](Client::tasks), [`story`](Client::story) and [`metadata`](Client::metadata), which take its handle.
    ///
    /// ```
    /// use brisk_client::{Client, actor};
    ///
    /// struct Counter {
    ///     count: i64,
    /// }
    ///
    /// #[actor]
    /// impl Counter {
    ///     fn new(start: i64) -> Self {
    ///         Counter { count: start }
    ///     }
    ///
    ///     fn add(&mut self, x: i64) -> i64 {
    ///         self.count += x;
    ///         self.count
    ///     }
    /// }
    ///
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let counter = client.actor(CounterActor::new(10));
    /// counter.add(1).await?;
    /// assert_eq!(counter.add(2).await?, 13);
    /// # Ok(())
    /// # }
    /// ```
    pub fn actor<H: ActorHandle>(&self, new: NewActor<H>) -> H {
        let handle = self.submit_nodes(std::slice::from_ref(new.call.node())).pop().expect("one root, one handle");
        H::of_raw(RawActor::new(self.clone(), handle))
    }
}

/// What a call of an actor's method will come to. The call is under way already: dropping this stops the wait and not the
/// call.
pub struct ActorFuture<T> {
    actor: RawActor,
    def: &'static TaskDef,
    outcome: Outcome,
    result: PhantomData<fn() -> T>,
}

enum Outcome {
    There(oneshot::Receiver<FetchOutcome>),
    /// It ran here, in this thread.
    Here(Handle),
}

impl<T: Value + Clone> Future for ActorFuture<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match &mut self.outcome {
            Outcome::There(outcome) => match Pin::new(outcome).poll(context) {
                Poll::Ready(Ok(FetchOutcome::Value(payload))) => Ok(payload.into_value()),
                Poll::Ready(Ok(FetchOutcome::Failed(failure))) => Err(self.error(failure)),
                Poll::Ready(Ok(_)) => Err(self.gone("the call was not made")),
                Poll::Ready(Err(_)) => Err(self.gone("whether the call was made is not known")),
                Poll::Pending if current_key() == Some(self.actor.key()) => Err(self.for_itself()),
                Poll::Pending => return Poll::Pending,
            },
            Outcome::Here(handle) => handle.value().ok_or_else(|| {
                handle.error().unwrap_or_else(|| TaskError::new(ErrorKind::Closed, "the client was closed"))
            }),
        };
        Poll::Ready(
            outcome.and_then(|value| value.into_value().map_err(|error| self.error(Box::new(Failure::from(error))))),
        )
    }
}

impl<T> ActorFuture<T> {
    fn new(actor: RawActor, def: &'static TaskDef, outcome: Outcome) -> Self {
        ActorFuture { actor, def, outcome, result: PhantomData }
    }

    fn error(&self, failure: Box<Failure>) -> TaskError {
        TaskError::from(failure).with(|report| {
            report.task = Some(TaskName::of_call(self.def.info().name.clone(), self.actor.key()));
            report.place = Some(self.def.info().place.clone());
        })
    }

    /// One of the actor's methods waits for another, which is not begun before this one has ended.
    fn for_itself(&self) -> TaskError {
        let text = format!(
            "a method of the actor {} waits for a call of the same actor, which begins only once this method has ended: call the \
             function itself, as `self.{}(…)`, or drop the future",
            self.actor.name(),
            self.def.identity.name
        );
        self.error(Box::new(Failure::new(ErrorKind::Deadlock, text)))
    }

    /// The actor can't be reached. If it is known why, that is said.
    fn gone(&self, what: &str) -> TaskError {
        if let Some(error) = self.actor.error() {
            return error;
        }
        let name = self.actor.name();
        let text = format!("the worker on which the actor {name} lives was lost, or the connection to it: {what}");
        self.error(Box::new(Failure::new(ErrorKind::ActorLost, text)))
    }
}

impl<T> fmt::Debug for ActorFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<ActorFuture {} of {}>", self.def.identity.name, self.actor.name())
    }
}
