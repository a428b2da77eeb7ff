//! The scheduler's shell: events in, actions out.

use brisk_core::id::Epoch;
use brisk_scheduler::machine::{Action, Event, Scheduler};

use super::{Cluster, Settings};
use crate::{
    failure::Failure,
    network::{Close, LinkId, Node, Packet},
    properties::{fences, invariants, reports},
};

/// A new scheduler.
pub(super) fn machine(settings: &Settings, epoch: Epoch) -> Scheduler {
    let machine = Scheduler::new(settings.scheduler.clone(), epoch);
    #[cfg(feature = "planted")]
    let machine = crate::planted::Bug::in_scheduler(settings.planted, machine);
    machine
}

impl Cluster {
    /// Something has come for the scheduler.
    pub(super) fn scheduler_hears(&mut self, link: LinkId, from: Node, packet: Packet) -> Result<(), Failure> {
        let event = |epoch: Epoch| match (from, packet.clone()) {
            (Node::Client(client), Packet::FromClient(message)) => Some(Event::FromClient { client, epoch, message }),
            (Node::Worker(worker), Packet::FromWorker(message)) => Some(Event::FromWorker { worker, epoch, message }),
            (Node::Supervisor(supervisor), Packet::FromSupervisor(message)) => {
                Some(Event::FromSupervisor { supervisor, epoch, message })
            }
            (Node::Supervisor(supervisor), Packet::Closed(close)) => {
                Some(Event::SupervisorLeft { supervisor, reason: close.reason })
            }
            (Node::Client(client), Packet::Closed(close)) => Some(Event::ClientLeft { client, reason: close.reason }),
            (Node::Worker(worker), Packet::Closed(close)) => {
                Some(Event::WorkerLeft { worker, cause: close.reason, intended: close.intended })
            }
            _ => None,
        };
        let epoch = self.epoch_of(link);
        let Some(event_now) = event(epoch) else {
            return Err(Failure::safety("network", format!("the scheduler is given {packet:?}")));
        };
        if matches!(packet, Packet::Closed(_)) {
            if epoch != self.epoch {
                // It was another scheduler's link.
                return Ok(());
            }
            self.links.remove(&from);
        } else if self.random.chance(self.settings.trouble.strange_epochs)
            && let Some(strange) = event(Epoch(epoch.0 - 1))
        {
            self.feed_stale(strange)?;
        }
        self.tell_scheduler(event_now)
    }

    /// Gives the scheduler an event, which the judge hears of, and does what it asks for.
    pub(super) fn tell_scheduler(&mut self, mut event: Event) -> Result<(), Failure> {
        if !self.tamper.scheduler_event(&mut event) {
            return Ok(());
        }
        if let Event::FromWorker { worker, message, .. } = &event {
            reports::check(&self.judge.runs, *worker, self.workers.get(worker), message)?;
            reports::check_offer(&self.workload, *worker, message)?;
        }
        self.may_repeat(&event);
        if !self.judge.knows_sender(&event) {
            return self.feed_stale(event);
        }
        self.judge.event(self.clock(Node::Scheduler), &self.workload, &event);
        self.feed_scheduler(event)
    }

    /// Gives the scheduler an event that must not change it.
    pub(super) fn feed_stale(&mut self, event: Event) -> Result<(), Failure> {
        let before = fences::Before::new(&self.scheduler);
        let now = self.clock(Node::Scheduler);
        // What is due is not the stale event's doing.
        if self.scheduler.next_deadline().is_some_and(|at| at <= now) {
            return self.feed_scheduler(event);
        }
        self.scheduler.handle(now, event.clone());
        if let Some(action) = self.scheduler.poll_action() {
            // Records are told, too, and there should be none.
            return Err(Failure::safety("fences", format!("{event:?} made the scheduler do {action:?}")));
        }
        before.check(&self.scheduler, &event)
    }

    /// Gives the scheduler an event.
    fn feed_scheduler(&mut self, event: Event) -> Result<(), Failure> {
        let now = self.calendar.now();
        self.trace.note(now, format_args!("scheduler <- {event:?}"));
        self.scheduler.handle(self.clock(Node::Scheduler), event);
        // First what has happened, as the shell does, then what is said of it.
        let mut records = Vec::new();
        self.scheduler.take_records(|_, new| records.extend_from_slice(new));
        for record in records {
            self.judge.action(&self.workload, &Action::Record(record))?;
        }
        while let Some(mut action) = self.scheduler.poll_action() {
            if !self.tamper.scheduler_action(&mut action) {
                continue;
            }
            self.trace.note(now, format_args!("scheduler -> {action:?}"));
            self.judge.action(&self.workload, &action)?;
            self.scheduler_asks(action);
        }
        self.judge.event_ends()?;
        self.flush_or_gather();
        if let Some(at) = self.scheduler.next_deadline() {
            self.wake_scheduler(at);
        }
        if self.checks_invariants() {
            invariants::of_scheduler(&self.scheduler)?;
        }
        // What is not due must not matter.
        let early = self.random.chance(self.settings.trouble.early_ticks);
        if early { self.feed_scheduler(Event::Tick) } else { Ok(()) }
    }

    pub(super) fn scheduler_asks(&mut self, action: Action) {
        match action {
            Action::ToClient { client, message } => self.say(Node::Client(client), Packet::ToClient(message)),
            Action::ToWorker { worker, message } => self.say(Node::Worker(worker), Packet::ToWorker(message)),
            Action::CloseClient { client, reason } => self.hang_up(Node::Client(client), reason),
            Action::CloseWorker { worker, reason } => self.hang_up(Node::Worker(worker), reason),
            Action::ToSupervisor { supervisor, message } => {
                self.say(Node::Supervisor(supervisor), Packet::ToSupervisor(message));
            }
            Action::CloseSupervisor { supervisor, reason } => self.hang_up(Node::Supervisor(supervisor), reason),
            // Records are for people.
            _ => {}
        }
    }

    fn say(&mut self, to: Node, packet: Packet) {
        if let Some(link) = self.links.get(&to).copied() {
            self.send(link, Node::Scheduler, packet);
        }
    }

    fn hang_up(&mut self, peer: Node, reason: std::sync::Arc<str>) {
        self.flush();
        if let Some(link) = self.links.remove(&peer) {
            let close = Close { reason, intended: true };
            let notice = self.network.close(self.calendar.now(), link, Node::Scheduler, close);
            self.post(notice);
        }
    }
}
