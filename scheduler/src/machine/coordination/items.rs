//! What queues and variables hold: tasks, which are wanted for as long, and small values.

use brisk_core::{error::TaskError, message::Shared, payload::Payload};
use serde::{Deserialize, Serialize};

use super::refused;
use crate::machine::{Scheduler, slab::TaskIndex};

/// A task that is held, or a value whose bytes are counted.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::machine) enum Held {
    Task(TaskIndex),
    Value(Payload),
}

impl Held {
    pub(in crate::machine) fn task(&self) -> Option<TaskIndex> {
        match self {
            Held::Task(t) => Some(*t),
            Held::Value(_) => None,
        }
    }

    /// The bytes that it takes here.
    pub(in crate::machine) fn bytes(&self) -> u64 {
        match self {
            Held::Task(_) => 0,
            Held::Value(value) => value.len(),
        }
    }
}

impl Scheduler {
    /// Whether something may be held. Changes nothing.
    pub(super) fn may_hold(&self, shared: &Shared) -> Result<(), TaskError> {
        match shared {
            Shared::Key(key) if self.tasks.find(*key).is_some() => Ok(()),
            Shared::Key(key) => Err(refused(format!(
                "there is no task {key}: it was cancelled, or its last future was dropped; keep one until it is put in"
            ))),
            Shared::Value(value) => {
                let (most, all) = (self.config.max_shared_value_bytes, self.config.max_shared_bytes);
                let bytes = value.len();
                if bytes > most {
                    return Err(refused(format!(
                        "a value of {bytes} bytes is longer than the {most} allowed here: scatter it, or let a task make \
                         it, and put in the future"
                    )));
                }
                if self.coordination.bytes.saturating_add(bytes) > all {
                    return Err(refused(format!(
                        "the values in queues and variables would take more than the {all} bytes allowed: take some out"
                    )));
                }
                Ok(())
            }
            other => Err(refused(format!("this scheduler can't hold {other:?}"))),
        }
    }

    /// Holds what may be held.
    pub(super) fn hold_shared(&mut self, shared: Shared) -> Option<Held> {
        match shared {
            Shared::Key(key) => {
                let t = self.tasks.find(key)?;
                self.hold(t, false);
                Some(Held::Task(t))
            }
            Shared::Value(value) => {
                self.coordination.bytes += value.len();
                Some(Held::Value(value))
            }
            _ => None,
        }
    }

    pub(super) fn let_go_of(&mut self, held: &Held) {
        match held {
            Held::Task(t) => self.unhold(&[*t]),
            Held::Value(value) => self.coordination.bytes -= value.len(),
        }
    }

    /// As a client is told of it.
    pub(super) fn told(&self, held: &Held) -> Shared {
        match held {
            Held::Task(t) => Shared::Key(self.tasks[*t].key),
            Held::Value(value) => Shared::Value(value.clone()),
        }
    }
}
