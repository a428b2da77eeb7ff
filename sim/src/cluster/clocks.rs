//! Clocks: each node has its own, and any may jump ahead, as after a suspended host wakes or its clock is set.
//!
//! A machine knows no other time than its own. What it waits for is entered into the calendar at the moment at which its
//! clock will show that.

use std::time::Duration;

use brisk_core::{id::WorkerId, time::Moment};
use brisk_scheduler::machine as scheduler;
use brisk_worker::machine as worker;

use super::{Cluster, Happening};
use crate::{failure::Failure, network::Node};

impl Cluster {
    /// What a node's clock shows.
    pub(super) fn clock(&self, node: Node) -> Moment {
        self.calendar.now() + self.ahead(node)
    }

    fn ahead(&self, node: Node) -> Duration {
        self.clocks.get(&node).copied().unwrap_or_default()
    }

    /// A node's clock jumps ahead. Whatever it waited for is due.
    ///
    /// # Errors
    /// If a property does not hold.
    pub fn jump_clock(&mut self, node: Node, span: Duration) -> Result<(), Failure> {
        self.trace.note(self.calendar.now(), format_args!("the clock of {node:?} jumps {span:?} ahead"));
        self.judge.history.stood_still = true;
        *self.clocks.entry(node).or_default() += span;
        match node {
            Node::Scheduler => {
                self.scheduler_tick = None;
                self.tell_scheduler(scheduler::Event::Tick)
            }
            Node::Worker(id) => {
                if let Some(node) = self.workers.get_mut(&id) {
                    node.tick = None;
                }
                self.tell_worker(id, worker::Event::Tick, &[])
            }
            // Simulated clients and supervisors wait for nothing by themselves.
            Node::Client(_) | Node::Supervisor(_) => Ok(()),
        }
    }

    /// Sees to it that the scheduler is woken when its clock shows this.
    pub(super) fn wake_scheduler(&mut self, at: Moment) {
        if self.scheduler_tick.is_none_or(|tick| at < tick) {
            self.scheduler_tick = Some(at);
            self.enter_by_clock(Node::Scheduler, at, Happening::SchedulerTick);
        }
    }

    /// Sees to it that a worker is woken when its clock shows this.
    pub(super) fn wake_worker(&mut self, id: WorkerId, at: Moment) {
        if let Some(node) = self.workers.get_mut(&id)
            && node.tick.is_none_or(|tick| at < tick)
        {
            node.tick = Some(at);
            self.enter_by_clock(Node::Worker(id), at, Happening::WorkerTick(id));
        }
    }

    fn enter_by_clock(&mut self, node: Node, at: Moment, happening: Happening) {
        let real = Moment::from_nanos(at.as_nanos()) - (Moment::ORIGIN + self.ahead(node));
        self.calendar.enter(Moment::ORIGIN + real, happening);
    }
}
