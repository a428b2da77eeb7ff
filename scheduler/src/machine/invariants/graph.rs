//! Tasks and the edges between them: states, counts of neighbours, and who must exist.

use std::collections::BTreeMap;

use super::{Check, ensure};
use crate::machine::{
    FunctionIndex, Scheduler, StateCounts,
    slab::TaskIndex,
    task::{State, Task},
};

impl Scheduler {
    /// I0: the lists of what follows from an event are empty.
    pub(super) fn i00_nothing_is_left_to_do(&self) -> Check {
        let work = &self.work;
        ensure!(work.is_settled() && work.ready.is_empty() && work.nearly_ready.is_empty(), "{work:?}");
        ensure!(work.freeing.is_empty() && work.confirming.is_empty() && work.feeding.is_empty(), "{work:?}");
        ensure!(work.destined.is_empty() && !work.look, "{work:?}");
        ensure!(self.chunk.is_empty(), "{:?}", self.chunk);
        ensure!(self.workers.slab.iter().all(|(_, worker)| !worker.to_feed), "a worker is believed to be looked at");
        ensure!(self.workers.slab.iter().all(|(_, worker)| worker.frees.is_empty()), "a worker has frees to be sent");
        Ok(())
    }

    /// I1: a task is in the containers of its one state.
    pub(super) fn i01_one_state_and_its_containers(&self) -> Check {
        for (t, task) in self.tasks() {
            ensure!(self.tasks.find(task.key) == Some(t), "{} is not found by its key", self.name(t));
            let queue = &self.classes.slab[task.class].queue;
            let queued = matches!(task.state, State::Queued | State::NoWorker { .. });
            let there = queue.contains(task.account, task.priority, t);
            ensure!(there == queued, "{}: {:?}", self.name(t), task.state.name());
        }
        for (index, class) in self.classes.slab.iter() {
            for t in class.queue.iter() {
                let there = self.tasks.get(t).is_some_and(|task| task.class == index);
                ensure!(there, "a queue holds {t:?}, which is gone or of another class");
            }
        }
        Ok(())
    }

    /// I1: each function's counts are those of its tasks.
    pub(super) fn i01_functions_count_their_tasks(&self) -> Check {
        let mut there: BTreeMap<FunctionIndex, StateCounts> = BTreeMap::new();
        for (_, task) in self.tasks() {
            there.entry(task.function).or_default()[task.state.name()] += 1;
        }
        for (function, counts) in self.functions.counted() {
            let there = there.get(&function).copied().unwrap_or_default();
            ensure!(*counts == there, "{function:?} counts {counts:?}, and there are {there:?}");
        }
        Ok(())
    }

    /// I6: each edge has two ends, and following dependencies ends.
    pub(super) fn i06_edges_are_symmetrical_and_acyclic(&self) -> Check {
        let mut missing: BTreeMap<TaskIndex, usize> = BTreeMap::new();
        let mut free = Vec::new();
        for (t, task) in self.tasks() {
            for (i, edge) in task.dependencies.iter().enumerate() {
                let back = self.tasks.get(edge.task).and_then(|d| d.dependents.get(edge.slot as usize));
                let right = back.is_some_and(|back| back.task == t && back.slot as usize == i);
                ensure!(right, "{} depends on {:?}, which does not know", self.name(t), edge.task);
            }
            for (i, edge) in task.dependents.iter().enumerate() {
                let back = self.tasks.get(edge.task).and_then(|d| d.dependencies.get(edge.slot as usize));
                let right = back.is_some_and(|back| back.task == t && back.slot as usize == i);
                ensure!(right, "{} has a dependent {:?}, which does not know", self.name(t), edge.task);
            }
            missing.insert(t, task.dependencies.len());
            free.extend(task.dependencies.is_empty().then_some(t));
        }
        let mut reached = 0;
        while let Some(t) = free.pop() {
            reached += 1;
            for edge in &self.tasks[t].dependents {
                let left = missing.get_mut(&edge.task).ok_or("an edge leads nowhere")?;
                *left -= 1;
                free.extend((*left == 0).then_some(edge.task));
            }
        }
        ensure!(reached == self.tasks.len(), "{} tasks are in cycles", self.tasks.len() - reached);
        Ok(())
    }

