//! Replaying: the same events, given to a new machine.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use brisk_core::time::Moment;
use thiserror::Error;

use super::{
    format::{ActionHash, Header},
    reader::{Entry, Recording, RecordingError},
};
use crate::machine::{Action, Event, Scheduler, Violation};

/// Why a replay stops before the recording does.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The recording can't be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The machine asks for something else than it did: it is another build of the same version, or not deterministic.
    #[error(
        "the actions up to event {number} are not those that were recorded: this is not the build that recorded them, or \
         the machine is not deterministic, which is a bug"
    )]
    Diverged {
        /// The event before which the actions differ.
        number: u64,
    },
    /// The machine panics, which is a bug in it.
    #[error("the machine panicked at event {number} ({}): {message}", describe(event))]
    Panicked {
        /// The event.
        number: u64,
        /// What it was.
        event: Box<Event>,
        /// The panic's words.
        message: String,
    },
    /// An invariant is broken, which is a bug in the machine.
    #[error("after event {number} ({}), an invariant does not hold. {violation}", describe(event))]
    Violated {
        /// The event after which it does not hold.
        number: u64,
        /// What the event was.
        event: Box<Event>,
        /// Which, and what was found.
        violation: Violation,
    },
}

/// A machine that lives a recorded life again.
#[derive(Debug)]
pub struct Replay {
    machine: Scheduler,
    actions: ActionHash,
}

/// What an event led to.
#[derive(Debug)]
pub struct Step {
    /// The event's number, from 1.
    pub number: u64,
    /// When it was handled.
    pub at: Moment,
    /// What the machine asked for.
    pub actions: Vec<Action>,
}

impl Replay {
    /// A machine as it was when the recording began.
    pub fn new(header: &Header) -> Self {
        // Records are not part of what is compared, and a story is made of them.
        let mut config = header.config.clone();
        config.records = true;
        Replay { machine: Scheduler::new(config, header.epoch), actions: ActionHash::default() }
    }

    /// The machine as it is now.
    pub fn machine(&self) -> &Scheduler {
        &self.machine
    }

    /// Gives the machine an event.
    ///
    /// # Errors
    /// If the actions so far are not those that were recorded, or the machine panics.
    pub fn step(&mut self, entry: Entry) -> Result<Step, ReplayError> {
        let Entry { number, at, before, event } = entry;
        if before != self.actions.get() {
            return Err(ReplayError::Diverged { number });
        }
        let copy = event.clone();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.machine.handle(at, event))) {
            let message = words(&*panic);
            return Err(ReplayError::Panicked { number, event: Box::new(copy), message });
        }
        let mut actions = Vec::new();
        while let Some(action) = self.machine.poll_action() {
            self.actions.note(&action);
            actions.push(action);
        }
        Ok(Step { number, at, actions })
    }

    /// Says that there are no more events: the last actions are compared as well, if the recording knows them.
    ///
    /// # Errors
    /// If they are not those that were recorded.
    pub fn finish(&self, recording: &Recording, events: u64) -> Result<(), ReplayError> {
        match recording.all_actions() {
            Some(actions) if actions != self.actions.get() => Err(ReplayError::Diverged { number: events + 1 }),
            _ => Ok(()),
        }
    }
}

/// An event in a line.
pub(super) fn describe(event: &Event) -> String {
    /// A line of a terminal, more or less.
    const LENGTH: usize = 160;
    let mut text = format!("{event:?}");
    if text.len() > LENGTH {
        text.truncate(text.floor_char_boundary(LENGTH));
        text.push('…');
    }
    text
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}
