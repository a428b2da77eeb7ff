//! A client's session with a scheduler: what it wants, what it has said, and what it was told.
//!
//! The table of handles is the truth of what this program wants. Everything for the scheduler goes through one outbox, in
//! order; [`Session::pump`] sends what is there, on whichever thread put it there, and a full connection is waited for in
//! the background; [`cork`] says when. News comes on the connection's thread and settles handles. No lock is held while a handle is dropped,
//! a waker is woken, or a batch is sent: any of these may come back here.

use std::sync::{
    Arc, OnceLock, Weak,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use brisk_core::{
    address::Address,
    comm::{CloseReason, Comm, Connector, Inbox, PeerId, Permit, TrySendError},
    error::{ErrorKind, Failure, TaskError},
    function::{FunctionId, FunctionInfo},
    future::{Asked, Handle, Owner},
    graph::{KeySource, Node},
    hello::Welcome,
    id::{Fence, RequestId, WantId},
    key::Key,
    key_map::KeyMap,
    limits::CHUNK_TASKS,
    message::{Answer, Batch, ClientToScheduler, Messages, Query},
};
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;
use tokio::runtime;

use brisk_worker::server::interruption;

use crate::{connect::Ground, local::LocalCluster};

mod actors;
mod chunks;
mod coordination;
mod cork;
mod fetch;
mod lineage;
mod look;
mod news;
mod outbox;
mod plots;
mod reconnect;
mod request;
mod run;
mod scatter;
mod submit;
mod waits;
mod wanted;

use coordination::Held;
use cork::Cork;
use fetch::Fetcher;
use lineage::Lineage;
use look::Looks;
use outbox::Outbox;
use plots::Plots;
use request::{Reply, Request};
use wanted::Wanted;

pub(crate) use actors::Call;
pub(crate) use plots::Feeder;
pub(crate) use reconnect::Reconnect;
pub(crate) use scatter::How;
pub(crate) use submit::Handles;

/// The scheduler's connection, as its inbox knows it. Data links have the numbers above.
const SCHEDULER: PeerId = PeerId(0);

/// One client's session.
pub(crate) struct Session {
    /// For the owner pointer that every handle carries.
    this: Weak<Session>,
    runtime: runtime::Handle,
    /// The connection, or the last one there was.
    link: RwLock<Option<Arc<Link>>>,
    /// What every connection of this session stands on.
    base: OnceLock<Base>,
    /// How a lost scheduler is called again, if it is.
    reconnect: Option<Reconnect>,
    table: Mutex<Table>,
    /// Whether some thread is sending. Others leave their messages in the outbox.
    sending: AtomicBool,
    /// Whether the connection takes nothing, and room is being waited for.
    full: AtomicBool,
    cork: Cork,
    looks: Looks,
    /// Held while what arrived is handled: until then a handle that the program has dropped may live on there.
    delivering: RwLock<()>,
    /// Whether it is of all tasks of a worker: each says which run it is, and none closes it.
    of_tasks: bool,
    fetcher: Fetcher,
    gather_limit: AtomicU64,
    plots: Plots,
}

/// A connection with the scheduler.
struct Link {
    comm: Arc<dyn Comm>,
    welcome: Welcome,
}

/// What the connections of a session stand on.
struct Base {
    address: Address,
    /// Transport, runtime, local cluster. Taken when the session ends, to be let go after the last words were sent.
    ground: Mutex<Option<Ground>>,
}

struct Table {
    keys: KeySource,
    /// Every key that this program wants, each with its newest want.
    wanted: KeyMap<Wanted>,
    /// Functions that the scheduler was told of.
    introduced: FxHashMap<FunctionId, FunctionInfo>,
    outbox: Outbox,
    requests: FxHashMap<RequestId, Request>,
    /// Leases that this program holds.
    leases: FxHashMap<Fence, Held>,
    /// What may have to be said again to another scheduler; `None` if there will be none.
    lineage: Option<Lineage>,
    /// Whether the scheduler is lost, and being called again: what is to be said will be found in this table.
    away: bool,
    /// Whether the connection that is being made has ended before it was taken up.
    lost_again: bool,
    next_want: u64,
    next_request: u64,
    /// Why there is no connection any more.
    closed: Option<TaskError>,
}

impl Session {
    /// A session that is about to [`open`](Session::open). `keys` names its impure calls.
    pub(crate) fn new(
        keys: KeySource,
        connector: Arc<dyn Connector>,
        reconnect: Option<Reconnect>,
        runtime: runtime::Handle,
        of_tasks: bool,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this: &Weak<Session>| Session {
            this: this.clone(),
            runtime,
            link: RwLock::default(),
            base: OnceLock::new(),
            table: Mutex::new(Table::new(keys, reconnect.is_some())),
            sending: AtomicBool::new(false),
            full: AtomicBool::new(false),
            cork: Cork::new(),
            looks: Looks::default(),
            delivering: RwLock::new(()),
            reconnect,
            of_tasks,
            fetcher: Fetcher::new(connector),
            gather_limit: AtomicU64::new(crate::gather::AVAILABLE),
            plots: Plots::default(),
        })
    }

    /// The inbox to connect with. It does not keep the session alive.
    pub(crate) fn inbox(&self) -> Arc<dyn Inbox> {
        Arc::new(SessionInbox(self.this.clone()))
    }

    /// The number to connect to the scheduler with.
    pub(crate) const fn scheduler_peer() -> PeerId {
        SCHEDULER
    }

    /// The scheduler took us.
    pub(crate) fn open(&self, comm: Arc<dyn Comm>, welcome: Welcome, address: Address, ground: Ground) {
        // A session is opened once; a second base would be a bug of ours, and the first stays.
        let _ = self.base.set(Base { address, ground: Mutex::new(Some(ground)) });
        *self.link.write() = Some(Arc::new(Link { comm, welcome }));
        self.pump();
    }

    /// Where the scheduler is.
    pub(crate) fn scheduler(&self) -> String {
        self.base.get().map_or_else(|| "not connected".to_owned(), |base| base.address.to_string())
    }

    /// The cluster that was started for this session, or shares a program with it.
    pub(crate) fn cluster(&self) -> Option<LocalCluster> {
        self.base.get()?.ground.lock().as_ref()?.keep.cluster()
    }

    /// The link to the scheduler's page, if it said that there is one.
    pub(crate) fn dashboard(&self) -> Option<Arc<str>> {
        self.link()?.welcome.dashboard.clone()
    }

    /// How many bytes may be gathered at once; see [`gather`](crate::gather).
    pub(crate) fn gather_limit(&self) -> &AtomicU64 {
        &self.gather_limit
    }

    /// Whether the connection hands values over by pointer.
    pub(crate) fn runtime(&self) -> &runtime::Handle {
        &self.runtime
    }

    pub(crate) fn is_by_reference(&self) -> bool {
        self.link.read().as_ref().is_some_and(|link| link.comm.is_by_reference())
    }

    fn link(&self) -> Option<Arc<Link>> {
        self.link.read().clone()
    }

    fn owner(&self) -> Arc<dyn Owner> {
        self.this.upgrade().expect("a session that is being used is alive")
    }

    /// Puts a message behind all others, and sends what can be sent.
    fn say(&self, message: ClientToScheduler) {
        self.table.lock().say(message);
        self.pump();
    }

    /// Waits until what has arrived by now was handled: handles that the program has dropped may live on there.
    fn finish_deliveries(&self) {
        drop(self.delivering.write());
    }

    /// Sends what is in the outbox, unless another thread is doing that: it will look again.
    fn pump(&self) {
        loop {
            self.cork.pull();
            if self.full.load(Ordering::SeqCst) || self.sending.swap(true, Ordering::Acquire) {
                return;
            }
            // Looked up by the one who sends: no other link takes its place before that one has stopped.
            let Some(link) = self.link() else { return self.sending.store(false, Ordering::Release) };
            let full = self.send_all(&link);
            self.sending.store(false, Ordering::Release);
            if full {
                self.pump_when_ready(&link);
                return;
            }
            // A message that came between the last look and the store above would otherwise wait for the next one.
            if self.table.lock().outbox.is_empty() {
                return;
            }
        }
    }

    /// Whether the connection is full before the outbox is empty.
    fn send_all(&self, link: &Link) -> bool {
        loop {
            let (messages, count) = self.table.lock().outbox.take_batch();
            if messages.is_empty() {
                return false;
            }
            self.cork.sent(count);
            let batch = Batch {
                epoch: link.welcome.epoch,
                incarnation: link.welcome.incarnation,
                messages: Messages::ClientToScheduler(messages),
            };
            match link.comm.try_send(batch) {
                Ok(()) => {}
                Err(TrySendError::Full(batch)) => {
                    self.table.lock().outbox.give_back(batch);
                    self.full.store(true, Ordering::SeqCst);
                    return true;
                }
                // The inbox hears of the end too, and settles everything.
                Err(TrySendError::Closed(_)) => return false,
                Err(TrySendError::Unsendable { batch, reason }) => {
                    // What is by itself too long for a frame takes nothing else with it.
                    let single = self.table.lock().outbox.divide(batch);
                    if let Some(message) = single {
                        self.fail_unsendable(message, &reason);
                    }
                }
            }
        }
    }

    fn pump_when_ready(&self, link: &Link) {
        let (this, comm) = (self.this.clone(), link.comm.clone());
        self.runtime.spawn(async move {
            comm.ready().await;
            if let Some(session) = this.upgrade() {
                session.full.store(false, Ordering::SeqCst);
                session.pump();
            }
        });
    }

    /// A message beyond the limits did not reach the scheduler: whoever waits for what comes of it hears so.
    fn fail_unsendable(&self, message: ClientToScheduler, reason: &str) {
        let error = |what: &str| {
            TaskError::from(Failure::new(ErrorKind::TooLarge, format!("the {what} can't be sent: {reason}")))
        };
        match message {
            ClientToScheduler::Submit { submission, .. } => self.fail_submission(submission, &error("submission")),
            message => match request::number_of(&message) {
                Some(number) => self.answered(number, Reply::Answer(Answer::Refused(error("request")))),
                None => tracing::error!(reason, "a message to the scheduler can't be sent, and is lost"),
            },
        }
    }

    /// Ends the session in order: everything is released, and pending futures settle as closed.
    pub(crate) async fn close(&self) {
        if self.of_tasks {
            // Other tasks may be using it: it ends with the worker.
            return self.let_go();
        }
        if let Some(ground) = self.say_goodbye("the client was closed") {
            ground.close().await;
        }
    }

    /// The worker ends whose tasks this is of.
    pub(crate) fn end(&self) {
        drop(self.say_goodbye("the worker whose tasks' client this is has ended"));
    }

    fn say_goodbye(&self, why: &str) -> Option<Ground> {
        // First, so that the scheduler's answer, which is to hang up, finds nothing to complain of.
        self.settle_all(&TaskError::new(ErrorKind::Closed, why));
        self.say(ClientToScheduler::Goodbye);
        self.hang_up()
    }

    /// Whether nothing can be asked of it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.table.lock().closed.is_some()
    }

    /// Closes all connections. What they stood on is the caller's to let go.
    fn hang_up(&self) -> Option<Ground> {
        self.fetcher.close();
        if let Some(link) = self.link() {
            link.comm.close(CloseReason::Local);
        }
        self.base.get()?.ground.lock().take()
    }

    /// Cancels what is behind these handles, those of other clients not counted.
    pub(crate) fn cancel_all(&self, handles: &[&Handle], how: Cancel) {
        let owner = self.owner();
        // Another client's handles are that client's to cancel.
        let mine: Vec<&Handle> = handles.iter().copied().filter(|handle| handle.is_owned_by(&owner)).collect();
        mine.iter().for_each(|handle| self.forgotten(handle.key(), handle.want()));
        for some in mine.chunks(CHUNK_TASKS) {
            let keys = some.iter().map(|handle| (handle.key(), handle.want())).collect();
            self.say(match how {
                Cancel::ForThisClient => ClientToScheduler::Cancel { keys, force: false },
                Cancel::ForEverybody => ClientToScheduler::Cancel { keys, force: true },
                Cancel::WithItsThread => ClientToScheduler::Abandon(keys),
            });
        }
        for handle in mine {
            handle.set_cancelled(cancelled(handle, "cancelled"));
        }
    }

    /// Cancels everything that this session wants, for a reason.
    pub(crate) fn cancel_everything(&self, reason: &str) {
        let handles = self.handles();
        // Before the scheduler hears of it, whose news would say less.
        for handle in &handles {
            self.forgotten(handle.key(), handle.want());
            handle.set_cancelled(cancelled(handle, reason));
        }
        self.cancel_all(&handles.iter().collect::<Vec<_>>(), Cancel::ForThisClient);
    }

    /// How many bytes each of these values has that are not here.
    pub(crate) fn lengths<'a>(&self, handles: impl IntoIterator<Item = &'a Handle>) -> Vec<u64> {
        let table = self.table.lock();
        let length = |handle: &Handle| {
            let wanted = table.wanted.get(&handle.key()).filter(|wanted| wanted.want == handle.want());
            wanted.map_or(0, Wanted::nbytes)
        };
        handles.into_iter().map(length).collect()
    }

    /// The handles of all wanted keys. They are dropped by the caller, outside the lock.
    fn handles(&self) -> Vec<Handle> {
        self.table.lock().wanted.values().filter_map(|wanted| wanted.handle.upgrade()).collect()
    }
}

