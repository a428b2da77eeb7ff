//! Actors: state that stays on one worker and is changed by calls, as a client sees it.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use brisk_core::{
    error::{ErrorKind, Failure, TaskError},
    future::{Handle, Settled, Status},
    graph::{Delayed, Item, Node, Slot},
    key::Key,
    limits::MAX_SPEC_BYTES,
    message::FetchOutcome,
    payload::Payload,
    task::{TaskDef, TaskName},
    value::{Datum, Value},
};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{
    Client,
    client::Backend,
    session::{Call, Session},
};

/// A handle of an actor, as `#[actor]` makes it: besides the actor's own methods it has these.
///
/// Cloning it copies a pointer. The actor lives until the last clone, and the last call that is under way, are dropped.
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
        let handle = self.raw().0.handle.clone();
        async move {
            Settled::new(handle.clone()).await;
            handle.error().map_or(Ok(()), Err)
        }
    }

    /// How far it is: finished once it is there, and in error once it is gone.
    fn status(&self) -> Status {
        self.raw().0.handle.status()
    }

    /// The name that people see, as in `Counter-5f3a91c2`.
    fn name(&self) -> &TaskName {
        self.raw().0.handle.name()
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
    /// Calls of one actor are made one at a time: those of one caller in the order in which they are made, those of several as they come.
    /// Each is made once at most, and a panic in one ends the actor. So does the end of its worker: what it knew is lost, and
    /// calls fail with [`ErrorKind::ActorLost`]. An actor is never moved or copied; the worker it lives on is not let go by
    /// [`retire_workers`](Client::retire_workers).
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
        let inner = Arc::new(Inner { client: self.clone(), handle, early: Mutex::new(Some(Vec::new())) });
        inner.clone().send_early_calls();
        H::of_raw(RawActor(inner))
    }
}

/// A handle of an actor without its type.
#[derive(Clone)]
pub struct RawActor(Arc<Inner>);

struct Inner {
    client: Client,
    /// Of the task that makes the actor.
    handle: Handle,
    /// Calls that were made before the actor was there; `None` from then on.
    early: Mutex<Option<Vec<Call>>>,
}

impl Inner {
    /// Sends what waits for the actor, once that is there.
    fn send_early_calls(self: Arc<Self>) {
        let Backend::Session(session) = self.client.backend() else {
            *self.early.lock() = None;
            return;
        };
        let session = session.clone();
        session.runtime().clone().spawn(async move {
            Settled::new(self.handle.clone()).await;
            // Under the lock, so that no later call goes before these.
            let mut early = self.early.lock();
            early.take().unwrap_or_default().into_iter().for_each(|call| send(&session, &self.handle, call));
        });
    }
}

/// Sends a call to where the actor lives. If that is nowhere, who waits is told so.
fn send(session: &Session, handle: &Handle, call: Call) {
    let holder = if handle.status() == Status::Finished { session.holder_of(handle) } else { None };
    match holder {
        Some(worker) => session.call_actor(worker, call),
        // Whoever waited may have stopped.
        None => _ = call.reply.send(FetchOutcome::Missing),
    }
}

impl RawActor {
    /// Calls a method: the first of `def`'s parameters is the actor, the others are `arguments`.
    #[doc(hidden)]
    pub fn call<T: Value>(&self, def: &'static TaskDef, arguments: impl IntoIterator<Item = Datum>) -> ActorFuture<T> {
        let inner = &self.0;
        let actor = [Slot::One(Item::Future(inner.handle.clone()))];
        let slots = actor.into_iter().chain(arguments.into_iter().map(|value| Slot::One(Item::Inline(value))));
        let node = Arc::new(Node::new(def, slots));
        let outcome = match inner.client.backend() {
            Backend::Sync(session) => Outcome::Here(session.submit(&[node]).pop().expect("one root, one handle")),
            Backend::Session(session) => match specified(&Payload::from_call(&node), session.is_by_reference()) {
                Ok(spec) => {
                    let (reply, outcome) = oneshot::channel();
                    self.send(session, Call { actor: inner.handle.key(), spec, reply });
                    Outcome::There(outcome)
                }
                Err(failure) => Outcome::Failed(Some(failure)),
            },
        };
        ActorFuture { actor: self.clone(), def, outcome, result: PhantomData }
    }

    fn send(&self, session: &Session, call: Call) {
        let mut early = self.0.early.lock();
        match &mut *early {
            Some(waiting) => waiting.push(call),
            None => send(session, &self.0.handle, call),
        }
    }

    fn key(&self) -> Key {
        self.0.handle.key()
    }
}

impl fmt::Debug for RawActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Actor {} {}>", self.0.handle.name(), self.0.handle.status())
    }
}

/// A call as it goes to the actor's worker.
fn specified(call: &Payload, by_reference: bool) -> Result<Payload, Box<Failure>> {
    if by_reference {
        return Ok(call.clone());
    }
    let sealed = call.sealed().map_err(|error| Box::new(Failure::from(error)))?;
    if sealed.len() > MAX_SPEC_BYTES as u64 {
        let text = format!(
            "the arguments take {} bytes, and {MAX_SPEC_BYTES} may travel with a call: give them in parts",
            sealed.len()
        );
        return Err(Box::new(Failure::new(ErrorKind::TooLarge, text)));
    }
    Ok(sealed)
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
    /// It was not sent. `None` once that is told.
    Failed(Option<Box<Failure>>),
}

impl<T: Value + Clone> Future for ActorFuture<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match &mut self.outcome {
            Outcome::There(outcome) => match ready!(Pin::new(outcome).poll(context)) {
                Ok(FetchOutcome::Value(payload)) => Ok(payload.into_value()),
                Ok(FetchOutcome::Failed(failure)) => Err(self.error(failure)),
                Ok(_) => Err(self.gone("the call was not made")),
                Err(_) => Err(self.gone("whether the call was made is not known")),
            },
            Outcome::Here(handle) => handle.value().ok_or_else(|| {
                handle.error().unwrap_or_else(|| TaskError::new(ErrorKind::Closed, "the client was closed"))
            }),
            Outcome::Failed(failure) => {
                let failure = failure.take().expect("a future is not polled after its end");
                Err(self.error(failure))
            }
        };
        Poll::Ready(
            outcome.and_then(|value| value.into_value().map_err(|error| self.error(Box::new(Failure::from(error))))),
        )
    }
}

impl<T> ActorFuture<T> {
    fn error(&self, failure: Box<Failure>) -> TaskError {
        TaskError::from(failure).with(|report| {
            report.task = Some(TaskName::of_call(self.def.info().name.clone(), self.actor.key()));
            report.place = Some(self.def.info().place.clone());
        })
    }

    /// The actor can't be reached. If the scheduler knows why, it says so.
    fn gone(&self, what: &str) -> TaskError {
        let handle = &self.actor.0.handle;
        if let Some(error) = handle.error() {
            return error;
        }
        let text =
            format!("the worker on which the actor {} lives was lost, or the connection to it: {what}", handle.name());
        self.error(Box::new(Failure::new(ErrorKind::ActorLost, text)))
    }
}

impl<T> fmt::Debug for ActorFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<ActorFuture {} of {}>", self.def.identity.name, self.actor.0.handle.name())
    }
}
