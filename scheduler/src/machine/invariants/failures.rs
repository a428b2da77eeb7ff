//! Deaths, suspects, and what a task is looked at for when nothing happens.

use std::collections::BTreeSet;

use super::{Check, ensure};
use crate::machine::{
    Scheduler,
    quarantine::is_place,
    task::{Hold, State},
    unrepeatable::Unrepeatable,
};

impl Scheduler {
    /// I17: deaths are of different runs that were handed out; a task with more than are allowed has failed; and no two
    /// suspects are on one worker.
    pub(super) fn i17_suspects_run_apart(&self) -> Check {
        for (t, task) in self.tasks() {
            let Some(history) = task.past().filter(|history| history.is_suspect()) else { continue };
            let runs: BTreeSet<_> = history.deaths.iter().map(|death| death.run).collect();
            ensure!(runs.len() == history.deaths.len(), "{} is blamed twice for one death", self.name(t));
            ensure!(runs.iter().all(|run| run.0 <= self.next_run), "{} is blamed for no run", self.name(t));
            let one_too_many = history.suspicion() > self.config.allowed_failures;
            ensure!(!(one_too_many && task.state.is_unfinished()), "{} has killed too many", self.name(t));
            let apart = self.classes.slab[task.class].demand.resources.iter().any(is_place);
            ensure!(apart || !task.state.is_unfinished(), "{} is not kept apart", self.name(t));
        }
        for (_, worker) in self.workers.slab.iter() {
            let suspected = worker.processing.iter().filter(|&&t| {
                let history = self.tasks[t].past();
                // One that has waited for others has given its place up.
                let keeps_place = self.tasks[t].run().is_some_and(|run| run.hold() == Hold::Thread);
                keeps_place && history.is_some_and(|history| history.is_suspect())
            });
            let suspected = suspected.count();
            ensure!(suspected <= 1, "{} has {suspected} suspects", worker.id);
        }
        Ok(())
    }

    /// I11, for what can't be computed: it is not scheduled. What was scattered, and what stands at the end of a cut lineage,
    /// has no dependencies; and a checkpoint has a value, and a declared number of copies.
    pub(super) fn i11_unrepeatable_is_never_scheduled(&self) -> Check {
        for (t, task) in self.tasks() {
            let Some(why) = task.marks.unrepeatable() else { continue };
            ensure!(!task.state.is_unfinished(), "{} is {:?}, but {why:?}", self.name(t), task.state.name());
            let alone = why == Unrepeatable::Once || task.dependencies.is_empty();
            ensure!(alone, "{} is {why:?} and has dependencies", self.name(t));
        }
        for (t, task) in self.tasks().filter(|(_, task)| task.marks.checkpoint()) {
            let there = matches!(task.state, State::Memory { .. });
            ensure!(there && task.marks.depth() == 0, "{} is a checkpoint without a value", self.name(t));
        }
        Ok(())
    }

    /// I59: no lineage is deeper than the bound.
    pub(super) fn i59_lineage_is_bounded(&self) -> Check {
        for (t, task) in self.tasks() {
            let within = task.marks.depth() == 0 || task.marks.depth() < self.config.max_lineage;
            ensure!(within, "{} stands {} tasks deep", self.name(t), task.marks.depth());
        }
        Ok(())
    }

    /// I20, for alarms: every task that expects one has it.
    pub(super) fn i20_alarms_are_set(&self) -> Check {
        let set: BTreeSet<_> = self.timers.iter().collect();
        for (t, task) in self.tasks() {
            let Some(at) = task.past().and_then(|history| history.alarm) else { continue };
            let timer = crate::machine::timers::Timer::Alarm(t);
            ensure!(set.contains(&(at, timer)), "{} waits for an alarm that never comes", self.name(t));
            let looked_at = matches!(task.state, State::Waiting { .. } | State::Processing(_));
            ensure!(looked_at, "{} is {:?} and has an alarm", self.name(t), task.state.name());
        }
        Ok(())
    }
}
