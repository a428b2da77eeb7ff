//! Replaying a whole recording: are the actions the same, and is the machine always sound?

use std::path::Path;

use brisk_core::time::Moment;

use super::{
    format::Header,
    reader::{Entry, Recording},
    replay::{Replay, ReplayError, Step},
};
use crate::machine::{Event, Snapshot, Violation};

/// How often the invariants are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checks {
    /// Never.
    None,
    /// So often that it costs no more than the replay by an order of magnitude; and, if something is found, once more
    /// after each event since it was last in order. So the first broken event is found all the same, unless the
    /// damage mends itself between two looks.
    Enough,
    /// After every event, whatever it costs.
    Every,
}

/// What a recording holds.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Whose it is.
    pub header: Header,
    /// How many events there are.
    pub events: u64,
    /// How many actions they led to, without records.
    pub actions: u64,
    /// When the last was handled.
    pub last: Moment,
    /// Whether the recording stops in the middle: the process was killed, or still runs.
    pub is_cut: bool,
    /// The scheduler after the last event.
    pub snapshot: Snapshot,
}

/// Replays a recording, and tells `watch` of each event and what it led to.
///
/// # Errors
/// If it can't be read, leads to other actions than were recorded, makes the machine panic, or breaks an invariant; then the
/// error names the first event after which that is so.
pub fn verify(path: &Path, checks: Checks, mut watch: impl FnMut(&Event, &Step)) -> Result<Summary, ReplayError> {
    let mut recording = Recording::open(path)?;
    let mut replay = Replay::new(recording.header());
    let mut look = Look::new(checks);
    let (mut events, mut actions, mut last) = (0, 0, Moment::ORIGIN);
    while let Some(entry) = recording.next_entry()? {
        let event = entry.event.clone();
        let step = replay.step(entry)?;
        (events, last) = (step.number, step.at);
        actions += step.actions.iter().filter(|action| !matches!(action, crate::machine::Action::Record(_))).count();
        watch(&event, &step);
        if look.is_due(replay.machine().task_count()) {
            match replay.machine().check_invariants() {
                Ok(()) => look.sound_after = step.number,
                Err(violation) => return Err(first_broken(path, look.sound_after, (step.number, event), violation)),
            }
        }
    }
    if checks != Checks::None
        && let Err(violation) = replay.machine().check_invariants()
    {
        return Err(first_broken(path, look.sound_after, (events, Event::Tick), violation));
    }
    replay.finish(&recording, events)?;
    let (header, is_cut) = (recording.header().clone(), recording.is_cut());
    Ok(Summary { header, events, actions: actions as u64, last, is_cut, snapshot: replay.machine().snapshot() })
}

/// When to look next.
struct Look {
    checks: Checks,
    /// Tasks that may be looked at before the budget is used up.
    budget: usize,
    /// The last event after which everything was in order.
    sound_after: u64,
}

impl Look {
    fn new(checks: Checks) -> Self {
        Look { checks, budget: 0, sound_after: 0 }
    }

    fn is_due(&mut self, tasks: usize) -> bool {
        /// How many tasks may be looked at for each event.
        const TASKS: usize = 64;
        self.budget += TASKS;
        let due = match self.checks {
            Checks::None => false,
            Checks::Enough => self.budget >= tasks,
            Checks::Every => true,
        };
        if due {
            self.budget = 0;
        }
        due
    }
}

/// Goes once more from the beginning, and looks after each event since the machine was sound.
fn first_broken(path: &Path, sound_after: u64, seen: (u64, Event), violation: Violation) -> ReplayError {
    let broken = |number, event: Event, violation| ReplayError::Violated { number, event: Box::new(event), violation };
    let again = || -> Result<(), ReplayError> {
        let mut recording = Recording::open(path)?;
        let mut replay = Replay::new(recording.header());
        while let Some(entry) = recording.next_entry()? {
            let Entry { number, event, .. } = entry.clone();
            replay.step(entry)?;
            if number > sound_after
                && let Err(violation) = replay.machine().check_invariants()
            {
                return Err(broken(number, event, violation));
            }
        }
        Ok(())
    };
    again().err().unwrap_or_else(|| broken(seen.0, seen.1, violation))
}
