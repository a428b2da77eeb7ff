//! What one peer is still to be told.

use std::{collections::VecDeque, sync::Arc};

use brisk_core::{
    comm::{CloseReason, Comm, TrySendError},
    error::{ErrorKind, Failure},
    id::{Epoch, Incarnation, RunId},
    key::Key,
    message::{Answer, Batch, KeyNews, Messages, SchedulerToClient, SchedulerToSupervisor, SchedulerToWorker, Shared},
    payload::Payload,
};

/// Messages to one peer, in order, until its connection takes them.
pub(super) struct Outbox {
    epoch: Epoch,
    incarnation: Incarnation,
    /// The connection, once it is there.
    comm: Option<Arc<dyn Comm>>,
    queue: VecDeque<Message>,
    /// The length of the payloads in the queue.
    bytes: u64,
    /// A batch that found no room. It goes before the queue.
    stuck: Option<Batch>,
    /// Whether room is being waited for.
    waiting: bool,
    /// Whether it stands in the list of those to be flushed.
    touched: bool,
}

enum Message {
    Client(SchedulerToClient),
    Worker(SchedulerToWorker),
    Supervisor(SchedulerToSupervisor),
}

/// What came of a [`flush`](Outbox::flush).
#[derive(Default)]
pub(super) struct Flushed {
    /// There is no more room: wait for it here.
    pub(super) full: Option<Arc<dyn Comm>>,
    /// Runs that can't be sent.
    pub(super) unsendable: Vec<(Key, RunId, Box<Failure>)>,
    /// Something else can't be sent, and without it the peer would wait for ever.
    pub(super) broken: Option<String>,
}

/// Messages in one batch at most; further ones go into the next.
const BATCH_MESSAGES: usize = 1_024;

/// Payload bytes after which a batch is closed: far below what a frame may have, so that one more fits for sure.
const BATCH_BYTES: u64 = 8 << 20;

/// Encoded bytes of messages, estimated, after which a batch is closed. Half of what a frame may have: a batch that is too
/// long after all is cut in two.
const BATCH_WEIGHT: usize = 2 << 20;

impl Outbox {
    pub(super) fn new(epoch: Epoch, incarnation: Incarnation) -> Self {
        Outbox {
            epoch,
            incarnation,
            comm: None,
            queue: VecDeque::new(),
            bytes: 0,
            stuck: None,
            waiting: false,
            touched: false,
        }
    }

    pub(super) fn attach(&mut self, comm: Arc<dyn Comm>) {
        self.comm = Some(comm);
    }

    #[cfg(test)]
    pub(super) fn is_attached(&self) -> bool {
        self.comm.is_some()
    }

    pub(super) fn push_client(&mut self, message: SchedulerToClient) {
        self.push(Message::Client(message));
    }

    pub(super) fn push_worker(&mut self, message: SchedulerToWorker) {
        self.push(Message::Worker(message));
    }

    pub(super) fn push_supervisor(&mut self, message: SchedulerToSupervisor) {
        self.push(Message::Supervisor(message));
    }

    fn push(&mut self, message: Message) {
        self.bytes += self.payload_bytes(&message);
        self.queue.push_back(message);
    }

    /// To be flushed. Whether it was not already.
    pub(super) fn touch(&mut self) -> bool {
        !std::mem::replace(&mut self.touched, true)
    }

    /// The connection may have room again.
    pub(super) fn is_ready(&mut self) {
        self.waiting = false;
    }

    /// Whether more waits than may.
    pub(super) fn is_beyond(&self, messages: usize, bytes: u64) -> bool {
        self.queue.len() > messages || self.bytes > bytes
    }

    pub(super) fn close(&mut self, reason: CloseReason) {
        if let Some(comm) = self.comm.take() {
            comm.close(reason);
        }
    }

    /// Sends as much as there is room for.
    pub(super) fn flush(&mut self) -> Flushed {
        let mut flushed = Flushed::default();
        self.touched = false;
        let Some(comm) = self.comm.clone() else { return flushed };
        while !self.waiting
            && flushed.broken.is_none()
            && let Some(batch) = self.stuck.take().or_else(|| self.next_batch(&*comm, &mut flushed))
        {
            match comm.try_send(batch) {
                Ok(()) => {}
                Err(TrySendError::Full(batch)) => {
                    self.stuck = Some(batch);
                    self.waiting = true;
                    flushed.full = Some(comm.clone());
                }
                Err(TrySendError::Closed(_)) => {
                    // Its end is on the way to the inbox; nothing more can be said.
                    self.queue.clear();
                    self.bytes = 0;
                }
                Err(TrySendError::Unsendable { batch, reason }) => self.divide(batch, &reason, &mut flushed),
            }
        }
        flushed
    }

