//! What this session asks of the primitives that clients share by name, and the leases that it holds.
//!
//! A lease is entered here when its grant arrives, so that a connection that is lost before its owner has looked does not lose
//! it: over the next connection the scheduler is told that it is kept.

use brisk_core::{
    error::{ErrorKind, TaskError},
    id::{Fence, RequestId},
    message::{Answer, ClientToScheduler, Operation},
};
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

use super::{Session, Table, request::Reply};

/// A lease that this program holds.
pub(super) struct Held {
    name: Arc<str>,
    /// What it was asked for by.
    request: RequestId,
    /// Why it is not held any more.
    lost: watch::Sender<Option<TaskError>>,
}

/// A question to a primitive. Dropped before its answer was taken, it is withdrawn: the scheduler is told, and what it gave in
/// answer goes back.
struct Asked<'a> {
    session: &'a Session,
    request: RequestId,
    answered: bool,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.session.withdraw(self.request);
        }
    }
}

impl Session {
    /// Asks something of a primitive, and waits for what comes of it, which is told with the request's number. If it is no
    /// longer waited for, it is as if it had not been asked.
    ///
    /// # Errors
    /// If it was refused, or the connection ended first.
    pub(crate) async fn coordinate(&self, operation: Operation) -> Result<(RequestId, Answer), TaskError> {
        // What was released there must go before the question.
        self.finish_deliveries();
        let (request, reply) = self.ask_of(operation);
        let mut asked = Asked { session: self, request, answered: false };
        let reply = reply.await;
        asked.answered = true;
        self.understood(reply.ok()).map(|answer| (request, answer))
    }

    /// Asks something whose answer nobody waits for.
    fn tell_of(&self, operation: Operation) {
        let mut table = self.table.lock();
        if table.closed.is_none() {
            table.tell_of(operation);
        }
        drop(table);
        self.pump();
    }

    fn ask_of(&self, operation: Operation) -> (RequestId, oneshot::Receiver<Reply>) {
        self.ask_numbered(|request| ClientToScheduler::Coordinate { request, operation: Box::new(operation) })
    }

    /// Nobody waits for this answer any more.
    fn withdraw(&self, request: RequestId) {
        let abandoned = {
            let mut table = self.table.lock();
            let Table { requests, leases, .. } = &mut *table;
            let abandoned = requests.remove(&request);
            let granted = leases.iter().find(|(_, held)| held.request == request).map(|(fence, _)| *fence);
            match granted.and_then(|fence| Some((fence, leases.remove(&fence)?))) {
                Some((fence, held)) => table.tell_of(Operation::Release { name: held.name, fence }),
                None if table.closed.is_none() => table.say(ClientToScheduler::Withdraw(request)),
                None => {}
            }
            abandoned
        };
        drop(abandoned);
        self.pump();
    }

    /// Hears when a lease is lost; `None` if it is already.
    pub(crate) fn lease(&self, fence: Fence) -> Option<watch::Receiver<Option<TaskError>>> {
        self.table.lock().leases.get(&fence).map(|held| held.lost.subscribe())
    }

    /// Gives a lease back, without waiting.
    pub(crate) fn give_back(&self, name: Arc<str>, fence: Fence) {
        if self.table.lock().leases.remove(&fence).is_some() {
            self.tell_of(Operation::Release { name, fence });
        }
    }

    /// Gives a lease back, and waits until that is known.
    pub(crate) async fn give_back_in_order(&self, name: Arc<str>, fence: Fence) -> Result<Answer, TaskError> {
        self.table.lock().leases.remove(&fence);
        Ok(self.coordinate(Operation::Release { name, fence }).await?.1)
    }

    /// What came in answer to this request is here.
    pub(crate) fn confirm(&self, request: RequestId) {
        self.say(ClientToScheduler::Confirm(request));
    }

    /// A lease has ended that this program believed to hold.
    pub(super) fn lease_lost(&self, fence: Fence, error: TaskError) {
        if let Some(held) = self.table.lock().leases.remove(&fence) {
            held.lost.send_replace(Some(error));
        }
    }

    /// All have ended, with the session.
    pub(super) fn leases_lost(&self, error: &TaskError) {
        let leases = std::mem::take(&mut self.table.lock().leases);
        for (fence, held) in leases {
            let text = format!("`{}` is not held under fence {fence} any more: {error}", held.name);
            held.lost.send_replace(Some(TaskError::new(ErrorKind::LeaseLost, text)));
        }
    }
}

impl Table {
    /// Enters a lease that an answer grants.
    pub(super) fn note_grant(&mut self, request: RequestId, question: &ClientToScheduler, reply: &Reply) {
        if let ClientToScheduler::Coordinate { operation, .. } = question
            && let (Operation::Acquire { name, .. }, Reply::Answer(Answer::Granted(fence))) = (&**operation, reply)
        {
            let lost = watch::Sender::new(None);
            self.leases.insert(*fence, Held { name: name.clone(), request, lost });
        }
    }

    /// Tells a scheduler that is there again which leases are kept.
    pub(super) fn keep_leases(&mut self) {
        let mut leases: Vec<_> = self.leases.iter().map(|(fence, held)| (*fence, held.name.clone())).collect();
        leases.sort_unstable();
        for (fence, name) in leases {
            self.tell_of(Operation::Keep { name, fence });
        }
    }

    fn tell_of(&mut self, operation: Operation) {
        let request = self.next_request();
        self.say(ClientToScheduler::Coordinate { request, operation: Box::new(operation) });
    }
}
