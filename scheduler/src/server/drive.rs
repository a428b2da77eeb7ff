//! Driving the machine: take what has arrived, handle it, send what comes out.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
};

use brisk_core::{
    comm::{CloseReason, Comm, Inbox, PeerId, Permit},
    error::Failure,
    hello::{Hello, Purpose},
    id::{ClientId, Incarnation, RunId, SupervisorId, WorkerId},
    key::Key,
    message::{Batch, ClientToScheduler, Messages, SchedulerToWorker, WorkerToScheduler},
    state::TaskState,
    time::Moment,
};

use super::{Shared, dumps::Dumps, notes::Notes, outbox::Outbox, recorder::Recorder, telemetry::Tally};
use crate::machine::{Action, Event, Record, Scheduler, What};

/// Something that has arrived.
pub(super) enum Input {
    /// A peer was welcomed, and may send from now on.
    Joined { peer: PeerId, hello: Box<Hello> },
    /// The same peer can be sent to.
    Attached { peer: PeerId, comm: Arc<dyn Comm> },
    /// It was gone before it heard the welcome.
    NeverCame { peer: PeerId },
    /// A peer says something.
    Batch { peer: PeerId, batch: Batch, permit: Permit },
    /// A connection has ended.
    Closed { peer: PeerId, reason: CloseReason },
    /// A peer may have room again.
    Ready { peer: PeerId },
    /// A deadline may have passed.
    Tick,
    /// It is over.
    Shutdown,
}

/// What only the one who drives touches.
pub(super) struct Core {
    machine: Scheduler,
    /// All and only the peers that the machine knows, by connection.
    peers: BTreeMap<PeerId, Peer>,
    /// Those with something to send.
    touched: Vec<PeerId>,
    /// Those that perhaps take nothing.
    stalled: Vec<PeerId>,
    /// The queue's other half, kept so that taking what has arrived takes no memory.
    inputs: Vec<Input>,
    /// Kept for its memory, as the list before.
    permits: Vec<Permit>,
    records: Vec<Record>,
    tally: Tally,
    recorder: Option<Recorder>,
    notes: Notes,
    pub(super) dumps: Dumps,
    /// Why nothing is handled any more: the scheduler was shut down, or it failed.
    over: Option<CloseReason>,
}

pub(super) struct Peer {
    pub(super) role: PeerRole,
    pub(super) outbox: Outbox,
}

/// What a peer is, under the id that the machine knows it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerRole {
    Client(ClientId),
    Worker(WorkerId),
    Supervisor(SupervisorId),
}

impl Inbox for Shared {
    fn deliver(&self, peer: PeerId, batch: Batch, permit: Permit) {
        self.push(Input::Batch { peer, batch, permit });
    }

    fn closed(&self, peer: PeerId, reason: CloseReason) {
        self.push(Input::Closed { peer, reason });
    }
}

/// How often one caller looks at the queue again before it leaves the rest to a task: a thread that only wanted to send
/// must not be kept driving for ever by others who send meanwhile.
const ROUNDS: usize = 64;

/// Messages of one batch that happen at one moment: they take some tens of microseconds, and nothing is timed more finely.
const AT_ONE_TIME: usize = 32;

impl Shared {
    /// Adds to what has arrived, and drives.
    pub(super) fn push(&self, input: Input) {
        self.queue.lock().push(input);
        self.drive();
    }

    /// Handles what has arrived, unless somebody else is at it, who will then handle this too.
    pub(super) fn drive(&self) {
        for _ in 0..ROUNDS {
            // Fails also when this thread holds the lock already, having sent something that made the receiver answer.
            let Some(mut core) = self.core.try_lock() else { return };
            core.round(self);
            drop(core);
            // Whoever came between the last look and the unlocking has gone away again.
            if self.queue.lock().is_empty() {
                return;
            }
        }
        if let Some(this) = self.this.upgrade() {
            self.runtime.spawn(async move { this.drive() });
        }
    }
}

