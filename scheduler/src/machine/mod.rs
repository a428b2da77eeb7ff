//! The scheduler as a function of its events.
//!
//! It knows tasks, workers, clients and supervisors, and of values only their lengths and holders. What it decides is in
//! small modules, each with one job; what happens to one task is always one of the transitions in `transition`.
//!
//! It deliberately has no clock, no threads and no entropy, sends nothing itself, and looks into no payload.

/// Whether this bug was planted in this machine: never, without the feature.
macro_rules! planted {
    ($machine:expr, $bug:ident) => {{
        #[cfg(feature = "planted")]
        let planted = $machine.planted == Some($crate::machine::Planted::$bug);
        #[cfg(not(feature = "planted"))]
        let planted = false;
        planted
    }};
}

// In reading order.
mod action;
mod config;
mod dump;
mod event;
mod record;
mod snapshot;

mod accounts;
mod chunked;
mod class;
mod few;
mod functions;
mod heads;
mod key_index;
mod lane;
mod links;
mod live_bytes;
mod peers;
mod pool;
mod slab;
mod sorted;
mod task;
mod timers;
mod work;

mod abreast;
mod backoff;
mod balance;
mod binding;
mod clients;
mod coordination;
mod copies;
mod critical;
mod deadlines;
mod departure;
mod dispatch;
mod errors;
mod gathering;
mod inspection;
mod lineage;
mod locality;
mod marks;
mod moves;
mod nested;
mod no_worker;
mod offers;
mod once;
mod oversize;
mod paused;
mod placement;
mod places;
mod publish;
mod quarantine;
mod queue;
mod rebalance;
mod recovery;
mod release;
mod replicas;
mod reports;
mod rescheduling;
mod retirement;
mod rough;
mod scattered;
mod seceding;
mod sent_ahead;
mod speed;
mod stealing;
mod stretches;
mod submit;
mod supervisors;
mod surplus;
mod target;
mod telling;
mod transition;
mod unrepeatable;
mod ways;
mod window;

mod invariants;
#[cfg(feature = "planted")]
mod planted;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use brisk_core::{
    function::FunctionInfo,
    id::{EnvironmentId, Epoch, SupervisorId, WorkerId},
    message::{SchedulerToClient, SchedulerToWorker},
    time::Moment,
};

pub use action::Action;
pub use config::Config;
pub use dump::{Assembly, Part, ReadPart};
pub use event::Event;
pub use inspection::{
    FunctionOverview, GraphSample, Overview, SampledTask, StateCounts, TaskDetail, WorkerDetail, WorkerOverview,
};
pub use invariants::Violation;
#[cfg(feature = "planted")]
pub use planted::Planted;
pub use record::{FunctionIndex, Record, What};
pub use snapshot::{ClientSnapshot, Counters, Snapshot, SupervisorSnapshot, WorkerSnapshot};
pub use target::{Reason, Target};

use accounts::Accounts;
use balance::Looks;
use class::Classes;
use coordination::Coordination;
use copies::Copies;
use functions::Functions;
use gathering::Gathering;
use links::Links;
use moves::Moves;
use offers::Offers;
use peers::{Clients, Peers, Supervisor, Workers};
use placement::Budget;
use publish::Publications;
use rebalance::Rebalances;
use record::Records;
use recovery::Obituaries;
use replicas::Replicas;
use retirement::Retirements;
use slab::{ClientIndex, WorkerIndex};
use submit::Chunk;
use supervisors::Program;
use task::Tasks;
use timers::{Timer, Timers};
use work::Work;

/// The scheduler.
///
/// To drive it: [`handle`](Scheduler::handle) one event; then carry out every action that
/// [`poll_action`](Scheduler::poll_action) gives, until it gives none; then the next event. When nothing happens until
/// [`next_deadline`](Scheduler::next_deadline), that moment is an event too: [`Event::Tick`]. Time must not go back; if it
/// does the machine does not notice. The same settings and events give the same actions, in every process.
#[derive(Debug)]
pub struct Scheduler {
    config: Config,
    epoch: Epoch,
    now: Moment,
    budget: Budget,
    tasks: Tasks,
    functions: Functions,
    classes: Classes,
    accounts: Accounts,
    workers: Workers,
    links: Links,
    clients: Clients,
    supervisors: BTreeMap<SupervisorId, Supervisor>,
    /// All and only the programs that have clients, or had some a moment ago.
    programs: BTreeMap<EnvironmentId, Program>,
    timers: Timers,
    obituaries: Obituaries,
    offers: Offers,
    gathering: Gathering,
    publications: Publications,
    coordination: Coordination,
    /// When the first event came.
    born: Option<Moment>,
    copies: Copies,
    replicas: Replicas,
    rebalances: Rebalances,
    retirements: Retirements,
    /// When copies that nobody needs are dropped, if there may be any.
    surplus_at: Option<Moment>,
    /// How many workers are paused, and when queued work that only such may run is looked at, if there is any.
    paused_workers: usize,
    relief_at: Option<Moment>,
    /// The latest run, submission and request to a worker. They only grow: a run is never used again, even for a key that was forgotten.
    next_run: u64,
    next_generation: u64,
    next_request: u64,
    /// When workers with work ahead are looked at, if there are any.
    watch_at: Option<Moment>,
    looks: Looks,
    counters: Counters,
    /// Empty between events.
    work: Work,
    scratch: Moves,
    chunk: Chunk,
    out: VecDeque<Action>,
    /// Apart from the actions: there are several for each of those.
    records: Records,
    #[cfg(feature = "planted")]
    planted: Option<Planted>,
}