/// How tasks are cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// What another client wants goes on.
    ForThisClient,
    /// Other clients lose it too.
    ForEverybody,
    /// As for this client, and the threads of what runs are given to others.
    WithItsThread,
}

fn cancelled(handle: &Handle, reason: &str) -> TaskError {
    TaskError::new(ErrorKind::Cancelled, reason).with(|report| report.task = Some(handle.name().clone()))
}

impl Table {
    /// A table of nothing. `comes_back`: there may be another scheduler, to be told everything again.
    fn new(keys: KeySource, comes_back: bool) -> Self {
        Table {
            keys,
            wanted: KeyMap::default(),
            introduced: FxHashMap::default(),
            lineage: comes_back.then(Lineage::default),
            away: false,
            lost_again: false,
            outbox: Outbox::default(),
            requests: FxHashMap::default(),
            leases: FxHashMap::default(),
            next_want: 0,
            next_request: 0,
            closed: None,
        }
    }

    /// Puts a message behind all others. While the scheduler is away nothing is: the next one is told from this table.
    fn say(&mut self, message: ClientToScheduler) {
        if !self.away {
            self.outbox.push(message);
        }
    }

    fn next_request(&mut self) -> RequestId {
        self.next_request += 1;
        RequestId(self.next_request)
    }

    fn next_want(&mut self) -> WantId {
        self.next_want += 1;
        WantId(self.next_want)
    }
}

