//! Which workers were there when, by what the scheduler was told: whether it is true that nobody could run a task for so long.

use std::{sync::Arc, time::Duration};

use brisk_core::{
    hello::WorkerInfo,
    id::{EnvironmentId, WorkerId},
    options::Quantity,
    time::Moment,
};

use crate::{
    cluster::returns::build_of,
    workload::{Build, RESOURCE, TaskIndex, Workload},
};

/// All workers that ever were there.
#[derive(Debug)]
pub struct Presence {
    stays: Vec<Stay>,
    /// When each life of the scheduler began. What one has waited for, the next does not know.
    lives: Vec<Moment>,
}

/// One worker, from its joining to its end.
#[derive(Debug)]
struct Stay {
    worker: WorkerId,
    name: Arc<str>,
    build: Build,
    resource: u64,
    memory_limit: u64,
    from: Moment,
    /// None while it is there.
    until: Option<Moment>,
}

impl Default for Presence {
    fn default() -> Self {
        Presence { stays: Vec::new(), lives: vec![Moment::ORIGIN] }
    }
}

impl Presence {
    /// A worker is there.
    pub fn joined(
        &mut self,
        now: Moment,
        worker: WorkerId,
        name: &Arc<str>,
        environment: EnvironmentId,
        info: &WorkerInfo,
    ) {
        let resource = info.resources.iter().filter(|(name, _)| &**name == RESOURCE).map(|(_, Quantity(units))| *units);
        self.stays.push(Stay {
            worker,
            name: name.clone(),
            build: build_of(environment),
            resource: resource.sum(),
            memory_limit: info.memory_limit,
            from: now,
            until: None,
        });
    }

    /// A worker is gone.
    pub fn left(&mut self, now: Moment, worker: WorkerId) {
        self.stays.iter_mut().filter(|stay| stay.worker == worker && stay.until.is_none()).for_each(|stay| {
            stay.until = Some(now);
        });
    }

    /// There is another scheduler, which has heard of no worker yet.
    pub fn scheduler_restarted(&mut self, now: Moment) {
        self.stays.iter_mut().filter(|stay| stay.until.is_none()).for_each(|stay| stay.until = Some(now));
        self.lives.push(now);
    }

    /// How many workers are there.
    pub fn count(&self) -> u32 {
        self.stays.iter().filter(|stay| stay.until.is_none()).count() as u32
    }

    /// The longest time, in one life of the scheduler, without any worker that could run a task.
    pub fn longest_absence(&self, workload: &Workload, task: TaskIndex, now: Moment) -> Duration {
        // They stand in the order in which they came.
        let able = || self.stays.iter().filter(|stay| stay.may_run(workload, task));
        let ends = self.lives.iter().skip(1).copied().chain([now]);
        let mut longest = Duration::ZERO;
        for (begin, end) in self.lives.iter().copied().zip(ends) {
            let mut seen_until = begin;
            for stay in able().filter(|stay| stay.from >= begin && stay.from < end) {
                longest = longest.max(stay.from.since(seen_until));
                seen_until = seen_until.max(stay.until.unwrap_or(end));
            }
            longest = longest.max(end.since(seen_until));
        }
        longest
    }
}

impl Stay {
    fn may_run(&self, workload: &Workload, task: TaskIndex) -> bool {
        let task = workload.task(task);
        let inputs: u64 = task.dependencies.iter().map(|input| workload.task(*input).nbytes).sum();
        self.build == task.build
            && (task.workers.is_empty() || task.workers.contains(&self.name))
            && self.resource >= task.resource
            && (self.memory_limit == 0 || self.memory_limit >= inputs)
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::id::Incarnation;

    use super::*;
    use crate::{cluster::returns::environment_of, workload::Task};

    const SECOND: u64 = 1_000_000_000;

    fn at(seconds: u64) -> Moment {
        Moment::from_nanos(seconds * SECOND)
    }

    fn join(presence: &mut Presence, seconds: u64, number: u64, name: &str, resource: u64) {
        let info = WorkerInfo {
            address: "sim://there".parse().unwrap(),
            host: "here".into(),
            threads: 1,
            memory_limit: 0,
            speed_percent: 100,
            resources: vec![(RESOURCE.into(), Quantity(resource))],
        };
        presence.joined(at(seconds), WorkerId(Incarnation(number)), &name.into(), environment_of(0), &info);
    }

    #[test]
    fn only_who_could_run_a_task_ends_its_waiting_and_a_new_scheduler_begins_anew() {
        let mut workload = Workload::new();
        let plain = workload.add(Task::plain(vec![]));
        let restricted = workload.add(Task { workers: vec!["a".into()], ..Task::plain(vec![]) });
        let demanding = workload.add(Task { resource: 2, ..Task::plain(vec![]) });
        let mut presence = Presence::default();
        join(&mut presence, 1, 1, "b", 1);
        join(&mut presence, 5, 2, "a", 2);
        presence.left(at(6), WorkerId(Incarnation(1)));
        presence.left(at(8), WorkerId(Incarnation(2)));
        let absences = |presence: &Presence, now: u64| {
            [plain, restricted, demanding].map(|task| presence.longest_absence(&workload, task, at(now)).as_secs())
        };
        assert_eq!(absences(&presence, 10), [2, 5, 5]);
        presence.scheduler_restarted(at(11));
        join(&mut presence, 13, 3, "a", 0);
        assert_eq!(absences(&presence, 19), [3, 5, 8]);
        assert_eq!(presence.count(), 1);
    }
}
