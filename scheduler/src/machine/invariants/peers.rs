//! Clients and their wants, open submissions, and whatever names a peer.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, ensure};
use crate::machine::{
    Scheduler,
    gathering::Gathering,
    peers::OpenSubmission,
    slab::{ClassIndex, Index, TaskIndex, WorkerIndex},
    task::State,
    timers::Timer,
};

impl Scheduler {
    /// I20: no list, set or timer names a peer, class or task that is gone.
    pub(super) fn i20_the_gone_are_forgotten(&self) -> Check {
        let is_worker = |w: WorkerIndex| self.workers.slab.get(w).is_some();
        let told =
            self.clients.slab.iter().map(|(_, c)| &c.knows).chain(self.workers.slab.iter().map(|(_, w)| &w.knows));
        for knows in told {
            ensure!(knows.iter().all(is_worker), "a peer is believed to know of a dead worker");
        }
        for (index, class) in self.classes.slab.iter() {
            let mut noticed = class.noticed.iter();
            ensure!(noticed.all(|&c| self.clients.slab.get(c).is_some()), "{index:?} remembers a dead client");
        }
        for (at, timer) in self.timers.iter() {
            let live = match timer {
                Timer::Expire(t) => self.tasks.get(t).is_some_and(|task| {
                    matches!(task.state, State::NoWorker { since } if since + self.config.no_worker_timeout == at)
                }),
                Timer::Alarm(t) => self.tasks.get(t).is_some_and(|task| {
                    let alarm = task.past().and_then(|history| history.alarm);
                    alarm == Some(at) && matches!(task.state, State::Waiting { .. } | State::Processing(_))
                }),
                Timer::Notice(class) => self.classes.slab.get(class).is_some_and(|class| class.notice_at == Some(at)),
                Timer::Watch => self.watch_at == Some(at),
                Timer::Copy(t, w) => self.copies.iter().any(|copy| (copy.0, copy.1, copy.2.deadline) == (t, w, at)),
                Timer::Copies => self.replicas.rest_at == Some(at),
                Timer::Surplus => self.surplus_at == Some(at),
                Timer::Withheld(environment) => {
                    let build = self.classes.environments.get(environment);
                    build.is_some_and(|build| build.pool.withheld.until == Some(at))
                }
                Timer::Relief => self.relief_at == Some(at),
                Timer::Retire(w) => self.retirements.get(w).is_some_and(|r| r.patience_ends == at),
                Timer::Stop(environment) => self.programs.contains_key(&environment),
                Timer::Offers(w) => self.workers.slab.get(w).is_some_and(|worker| worker.offers_until == Some(at)),
                Timer::Departed(c) => self.clients.slab.get(c).is_some_and(|client| client.departed == Some(at)),
                Timer::Gathered => self.gathering == Gathering::Until(at),
            };
            ensure!(live, "{timer:?} at {at} is for nothing");
        }
        Ok(())
    }

    /// I20, for workers that were told of others: each of both knows of it.
    pub(super) fn i20_introductions_have_two_ends(&self) -> Check {
        let mut ends = 0usize;
        for (w, worker) in self.workers.slab.iter() {
            for other in worker.knows.iter::<WorkerIndex>() {
                let known_by = self.workers.slab.get(other).map(|other| &other.known_by);
                let back = known_by.is_some_and(|known_by| known_by.contains(w));
                ensure!(back, "{} was told of {other:?}, which does not show there", worker.id);
                ends += 1;
            }
        }
        let backs: usize =
            self.workers.slab.iter().map(|(_, worker)| worker.known_by.iter::<WorkerIndex>().count()).sum();
        ensure!(ends == backs, "{ends} workers were told of, and {backs} are believed to have been");
        Ok(())
    }