impl Owner for Session {
    fn submit(&self, calls: &[Arc<Node>]) -> Vec<Handle> {
        Session::submit(self, calls).into_vec()
    }

    fn released(&self, key: Key, want: WantId) {
        let full = {
            let mut table = self.table.lock();
            if table.wanted.get(&key).is_none_or(|wanted| wanted.want != want) {
                return;
            }
            table.wanted.remove(&key);
            if let Some(lineage) = &mut table.lineage {
                lineage.release(key);
            }
            if table.closed.is_some() || table.away {
                return;
            }
            table.outbox.push_release(key, want)
        };
        if full { self.pump() } else { self.hold() }
    }

    fn ask(&self, query: Query) -> Option<Asked> {
        Some(self.answer_to(query))
    }

    fn awaited(&self, handle: &Handle) -> Option<TaskError> {
        self.let_go();
        let why = interruption().or_else(|| if self.of_tasks { waits::for_itself(handle) } else { None });
        if why.is_none() {
            self.look_around(handle);
        }
        why
    }

    fn fetch(&self, handle: &Handle) {
        self.fetch_value(handle);
    }

    fn cancel(&self, handle: &Handle) {
        self.cancel_all(&[handle], Cancel::ForThisClient);
    }

    fn retry(&self, handle: &Handle) {
        let (key, want) = (handle.key(), handle.want());
        // A call that the scheduler never took can't be tried again there: its error stays.
        let is_known = {
            let table = self.table.lock();
            table.closed.is_none()
                && table.wanted.get(&key).is_some_and(|wanted| wanted.want == want && !wanted.refused)
        };
        if is_known {
            handle.set_pending();
            self.say(ClientToScheduler::Retry(vec![(key, want)]));
        }
    }