impl Core {
    pub(super) fn new(machine: Scheduler, recorder: Option<Recorder>) -> Self {
        Core {
            machine,
            peers: BTreeMap::new(),
            touched: Vec::new(),
            stalled: Vec::new(),
            inputs: Vec::new(),
            permits: Vec::new(),
            records: Vec::new(),
            tally: Tally::default(),
            recorder,
            notes: Notes::default(),
            dumps: Dumps::default(),
            over: None,
        }
    }

    pub(super) fn machine(&self) -> &Scheduler {
        &self.machine
    }

    /// What runs say of themselves.
    pub(super) fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Whether a peer can be sent to.
    #[cfg(test)]
    pub(super) fn is_attached(&self, peer: PeerId) -> bool {
        self.peers.get(&peer).is_some_and(|known| known.outbox.is_attached())
    }

    /// Handles all that is queued, and sends what comes of it.
    fn round(&mut self, shared: &Shared) {
        let mut inputs = std::mem::take(&mut self.inputs);
        std::mem::swap(&mut inputs, &mut *shared.queue.lock());
        let mut permits = std::mem::take(&mut self.permits);
        for input in inputs.drain(..) {
            self.input(shared, input, &mut permits);
        }
        self.inputs = inputs;
        self.flush(shared);
        if self.recorder.as_mut().is_some_and(|recorder| !recorder.flush()) {
            self.recorder = None;
        }
        self.keep_records(shared);
        self.hand_over_tally(shared);
        if self.over.is_none() {
            shared.set_deadline(self.machine.next_deadline());
            self.check(shared);
        }
        shared.peers.store(self.peers.len(), Ordering::SeqCst);
        // The senders may send again only now.
        permits.clear();
        self.permits = permits;
    }

    fn input(&mut self, shared: &Shared, input: Input, permits: &mut Vec<Permit>) {
        if let Some(reason) = &self.over {
            if let Input::Attached { comm, .. } = input {
                comm.close(reason.clone());
            }
            return;
        }
        match input {
            Input::Shutdown => self.end(shared, None),
            Input::Joined { peer, hello } => self.joined(shared, peer, *hello),
            Input::Attached { peer, comm } => match self.peers.get_mut(&peer) {
                Some(known) => {
                    known.outbox.attach(comm);
                    self.touched.push(peer);
                }
                None => comm.close(CloseReason::Local),
            },
            Input::NeverCame { peer } => self.left(shared, peer, "it was gone before it was taken".into(), true),
            Input::Closed { peer, reason } => self.closed(shared, peer, &reason),
            Input::Batch { peer, batch, permit } => {
                permits.push(permit);
                self.batch(shared, peer, batch);
            }
            Input::Ready { peer } => {
                if let Some(known) = self.peers.get_mut(&peer) {
                    known.outbox.is_ready();
                    self.touched.push(peer);
                }
            }
            Input::Tick => self.event(shared, Event::Tick),
        }
    }

    fn joined(&mut self, shared: &Shared, peer: PeerId, hello: Hello) {
        let incarnation = Incarnation(peer.0);
        let Hello { purpose, name, environment, .. } = hello;
        let (role, event) = match purpose {
            Purpose::Client { program } => {
                let client = ClientId(incarnation);
                tracing::info!(%client, %name, %environment, "a client has joined");
                (PeerRole::Client(client), Event::ClientJoined { client, name, environment, program })
            }
            Purpose::Worker(info) => {
                let worker = WorkerId(incarnation);
                let (address, threads) = (&info.address, info.threads);
                tracing::info!(%worker, %name, %environment, %address, threads, "a worker has joined");
                (PeerRole::Worker(worker), Event::WorkerJoined { worker, name, environment, info })
            }
            Purpose::Supervisor { host, workers } => {
                let supervisor = SupervisorId(incarnation);
                tracing::info!(%supervisor, %host, workers, "a supervisor has joined");
                (PeerRole::Supervisor(supervisor), Event::SupervisorJoined { supervisor, host, workers })
            }
            // Not admitted.
            _ => return,
        };
        self.peers.insert(peer, Peer { role, outbox: Outbox::new(shared.epoch, incarnation) });
        self.event(shared, event);
    }

