//! Queues: ready tasks that no worker has room for, and which of them is next.
//!
//! Each class of tasks has its queue, by account and priority. The classes of one build that take the same thing (threads,
//! or places for `async` calls) make up a *lane*, which knows the head of every queue; so the next task is found without
//! looking at the others, and a lane whose workers are all full is not looked into at all.
//!
//! A class that nobody can take although some worker of its build is open (it asks for a resource that is taken, or for
//! workers that are full) is *parked*: it stops no other, and is not looked at again before one of its own workers has
//! room. So ten thousand classes that can't run cost what one costs.

use std::collections::BTreeSet;

use brisk_core::message::Priority;
use smallvec::SmallVec;

use super::{
    Scheduler,
    accounts::AccountId,
    class::{Class, Classes, Kind},
    lane::{Lane, Queue, Standing, Urgency},
    live_bytes::Instead,
    placement::Place,
    slab::{ClassIndex, EnvironmentIndex, TaskIndex, WorkerIndex},
    task::{State, Task},
    window::{Change, Ready},
};

/// Up to here a parked class is listed with each of its workers.
const NARROW: usize = 32;

impl Scheduler {
    /// A ready task waits for room; or, in a class that is stranded, for a worker.
    pub(super) fn enqueue(&mut self, t: TaskIndex) {
        let (class, ready) = (self.tasks[t].class, self.as_ready(t));
        let (account, (before, after)) = self
            .change_queue(t, 1, |queue, account, priority, threads| queue.insert(account, priority, ready, threads));
        let Some(priority) = after.filter(|_| before != after) else { return };
        match self.classes.slab[class].standing {
            Standing::Listed => match before {
                Some(first) => self.lane_mut(class).relist(account, first, priority, class),
                None => self.list_head(account, priority, class),
            },
            Standing::Parked { urgency, .. } if (self.accounts.given_ns(account), priority) < urgency => {
                self.list_class(class);
            }
            Standing::Parked { .. } | Standing::Stranded => {}
        }
    }

    /// A task leaves its queue.
    pub(super) fn dequeue(&mut self, t: TaskIndex) {
        let class = self.tasks[t].class;
        let (account, change) = self.change_queue(t, -1, Queue::remove);
        let Class { standing, queue, .. } = &self.classes.slab[class];
        if *standing == Standing::Listed {
            // One that is not the first may go and let another into the window, which comes first then.
            match change {
                (Some(first), Some(next)) if first != next => {
                    self.lane_mut(class).relist(account, first, next, class);
                }
                (Some(first), None) => self.unlist_head(account, first, class),
                _ => {}
            }
        } else if queue.is_empty() {
            self.take_off(class);
            let nobody = self.classes.eligible(class).is_empty();
            self.classes.slab[class].standing = if nobody { Standing::Stranded } else { Standing::Listed };
        }
    }

    /// Puts a task into its queue or takes it out, and counts it in its lane if it waits for room. Its account, and what was
    /// first in that one's queue before and is now.
    fn change_queue(
        &mut self,
        t: TaskIndex,
        by: i32,
        change: impl FnOnce(&mut Queue, AccountId, Priority, usize) -> Change,
    ) -> (AccountId, Change) {
        let Task { class, account, priority, ref state, .. } = self.tasks[t];
        let Classes { slab, environments, busy, .. } = &mut self.classes;
        let Class { environment, demand, queue, .. } = &mut slab[class];
        let build = &mut environments[*environment];
        let change = change(queue, account, priority, build.pool.threads);
        if matches!(state, State::Queued) {
            let lane = &mut build.lanes[demand.kind as usize];
            let was_empty = lane.is_empty();
            lane.queued = lane.queued.wrapping_add_signed(by);
            if was_empty || lane.is_empty() {
                lane.looked_at = None;
                let which = (*environment, demand.kind);
                match busy.binary_search(&which) {
                    Ok(place) => _ = busy.remove(place),
                    Err(place) => busy.insert(place, which),
                }
            }
        }
        (account, change)
    }

    /// What its queue must know of a task.
    pub(super) fn as_ready(&self, t: TaskIndex) -> Ready {
        let task = &self.tasks[t];
        Ready { t, way: task.way, is_root: task.dependencies.is_empty() }
    }

    /// The lane of a class.
    fn lane_mut(&mut self, class: ClassIndex) -> &mut Lane {
        let class = &self.classes.slab[class];
        &mut self.classes.environments[class.environment].lanes[class.demand.kind as usize]
    }

    fn list_head(&mut self, account: AccountId, priority: Priority, class: ClassIndex) {
        if self.lane_mut(class).list(account, priority, class) {
            self.catch_up(account);
            let Self { classes, accounts, .. } = self;
            let class = &classes.slab[class];
            let lane = &mut classes.environments[class.environment].lanes[class.demand.kind as usize];
            if lane.heads.len() == 2 {
                lane.order.extend(lane.heads.keys().map(|&account| (accounts.given_ns(account), account)));
            } else if lane.heads.len() > 2 {
                lane.order.insert((accounts.given_ns(account), account));
            }
        }
    }

    fn unlist_head(&mut self, account: AccountId, priority: Priority, class: ClassIndex) {
        let given_ns = self.accounts.given_ns(account);
        self.lane_mut(class).unlist(account, priority, class, given_ns);
    }

    /// Takes a class out of wherever it stands in its lane. The caller says where it stands from now on.
    fn take_off(&mut self, class: ClassIndex) {
        match self.classes.slab[class].standing {
            Standing::Listed => {
                for (account, priority) in self.classes.slab[class].queue.heads().collect::<Vec<_>>() {
                    self.unlist_head(account, priority, class);
                }
            }
            Standing::Parked { urgency, wide: true } => {
                let demand = self.classes.slab[class].demand.clone();
                self.lane_mut(class).unpark(urgency, class, &demand);
            }
            Standing::Parked { urgency, wide: false } => {
                for i in 0..self.classes.eligible(class).len() {
                    let w = self.classes.eligible(class)[i];
                    self.workers[w].parked.remove(&(urgency, class));
                }
            }
            Standing::Stranded => {}
        }
    }

