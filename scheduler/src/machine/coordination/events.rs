//! Events: a flag under a name, for which clients can wait.
//!
//! An event that is clear and that nobody waits for is not remembered: it is as one that was never heard of. One that is set
//! stays so until it is cleared, whoever set it.

use std::sync::Arc;

use brisk_core::{
    id::RequestId,
    message::{Answer, SchedulerToClient},
};
use serde::{Deserialize, Serialize};

use super::{Claim, Line, Of, Outcome, Waiter};
use crate::machine::{Scheduler, slab::ClientIndex};

/// An event that is set or waited for.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::machine) struct Event {
    pub(in crate::machine) is_set: bool,
    pub(in crate::machine) line: Line<()>,
}

impl Scheduler {
    pub(super) fn set_event(&mut self, name: Arc<str>) -> Outcome {
        if !self.coordination.events.contains_key(&name) {
            self.may_be_named()?;
        }
        self.coordination.events.entry(name.clone()).or_default().is_set = true;
        self.serve_event(&name);
        Ok(Some(Answer::Done))
    }

    pub(super) fn clear_event(&mut self, name: &Arc<str>) -> Outcome {
        if let Some(event) = self.coordination.events.get_mut(name) {
            event.is_set = false;
        }
        self.serve_event(name);
        Ok(Some(Answer::Done))
    }

    pub(super) fn is_event_set(&self, name: &str) -> Outcome {
        Ok(Some(Answer::Flag(self.coordination.events.get(name).is_some_and(|event| event.is_set))))
    }

    pub(super) fn wait_for_event(&mut self, c: ClientIndex, request: RequestId, name: Arc<str>) -> Outcome {
        match self.coordination.events.get(&name) {
            Some(event) if event.is_set => return Ok(Some(Answer::Done)),
            Some(_) => {}
            None => self.may_be_named()?,
        }
        self.may_claim(c)?;
        let place = self.last_in_line();
        let event = self.coordination.events.entry(name.clone()).or_default();
        event.line.push(place, Waiter { client: c, request, what: () });
        self.clients[c].claims.set(request, Claim::Wait { of: Of::Event, name, place });
        Ok(None)
    }

    pub(super) fn serve_event(&mut self, name: &Arc<str>) {
        while let Some(event) = self.coordination.events.get_mut(name)
            && event.is_set
            && let Some(Waiter { client, request, .. }) = event.line.pop()
        {
            self.clients[client].claims.remove(request);
            self.tell_client(client, SchedulerToClient::Answered { request, answer: Answer::Done });
            if planted!(self, OneWakes) {
                break;
            }
        }
        if self.coordination.events.get(name).is_some_and(|event| !event.is_set && event.line.is_empty()) {
            self.coordination.events.remove(name);
        }
    }
}