    fn detach(&self, handle: &Handle) {
        self.say(ClientToScheduler::Detach(vec![handle.key()]));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Detached work is wanted by nobody here, and is to be done all the same.
        self.let_go();
        if let Some(ground) = self.hang_up() {
            ground.close_in_background();
        }
    }
}

/// What connections deliver to. It does not keep the session alive: the connections live as long as the session does.
struct SessionInbox(Weak<Session>);

impl Inbox for SessionInbox {
    fn deliver(&self, peer: PeerId, batch: Batch, permit: Permit) {
        let Some(session) = self.0.upgrade() else { return };
        // A delivery may lead to another on the same thread, so a waiting writer must not hold it up.
        let delivering = session.delivering.read_recursive();
        let mut answers = 0;
        match batch.messages {
            Messages::SchedulerToClient(messages) if peer == SCHEDULER => {
                answers = messages.len();
                session.hear(messages);
            }
            Messages::Data(messages) if peer != SCHEDULER => session.receive(peer, messages),
            other => tracing::warn!(link = other.link(), "a batch of another link was dropped"),
        }
        drop(delivering);
        drop(permit);
        if session.cork.answered(answers) {
            session.pump();
        }
    }

    fn closed(&self, peer: PeerId, reason: CloseReason) {
        let Some(session) = self.0.upgrade() else { return };
        if peer == SCHEDULER { session.lost(&reason) } else { session.link_lost(peer, &reason) }
    }
}