impl Scheduler {
    /// A scheduler without peers or tasks. `epoch` is its life: what peers say to another life is dropped.
    pub fn new(config: Config, epoch: Epoch) -> Self {
        let (budget, links) = (Budget::new(&config), Links::new(&config));
        Scheduler {
            budget,
            config,
            epoch,
            now: Moment::ORIGIN,
            tasks: Tasks::new(),
            functions: Functions::new(),
            classes: Classes::new(),
            accounts: Accounts::default(),
            workers: Peers::new(),
            links,
            clients: Peers::new(),
            supervisors: BTreeMap::new(),
            programs: BTreeMap::new(),
            timers: Timers::default(),
            obituaries: Obituaries::default(),
            offers: Offers::default(),
            gathering: Gathering::default(),
            publications: Publications::default(),
            coordination: Coordination::default(),
            born: None,
            copies: Copies::default(),
            replicas: Replicas::default(),
            rebalances: Rebalances::default(),
            retirements: Retirements::default(),
            surplus_at: None,
            paused_workers: 0,
            relief_at: None,
            next_run: 0,
            next_generation: 0,
            next_request: 0,
            watch_at: None,
            looks: Looks::default(),
            counters: Counters::default(),
            work: Work::default(),
            scratch: Moves::default(),
            chunk: Chunk::default(),
            out: VecDeque::new(),
            records: Records::default(),
            #[cfg(feature = "planted")]
            planted: None,
        }
    }

    /// Takes one event. Whatever it holds, this does not panic: what peers say is checked.
    ///
    /// # Panics
    /// If the scheduler has a bug: a transition that the table of legal transitions does not have.
    pub fn handle(&mut self, now: Moment, event: Event) {
        if planted!(self, JumpForgets) && now.since(self.now) > std::time::Duration::from_secs(60) {
            self.timers.pop(now);
        }
        self.now = self.now.max(now);
        self.born.get_or_insert(self.now);
        self.dispatch_event(event);
        self.settle();
        let mut relieves_all = false;
        while let Some(timer) = self.timers.pop(self.now) {
            match timer {
                Timer::Expire(t) => self.expire(t),
                Timer::Alarm(t) => self.alarmed(t),
                Timer::Notice(class) => self.give_notice(class),
                Timer::Watch => self.look_for_stalled(),
                Timer::Stop(environment) => self.stop_program(environment),
                Timer::Offers(w) => self.expire_offers(w),
                Timer::Gathered => self.end_gathering(),
                Timer::Departed(c) => self.end_departure(c),
                Timer::Copy(t, w) => self.copy_failed(t, w),
                // They are looked at below.
                Timer::Copies => self.replicas.rest_at = None,
                Timer::Surplus => self.drop_surplus(),
                Timer::Withheld(environment) => self.reconsider_withheld(environment),
                Timer::Retire(w) => self.patience_has_ended(w),
                Timer::Relief => (self.relief_at, relieves_all) = (None, true),
            }
            self.settle();
        }
        self.flush_frees();
        self.place_copies();
        self.dispatch();
        // A task whose inputs fit nowhere has failed, and perhaps others with it. What they held may be what copies and
        // workers that are to go were waiting for.
        while !self.work.is_settled() {
            self.settle();
            self.flush_frees();
            self.place_copies();
            self.dispatch();
        }
        // One that has failed just now, and that nothing depends on, leaves nothing else to do.
        self.answer_replicated();
        self.relieve(relieves_all);
        self.disarm_withheld();
        self.feed();
        self.balance();
    }

    /// Sees to it that there are as many copies of each value as there should be. A copy is asked for after messages that
    /// free a former one, and before anything is assigned.
    fn place_copies(&mut self) {
        // Mostly nothing is copied or moved, and nobody leaves.
        let nobody_asks = self.replicas.is_idle() && self.rebalances.is_idle() && self.retirements.is_empty();
        if nobody_asks && self.copies.nothing_is_due() {
            return self.arm_surplus();
        }
        loop {
            self.advance_rebalances();
            self.make_copies();
            let dismissed = self.advance_retirements();
            // Lineages that were cut take values along, whose copies are looked at too.
            self.settle();
            let noted = !self.copies.short.is_empty() && self.replicas.rest_at.is_none();
            if !dismissed && !noted {
                break;
            }
        }
        self.arm_surplus();
        self.flush_frees();
    }

