//! Hands that reach into a simulation: by them the simulator itself is tested.
//!
//! A simulator that finds nothing proves nothing unless it would find something. A tamperer breaks what the machines do, in
//! one small way, and the properties must notice.

use brisk_scheduler::machine as scheduler;
use brisk_worker::machine as worker;

/// Somebody who changes what happens, or keeps it from happening.
pub trait Tamper: std::fmt::Debug {
    /// An event is about to be given to the scheduler. Whether it is.
    fn scheduler_event(&mut self, event: &mut scheduler::Event) -> bool {
        let _ = event;
        true
    }

    /// The scheduler asked for something. Whether it is done.
    fn scheduler_action(&mut self, action: &mut scheduler::Action) -> bool {
        let _ = action;
        true
    }

    /// An event is about to be given to a worker. Whether it is.
    fn worker_event(&mut self, event: &mut worker::Event) -> bool {
        let _ = event;
        true
    }

    /// A worker asked for something. Whether it is done.
    fn worker_action(&mut self, action: &mut worker::Action) -> bool {
        let _ = action;
        true
    }

    /// A task returned this value. What it becomes.
    fn value(&mut self, value: u64) -> u64 {
        value
    }
}

/// Nobody.
#[derive(Clone, Copy, Debug)]
pub struct HandsOff;

impl Tamper for HandsOff {}