    /// I7: a waiting task misses something (an input, or the end of a pause), counts it, and all of it is on its way.
    pub(super) fn i07_waiting_counts_what_is_missing(&self) -> Check {
        for (t, task) in self.tasks() {
            let State::Waiting { missing } = task.state else { continue };
            let states = task.dependencies.iter().map(|edge| &self.tasks[edge.task].state);
            let absent: Vec<_> = states.filter(|state| !matches!(state, State::Memory { .. })).collect();
            ensure!(missing > 0, "{} waits for nothing", self.name(t));
            // The end of a pause is missing like an input.
            let pauses = usize::from(task.past().is_some_and(|history| history.alarm.is_some()));
            let expected = absent.len() + pauses;
            ensure!(missing as usize == expected, "{} counts {missing}, not {expected}", self.name(t));
            let coming = absent.iter().all(|state| state.is_unfinished());
            ensure!(coming, "{} waits for what will not come", self.name(t));
        }
        Ok(())
    }

    /// I8: inputs are in memory; or the run has started and has pinned them; or it was sent ahead, and those that it
    /// awaits, which it counts, are being made on the same worker.
    pub(super) fn i08_ready_and_assigned_have_inputs(&self) -> Check {
        for (t, task) in self.tasks() {
            let run = task.run();
            if run.is_some_and(|run| run.started()) {
                ensure!(run.is_some_and(|run| run.awaiting == 0), "{} has started and awaits inputs", self.name(t));
                continue;
            }
            if !matches!(task.state, State::Queued | State::NoWorker { .. } | State::Processing(_)) {
                continue;
            }
            let states = task.dependencies.iter().map(|edge| &self.tasks[edge.task]);
            let absent: Vec<_> = states.filter(|input| !matches!(input.state, State::Memory { .. })).collect();
            let awaited = run.map_or(0, |run| run.awaiting.into());
            ensure!(absent.len() == awaited, "{} lacks {} inputs and awaits {awaited}", self.name(t), absent.len());
            let here = |input: &&Task| input.run().map(|run| run.worker) == run.map(|run| run.worker);
            ensure!(absent.iter().all(here), "{} awaits what is made elsewhere or not at all", self.name(t));
        }
        Ok(())
    }

    /// I9: waiters are the dependents that are on their way.
    pub(super) fn i09_waiters_are_unfinished_dependents(&self) -> Check {
        for (t, task) in self.tasks() {
            let unfinished = |d: TaskIndex| self.tasks[d].state.is_unfinished();
            let waiters = task.dependents.iter().filter(|edge| unfinished(edge.task)).count();
            ensure!(waiters == task.waiters as usize, "{} counts {}, not {waiters}", self.name(t), task.waiters);
        }
        Ok(())
    }

    /// I10: a task exists as long as it is wanted, or something that exists depends on it.
    pub(super) fn i10_known_means_wanted_or_needed(&self) -> Check {
        let dead = self.tasks().find(|(_, task)| !task.is_alive());
        dead.map_or(Ok(()), |(t, _)| Err(format!("{} is kept for nobody", self.name(t))))
    }

    /// I11: unless it failed, a task is needed if and only if it is not merely lineage.
    pub(super) fn i11_needed_is_scheduled(&self) -> Check {
        for (t, task) in self.tasks().filter(|(_, task)| !matches!(task.state, State::Erred { .. })) {
            let released = matches!(task.state, State::Released);
            ensure!(task.is_needed() != released, "{} is {:?}", self.name(t), task.state.name());
            let ended = matches!(task.state, State::Memory { .. });
            ensure!(!(ended && task.marks.detached()), "{} is done and still detached", self.name(t));
        }
        Ok(())
    }

    /// I12: nothing that is on its way depends on what failed, and every failure says whose it was.
    pub(super) fn i12_failures_reach_dependents(&self) -> Check {
        for (t, task) in self.tasks() {
            let State::Erred { error, .. } = &task.state else { continue };
            ensure!(error.key().is_some() && task.waiters == 0 && !task.marks.detached(), "{}: {error}", self.name(t));
        }
        Ok(())
    }
}
