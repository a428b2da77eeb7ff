//! Calls that a client has made on this very worker, beside all tasks: to look at something, or to set something up.
//!
//! Nothing of them reaches the scheduler, or waits for a thread of the executor: each has a thread of its own, for as long as
//! it takes. So a worker that is busy, paused or stuck can be asked what it is at. An asynchronous function goes on where
//! asynchronous tasks do.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    thread,
};

use brisk_core::{
    error::{ErrorKind, Failure},
    graph::Invocation,
    id::{RequestId, RunId},
    limits::MAX_DATA_PAYLOAD_BYTES,
    message::{DataMessage, FetchOutcome},
    payload::Payload,
    task::{Ran, TaskName},
    value::Datum,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Span;

use super::{
    call,
    context::{self, Facts, TaskContext},
    driver::Shared,
    links::Sender,
    panics, trace,
};

/// Calls that are made at once. They are for people who look, and for what is done once on each worker.
const AT_ONCE: usize = 16;

/// Room for so many calls.
pub(super) fn room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(AT_ONCE))
}

/// Who is told what came of a call, exactly once: also if the call is dropped with its runtime.
struct Reply {
    shared: Arc<Shared>,
    to: Arc<Sender>,
    request: RequestId,
    answered: bool,
    _room: Option<OwnedSemaphorePermit>,
}

impl Shared {
    /// Makes a call for a client, and answers when it has returned.
    pub(super) fn run_aside(self: &Arc<Self>, to: &Arc<Sender>, request: RequestId, task: TaskName, call: Payload) {
        self.aside(to, request, move |reply| make(reply, task, &call));
    }

    /// Tells a client everything that the machine knows.
    pub(super) fn tell_tables(self: &Arc<Self>, to: &Arc<Sender>, request: RequestId) {
        let shared = self.clone();
        self.aside(to, request, move |mut reply| reply.answer(shared.tables().map(Datum::new)));
    }

    /// Does something in a thread of its own, if there is room for that.
    fn aside(self: &Arc<Self>, to: &Arc<Sender>, request: RequestId, work: impl FnOnce(Reply) + Send + 'static) {
        let room = self.serve.aside.clone().try_acquire_owned().ok();
        let busy = room.is_none();
        let mut reply = Reply { shared: self.clone(), to: to.clone(), request, answered: false, _room: room };
        if busy {
            return reply.send(FetchOutcome::Busy);
        }
        // If there is no thread to be had the closure is dropped, and the reply with it.
        if let Err(error) = thread::Builder::new().name("brisk-aside".to_owned()).spawn(move || work(reply)) {
            tracing::warn!(worker = %self.name, %error, "no thread for what a client asks for");
        }
    }
}

fn make(mut reply: Reply, task: TaskName, call: &Payload) {
    let shared = reply.shared.clone();
    let prepared = panics::catch("while the call was read", || call::prepare(&shared, call, &task));
    let (call, inputs) = match prepared.and_then(|prepared| prepared) {
        Ok(prepared) => prepared,
        Err(failure) => return reply.send(FetchOutcome::Failed(failure)),
    };
    // A run that no scheduler knows: what it submits is like what any client submits.
    let facts = Facts { run: RunId(0), task, attempt: 1, deadline: None, trace: trace::trace_of(&call) };
    let span = trace::span(&call, &facts, &shared.name);
    let context = TaskContext::new(facts, shared.site.clone(), None);
    match context::poll(&context, || panics::catch("of the call", || span.in_scope(|| call.run(inputs)))) {
        Ok(Ran::Done(outcome)) => reply.finish(call, outcome),
        Ok(Ran::Future(future)) => {
            shared.executor.async_tasks.spawn(go_on(reply, call, (context, span), future));
        }
        Err(failure) => reply.finish(call, Err(failure)),
    }
}

async fn go_on(
    mut reply: Reply,
    call: Invocation,
    (task, span): (TaskContext, Span),
    mut future: Pin<Box<dyn Future<Output = Result<Datum, Box<Failure>>> + Send>>,
) {
    let outcome = poll_fn(|waker| {
        match context::poll(&task, || panics::catch("of the call", || span.in_scope(|| future.as_mut().poll(waker)))) {
            Ok(polled) => polled,
            Err(failure) => Poll::Ready(Err(failure)),
        }
    });
    let outcome = outcome.await;
    panics::drop_quietly(future);
    reply.finish(call, outcome);
}

impl Reply {
    fn finish(&mut self, call: Invocation, outcome: Result<Datum, Box<Failure>>) {
        self.answer(outcome.map_err(|failure| call::name_parameter(&call, failure)));
        panics::drop_quietly(call);
    }

    fn answer(&mut self, outcome: Result<Datum, Box<Failure>>) {
        let by_reference = self.to.is_by_reference();
        let sealed = outcome.and_then(|value| {
            let value = Payload::from_value(value);
            if by_reference {
                return Ok(value);
            }
            let sealed = panics::catch("while the result was encoded", || value.sealed())?;
            let sealed = sealed.map_err(|error| Box::new(Failure::from(error)))?;
            if sealed.len() > MAX_DATA_PAYLOAD_BYTES {
                let text = format!("a result of {} bytes is longer than may travel", sealed.len());
                return Err(Box::new(Failure::new(ErrorKind::TooLarge, text)));
            }
            Ok(sealed)
        });
        self.send(sealed.map_or_else(FetchOutcome::Failed, FetchOutcome::Value));
    }

    fn send(&mut self, outcome: FetchOutcome) {
        if !std::mem::replace(&mut self.answered, true) {
            let answer = DataMessage::Ran { request: self.request, outcome };
            self.shared.push_data(&self.to, answer, None);
            self.to.flush();
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let text =
            format!("worker {} could not make the call: it ends, or the system gave no thread", self.shared.name);
        self.send(FetchOutcome::Failed(Box::new(Failure::new(ErrorKind::WorkerDied, text))));
    }
}
