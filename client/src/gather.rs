//! Brings many values here: so many bytes at a time, and no more than there is room for.
//!
//! Values that are long stay with the workers until it is known how long they all are, but for a first window that comes
//! while others are still computed. If they are more than may come, nobody gets any: a program that asks for more than its
//! memory should hear a sentence, not meet the system's out-of-memory killer.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
};

use brisk_core::{
    error::{ErrorKind, TaskError},
    future::{Handle, Settled, Status},
    value::Datum,
};

use crate::session::Session;

mod memory;
mod shape;

pub use shape::Gather;
pub(crate) use shape::Values;

/// The limit that stands for what the system has to give.
pub(crate) const AVAILABLE: u64 = u64::MAX;

/// So many bytes are asked for before the first of them are here. Enough to keep several links busy.
const WINDOW: u64 = 64 << 20;

/// Totals up to here are brought without asking the system how much memory there is.
const LITTLE: u64 = 64 << 20;

/// Waits for the values behind handles, in order, and brings them here. If `all`, the first failure, in order, ends it; else
/// each has its own outcome. `limit`: how many bytes may come at most, if not what the session says.
pub(crate) async fn bring(
    session: &Arc<Session>,
    handles: &[Handle],
    limit: Option<u64>,
    all: bool,
) -> Result<Vec<Result<Datum, TaskError>>, TaskError> {
    let limit = limit.unwrap_or_else(|| session.gather_limit().load(Ordering::Relaxed));
    let (asked, waiting) = Default::default();
    let mut window =
        Window { session, handles, asked, waiting, in_flight: 0, bytes: limit.min(WINDOW), checked: false };
    let mut next = 0;
    while next < handles.len() {
        next = window.look(next);
        let Some(handle) = handles.get(next) else { break };
        Settled::new(handle.clone()).await;
        if let Some(error) = handle.error().filter(|_| all) {
            return Err(error);
        }
    }
    if let Some(error) = all.then(|| handles.iter().find_map(Handle::error)).flatten() {
        return Err(error);
    }
    if let Err(error) = window.check(limit) {
        if all {
            return Err(error);
        }
        return Ok(handles.iter().map(|handle| outcome_here(handle, &error)).collect());
    }
    (window.bytes, window.checked) = (WINDOW, true);
    window.ask();
    while let Some((index, length)) = window.asked.pop_front() {
        // What is wrong with it is told below.
        let _ = handles[index].bring().await;
        window.in_flight -= length;
        if window.in_flight <= WINDOW / 2 {
            window.ask();
        }
    }
    let mut outcomes = Vec::with_capacity(handles.len());
    for handle in handles {
        outcomes.push(match handle.bring().await {
            Err(error) if all => return Err(error),
            outcome => outcome,
        });
    }
    Ok(outcomes)
}

/// What became of a future whose value is not to come here.
fn outcome_here(handle: &Handle, error: &TaskError) -> Result<Datum, TaskError> {
    handle.value().ok_or_else(|| handle.error().unwrap_or_else(|| error.clone()))
}

struct Window<'a> {
    session: &'a Session,
    handles: &'a [Handle],
    /// Places of the values that are on their way, with their lengths.
    asked: VecDeque<(usize, u64)>,
    /// Of those that were not asked for yet.
    waiting: VecDeque<(usize, u64)>,
    in_flight: u64,
    /// How many may be in flight.
    bytes: u64,
    /// Whether it is known that all may come.
    checked: bool,
}

impl Window<'_> {
    /// Looks at futures from number `next` on that have ended, up to the first that has not, whose number it returns. Of the
    /// values that are elsewhere the first are asked for at once.
    fn look(&mut self, next: usize) -> usize {
        let ended = self.handles[next..].iter().take_while(|handle| handle.status() != Status::Pending).count();
        let end = next + ended;
        let elsewhere = |&index: &usize| {
            let handle = &self.handles[index];
            handle.status() == Status::Finished && handle.value().is_none()
        };
        let elsewhere: Vec<usize> = (next..end).filter(elsewhere).collect();
        let lengths = self.session.lengths(elsewhere.iter().map(|&index| &self.handles[index]));
        self.waiting.extend(elsewhere.into_iter().zip(lengths));
        self.ask();
        end
    }

    /// Asks for as many more as fit into the window.
    fn ask(&mut self) {
        let _together = self.session.cork();
        while let Some(&(index, length)) = self.waiting.front()
            && (self.may_exceed() || self.in_flight.saturating_add(length) <= self.bytes)
        {
            self.waiting.pop_front();
            self.asked.push_back((index, length));
            self.in_flight = self.in_flight.saturating_add(length);
            self.handles[index].want_value();
        }
    }

    /// One value that is longer than the window is asked for by itself, once it is known that it may come.
    fn may_exceed(&self) -> bool {
        self.in_flight == 0 && self.checked
    }

    /// Whether all that is elsewhere may come here.
    fn check(&self, limit: u64) -> Result<(), TaskError> {
        let lengths = || self.asked.iter().chain(&self.waiting).map(|(_, length)| length);
        let total = lengths().fold(0, |total: u64, length| total.saturating_add(*length));
        let (limit, whose) = match limit {
            AVAILABLE if total <= LITTLE => return Ok(()),
            AVAILABLE => match memory::available() {
                Some(bytes) => (bytes / 4 * 3, "three quarters of the memory that is free here"),
                None => return Ok(()),
            },
            bytes => (bytes, "the limit"),
        };
        if total <= limit {
            return Ok(());
        }
        let text = format!(
            "the values that are to be gathered and are not here yet take {total} bytes in {} pieces, and {whose} is {limit} \
             bytes: let a task combine them, gather a part of them at a time, or set another limit with \
             `client.set_gather_limit(..)`",
            lengths().count(),
        );
        Err(TaskError::new(ErrorKind::TooLarge, text))
    }
}