    /// A connection is gone. A client that has closed it by its own will does not come back; a worker whose connection
    /// ends without a goodbye is dead, whoever closed it.
    fn closed(&mut self, shared: &Shared, peer: PeerId, reason: &CloseReason) {
        let is_client = self.peers.get(&peer).is_some_and(|known| matches!(known.role, PeerRole::Client(_)));
        self.left(shared, peer, reason.to_string().into(), is_client && !reason.may_pass());
    }

    /// A connection is gone. One that was closed from here is not known any more.
    fn left(&mut self, shared: &Shared, peer: PeerId, reason: Arc<str>, intended: bool) {
        let Some(Peer { role, .. }) = self.peers.remove(&peer) else { return };
        tracing::info!(%role, %reason, "a peer has left");
        self.dumps.forget(peer);
        if let PeerRole::Client(client) = role {
            shared.plots_outlive(client);
        }
        self.event(
            shared,
            match role {
                PeerRole::Client(client) if intended => {
                    let (epoch, message) = (shared.epoch, ClientToScheduler::Goodbye);
                    Event::FromClient { client, epoch, message }
                }
                PeerRole::Client(client) => Event::ClientLeft { client, reason },
                PeerRole::Worker(worker) => Event::WorkerLeft { worker, cause: reason, intended },
                PeerRole::Supervisor(supervisor) => Event::SupervisorLeft { supervisor, reason },
            },
        );
    }

    fn batch(&mut self, shared: &Shared, peer: PeerId, batch: Batch) {
        let Some(known) = self.peers.get(&peer) else { return };
        let role = known.role;
        if batch.incarnation != Incarnation(peer.0) {
            // A peer that took an earlier session's batch along. The machine counts those of another epoch.
            tracing::debug!(%role, incarnation = %batch.incarnation, "a batch of another session was dropped");
            return;
        }
        let epoch = batch.epoch;
        // What came together happened together: the clock is read for some messages at once.
        let mut now = shared.now();
        let mut turn = |place: usize| {
            if place.is_multiple_of(AT_ONE_TIME) {
                now = shared.now();
            }
            now
        };
        match (role, batch.messages) {
            (PeerRole::Client(client), Messages::ClientToScheduler(messages)) => {
                for (place, message) in (1..).zip(messages) {
                    match message {
                        ClientToScheduler::Ask { request, query } if epoch == shared.epoch => {
                            self.ask(shared, client, request, &query);
                        }
                        ClientToScheduler::Plot(update) if epoch == shared.epoch => {
                            shared.plots.lock().update(client, *update);
                        }
                        message => self.event_at(shared, turn(place), Event::FromClient { client, epoch, message }),
                    }
                }
            }
            (PeerRole::Worker(worker), Messages::WorkerToScheduler(messages)) => {
                for (place, message) in (1..).zip(messages) {
                    match message {
                        WorkerToScheduler::Notes(notes) => {
                            if epoch == shared.epoch {
                                self.notes.take(&self.machine, shared.now(), worker, notes);
                            }
                        }
                        message => self.event_at(shared, turn(place), Event::FromWorker { worker, epoch, message }),
                    }
                }
            }
            (PeerRole::Supervisor(supervisor), Messages::SupervisorToScheduler(messages)) => {
                for message in messages {
                    self.event(shared, Event::FromSupervisor { supervisor, epoch, message });
                }
            }
            (role, messages) => {
                let reason = format!("{role} sent messages of the link {}", messages.link());
                self.close(shared, peer, CloseReason::Protocol(reason));
            }
        }
    }

