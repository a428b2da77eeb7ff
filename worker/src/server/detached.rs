//! Asynchronous tasks: they go on without a thread of the executor.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use brisk_core::{error::Failure, graph::Invocation, id::RunId, value::Datum};
use tracing::Span;

use super::{
    call,
    context::{self, TaskContext},
    driver::{News, Shared},
    panics,
};

type Work = Pin<Box<dyn Future<Output = Result<Datum, Box<Failure>>> + Send>>;

/// The future of a run. Reports the end of the run exactly once, however it ends: even if it is dropped with its runtime.
pub(super) struct AsyncRun {
    shared: Arc<Shared>,
    run: RunId,
    wanted: bool,
    call: Option<Invocation>,
    started: Instant,
    /// `None` once the end was reported.
    work: Option<Work>,
    /// By which it is ended from outside: it is dropped where it runs.
    context: TaskContext,
    /// Entered whenever it goes on.
    span: Span,
    /// Whether the machine knows that it waits for others.
    is_away: bool,
}

impl AsyncRun {
    pub(super) fn new(
        shared: &Arc<Shared>,
        run: RunId,
        wanted: bool,
        call: Invocation,
        started: Instant,
        work: Work,
        (context, span): (TaskContext, Span),
    ) -> Self {
        AsyncRun {
            shared: shared.clone(),
            run,
            wanted,
            call: Some(call),
            started,
            work: Some(work),
            context,
            span,
            is_away: false,
        }
    }

    fn report(&mut self, outcome: Result<Datum, Box<Failure>>) {
        let took = self.started.elapsed();
        if let Some(work) = self.work.take() {
            panics::drop_quietly(work);
        }
        let Some(call) = self.call.take() else { return };
        let outcome = call::finish(&self.shared, &call, self.wanted, outcome);
        panics::drop_quietly(call);
        self.shared.send_last_notes(&self.context);
        self.shared.tell(News::Done { run: self.run, outcome, took });
    }
}

/// Gives the thread back, and lets the future go on.
pub(super) fn go_on(shared: &Arc<Shared>, run: AsyncRun) {
    // First this, then the future: its end must not be told before its beginning.
    shared.tell(News::Detached(run.run, run.context.clone()));
    shared.executor.async_tasks.spawn(run);
}

impl Future for AsyncRun {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.context.wake_on_cancel(context.waker());
        if this.context.is_cancelled() {
            this.report(Err(call::cancelled()));
            return Poll::Ready(());
        }
        let (Some(work), span) = (&mut this.work, &this.span) else { return Poll::Ready(()) };
        match context::poll(&this.context, || {
            panics::catch("of the task", || span.in_scope(|| work.as_mut().poll(context)))
        }) {
            Ok(Poll::Pending) => {
                if !this.is_away && this.context.is_parent() {
                    this.is_away = true;
                    this.shared.tell(News::Seceded(this.run));
                }
                return Poll::Pending;
            }
            Ok(Poll::Ready(outcome)) => this.report(outcome),
            Err(failure) => this.report(Err(failure)),
        }
        Poll::Ready(())
    }
}

impl Drop for AsyncRun {
    fn drop(&mut self) {
        if self.work.is_some() {
            self.context.cancel();
            self.report(Err(call::cancelled()));
        }
    }
}
