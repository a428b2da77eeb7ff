//! Tasks that no worker may run: they wait for one, their clients hear why, and in the end they fail.

use std::{collections::BTreeMap, sync::Arc};

use brisk_core::{
    error::{ErrorKind, Failure},
    id::EnvironmentId,
    message::SchedulerToClient,
    task::TaskName,
};

use super::{
    Scheduler,
    class::Class,
    slab::{ClassIndex, ClientIndex, EnvironmentIndex, TaskIndex},
    timers::Timer,
};

impl Scheduler {
    /// Workers of a build came or went: finds out anew which tasks they may run.
    pub(super) fn reconsider_classes(&mut self, environment: EnvironmentIndex) {
        for class in self.classes.of_environment(environment) {
            // Nowhere while its workers are found anew: where it stands may depend on them.
            self.strand_class(class);
            self.classes.reconsider(class, &self.workers);
            let can_run = !self.classes.eligible(class).is_empty();
            for t in self.stranded_otherwise(class, can_run) {
                // The inputs may be longer than what the workers that are there could hold.
                if self.classes.slab[class].demand.memory > 0 || (can_run && !self.tasks[t].dependencies.is_empty()) {
                    self.enter_waiting(t);
                } else if can_run {
                    self.enter_queued(t);
                } else {
                    self.enter_no_worker(t);
                }
            }
            if can_run {
                self.list_class(class);
                self.disarm_notice(class);
                self.classes.slab[class].noticed.clear();
                self.work.room = true;
            }
        }
    }

    /// The tasks in the queue of a class that are in the wrong state for that some worker can run them, or none can.
    fn stranded_otherwise(&self, class: ClassIndex, can_run: bool) -> Vec<TaskIndex> {
        let nobody = |t: TaskIndex| matches!(self.tasks[t].state, super::task::State::NoWorker { .. });
        let queue = &self.classes.slab[class].queue;
        match queue.iter().next().is_some_and(|t| nobody(t) == can_run) {
            true => queue.iter().collect(),
            false => Vec::new(),
        }
    }

    /// Clients are to be told soon why no task of a class runs.
    pub(super) fn arm_notice(&mut self, class: ClassIndex) {
        if self.classes.slab[class].notice_at.is_none() {
            let at = self.now + self.config.notice_after;
            self.classes.slab[class].notice_at = Some(at);
            self.timers.insert(at, Timer::Notice(class));
        }
    }

    pub(super) fn disarm_notice(&mut self, class: ClassIndex) {
        if let Some(at) = self.classes.slab[class].notice_at.take() {
            self.timers.remove(at, Timer::Notice(class));
        }
    }

    /// A client has asked for something: if that can't run, it should hear of it like those who asked before.
    pub(super) fn arm_notices_of(&mut self, c: ClientIndex) {
        if !self.classes.environments[self.clients[c].environment].pool.workers.is_empty()
            && self.classes.is_all_plain()
        {
            return;
        }
        for class in self.classes.of_environment(self.clients[c].environment) {
            if !self.classes.slab[class].queue.is_empty()
                && self.classes.eligible(class).is_empty()
                && !self.classes.slab[class].noticed.contains(&c)
            {
                self.arm_notice(class);
            }
        }
    }

    /// Tells the clients that wait for tasks of a class, each once, why none of them runs.
    pub(super) fn give_notice(&mut self, class: ClassIndex) {
        self.classes.slab[class].notice_at = None;
        let message: Arc<str> = match self.classes.eligible(class).is_empty() {
            true => self.explain(class).into(),
            false if self.is_pressed(class) => self.explain_pressure(class).into(),
            // Somebody can run them by now.
            false => return,
        };
        for (c, tasks) in self.clients_waiting_for(class) {
            if self.classes.slab[class].noticed.insert(c) {
                self.tell_client(c, SchedulerToClient::Notice { tasks, message: message.clone() });
            }
        }
    }

