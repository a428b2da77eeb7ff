//! Words that come twice, the second time late.
//!
//! No transport does that. But a report that comes twice is one that was overtaken by everything in between, so this shows in
//! short time what fences are for (I27, I28): who is gone says nothing any more, and a run that has ended has ended.

use std::time::Duration;

use brisk_core::message::{ClientToScheduler, SchedulerToWorker, WorkerToScheduler};
use brisk_scheduler::machine::{Action, Event};

use super::{Cluster, Happening};
use crate::{failure::Failure, network::Node, properties::fences};

/// The longest that a word is behind itself.
const LATEST: Duration = Duration::from_secs(2);

impl Cluster {
    /// The scheduler is about to be given this. Perhaps it will be once more.
    pub(super) fn may_repeat(&mut self, event: &Event) {
        let is_word = matches!(event, Event::FromWorker { .. } | Event::FromClient { .. });
        if is_word && self.random.chance(self.settings.trouble.repeats) {
            let pause = self.random.long_tailed(Duration::from_micros(1), LATEST);
            self.calendar.enter_after(pause, Happening::Repeats(Box::new(event.clone())));
        }
    }

    /// The scheduler is given again what it was given before.
    pub(super) fn repeat(&mut self, event: Event) -> Result<(), Failure> {
        let now = self.clock(Node::Scheduler);
        if self.scheduler.next_deadline().is_some_and(|at| at <= now) {
            // What is due is not the repetition's doing.
            self.tell_scheduler(Event::Tick)?;
        }
        if !self.judge.knows_sender(&event) {
            return self.feed_stale(event);
        }
        // What else those say who are still there is not said of a run, and its order counts. Transports keep it.
        match event {
            event if is_of_a_run(&event) => self.feed_ended_run(event),
            // Each question acts once, and is withdrawn or confirmed once.
            event if is_of_a_question(&event) => self.feed_stale(event),
            _ => Ok(()),
        }
    }

    /// Gives the scheduler the report of a run that has ended by now. It may have what the run has made dropped.
    fn feed_ended_run(&mut self, event: Event) -> Result<(), Failure> {
        let before = fences::Before::new(&self.scheduler);
        self.trace.note(self.calendar.now(), format_args!("scheduler <- again {event:?}"));
        self.scheduler.handle(self.clock(Node::Scheduler), event.clone());
        while let Some(action) = self.scheduler.poll_action() {
            if !matches!(action, Action::ToWorker { message: SchedulerToWorker::Cancel { .. }, .. }) {
                return Err(Failure::safety(
                    "fences",
                    format!("{event:?}, come again, made the scheduler do {action:?}"),
                ));
            }
            self.judge.action(&self.workload, &action)?;
            self.scheduler_asks(action);
        }
        self.flush_or_gather();
        before.check(&self.scheduler, &event)
    }
}

fn is_of_a_question(event: &Event) -> bool {
    use ClientToScheduler::{Confirm, Coordinate, Withdraw};
    let Event::FromClient { message, .. } = event else { return false };
    matches!(message, Coordinate { .. } | Confirm(_) | Withdraw(_))
}

fn is_of_a_run(event: &Event) -> bool {
    use WorkerToScheduler::{Failed, Finished, Returned};
    let Event::FromWorker { message, .. } = event else { return false };
    matches!(message, Finished { .. } | Failed { .. } | Returned { .. })
}