    /// Ends a connection from here, and lets the machine know.
    fn close(&mut self, shared: &Shared, peer: PeerId, reason: CloseReason) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.outbox.close(reason.clone());
            self.closed(shared, peer, &reason);
        }
    }

    /// One event, and all its actions.
    fn event(&mut self, shared: &Shared, event: Event) {
        self.event_at(shared, shared.now(), event);
    }

    fn event_at(&mut self, shared: &Shared, now: Moment, event: Event) {
        if self.over.is_some() {
            return;
        }
        if self.recorder.as_mut().is_some_and(|recorder| !recorder.event(now, &event)) {
            self.recorder = None;
        }
        self.tally.hear(&event);
        // A bug of the machine must not leave everybody waiting for a scheduler that does nothing any more.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.machine.handle(now, event))) {
            return self.end(shared, Some(&text(&*panic)));
        }
        self.note_records();
        while let Some(action) = self.machine.poll_action() {
            if let Some(recorder) = &mut self.recorder {
                recorder.action(&action);
            }
            self.act(shared, action);
        }
    }

    fn act(&mut self, shared: &Shared, action: Action) {
        match action {
            Action::ToClient { client, message } => self.send(shared, client.0, |outbox| outbox.push_client(message)),
            Action::ToWorker { worker, message } => self.send(shared, worker.0, |outbox| outbox.push_worker(message)),
            Action::ToSupervisor { supervisor, message } => {
                self.send(shared, supervisor.0, |outbox| outbox.push_supervisor(message));
            }
            Action::CloseClient { client, reason } => self.dismiss(shared, client.0, &reason),
            Action::CloseWorker { worker, reason } => self.dismiss(shared, worker.0, &reason),
            Action::CloseSupervisor { supervisor, reason } => self.dismiss(shared, supervisor.0, &reason),
            // They were taken before, all together.
            Action::Record(_) => {}
        }
    }

    /// Takes over what the latest event has left for the log.
    fn note_records(&mut self) {
        let Core { machine, tally, notes, records, .. } = self;
        machine.take_records(|machine, new| {
            for record in new {
                if let What::Transition { key, to: TaskState::Forgotten, .. } = record.what {
                    notes.forget(key);
                }
                tally.recorded(record, machine);
            }
            records.extend_from_slice(new);
        });
    }

    pub(super) fn send(&mut self, shared: &Shared, to: Incarnation, push: impl FnOnce(&mut Outbox)) {
        let peer = PeerId(to.0);
        let Some(known) = self.peers.get_mut(&peer) else { return };
        push(&mut known.outbox);
        if known.outbox.touch() {
            self.touched.push(peer);
        }
        if known.outbox.is_beyond(shared.config.outbox_messages, shared.config.outbox_bytes) {
            self.stalled.push(peer);
        }
    }

    /// Ends the connection of a peer that the machine has forgotten.
    fn dismiss(&mut self, shared: &Shared, incarnation: Incarnation, reason: &Arc<str>) {
        let Some(mut peer) = self.peers.remove(&PeerId(incarnation.0)) else { return };
        if let PeerRole::Client(client) = peer.role {
            shared.plots_outlive(client);
        }
        self.dumps.forget(PeerId(incarnation.0));
        if reason.is_empty() {
            tracing::info!(role = %peer.role, "a peer has said goodbye");
        } else {
            tracing::info!(role = %peer.role, %reason, "a peer was sent away");
        }
        peer.farewell(reason);
    }

    /// Sends to everybody who has something to be told, and closes those who take nothing.
    fn flush(&mut self, shared: &Shared) {
        while !self.touched.is_empty() || !self.stalled.is_empty() {
            let mut touched = std::mem::take(&mut self.touched);
            for peer in touched.drain(..) {
                self.flush_one(shared, peer);
            }
            if self.touched.is_empty() {
                self.touched = touched;
            }
            for peer in std::mem::take(&mut self.stalled) {
                let beyond = (shared.config.outbox_messages, shared.config.outbox_bytes);
                if self.peers.get(&peer).is_some_and(|known| known.outbox.is_beyond(beyond.0, beyond.1)) {
                    self.close(shared, peer, CloseReason::Stalled);
                }
            }
        }
    }

    fn flush_one(&mut self, shared: &Shared, peer: PeerId) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        let flushed = known.outbox.flush();
        let role = known.role;
        if let Some(comm) = flushed.full
            && let Some(this) = shared.this.upgrade()
        {
            shared.runtime.spawn(async move {
                tokio::select! {
                    () = this.until_end() => {}
                    () = comm.ready() => this.push(Input::Ready { peer }),
                }
            });
        }
        for (key, run, failure) in flushed.unsendable {
            self.unsendable(shared, role, key, run, failure);
        }
        if let Some(reason) = flushed.broken {
            self.close(shared, peer, CloseReason::Protocol(reason));
        }
    }

    /// A task can't be sent to its worker: that is the task's failure, as if it had begun there.
    fn unsendable(&mut self, shared: &Shared, role: PeerRole, key: Key, run: RunId, failure: Box<Failure>) {
        if let PeerRole::Worker(worker) = role {
            let took = std::time::Duration::ZERO;
            let message = WorkerToScheduler::Failed { key, run, failure, took };
            self.event(shared, Event::FromWorker { worker, epoch: shared.epoch, message });
        }
    }

    pub(super) fn keep_records(&mut self, shared: &Shared) {
        if self.records.is_empty() {
            return;
        }
        let mut kept = shared.records.lock();
        kept.extend(self.records.drain(..));
        let surplus = kept.len().saturating_sub(shared.config.records);
        kept.drain(..surplus);
    }

    fn hand_over_tally(&mut self, shared: &Shared) {
        if !self.tally.is_empty() {
            shared.telemetry.lock().take(&mut self.tally);
        }
    }

    /// Sends everybody away: because it was asked for, or because of a bug, with its words.
    pub(super) fn end(&mut self, shared: &Shared, bug: Option<&str>) {
        self.touched.clear();
        self.stalled.clear();
        if let Some(bug) = bug {
            tracing::error!(name = %shared.config.name, bug, "the scheduler has failed, which is a bug in it");
        }
        let reason: Arc<str> = match bug {
            Some(bug) => format!("the scheduler has failed, which is a bug in it: {bug}").into(),
            None => "the scheduler has ended".into(),
        };
        self.over = Some(CloseReason::Protocol(reason.to_string()));
        for (_, mut peer) in std::mem::take(&mut self.peers) {
            peer.farewell(&reason);
        }
        if let Some(mut recorder) = self.recorder.take() {
            recorder.end(bug.is_none());
        }
        shared.refuse_all(&reason);
    }

    /// In debug builds and while it is cheap: looks whether the machine is sound.
    fn check(&mut self, shared: &Shared) {
        /// Tasks up to which every round is checked.
        const FEW: usize = 256;
        if cfg!(debug_assertions)
            && self.machine.task_count() <= FEW
            && let Err(violation) = self.machine.check_invariants()
        {
            self.end(shared, Some(&violation.to_string()));
        }
    }
}

impl Peer {
    /// Sends what was still to be said and why this is the end, and ends it.
    fn farewell(&mut self, reason: &Arc<str>) {
        if !reason.is_empty() && matches!(self.role, PeerRole::Worker(_)) {
            self.outbox.push_worker(SchedulerToWorker::Dismiss(reason.clone()));
        }
        // What finds no room now is lost, with the connection.
        self.outbox.flush();
        let agreed = reason.is_empty();
        self.outbox.close(if agreed { CloseReason::Local } else { CloseReason::Protocol(reason.to_string()) });
    }
}

impl std::fmt::Display for PeerRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PeerRole::Client(client) => write!(f, "client {client}"),
            PeerRole::Worker(worker) => write!(f, "worker {worker}"),
            PeerRole::Supervisor(supervisor) => write!(f, "supervisor {supervisor}"),
        }
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}
