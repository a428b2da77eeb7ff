//! Questions to the scheduler, and their answers.
//!
//! A question that was not answered when the connection was lost is put to the next scheduler.

use std::time::Duration;

use brisk_core::{
    error::{ErrorKind, TaskError},
    id::RequestId,
    message::{Answer, ClientToScheduler},
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
        match self.ask(request).await {
            Ok(Reply::Answer(Answer::Refused(error))) => Err(error),
            Ok(Reply::Answer(answer)) => Ok(answer),
            Ok(Reply::Count(_)) => Err(misunderstood("a number")),
            Err(_) => Err(self.ended()),
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
        let waiting = self.table.lock().requests.remove(&request);
        if let Some(waiting) = waiting {
            let _ = waiting.reply.send(reply);
        }
    }

    /// The receiver errs if the connection ends first.
    fn ask(&self, request: impl FnOnce(RequestId) -> ClientToScheduler) -> oneshot::Receiver<Reply> {
        let (reply, receiver) = oneshot::channel();
        {
            let mut table = self.table.lock();
            if table.closed.is_none() {
                let id = table.next_request();
                let question = request(id);
                table.say(question.clone());
                table.requests.insert(id, Request { question, reply });
            }
        }
        self.pump();
        receiver
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
