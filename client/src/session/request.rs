//! Questions to the scheduler, and their answers.
//!
//! A question that was not answered when the connection was lost is put to the next scheduler.

use std::time::Duration;

use brisk_core::{
    error::{ErrorKind, TaskError},
    future::Asked,
    id::RequestId,
    message::{Answer, ClientToScheduler, Query},
};
use tokio::sync::oneshot;

use super::Session;

/// A question that was not answered yet.
pub(super) struct Request {
    pub(super) question: ClientToScheduler,
    reply: oneshot::Sender<Reply>,
}

/// What the scheduler answered.
#[derive(Debug)]
pub(super) enum Reply {
    /// How many workers there are; 0 where nothing was asked but that an answer comes.
    Count(u32),
    /// What came of a request.
    Answer(Answer),
}

impl Request {
    /// A question, and where its answer is awaited.
    pub(super) fn new(question: ClientToScheduler) -> (Self, oneshot::Receiver<Reply>) {
        let (reply, receiver) = oneshot::channel();
        (Request { question, reply }, receiver)
    }

    /// Whether it may be put again to the scheduler that may have answered it already.
    pub(super) fn may_be_repeated(&self) -> bool {
        match &self.question {
            ClientToScheduler::Coordinate { operation, .. } => operation.may_be_repeated(),
            _ => true,
        }
    }

    /// Nobody will know what came of it.
    pub(super) fn fail(self) {
        let text =
            "the connection with the scheduler was lost before it said what came of this: it may have been done or not";
        let error = TaskError::new(ErrorKind::SchedulerLost, text);
        // Whoever asked may have stopped waiting.
        let _ = self.reply.send(Reply::Answer(Answer::Refused(error)));
    }
}

/// The number of a question that an answer names.
pub(super) fn number_of(message: &ClientToScheduler) -> Option<RequestId> {
    match message {
        ClientToScheduler::Places { request, .. }
        | ClientToScheduler::Replicate { request, .. }
        | ClientToScheduler::Checkpoint { request, .. }
        | ClientToScheduler::Rebalance { request, .. }
        | ClientToScheduler::RetireWorkers { request, .. }
        | ClientToScheduler::Publish { request, .. }
        | ClientToScheduler::Unpublish { request, .. }
        | ClientToScheduler::Dataset { request, .. }
        | ClientToScheduler::FindWorkers { request, .. }
        | ClientToScheduler::Coordinate { request, .. }
        | ClientToScheduler::Ask { request, .. }
        | ClientToScheduler::WaitForWorkers { request, .. }
        | ClientToScheduler::Datasets(request)
        | ClientToScheduler::Sync(request) => Some(*request),
        _ => None,
    }
}

impl Session {
    /// Asks for something to be done, and waits for what comes of it.
    ///
    /// # Errors
    /// If it was refused, or the connection ended first.
    pub(crate) async fn request(
        &self,
        request: impl FnOnce(RequestId) -> ClientToScheduler,
    ) -> Result<Answer, TaskError> {
        // What was released there must go before the question.
        self.finish_deliveries();
        let reply = self.ask(request).await;
        self.understood(reply.ok())
    }

    /// An answer; none if the connection ended first.
    pub(super) fn understood(&self, reply: Option<Reply>) -> Result<Answer, TaskError> {
        match reply {
            Some(Reply::Answer(Answer::Refused(error))) => Err(error),
            Some(Reply::Answer(answer)) => Ok(answer),
            Some(Reply::Count(_)) => Err(misunderstood("a number")),
            None => Err(self.ended()),
        }
    }

    /// Asks how many workers there are, once there are as many as the question says.
    ///
    /// # Errors
    /// If the connection ended first.
    pub(crate) async fn count_workers(&self, count: u32) -> Result<u32, TaskError> {
        match self.ask(|request| ClientToScheduler::WaitForWorkers { request, count }).await {
            Ok(Reply::Count(count)) => Ok(count),
            Ok(Reply::Answer(answer)) => Err(misunderstood(&format!("{answer:?}"))),
            Err(_) => Err(self.ended()),
        }
    }

    /// What the scheduler says to a question, if it does.
    pub(super) fn answer_to(&self, query: Query) -> Asked {
        let reply = self.ask(|request| ClientToScheduler::Ask { request, query });
        Box::pin(async move {
            match reply.await {
                Ok(Reply::Answer(Answer::Told(told))) => Some(*told),
                _ => None,
            }
        })
    }

    /// Sleeps with this session's timers: the caller's executor may have none.
    pub(crate) async fn sleep(&self, time: Duration) {
        let sleep = {
            let _context = self.runtime.enter();
            tokio::time::sleep(time)
        };
        sleep.await;
    }

    /// Waits until everything said so far was handled by the scheduler, or the connection ended.
    pub(crate) async fn sync(&self) {
        // What was released there must go before the question.
        self.finish_deliveries();
        let _ = self.ask(ClientToScheduler::Sync).await;
    }

    /// The scheduler has answered a question. Whoever asked may have stopped waiting.
    pub(super) fn answered(&self, request: RequestId, reply: Reply) {
        let waiting = {
            let mut table = self.table.lock();
            let waiting = table.requests.remove(&request);
            if let Some(waiting) = &waiting {
                table.note_grant(request, &waiting.question, &reply);
            }
            waiting
        };
        if let Some(waiting) = waiting {
            let _ = waiting.reply.send(reply);
        }
    }

    /// The receiver errs if the connection ends first.
    fn ask(&self, request: impl FnOnce(RequestId) -> ClientToScheduler) -> oneshot::Receiver<Reply> {
        self.ask_numbered(request).1
    }

    /// The same, with the question's number.
    pub(super) fn ask_numbered(
        &self,
        request: impl FnOnce(RequestId) -> ClientToScheduler,
    ) -> (RequestId, oneshot::Receiver<Reply>) {
        let (id, receiver) = {
            let mut table = self.table.lock();
            let id = table.next_request();
            let (request, receiver) = Request::new(request(id));
            if table.closed.is_none() {
                table.say(request.question.clone());
                table.requests.insert(id, request);
            }
            (id, receiver)
        };
        self.pump();
        (id, receiver)
    }

    /// Why there is no answer.
    fn ended(&self) -> TaskError {
        let closed = self.table.lock().closed.clone();
        closed.unwrap_or_else(|| {
            TaskError::new(ErrorKind::SchedulerLost, "the connection with the scheduler has ended before it answered")
        })
    }
}

fn misunderstood(answer: &str) -> TaskError {
    TaskError::new(ErrorKind::Refused, format!("the scheduler answered another question than was asked: {answer}"))
}