    /// The tasks of a class are to be looked at again.
    pub(super) fn list_class(&mut self, class: ClassIndex) {
        self.take_off(class);
        self.classes.slab[class].standing = Standing::Listed;
        for (account, priority) in self.classes.slab[class].queue.heads().collect::<Vec<_>>() {
            self.list_head(account, priority, class);
        }
    }

    /// No worker may run a class any more.
    pub(super) fn strand_class(&mut self, class: ClassIndex) {
        self.take_off(class);
        self.classes.slab[class].standing = Standing::Stranded;
    }

    /// No worker of a class has room for it, though others of its build are open.
    fn park_class(&mut self, class: ClassIndex, urgency: Urgency) {
        self.take_off(class);
        let workers = self.classes.eligible(class).len();
        let wide = workers > NARROW;
        self.classes.slab[class].standing = Standing::Parked { urgency, wide };
        if wide {
            let demand = self.classes.slab[class].demand.clone();
            self.lane_mut(class).park(urgency, class, &demand);
        } else {
            for i in 0..workers {
                let w = self.classes.eligible(class)[i];
                self.workers[w].parked.insert((urgency, class));
            }
        }
    }

    /// A worker may have room that it had not: for queued tasks in general, and for the classes that wait for it.
    pub(super) fn note_room(&mut self, w: WorkerIndex) {
        self.work.room = true;
        if !self.classes.busy.is_empty() && self.work.roomy.last() != Some(&w) {
            self.work.roomy.push(w);
        }
    }

    /// Assigns queued tasks, in every lane where there are some, until no class can go on.
    pub(super) fn drain_queues(&mut self) {
        if self.classes.busy.is_empty() && self.classes.withheld.is_empty() {
            return;
        }
        let lanes: SmallVec<[_; 4]> = SmallVec::from_slice(&self.classes.busy);
        let withheld = self.forget_withheld();
        for &(environment, kind) in &lanes {
            self.drain_lane(environment, kind);
        }
        self.arm_withheld(withheld.into_iter().chain(lanes.into_iter().map(|(environment, _)| environment)));
    }

    fn drain_lane(&mut self, environment: EnvironmentIndex, kind: Kind) {
        if !self.may_go_on(environment, kind) {
            self.begin_abreast(environment, kind);
            return;
        }
        // What was found stuck stays so until the end of this event: room only gets less.
        let mut stuck = BTreeSet::new();
        while self.may_go_on(environment, kind) {
            let woken = self.wake(environment, kind, &stuck);
            while self.may_go_on(environment, kind)
                && let Some((account, class)) = self.classes.environments[environment].lanes[kind as usize].first()
            {
                let Some((priority, t)) = self.classes.slab[class].queue.first(account) else { break };
                let limited = self.classes.environments[environment].pool.live.is_limited();
                if limited && self.takes_too_much(t) {
                    match self.assign_instead(t, environment, kind) {
                        Instead::Another => continue,
                        Instead::Wait => break,
                        Instead::Nothing => {}
                    }
                }
                match self.place_in_turn(t) {
                    Place::On(w) => {
                        let t = self.nearest(t, w, class, account);
                        self.assign(t, w);
                    }
                    Place::Unfit => self.refit(t),
                    Place::Nowhere if self.classes.slab[class].is_plain() => return,
                    Place::Nowhere if !self.classes.environments[environment].pool.is_any_open(kind) => return,
                    Place::Nowhere => {
                        stuck.insert(class);
                        self.park_class(class, (self.accounts.given_ns(account), priority));
                    }
                }
            }
            if !woken {
                return;
            }
        }
    }

    /// Whether anything of a lane can be given out. Where memory is limited it is not enough that nobody has room: what is next
    /// may have to be set aside.
    fn may_go_on(&self, environment: EnvironmentIndex, kind: Kind) -> bool {
        let pool = &self.classes.environments[environment].pool;
        pool.is_any_open(kind) || pool.live.is_limited()
    }

    /// Lists the most urgent parked class that a worker which may have gained room can take now. Whether there was one.
    fn wake(&mut self, environment: EnvironmentIndex, kind: Kind, stuck: &BTreeSet<ClassIndex>) -> bool {
        let mut best: Option<(Urgency, ClassIndex)> = None;
        let lane = &self.classes.environments[environment].lanes[kind as usize];
        for &w in &self.work.roomy {
            let Some(worker) = self.workers.slab.get(w) else { continue };
            let nothing_waits = worker.parked.is_empty() && lane.wide.is_empty();
            if nothing_waits || worker.environment != environment || !self.budget.is_open(worker, kind) {
                continue;
            }
            let fits = |class: ClassIndex| {
                let demand = &self.classes.slab[class].demand;
                demand.kind == kind && worker.has_left(&demand.resources) && !stuck.contains(&class)
            };
            let narrow = worker.parked.iter().find(|(_, class)| fits(*class));
            let wide = lane.may_wake(&worker.available).then(|| {
                let mut wide = lane.wide.iter();
                wide.find(|(_, class)| fits(*class) && self.classes.may_run(*class, worker))
            });
            for found in [narrow, wide.flatten()].into_iter().flatten() {
                best = Some(best.map_or(*found, |best| best.min(*found)));
            }
        }
        if let Some((_, class)) = best {
            self.list_class(class);
        }
        best.is_some()
    }
}
