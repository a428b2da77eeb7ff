//! What workers were asked to give up, and for whom.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, ensure};
use crate::machine::{
    Scheduler,
    slab::WorkerIndex,
    stealing::{MOVES, Promised, RESCUES},
};

impl Scheduler {
    /// I19: a worker is asked for runs that it has and is not known to have started. A task that is assigned to one worker
    /// is therefore asked for once at a time. Who is to get it is alive, another, and not one that it was taken from.
    pub(super) fn i19_what_is_asked_back_is_there(&self) -> Check {
        for (w, worker) in self.workers.slab.iter() {
            let Some(question) = &worker.question else { continue };
            ensure!(question.request.0 <= self.next_request, "{} was asked in the future", worker.id);
            for (&t, theft) in &question.thefts {
                let run = self.tasks.get(t).and_then(|task| task.run());
                let waits = run.is_some_and(|run| run.worker == w && run.id == theft.run && !run.started());
                ensure!(waits, "{} is asked for {t:?} in {:?}: {run:?}", worker.id, theft.run);
                let Some(thief) = theft.thief else { continue };
                let thief = self.workers.slab.get(thief).filter(|_| thief != w);
                let fit = thief.is_some_and(|thief| !self.tasks[t].was_taken_from(thief.id));
                ensure!(fit, "{} is asked for {} for the wrong worker", worker.id, self.name(t));
            }
        }
        Ok(())
    }

    /// I19, for thieves: what each was promised is what others are asked for in its name.
    pub(super) fn i19_promises_add_up(&self) -> Check {
        let mut promised: BTreeMap<WorkerIndex, Promised> = BTreeMap::new();
        let questions = self.workers.slab.iter().filter_map(|(_, worker)| worker.question.as_ref());
        for theft in questions.flat_map(|question| question.thefts.values()) {
            if let Some(thief) = theft.thief {
                promised.entry(thief).or_default().add(theft);
            }
        }
        for (w, worker) in self.workers.slab.iter() {
            let sum = promised.remove(&w).unwrap_or_default();
            ensure!(sum == worker.promised, "{} was promised {:?}, not {sum:?}", worker.id, worker.promised);
        }
        ensure!(promised.is_empty(), "somebody was promised runs who is gone");
        Ok(())
    }

    /// I49: a task is moved to balance a few times, each time from another worker, and out of stalls a bounded number of
    /// times more. And somebody looks after whoever has work ahead.
    pub(super) fn i49_moves_are_bounded(&self) -> Check {
        for (t, task) in self.tasks() {
            let Some(history) = task.past() else { continue };
            let from: BTreeSet<_> = history.taken_from.iter().collect();
            let bounded = history.moves <= RESCUES && from.len() <= MOVES as usize;
            ensure!(bounded, "{} was moved {} times", self.name(t), history.moves);
            ensure!(from.len() == history.taken_from.len(), "{} was taken from one worker twice", self.name(t));
        }
        let behind = self.workers.slab.iter().any(|(_, worker)| worker.is_behind());
        ensure!(!behind || self.watch_at.is_some(), "nobody looks after workers with work ahead");
        Ok(())
    }
}