    /// The next thing to do. What is to be recorded comes last.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.out.pop_front().or_else(|| self.records.next().map(Action::Record))
    }

    /// All that [`poll_action`](Self::poll_action) would give as [`Action::Record`], at once, for whoever keeps many: calls
    /// `take` with it, and forgets it.
    pub fn take_records(&mut self, take: impl FnOnce(&Scheduler, &[Record])) {
        if !self.records.is_empty() {
            let records = std::mem::take(&mut self.records);
            take(self, records.left());
            self.records = records.emptied();
        }
    }

    /// When the machine wants a [`Tick`](Event::Tick), if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Moment> {
        self.timers.next()
    }

    /// The function that records call `index`.
    pub fn function(&self, index: FunctionIndex) -> Option<&FunctionInfo> {
        self.functions.get(index)
    }

    /// How many tasks there are.
    pub fn task_count(&self) -> usize {
        self.tasks.len()
    }

    /// How many names of locks, queues and the like are in use.
    pub fn shared_names(&self) -> usize {
        self.coordination.names()
    }

    /// What was dropped so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The whole state as text, without counters and the time: what a stale event must leave as it was.
    pub fn describe(&self) -> String {
        format!(
            "{:#?}",
            (
                &self.tasks,
                &self.functions,
                &self.classes,
                (&self.accounts, &self.links),
                &self.workers,
                &self.clients,
                &self.supervisors,
                &self.programs
            )
        ) + &format!(
            "{:#?}",
            (
                &self.timers,
                &self.obituaries,
                &self.offers,
                self.gathering,
                (&self.publications, &self.coordination),
                self.next_run,
                self.next_generation,
                &self.work
            )
        ) + &format!(
            "{:#?}",
            (&self.copies, &self.replicas, &self.rebalances, &self.retirements, self.surplus_at, self.relief_at)
        )
    }

    #[inline]
    fn dispatch_event(&mut self, event: Event) {
        match event {
            Event::ClientJoined { client, name, environment, program } => {
                self.client_joined(client, name, environment, program);
            }
            Event::ClientLeft { client, .. } => self.client_lost(client),
            Event::WorkerJoined { worker, name, environment, info } => {
                self.worker_joined(worker, name, environment, info);
            }
            Event::WorkerLeft { worker, cause, intended } => self.worker_left(worker, cause, intended),
            Event::RetireWorker { worker, reason } => self.retire_worker(worker, reason, false),
            Event::SupervisorJoined { supervisor, host, workers } => self.supervisor_joined(supervisor, host, workers),
            Event::SupervisorLeft { supervisor, .. } => self.supervisor_left(supervisor),
            Event::FromClient { client, epoch, message } => match self.clients.find_speaker(client) {
                Some(c) if self.is_current(epoch) => self.hear_client(c, message),
                Some(_) => {}
                None => self.counters.unknown_peers += 1,
            },
            Event::FromWorker { worker, epoch, message } => match self.sender(worker) {
                Some(w) if self.is_current(epoch) => self.hear_worker(w, message),
                Some(_) => {}
                None => self.counters.unknown_peers += 1,
            },
            Event::FromSupervisor { supervisor, epoch, message } => {
                if self.is_current(epoch) {
                    self.hear_supervisor(supervisor, message);
                }
            }
            Event::Tick => {}
        }
    }

    fn sender(&mut self, worker: WorkerId) -> Option<WorkerIndex> {
        let found = self.workers.find_speaker(worker);
        if found.is_none() && planted!(self, IncarnationFence) {
            return self.workers.in_order().next().map(|(w, _)| w);
        }
        found
    }

    /// Whether a message is for this life. If not, it is counted.
    fn is_current(&mut self, epoch: Epoch) -> bool {
        self.counters.stale_epochs += u64::from(epoch != self.epoch);
        epoch == self.epoch || planted!(self, EpochFence)
    }

    fn act(&mut self, action: Action) {
        self.out.push_back(action);
    }

    fn tell_client(&mut self, c: ClientIndex, message: SchedulerToClient) {
        if self.clients[c].departed.is_none() {
            let client = self.clients[c].id;
            self.out.push_back(Action::ToClient { client, message });
        }
    }

    fn tell_worker(&mut self, w: WorkerIndex, message: SchedulerToWorker) {
        let worker = self.workers[w].id;
        self.out.push_back(Action::ToWorker { worker, message });
    }

    fn record(&mut self, what: What) {
        if self.config.records {
            self.records.push(Record { at: self.now, what });
        }
    }
}