    /// I20, for classes and builds: the last user takes them along.
    pub(super) fn i20_classes_have_users(&self) -> Check {
        let mut tasks: BTreeMap<ClassIndex, u32> = BTreeMap::new();
        for (_, task) in self.tasks() {
            *tasks.entry(task.class).or_default() += 1;
        }
        ensure!(tasks.len() == self.classes.slab.len(), "{} classes for {}", self.classes.slab.len(), tasks.len());
        let mut used: BTreeSet<u32> = self.classes.slab.iter().map(|(_, class)| class.environment.as_u32()).collect();
        used.extend(self.clients.slab.iter().map(|(_, client)| client.environment.as_u32()));
        used.extend(self.workers.slab.iter().map(|(_, worker)| worker.environment.as_u32()));
        let known = self.classes.environments.len();
        ensure!(known == used.len(), "{known} builds are known, {} used", used.len());
        Ok(())
    }

    /// I20, for hosts: each has workers, which are there, and each of those has its host.
    pub(super) fn i20_links_are_between_the_living(&self) -> Check {
        let workers = self.workers.slab.iter().map(|(w, worker)| (w, worker.host, &*worker.info.host));
        ensure!(self.links.are_between(workers), "hosts are {:?}", self.links);
        Ok(())
    }

    /// I21: a task knows a client's want if and only if the client lists the task. I24: and the client is alive, since its
    /// end takes its list along.
    pub(super) fn i21_wants_are_symmetrical(&self) -> Check {
        let mut wants = 0;
        for (t, task) in self.tasks() {
            wants += task.wants.len();
            for want in &task.wants {
                let client = self.clients.slab.get(want.client);
                let listed = client.and_then(|client| client.wants.get(want.slot as usize));
                ensure!(listed == Some(&t), "{} is not on the list of {:?}", self.name(t), want.client);
            }
        }
        let listed: usize = self.clients.slab.iter().map(|(_, client)| client.wants.len()).sum();
        ensure!(listed == wants, "clients list {listed} wants, but tasks know {wants}");
        Ok(())
    }

    /// I24: a client that is not connected has a deadline, is found by nobody, and leaves nothing but its wants and its leases behind.
    pub(super) fn i24_the_departed_keep_only_wants(&self) -> Check {
        for (c, client) in self.clients.slab.iter() {
            let Some(until) = client.departed else {
                ensure!(self.clients.find(client.id) == Some(c), "{} is connected and is not found", client.id);
                continue;
            };
            ensure!(self.clients.find(client.id).is_none(), "{} has departed and is found", client.id);
            ensure!(self.timers.has(until, Timer::Departed(c)), "{} has departed for ever", client.id);
            let rest = client.open.len() + client.awaited_workers.len() + client.claims.awaited();
            ensure!(rest == 0, "{} has departed and left more than wants", client.id);
        }
        Ok(())
    }

    /// I25: what an open submission has named so far is held, and what is published or shared, and nothing else. No two have one
    /// place.
    pub(super) fn i25_holds_are_those_of_open_submissions(&self) -> Check {
        let mut holds: BTreeMap<TaskIndex, u32> = BTreeMap::new();
        let open = self.clients.slab.iter().flat_map(|(_, client)| client.open.values());
        let published = self.publications.values().flat_map(|publication| &publication.tasks);
        let shared = self.shared_tasks();
        for t in open.flat_map(|open| &open.held).chain(published).copied().chain(shared) {
            *holds.entry(t).or_default() += 1;
        }
        for (t, task) in self.tasks() {
            let expected = holds.remove(&t).unwrap_or(0);
            ensure!(task.holds > 0 || !task.marks.held_for_lineage(), "{} is held by nobody for lineage", self.name(t));
            ensure!(task.holds == expected, "{} is held {} times, not {expected}", self.name(t), task.holds);
        }
        ensure!(holds.is_empty(), "tasks are held that are gone");
        let open = self.clients.slab.iter().flat_map(|(_, client)| client.open.values());
        let mut places = BTreeSet::new();
        for OpenSubmission { generation, .. } in open {
            ensure!(*generation <= self.next_generation, "a submission is numbered {generation}, ahead of the last");
            ensure!(places.insert(generation), "two submissions are numbered {generation}");
        }
        Ok(())
    }
}
