//! Copies: those under way, those declared, and those of workers that retire.

use std::collections::BTreeSet;

use super::{super::Scheduler, Check, ensure};

impl Scheduler {
    /// I29: each copy under way is of a live task, to a worker that takes copies and has none, and has a deadline; what is
    /// left to be looked at will be.
    pub(super) fn i29_copies_under_way_have_an_end(&self) -> Check {
        ensure!(self.copies.is_symmetrical(), "copies under way are not symmetrical: {:?}", self.copies);
        let timers: BTreeSet<_> = self.timers.iter().collect();
        let mut moving = 0;
        for (t, w, pending) in self.copies.iter() {
            let task = self.tasks.get(t).ok_or(format!("a copy of {t:?}, which is gone, is under way"))?;
            ensure!(self.workers.slab.get(w).is_some(), "a copy of {} is under way to the dead {w:?}", self.name(t));
            ensure!(self.takes_copies(w), "a copy of {} is under way to {w:?}, which takes none", self.name(t));
            ensure!(!task.is_held_by(w), "a copy of {} is under way to {w:?}, which has it", self.name(t));
            let armed = timers.contains(&(pending.deadline, super::super::timers::Timer::Copy(t, w)));
            ensure!(armed, "a copy of {} has no deadline", self.name(t));
            if let Some(from) = pending.from {
                moving += 1;
                ensure!(self.workers.slab.get(from).is_some(), "{} moves from the dead {from:?}", self.name(t));
            }
        }
        ensure!(moving == self.rebalances.moving, "{moving} values move, not {}", self.rebalances.moving);
        ensure!(self.copies.short.is_empty() == self.replicas.rest_at.is_none(), "values are short and forgotten");
        ensure!(self.copies.surplus.is_empty() || self.surplus_at.is_some(), "surplus copies are forgotten");
        Ok(())
    }

    /// I70: an actor is where it was made and nowhere else, and no copy of it is under way.
    pub(super) fn i70_actors_stay(&self) -> Check {
        for (t, task) in self.tasks() {
            if task.is_pinned() {
                ensure!(task.holders().len() <= 1, "the actor {} is in several places", self.name(t));
                ensure!(self.copies.targets(t).next().is_none(), "a copy of the actor {} is under way", self.name(t));
            }
        }
        Ok(())
    }

    /// I55: what is declared is of live tasks, by clients that want them; who waits for an answer is there, and waits for
    /// what is there.
    pub(super) fn i55_declarations_and_requests_have_owners(&self) -> Check {
        for (t, by) in self.declared() {
            let task = self.tasks.get(t).ok_or(format!("copies of {t:?} are declared, which is gone"))?;
            let wanted = by.is_none_or(|c| task.want_of(c).is_some());
            ensure!(wanted, "{by:?} declared copies of {} and does not want it", self.name(t));
        }
        for (c, keys) in self.replicating() {
            let live = self.clients.slab.get(c).is_some() && keys.iter().all(|&t| self.tasks.get(t).is_some());
            ensure!(live && !keys.is_empty(), "{c:?} waits for copies of {keys:?}");
        }
        for (c, workers) in self.retirements.asked_by() {
            let live = self.clients.slab.get(c).is_some() && workers.iter().all(|&w| self.retirements.get(w).is_some());
            ensure!(live && !workers.is_empty(), "{c:?} waits for the retirement of {workers:?}");
        }
        for c in self.rebalances.asked_by() {
            ensure!(self.clients.slab.get(c).is_some(), "{c:?} is gone and waits for moves");
            ensure!(self.rebalances.moving > 0, "{c:?} waits for moves, and nothing moves");
        }
        Ok(())
    }

    /// I56: whoever retires is marked so, and has no run that was handed out since.
    pub(super) fn i56_retiring_workers_get_nothing(&self) -> Check {
        for (w, worker) in self.workers.slab.iter() {
            let retirement = self.retirements.get(w);
            ensure!(worker.retiring == retirement.is_some(), "{} is retiring: {}", worker.id, worker.retiring);
            let Some(retirement) = retirement else { continue };
            let runs = worker.processing.iter().filter_map(|&t| self.tasks[t].run());
            let newer = runs.map(|run| run.id.0).find(|&run| run > retirement.last_run);
            ensure!(newer.is_none(), "{} retires and was given run {newer:?}", worker.id);
        }
        let all_live = self.retirements.iter().all(|(w, _)| self.workers.slab.get(w).is_some());
        ensure!(all_live, "a worker that is gone retires");
        Ok(())
    }

    /// I57: what only retiring workers hold is on each one's list, but for what nobody can take from those that must go.
    pub(super) fn i57_sole_copies_of_retiring_workers_are_known(&self) -> Check {
        for (w, retirement) in self.retirements.iter() {
            let sole = self.workers[w].replicas.iter().copied();
            let sole: BTreeSet<_> = sole.filter(|&t| !self.is_kept_without(t, w)).collect();
            ensure!(retirement.sole.is_subset(&sole), "{w:?} lists {:?}, and holds {sole:?} alone", retirement.sole);
            let complete = retirement.must_go || retirement.sole.len() == sole.len();
            ensure!(complete, "{w:?} lists {:?}, and holds {sole:?} alone", retirement.sole);
        }
        Ok(())
    }

    /// I58: paused workers are counted; queued work that only they may run is looked at again, and none that frees memory
    /// is left while one of them has nothing to do.
    pub(super) fn i58_shortage_of_memory_is_watched(&self) -> Check {
        let paused = self.workers.slab.iter().filter(|(_, worker)| worker.paused).count();
        ensure!(paused == self.paused_workers, "{paused} workers are paused, not {}", self.paused_workers);
        if self.is_gathering() {
            return Ok(());
        }
        for (class, _) in self.classes.slab.iter().filter(|(class, _)| self.is_pressed(*class)) {
            ensure!(self.relief_at.is_some(), "all who may run {class:?} are paused, and nobody looks after it");
            let plain = self.classes.slab[class].is_plain();
            let freeing = plain.then(|| self.freeing_task(class, &self.idle_paused(class))).flatten();
            ensure!(freeing.is_none(), "{freeing:?} would free memory and waits");
        }
        Ok(())
    }
}
