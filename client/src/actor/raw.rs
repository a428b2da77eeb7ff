//! An actor without its type, and how its calls find it.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
    task::Poll,
};

use brisk_core::{
    error::{ErrorKind, Failure, TaskError},
    future::{Handle, Owner, Settled, Status},
    graph::{Item, Node, Slot},
    id::WantId,
    key::Key,
    limits::MAX_SPEC_BYTES,
    message::FetchOutcome,
    payload::Payload,
    task::{TaskDef, TaskName},
    value::{Datum, Value},
};
use brisk_worker::server::carried;
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::{oneshot, watch};

use super::{ActorFuture, Outcome};
use crate::{
    Client,
    client::Backend,
    error::ClientError,
    inside::{self, Home},
    session::Call,
};

/// A handle of an actor without its type.
///
/// As bytes it is the actor's name, and keeps nothing alive. Where it arrives, as a task's argument, it becomes a handle of
/// that task's client when it is first used.
#[derive(Clone)]
pub struct RawActor(Arc<Inner>);

struct Inner {
    name: TaskName,
    /// Stands for the actor in calls, which know it by its key alone.
    argument: Handle,
    /// Set once the handle is some client's, or can't become one's.
    bound: OnceLock<Result<Bound, TaskError>>,
    early: Mutex<Early>,
    /// Whether it is over with early calls.
    over: watch::Sender<bool>,
}

/// Whose handle it is: of the task that makes the actor.
struct Bound {
    client: Client,
    handle: Handle,
}

/// Calls that were made before the actor could be called.
enum Early {
    /// None so far, and no client either.
    Untouched,
    Waiting(Vec<Unsent>),
    /// From now on calls go where they belong.
    Over,
}

struct Unsent {
    spec: Payload,
    reply: oneshot::Sender<FetchOutcome>,
}

impl RawActor {
    /// The handle of an actor that `client` has made, or is making.
    pub(super) fn new(client: Client, handle: Handle) -> Self {
        let actor = RawActor::named(handle.name().clone());
        let inner = &actor.0;
        let session = match client.backend() {
            Backend::Session(session) => Some(session.clone()),
            Backend::Sync(_) => None,
        };
        *inner.early.lock() = if session.is_some() { Early::Waiting(Vec::new()) } else { Early::Over };
        inner.over.send_replace(session.is_none());
        let bound = inner.bound.set(Ok(Bound { client, handle: handle.clone() }));
        debug_assert!(bound.is_ok(), "it was made just now");
        if let Some(session) = session {
            let (begin, runtime) = (inner.begin(handle), session.runtime().clone());
            runtime.spawn(begin);
        }
        actor
    }

    fn named(name: TaskName) -> Self {
        let argument = Handle::new(name.clone(), WantId(0), Arc::new(Nobody));
        let (early, over) = (Mutex::new(Early::Untouched), watch::Sender::new(false));
        RawActor(Arc::new(Inner { name, argument, bound: OnceLock::new(), early, over }))
    }

    /// Calls a method: the first of `def`'s parameters is the actor, the others are `arguments`.
    #[doc(hidden)]
    pub fn call<T: Value>(&self, def: &'static TaskDef, arguments: impl IntoIterator<Item = Datum>) -> ActorFuture<T> {
        let actor = [Slot::One(Item::Future(self.0.argument.clone()))];
        let slots = actor.into_iter().chain(arguments.into_iter().map(|value| Slot::One(Item::Inline(value))));
        let node = Arc::new(Node::new(def, slots));
        let outcome = match self.0.bound() {
            Some(Bound { client, .. }) if let Backend::Sync(session) = client.backend() => {
                Outcome::Here(session.submit(&[node]).pop().expect("one root, one handle"))
            }
            _ => {
                let (reply, outcome) = oneshot::channel();
                self.send(Unsent { spec: self.traced(&node), reply });
                Outcome::There(outcome)
            }
        };
        ActorFuture::new(self.clone(), def, outcome)
    }

    /// A call, with the span that it is made in.
    fn traced(&self, node: &Arc<Node>) -> Payload {
        let by_reference = match self.0.bound().map(|bound| bound.client.backend()) {
            Some(Backend::Session(session)) => session.is_by_reference(),
            _ => false,
        };
        match carried(by_reference) {
            Some(traced) => Payload::from_traced_call(node, traced()),
            None => Payload::from_call(node),
        }
    }

    fn send(&self, call: Unsent) {
        let mut early = self.0.early.lock();
        match &mut *early {
            Early::Untouched => {
                *early = Early::Waiting(vec![call]);
                drop(early);
                self.0.bind();
            }
            Early::Waiting(calls) => calls.push(call),
            Early::Over => {
                drop(early);
                self.0.send(call);
            }
        }
    }

    pub(crate) fn key(&self) -> Key {
        self.0.name.key
    }

    pub(super) fn name(&self) -> &TaskName {
        &self.0.name
    }

    /// Pending also while nobody here has used it.
    pub(super) fn status(&self) -> Status {
        match self.0.bound.get() {
            Some(Ok(bound)) => bound.handle.status(),
            Some(Err(_)) => Status::Erred,
            None => Status::Pending,
        }
    }

    /// Why it can't be called, if that is known.
    pub(super) fn error(&self) -> Option<TaskError> {
        match self.0.bound.get()? {
            Ok(bound) => bound.handle.error(),
            Err(error) => Some(error.clone()),
        }
    }