    /// Who waits for tasks of a class, or for what depends on them, with a few of those tasks for each.
    fn clients_waiting_for(&self, class: ClassIndex) -> BTreeMap<ClientIndex, Vec<TaskName>> {
        /// Tasks looked at: enough to find everybody, few enough to take no time.
        const LOOKED_AT: usize = 100_000;
        /// Tasks named.
        const NAMED: usize = 3;
        let mut found: BTreeMap<ClientIndex, Vec<TaskName>> = BTreeMap::new();
        let mut seen = std::collections::BTreeSet::new();
        for first in self.classes.slab[class].queue.iter() {
            let mut stack = vec![first];
            while let Some(t) = stack.pop() {
                if seen.len() >= LOOKED_AT {
                    return found;
                }
                if !seen.insert(t) {
                    continue;
                }
                for want in &self.tasks[t].wants {
                    let names = found.entry(want.client).or_default();
                    if names.len() < NAMED {
                        names.push(self.name(first));
                        names.dedup();
                    }
                }
                let dependents = self.tasks[t].dependents.iter().map(|edge| edge.task);
                stack.extend(dependents.filter(|&d| self.tasks[d].state.is_unfinished()));
            }
        }
        found
    }

    /// A task has waited too long.
    pub(super) fn expire(&mut self, t: TaskIndex) {
        let waited = self.config.no_worker_timeout.as_secs_f64();
        let message = format!("no worker could run it for {waited} s: {}", self.explain(self.tasks[t].class));
        let error = self.error_of(t, Failure::new(ErrorKind::NoWorker, message), None);
        // The state keeps the deadline that has just fired; taking it out again does nothing.
        self.enter_erred(t, error, None);
    }

    /// What is missing for tasks of a class to run, and what to do.
    fn explain(&self, class: ClassIndex) -> String {
        let class = &self.classes.slab[class];
        let environment = &self.classes.environments[class.environment];
        let workers = &environment.pool.workers;
        if self.workers.len() == 0 {
            return format!(
                "no worker is connected{}: start some, with `brisk worker` on the hosts that should compute",
                self.obstacles(class.environment)
            );
        }
        if workers.is_empty() {
            return format!(
                "none of the {} connected workers runs this program (build {}){}: workers must run the very executable \
                 that the client runs",
                self.workers.len(),
                environment.id,
                self.obstacles(class.environment)
            );
        }
        let able = workers.iter().filter(|&&w| self.workers[w].declares(&class.demand.resources)).count();
        match able {
            0 => format!(
                "none of the {} workers declares {}: start one that does, or ask for less",
                workers.len(),
                demanded(class)
            ),
            able if class.demand.asked().next().is_none() => format!(
                "none of the {able} workers has the name, address or host {}: start it, or allow other workers",
                class.demand.workers.join(" or ")
            ),
            able => format!(
                "none of the {able} workers that declare {} has the name, address or host {}: start it, or allow other \
                 workers",
                demanded(class),
                class.demand.workers.join(" or ")
            ),
        }
    }

    fn obstacles(&self, environment: EnvironmentIndex) -> String {
        /// Hosts named.
        const NAMED: usize = 3;
        let obstacles = &self.classes.environments[environment].obstacles;
        let told: Vec<_> = obstacles.iter().take(NAMED).map(|(who, why)| format!("{who}: {why}")).collect();
        if told.is_empty() { String::new() } else { format!(" ({})", told.join("; ")) }
    }

    /// Remembers why no worker of a build was started, for those who will ask.
    pub(super) fn note_obstacle(&mut self, environment: EnvironmentIndex, who: Arc<str>, why: Arc<str>) {
        /// How many are remembered for one build.
        const OBSTACLES: usize = 16;
        let obstacles = &mut self.classes.environments[environment].obstacles;
        obstacles.insert(who, why);
        if obstacles.len() > OBSTACLES {
            obstacles.pop_first();
        }
    }

    /// A supervisor can't start a program: its clients hear of it at once.
    pub(super) fn cannot_start(&mut self, host: Arc<str>, environment: EnvironmentId, reason: &str) {
        let Some(environment) = self.classes.find(environment) else { return };
        self.note_obstacle(environment, host.clone(), reason.into());
        let message: Arc<str> = format!("no worker of this program was started on {host}: {reason}").into();
        for c in self.clients.slab.indices().collect::<Vec<_>>() {
            if self.clients[c].environment == environment {
                self.tell_client(c, SchedulerToClient::Notice { tasks: Vec::new(), message: message.clone() });
            }
        }
    }
}

fn demanded(class: &Class) -> String {
    let resources = class.demand.asked();
    resources.map(|(name, amount)| format!("{} {name}", amount.as_f64())).collect::<Vec<_>>().join(" and ")
}