    /// The next messages, as many as belong into one batch; sealed, if they leave the process.
    fn next_batch(&mut self, comm: &dyn Comm, flushed: &mut Flushed) -> Option<Batch> {
        let by_reference = comm.is_by_reference();
        let (mut bytes, mut weight, mut count) = (0, 0, 0);
        let (mut batch, room) = (None, self.queue.len().min(BATCH_MESSAGES));
        while count < BATCH_MESSAGES
            && bytes < BATCH_BYTES
            && weight < BATCH_WEIGHT
            && let Some(mut message) = self.queue.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(self.payload_bytes(&message));
            if !by_reference && let Err(refused) = seal(&mut message) {
                flushed.unsendable.push(refused);
                continue;
            }
            bytes += if by_reference { 0 } else { self.payload_bytes(&message) };
            weight += weigh(&message);
            count += 1;
            add(&mut batch, message, room);
        }
        let messages = batch?;
        Some(Batch { epoch: self.epoch, incarnation: self.incarnation, messages })
    }

    /// A batch can't be sent as it is: its messages are tried one half after the other, until the one that can't is found.
    fn divide(&mut self, batch: Batch, reason: &str, flushed: &mut Flushed) {
        let mut messages = scatter(batch.messages);
        if messages.len() > 1 {
            let rest = messages.split_off(messages.len() / 2);
            for message in rest.into_iter().rev() {
                self.bytes += self.payload_bytes(&message);
                self.queue.push_front(message);
            }
            let epoch = self.epoch;
            self.stuck = gather(messages).map(|messages| Batch { epoch, incarnation: self.incarnation, messages });
            return;
        }
        match messages.pop() {
            Some(Message::Worker(SchedulerToWorker::Run(assignment))) => {
                let text = format!("it can't be sent to its worker: {reason}");
                let failure = Failure::new(ErrorKind::TooLarge, text);
                flushed.unsendable.push((assignment.task.key, assignment.run, Box::new(failure)));
            }
            Some(_) => flushed.broken = Some(format!("a message to it can't be sent: {reason}")),
            None => {}
        }
    }

    /// The length of what travels beside a message. Of values only once they are bytes: to measure one may take as long
    /// as to encode it, and inside a process it is held by others anyway.
    fn payload_bytes(&self, message: &Message) -> u64 {
        match message {
            Message::Worker(SchedulerToWorker::Run(assignment)) => assignment.spec.len(),
            Message::Client(SchedulerToClient::News { news: KeyNews::Memory { value: Some(value), .. }, .. })
                if self.comm.as_ref().is_some_and(|comm| !comm.is_by_reference()) =>
            {
                value.len()
            }
            Message::Client(SchedulerToClient::Answered { answer: Answer::Shared(shared), .. }) => {
                let value = |shared: &Shared| if let Shared::Value(value) = shared { value.len() } else { 0 };
                shared.iter().map(value).sum()
            }
            _ => 0,
        }
    }
}

/// Makes bytes of what a message carries. A call that can't be encoded can't be sent; a value can be fetched later, when
/// its holder will say what is wrong with it.
fn seal(message: &mut Message) -> Result<(), (Key, RunId, Box<Failure>)> {
    match message {
        Message::Worker(SchedulerToWorker::Run(assignment)) => match assignment.spec.sealed() {
            Ok(sealed) => assignment.spec = sealed,
            Err(error) => return Err((assignment.task.key, assignment.run, Box::new(Failure::from(error)))),
        },
        Message::Client(SchedulerToClient::News { news: KeyNews::Memory { value, .. }, .. }) => {
            *value = value.take().and_then(|value: Payload| value.sealed().ok());
        }
        _ => {}
    }
    Ok(())
}

/// About how long a message is, encoded, without its payload.
fn weigh(message: &Message) -> usize {
    const BASE: usize = 64;
    const KEY: usize = 20;
    BASE + match message {
        Message::Worker(SchedulerToWorker::Run(assignment)) => 3 * KEY * (1 + assignment.dependencies.len()),
        Message::Worker(SchedulerToWorker::Free(keys)) => KEY * keys.len(),
        Message::Client(SchedulerToClient::News {
            news: KeyNews::Erred(error) | KeyNews::Cancelled(error), ..
        }) => {
            let failure = &error.report().failure;
            let value = failure.value.as_ref().map_or(0, |value| value.bytes.len());
            failure.message.len() + failure.backtrace.as_ref().map_or(0, String::len) + value
        }
        Message::Client(SchedulerToClient::Answered { answer: Answer::Shared(shared), .. }) => KEY * shared.len(),
        Message::Client(SchedulerToClient::Notice { message, .. }) => message.len(),
        _ => 0,
    }
}

/// Adds a message to a batch, for which `room` is made at its first. All are for one peer, so all are of one kind.
fn add(batch: &mut Option<Messages>, message: Message, room: usize) {
    macro_rules! all {
        ($variant:ident, $message:expr) => {
            match batch {
                Some(Messages::$variant(list)) => list.push($message),
                Some(_) => {}
                None => {
                    let mut list = Vec::with_capacity(room);
                    list.push($message);
                    *batch = Some(Messages::$variant(list));
                }
            }
        };
    }
    match message {
        Message::Client(message) => all!(SchedulerToClient, message),
        Message::Worker(message) => all!(SchedulerToWorker, message),
        Message::Supervisor(message) => all!(SchedulerToSupervisor, message),
    }
}

/// Messages as a batch has them.
fn gather(messages: Vec<Message>) -> Option<Messages> {
    let (mut batch, room) = (None, messages.len());
    messages.into_iter().for_each(|message| add(&mut batch, message, room));
    batch
}

fn scatter(messages: Messages) -> Vec<Message> {
    match messages {
        Messages::SchedulerToClient(messages) => messages.into_iter().map(Message::Client).collect(),
        Messages::SchedulerToWorker(messages) => messages.into_iter().map(Message::Worker).collect(),
        Messages::SchedulerToSupervisor(messages) => messages.into_iter().map(Message::Supervisor).collect(),
        _ => Vec::new(),
    }
}
