//! One call, from its description to its result, in an executor's thread.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use brisk_core::{
    error::{ErrorKind, Failure},
    graph::{CallError, Invocation},
    limits::INLINE_RESULT_BYTES,
    payload::Payload,
    show,
    task::{Ran, TaskName},
    value::Datum,
};

use super::{
    context::{self, Facts},
    detached::{self, AsyncRun},
    driver::{Done, News, Shared},
    executor::Job,
    panics, trace,
};

type Outcome = Result<Done, Box<Failure>>;

/// Runs a job, and reports its end: now, or when its future ends.
pub(super) fn make(shared: &Arc<Shared>, job: Job) {
    let Job { run, spec, task, wanted, attempt, deadline } = job;
    let call = panics::catch("while the call was read", || prepare(shared, &spec, &task)).and_then(|call| call);
    drop(spec);
    let (call, inputs) = match call {
        Ok(call) => call,
        Err(failure) => return shared.tell(News::Done { run, outcome: Err(failure), took: Duration::ZERO }),
    };
    let started = Instant::now();
    let facts = Facts { run, task, attempt, deadline, trace: trace::trace_of(&call) };
    let span = trace::span(&call, &facts, &shared.name);
    let (ran, left) = context::run(facts, || panics::catch("of the task", || span.in_scope(|| call.run(inputs))));
    let outcome = match ran {
        Ok(Ran::Done(outcome)) => outcome,
        Ok(Ran::Future(future)) => {
            let context = left.context(&shared.site);
            let run = AsyncRun::new(shared, run, wanted, call, started, future, (context, span));
            return detached::go_on(shared, run);
        }
        Err(failure) => Err(failure),
    };
    // What others took is told by them.
    let took = started.elapsed().saturating_sub(left.waited);
    let outcome = finish(shared, &call, wanted, outcome);
    if let Some(context) = left.made() {
        shared.send_last_notes(context);
    }
    // The call holds values of a user's, whose `Drop` may panic.
    panics::drop_quietly(call);
    shared.tell(News::Done { run, outcome, took });
}

/// What a call returned, as it is reported: measured, and with what goes along.
pub(super) fn finish(
    shared: &Shared,
    call: &Invocation,
    wanted: bool,
    outcome: Result<Datum, Box<Failure>>,
) -> Outcome {
    let value = outcome.map_err(|failure| tell(shared, call, failure))?;
    // Measuring may mean to encode, which is the user's code.
    let measured = panics::catch("while the result was measured", || {
        let by_reference = shared.session().by_reference;
        if cfg!(debug_assertions) && by_reference {
            shared.round_trips.check(&shared.registry, &value)?;
        }
        let nbytes = value.nbytes();
        let inline = match wanted {
            true if by_reference => Some(Payload::from_value(value.clone())),
            true if nbytes <= INLINE_RESULT_BYTES => {
                let sealed = Payload::from_value(value.clone()).sealed().map_err(|error| Box::new(error.into()))?;
                (sealed.len() <= 2 * INLINE_RESULT_BYTES).then_some(sealed)
            }
            _ => None,
        };
        Ok((nbytes, inline))
    });
    match measured.and_then(|measured| measured) {
        Ok((nbytes, inline)) => Ok(Done { value, nbytes, inline }),
        Err(failure) => {
            panics::drop_quietly(value);
            Err(failure)
        }
    }
}

/// The failure of a run that nobody waits for any more.
pub(super) fn cancelled() -> Box<Failure> {
    Box::new(Failure::new(ErrorKind::Cancelled, "the run was cancelled"))
}

/// The call of a task, with the values of its arguments.
pub(super) fn prepare(
    shared: &Shared,
    spec: &Payload,
    task: &TaskName,
) -> Result<(Invocation, brisk_core::task::Inputs), Box<Failure>> {
    let call = spec.call(&shared.registry).map_err(|error| match error {
        CallError::UnknownFunction(_) => {
            let explained = shared.registry.explain_unknown(&task.name);
            let message = format!("worker {} can't run it: {explained}", shared.name);
            Box::new(Failure::new(ErrorKind::UnknownFunction, message))
        }
        malformed => Box::new(Failure::from(malformed)),
    })?;
    let inputs = shared.store.inputs(&call).map_err(|key| {
        let message = format!(
            "its input {key} is not on worker {}: it was dropped before the task began, or it was lost with the scheduler and \
             the call that makes it is not kept any more. Submit that call again",
            shared.name
        );
        Box::new(Failure::new(ErrorKind::DataLost, message))
    })?;
    Ok((call, inputs))
}

/// A call's failure with what its arguments were, but for one that says already what is wrong with them.
fn tell(shared: &Shared, call: &Invocation, failure: Box<Failure>) -> Box<Failure> {
    match failure.kind {
        ErrorKind::Decode => name_parameter(call, failure),
        ErrorKind::Cancelled => failure,
        _ => {
            // Printing them is the user's code. It is told as it goes, so a panic here is one of ours.
            let shown = panics::catch("while the arguments were printed", || {
                show::arguments(call.def, &shared.store.arguments(call), shared.shown_bytes)
            });
            Box::new(failure.with_arguments(shown.ok().flatten()))
        }
    }
}

/// Arguments are told by number where their names are not known. Here they are.
pub(super) fn name_parameter(call: &Invocation, failure: Box<Failure>) -> Box<Failure> {
    let named = || {
        let (number, reason) = failure.message.strip_prefix("argument ")?.split_once(": ")?;
        let name = call.def.parameters.get(number.parse::<usize>().ok()?.checked_sub(1)?)?;
        Some(format!("argument {number}, `{name}`: {reason}"))
    };
    match (failure.kind, named()) {
        (ErrorKind::Decode, Some(message)) => Box::new(Failure { message, ..*failure }),
        _ => failure,
    }
}
