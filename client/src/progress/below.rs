//! What futures stand on: of a graph of which only the end is wanted, the scheduler is asked how much is left.

use std::{
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use brisk_core::{
    future::{Asked, Handle},
    message::{Query, Remaining, TaskFilter, Told},
};

/// How often it is asked at most.
const PAUSE: Duration = Duration::from_millis(250);

/// Counting takes the scheduler some tens of nanoseconds a task: so much of a pause for each keeps that below a hundredth.
const PAUSE_A_TASK: Duration = Duration::from_micros(20);

/// The question that is open, or when the next one is due.
pub(super) enum Below {
    Open(Asked),
    Due(Instant),
}

impl Below {
    pub(super) fn new(now: Instant) -> Self {
        Below::Due(now)
    }

    /// What is left below these futures, if the scheduler has said so since it was last looked; asks again when it is time. An
    /// answer that does not count all is none.
    pub(super) fn look<'a>(&mut self, pending: impl ExactSizeIterator<Item = &'a Handle>) -> Option<Remaining> {
        let now = Instant::now();
        match self {
            Below::Due(due) => {
                if *due <= now {
                    *self = ask(pending).map_or(Below::Due(now + PAUSE), Below::Open);
                }
                None
            }
            Below::Open(asked) => {
                let Poll::Ready(told) = asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
                    return None;
                };
                let Some(Told::Remaining(remaining)) = told else {
                    *self = Below::Due(now + PAUSE);
                    return None;
                };
                let counted: u64 = remaining.functions.iter().map(|(_, count)| count).sum();
                *self = Below::Due(now + PAUSE + PAUSE_A_TASK * u32::try_from(counted).unwrap_or(u32::MAX));
                remaining.complete.then_some(remaining)
            }
        }
    }
}

/// Of very many futures each says enough by itself.
fn ask<'a>(pending: impl ExactSizeIterator<Item = &'a Handle>) -> Option<Asked> {
    if pending.len() > TaskFilter::MAX_KEYS {
        return None;
    }
    let handles: Vec<&Handle> = pending.collect();
    handles.first()?.ask(Query::Remaining(handles.iter().map(|handle| handle.key()).collect()))
}
