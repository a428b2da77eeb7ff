//! Variables: a future or a small value under a name, for which clients can wait.
//!
//! What a variable holds stays until it is set anew or deleted, whoever set it, as what is published stays. Whoever was told of a
//! task has it held until its own want is here, also if the variable is set anew meanwhile.

use std::sync::Arc;

use brisk_core::{
    error::TaskError,
    id::RequestId,
    message::{Answer, SchedulerToClient, Shared},
};
use serde::{Deserialize, Serialize};

use super::{Claim, Held, Line, Of, Outcome, Waiter, inconsistent};
use crate::machine::{Scheduler, slab::ClientIndex};

/// A variable that holds something or is waited for.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::machine) struct Variable {
    /// What it holds, in words that only clients read.
    shape: Arc<str>,
    pub(in crate::machine) value: Option<Held>,
    pub(in crate::machine) line: Line<()>,
}

impl Scheduler {
    pub(super) fn set_variable(&mut self, name: Arc<str>, shape: Arc<str>, value: Shared) -> Outcome {
        self.may_be_variable(&name, &shape)?;
        self.may_hold(&value)?;
        // First, so that what is set once more is not dropped in between.
        let value = self.hold_shared(value);
        let variable = self.variable(name.clone(), shape);
        if let Some(former) = std::mem::replace(&mut variable.value, value) {
            self.let_go_of(&former);
        }
        self.serve_variable(&name);
        Ok(Some(Answer::Done))
    }

    pub(super) fn get_variable(
        &mut self,
        c: ClientIndex,
        request: RequestId,
        (name, shape): (Arc<str>, Arc<str>),
        wait: bool,
    ) -> Outcome {
        self.may_be_variable(&name, &shape)?;
        let is_set = self.coordination.variables.get(&name).is_some_and(|variable| variable.value.is_some());
        if !is_set && !wait {
            return Ok(Some(Answer::Shared(Vec::new())));
        }
        self.may_claim(c)?;
        let place = self.last_in_line();
        let waiter = Waiter { client: c, request, what: () };
        self.variable(name.clone(), shape).line.push(place, waiter);
        self.clients[c].claims.set(request, Claim::Wait { of: Of::Variable, name: name.clone(), place });
        self.serve_variable(&name);
        Ok(None)
    }

    pub(super) fn delete_variable(&mut self, name: &Arc<str>) -> Outcome {
        let held = self.coordination.variables.get_mut(name).and_then(|variable| variable.value.take());
        if let Some(held) = &held {
            self.let_go_of(held);
        }
        self.serve_variable(name);
        Ok(Some(Answer::Flag(held.is_some())))
    }

    /// Tells all who wait what the variable holds, if it holds anything.
    pub(super) fn serve_variable(&mut self, name: &Arc<str>) {
        while let Some(variable) = self.coordination.variables.get_mut(name)
            && variable.value.is_some()
            && let Some(Waiter { client, request, .. }) = variable.line.pop()
        {
            let Some(Variable { value: Some(value), .. }) = self.coordination.variables.get(name) else { return };
            let (told, task) = (self.told(value), value.task());
            match task {
                Some(t) if !planted!(self, ToldNotHeld) => {
                    self.hold(t, false);
                    let held = Held::Task(t);
                    let claim = Claim::Handed { of: Of::Variable, name: name.clone(), items: vec![(0, held)] };
                    self.clients[client].claims.set(request, claim);
                }
                _ => drop(self.clients[client].claims.remove(request)),
            }
            let answer = Answer::Shared(vec![told]);
            self.tell_client(client, SchedulerToClient::Answered { request, answer });
        }
        let idle = |variable: &Variable| variable.value.is_none() && variable.line.is_empty();
        if self.coordination.variables.get(name).is_some_and(idle) {
            self.coordination.variables.remove(name);
        }
    }

    fn variable(&mut self, name: Arc<str>, shape: Arc<str>) -> &mut Variable {
        let new = || Variable { shape, value: None, line: Line::default() };
        self.coordination.variables.entry(name).or_insert_with(new)
    }

    fn may_be_variable(&self, name: &str, shape: &str) -> Result<(), TaskError> {
        self.may_have_shape(shape)?;
        match self.coordination.variables.get(name) {
            None => self.may_be_named(),
            Some(variable) if *variable.shape == *shape => Ok(()),
            Some(variable) => Err(inconsistent(format!(
                "the variable `{name}` holds {}, and was asked to hold {shape}: delete it first, or use another name",
                variable.shape
            ))),
        }
    }
}