    /// Waits until the actor is there, or its making has failed.
    pub(super) async fn settled(&self) {
        let mut over = self.0.over.subscribe();
        let untouched = {
            let mut early = self.0.early.lock();
            let untouched = matches!(*early, Early::Untouched);
            if untouched {
                *early = Early::Waiting(Vec::new());
            }
            untouched
        };
        if untouched {
            self.0.bind();
        }
        // The sender is as old as this handle.
        let _ = over.wait_for(|over| *over).await;
    }
}

impl Inner {
    fn bound(&self) -> Option<&Bound> {
        self.bound.get()?.as_ref().ok()
    }

    /// Makes it a handle of the client of the task that runs here.
    fn bind(self: &Arc<Self>) {
        let home = match inside::home() {
            Ok(home) => home,
            Err(error) => return self.never(&error),
        };
        let (this, runtime) = (self.clone(), home.runtime());
        runtime.spawn(async move {
            let begin = this.bind_to(&home).await;
            // From here on only those count who hold the actor, and calls: they are made though nobody awaits them.
            let calls = this.has_unsent().then_some(this);
            if let Some(begin) = begin {
                begin.await;
            }
            drop(calls);
        });
    }

    fn has_unsent(&self) -> bool {
        matches!(&*self.early.lock(), Early::Waiting(calls) if !calls.is_empty())
    }

    /// What is left to wait for, if it could be bound.
    async fn bind_to(self: &Arc<Self>, home: &Home) -> Option<impl Future<Output = ()> + use<>> {
        let session = match home.session().await {
            Ok(session) => session,
            Err(error) => {
                self.never(&error);
                return None;
            }
        };
        let handle = session.adopt(vec![self.name.clone()]).pop().expect("one name, one handle");
        let bound = self.bound.set(Ok(Bound { client: Client::of_session(session.clone()), handle: handle.clone() }));
        debug_assert!(bound.is_ok(), "only the first call binds");
        Some(self.begin(handle))
    }

    fn never(&self, why: &ClientError) {
        let text = format!("the actor {} can't be called from here: {why}", self.name);
        let bound = self.bound.set(Err(TaskError::new(ErrorKind::ActorLost, text)));
        debug_assert!(bound.is_ok(), "only the first call binds");
        self.flush();
    }

    /// Sends what waits for the actor, once that is there. It keeps the actor wanted for as long only as somebody holds it.
    fn begin(self: &Arc<Self>, handle: Handle) -> impl Future<Output = ()> + use<> {
        let (this, mut over) = (Arc::downgrade(self), self.over.subscribe());
        async move {
            let let_go = pin!(over.wait_for(|over| *over));
            let settled = pin!(Settled::new(handle));
            first(settled, let_go).await;
            if let Some(this) = this.upgrade() {
                this.flush();
            }
        }
    }

    fn flush(&self) {
        {
            // Under the lock, so that no later call goes before these.
            let mut early = self.early.lock();
            if let Early::Waiting(calls) = std::mem::replace(&mut *early, Early::Over) {
                calls.into_iter().for_each(|call| self.send(call));
            }
        }
        self.over.send_replace(true);
    }

    /// Sends a call to where the actor lives. If that is nowhere, who waits is told so.
    fn send(&self, Unsent { spec, reply }: Unsent) {
        let Some(Bound { client, handle }) = self.bound() else { return answer(reply, FetchOutcome::Missing) };
        let Backend::Session(session) = client.backend() else { return answer(reply, FetchOutcome::Missing) };
        let holder = if handle.status() == Status::Finished { session.holder_of(handle) } else { None };
        let Some(worker) = holder else { return answer(reply, FetchOutcome::Missing) };
        match travelling(&spec, session.is_by_reference()) {
            Ok(spec) => session.call_actor(worker, Call { actor: self.name.key, spec, reply }),
            Err(failure) => answer(reply, FetchOutcome::Failed(failure)),
        }
    }
}

/// Waits until one of the two is ready.
async fn first<A: Future, B: Future>(mut a: Pin<&mut A>, mut b: Pin<&mut B>) {
    poll_fn(|context| {
        let ready = a.as_mut().poll(context).is_ready() || b.as_mut().poll(context).is_ready();
        if ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn answer(reply: oneshot::Sender<FetchOutcome>, outcome: FetchOutcome) {
    // Whoever waited may have stopped.
    let _ = reply.send(outcome);
}

/// A call as it goes to the actor's worker.
fn travelling(call: &Payload, by_reference: bool) -> Result<Payload, Box<Failure>> {
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

impl fmt::Debug for RawActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Actor {} {}>", self.name(), self.status())
    }
}

impl Serialize for RawActor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.name.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawActor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TaskName::deserialize(deserializer).map(RawActor::named)
    }
}

/// The owner of what stands for an actor in a call.
struct Nobody;

impl Owner for Nobody {
    fn released(&self, _: Key, _: WantId) {}
    fn fetch(&self, _: &Handle) {}
    fn cancel(&self, _: &Handle) {}
    fn retry(&self, _: &Handle) {}
    fn detach(&self, _: &Handle) {}

    fn submit(&self, _: &[Arc<Node>]) -> Vec<Handle> {
        Vec::new()
    }
}
