//! Permits: who holds how many.

use std::{collections::BTreeMap, sync::Arc};

use brisk_core::{
    error::ErrorKind,
    id::{ClientId, Epoch, Fence},
    message::{Answer, Operation},
    time::Moment,
};

use super::Question;

/// All leases of one life of the scheduler.
#[derive(Debug, Default)]
pub(super) struct Permits {
    leases: BTreeMap<Fence, Lease>,
    newest: u64,
    /// Questions that give a lease back which was theirs.
    returns: std::collections::BTreeSet<Question>,
}

#[derive(Debug)]
struct Lease {
    name: Arc<str>,
    count: u32,
    /// What it was asked, or kept, by.
    by: Question,
    /// When it ends, its session's connection being lost.
    until: Option<Moment>,
}

impl Permits {
    /// A connection was lost.
    pub(super) fn departs(&mut self, client: ClientId, until: Moment) {
        for lease in self.leases.values_mut().filter(|lease| lease.by.0 == client) {
            lease.until = Some(until);
        }
    }

    pub(super) fn end_all_of(&mut self, client: ClientId) {
        self.leases.retain(|_, lease| lease.by.0 != client);
    }

    /// What was granted in answer to a question is given back.
    pub(super) fn end(&mut self, question: Question) {
        self.leases.retain(|_, lease| lease.by != question);
    }

    pub(super) fn gives_back(&mut self, question: Question, name: &Arc<str>, fence: Fence) {
        let is_its_own = |lease: &Lease| lease.by.0 == question.0 && lease.name == *name && lease.until.is_none();
        if self.leases.get(&fence).is_some_and(is_its_own) {
            self.leases.remove(&fence);
            self.returns.insert(question);
        }
    }

    pub(super) fn is_held(&self, now: Moment, fence: Fence) -> bool {
        self.leases.get(&fence).is_some_and(|lease| lease.until.is_none_or(|until| until > now))
    }

    /// What is wrong with an answer to a question for permits.
    pub(super) fn acquired(
        &mut self,
        now: Moment,
        epoch: Epoch,
        (question, name): (Question, &Arc<str>),
        (limit, count): (u32, u32),
        overtakes: bool,
        answer: &Answer,
    ) -> Option<String> {
        self.leases.retain(|_, lease| lease.until.is_none_or(|until| until > now));
        let taken: u32 = self.leases.values().filter(|lease| lease.name == *name).map(|lease| lease.count).sum();
        match answer {
            Answer::Granted(_) if taken + count > limit => Some(format!("{taken} of {limit} are held: {self:?}")),
            Answer::Granted(_) if overtakes => Some("somebody has waited for longer".to_owned()),
            Answer::Granted(fence) if fence.number <= self.newest || fence.epoch != epoch => {
                Some(format!("there was {} before", self.newest))
            }
            Answer::Granted(fence) => {
                self.newest = fence.number;
                self.leases.insert(*fence, Lease { name: name.clone(), count, by: question, until: None });
                None
            }
            Answer::Flag(false) if taken + count > limit || overtakes => None,
            _ => Some(format!("{taken} of {limit} are held")),
        }
    }

    /// What is wrong with an answer to who gives a lease back, or keeps it.
    pub(super) fn answered(
        &mut self,
        now: Moment,
        question: Question,
        operation: &Operation,
        answer: &Answer,
    ) -> Option<String> {
        let is_lost = matches!(answer, Answer::Refused(error) if error.kind() == ErrorKind::LeaseLost);
        let is_right = match operation {
            Operation::Release { .. } => {
                let was_its_own = self.returns.remove(&question);
                if was_its_own { *answer == Answer::Done } else { is_lost }
            }
            Operation::Keep { fence, .. } => {
                let is_held = self.is_held(now, *fence);
                if let Some(lease) = self.leases.get_mut(fence).filter(|_| is_held) {
                    (lease.by, lease.until) = (question, None);
                }
                if is_held { *answer == Answer::Done } else { is_lost }
            }
            _ => false,
        };
        (!is_right).then(|| format!("leases were {:?}", self.leases))
    }
}
