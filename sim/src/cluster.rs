//! The whole cluster on one thread: the real machines, on a virtual network, in virtual time.
//!
//! The cluster does what the shells around the machines do, and nothing more: it hands events in, carries actions out, and
//! keeps values. Faults come from outside, by the methods of [`Cluster`]; each step is watched by the
//! [`properties`](crate::properties).

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use brisk_core::{
    id::{ClientId, Epoch, Incarnation, RunId, WorkerId},
    time::Moment,
};
use brisk_scheduler::machine as scheduler;
use brisk_worker::machine as worker;

use crate::{
    calendar::Calendar,
    client::Client,
    failure::Failure,
    network::{Arrival, Conditions, Delivery, LinkId, Network, Node, Packet},
    properties::{Judge, invariants, storage::Stored},
    random::Random,
    tamper::{HandsOff, Tamper},
    trace::{Lines, Trace},
    workload::{Build, Task, TaskIndex, Workload},
};

mod calls;
mod clients;
mod clocks;
mod data;
mod endings;
mod outgoing;
mod puts;
mod repeats;
pub(crate) mod returns;
mod schedulers;
mod supervisors;
mod wire;
mod workers;

pub use workers::WorkerNode;

/// The first life of the scheduler.
pub const FIRST_EPOCH: Epoch = Epoch(7);

/// How long work that an earlier session left behind goes on, at least and at most.
const SOON: Duration = Duration::from_micros(10);
const LATER: Duration = Duration::from_millis(500);

/// How a cluster is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The scheduler's.
    pub scheduler: scheduler::Config,
    /// The network.
    pub conditions: Conditions,
    /// What goes wrong all the time.
    pub trouble: Trouble,
    /// Whether messages go through the codec, as between processes, or are handed over, as inside one.
    pub encodes: bool,
    /// Whether what one peer has to say to another at a time travels as one batch, or each message by itself.
    pub batches: bool,
    /// Whether what happens is kept or printed.
    pub lines: Lines,
    /// Invariants are checked after every event as long as there are at most so many tasks, and more seldom beyond.
    pub checked_tasks: u64,
    /// A bug in one of the machines.
    #[cfg(feature = "planted")]
    pub planted: Option<crate::planted::Bug>,
}

/// What goes wrong all the time, in a thousand times each.
#[derive(Clone, Debug, Default)]
pub struct Trouble {
    /// A holder says that it is busy.
    pub busy: u32,
    /// A message on a data link vanishes, and nobody notices.
    pub vanishes: u32,
    /// A data link breaks when something is sent.
    pub breaks: u32,
    /// The scheduler is given a copy of a message that names another life of it.
    pub strange_epochs: u32,
    /// What comes after the end of a connection is handed out all the same.
    pub late: u32,
    /// A message comes to the scheduler twice, the second time late.
    pub repeats: u32,
    /// A machine is woken though nothing is due.
    pub early_ticks: u32,
    /// A run that is to be aborted ends at once.
    pub aborts: u32,
    /// Who has lost the scheduler comes back.
    pub returns: u32,
}

impl Settings {
    /// A cluster in which nothing goes wrong.
    pub fn calm() -> Self {
        Settings {
            scheduler: scheduler::Config::default(),
            conditions: Conditions::calm(),
            trouble: Trouble::default(),
            encodes: false,
            batches: false,
            lines: Lines::Kept,
            checked_tasks: 200,
            #[cfg(feature = "planted")]
            planted: None,
        }
    }
}

/// A worker that is to join.
#[derive(Clone, Debug)]
pub struct WorkerSpec {
    /// Its name and its host's.
    pub name: Arc<str>,
    /// How many tasks it runs at once.
    pub threads: u32,
    /// Its limits.
    pub config: worker::Config,
    /// How fast it says that it is. It is not: tasks take what they take.
    pub speed_percent: u32,
    /// How much of the resource it has.
    pub resource: u64,
    /// The program that it is of.
    pub build: Build,
    /// Its process's name, if a supervisor has started it: no other that lives has it. Its name is its host's then.
    pub process: Option<Arc<str>>,
}

impl WorkerSpec {
    /// A worker without limits.
    pub fn new(name: &str, threads: u32) -> Self {
        let config = worker::Config::new(threads, 0);
        WorkerSpec { name: name.into(), threads, config, speed_percent: 100, resource: 0, build: 0, process: None }
    }
}

/// Scheduler, workers and clients.
#[derive(Debug)]
pub struct Cluster {
    /// What is computed.
    pub workload: Arc<Workload>,
    /// How the cluster is.
    pub settings: Settings,
    /// What happened.
    pub trace: Trace,
    /// Who watches.
    pub judge: Judge,
    calendar: Calendar<Happening>,
    network: Network,
    random: Random,
    tamper: Box<dyn Tamper>,
    scheduler: scheduler::Scheduler,
    scheduler_tick: Option<Moment>,
    /// The scheduler's links, by peer.
    links: BTreeMap<Node, LinkId>,
    workers: BTreeMap<WorkerId, WorkerNode>,
    clients: BTreeMap<ClientId, Client>,
    /// Data links, by who asks and who is asked.
    data_links: BTreeMap<(Node, WorkerId), LinkId>,
    /// What was said on links with the scheduler, and is not sent yet.
    outgoing: Vec<(LinkId, Node, Packet)>,
    /// Nodes whose clocks are ahead, and how far.
    clocks: BTreeMap<Node, Duration>,
    /// Who watches the workers' processes, if anybody does.
    supervisor: supervisors::Supervision,
    /// What clients have asked of workers, and was not answered.
    asked: BTreeSet<(ClientId, WorkerId, TaskIndex)>,
    requests: u64,
    /// What waits for a node that stands still.
    paused: BTreeMap<Node, VecDeque<Happening>>,
    last_incarnation: u64,
    events: u64,
    /// The scheduler's present life, and the one that each link with it belongs to.
    epoch: Epoch,
    epochs: BTreeMap<LinkId, Epoch>,
    /// How many have lost their scheduler and are about to come back.
    away: u32,
    /// Whether clients that come back bring everything to themselves.
    healed: bool,
    /// How likely it is that what is handed over is not confirmed at once, in a thousand times; none once clients let go of
    /// everything.
    tardy: Option<u32>,
}

/// Something that is going to happen.
#[derive(Clone, Debug)]
enum Happening {
    Arrives(Delivery),
    SchedulerTick,
    WorkerTick(WorkerId),
    RunEnds { worker: WorkerId, run: RunId },
    RunDetaches { worker: WorkerId, run: RunId },
    RunSecedes { worker: WorkerId, run: RunId },
    RunRejoins { worker: WorkerId, run: RunId },
    Resumes(Node),
    Flush,
    WorkerReturns(Box<returns::Returning>),
    ClientReturns(Box<Client>),
    SupervisorReturns,
    Exited(Box<brisk_core::message::Exit>),
    Ended(WorkerId),
    CallEnds(Box<calls::Ending>),
    Repeats(Box<scheduler::Event>),
}

impl Cluster {
    /// A scheduler alone.
    pub fn new(workload: Arc<Workload>, settings: Settings, mut random: Random) -> Self {
        let mut judge = Judge::new(&workload);
        judge.sharing.scheduler_started(FIRST_EPOCH, settings.scheduler.client_grace);
        Cluster {
            judge,
            workload,
            trace: Trace::new(settings.lines),
            calendar: Calendar::new(),
            network: Network::new(settings.conditions.clone(), random.fork()),
            random,
            tamper: Box::new(HandsOff),
            scheduler: schedulers::machine(&settings, FIRST_EPOCH),
            scheduler_tick: None,
            settings,
            links: BTreeMap::new(),
            workers: BTreeMap::new(),
            clients: BTreeMap::new(),
            data_links: BTreeMap::new(),
            outgoing: Vec::new(),
            clocks: BTreeMap::new(),
            supervisor: supervisors::Supervision::Nobody,
            asked: BTreeSet::new(),
            requests: 0,
            paused: BTreeMap::new(),
            last_incarnation: 0,
            events: 0,
            epoch: FIRST_EPOCH,
            epochs: BTreeMap::new(),
            away: 0,
            healed: false,
            tardy: Some(0),
        }
    }

    /// From now on what is handed over is not confirmed at once so often, in a thousand times.
    pub fn set_tardy(&mut self, tardy: u32) {
        self.tardy = Some(tardy);
    }

    /// From now on somebody reaches in.
    pub fn set_tamper(&mut self, tamper: Box<dyn Tamper>) {
        self.tamper = tamper;
    }

    /// From now on the network is like this.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.network.conditions = conditions;
    }

    /// What time it is.
    pub fn now(&self) -> Moment {
        self.calendar.now()
    }

    /// When the next thing happens, if anything does.
    pub fn next(&self) -> Option<Moment> {
        self.calendar.next()
    }

    /// Lets time pass in which nothing happens.
    pub fn wait_until(&mut self, at: Moment) {
        self.calendar.wait_until(at);
    }

    /// How many events the machines were given.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// What the scheduler looks like.
    pub fn snapshot(&self) -> scheduler::Snapshot {
        self.scheduler.snapshot()
    }

    /// How many names of primitives the scheduler knows.
    pub fn shared_names(&self) -> usize {
        self.scheduler.shared_names()
    }

    /// The workers.
    pub fn workers(&self) -> impl Iterator<Item = (WorkerId, &worker::Worker)> {
        self.workers.iter().map(|(id, node)| (*id, &node.machine))
    }

    /// How many workers of a build there are.
    pub fn workers_of(&self, build: Build) -> u32 {
        self.workers.values().filter(|node| node.spec.build == build).count() as u32
    }

    /// A worker with its executor and store, if it is there.
    pub fn worker(&self, id: WorkerId) -> Option<&WorkerNode> {
        self.workers.get(&id)
    }

    /// The clients.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.values()
    }

    /// A client, if it is there.
    pub fn client(&self, id: ClientId) -> Option<&Client> {
        self.clients.get(&id)
    }

    /// Lets a client do something, and sends what it has to say.
    ///
    /// # Errors
    /// If a property does not hold.
    pub fn with_client(&mut self, id: ClientId, act: impl FnOnce(&mut Client, &Workload)) -> Result<(), Failure> {
        let places = self.clients.get(&id).map(|client| self.announceable(client.build));
        if let Some(client) = self.clients.get_mut(&id) {
            client.places = places.unwrap_or_default();
            act(client, &self.workload);
        }
        self.pump_client(id)
    }

    /// A worker joins.
    ///
    /// # Errors
    /// If a property does not hold.
    pub fn join_worker(&mut self, spec: &WorkerSpec) -> Result<WorkerId, Failure> {
        let spec = &WorkerSpec { process: self.process_name(), ..spec.clone() };
        let id = WorkerId(self.next_incarnation());
        self.open_control(Node::Worker(id));
        self.workers.insert(id, WorkerNode::new(spec, id, self.epoch, &self.settings));
        self.introduce(id, spec)?;
        Ok(id)
    }

    /// A worker joins that has brought values along, for clients to announce.
    ///
    /// # Errors
    /// If a property does not hold.
    pub fn join_worker_with(&mut self, spec: &WorkerSpec, tasks: &[TaskIndex]) -> Result<WorkerId, Failure> {
        let spec = &WorkerSpec { process: self.process_name(), ..spec.clone() };
        let id = WorkerId(self.next_incarnation());
        self.open_control(Node::Worker(id));
        let stored = |task: &TaskIndex| {
            let Task { key, nbytes, .. } = *self.workload.task(*task);
            (key, Stored { value: self.judge.oracle.value(*task), nbytes })
        };
        let store: BTreeMap<_, _> = tasks.iter().map(stored).collect();
        let lengths: Vec<_> = store.iter().map(|(key, stored)| (*key, stored.nbytes)).collect();
        let node = WorkerNode::returning(spec, id, self.epoch, (store, &lengths, 0), &self.settings);
        self.workers.insert(id, node);
        self.introduce(id, spec)?;
        self.drain_worker(id, &[], None)?;
        Ok(id)
    }

    /// Which workers of a build have which of the values that clients announce.
    pub(crate) fn announceable(&self, build: Build) -> BTreeMap<TaskIndex, Vec<WorkerId>> {
        let of_build = || self.workers.iter().filter(|(_, node)| node.spec.build == build);
        let at = |key| of_build().filter(move |(_, node)| node.store.contains_key(&key)).map(|(id, _)| *id).collect();
        self.workload.scattered(build).into_iter().map(|task| (task, at(self.workload.task(task).key))).collect()
    }

    /// A client joins.
    ///
    /// # Errors
    /// If a property does not hold.
    pub fn join_client(&mut self) -> Result<ClientId, Failure> {
        self.join_client_of(0)
    }

    /// A client of a build joins.
    ///
    /// # Errors
    /// If a property does not hold.
    pub fn join_client_of(&mut self, build: Build) -> Result<ClientId, Failure> {
        let id = self.meet_client(build)?;
        self.clients.insert(id, Client::new(id, build, self.epoch));
        Ok(id)
    }

    /// From now on clients bring every value to themselves, and those that come back as well.
    ///
    /// # Errors
    /// If a property does not hold.
    pub fn gather_everything(&mut self) -> Result<(), Failure> {
        self.healed = true;
        for id in self.clients().map(|client| client.id).collect::<Vec<_>>() {
            self.with_client(id, |client, workload| client.gather_all(workload))?;
        }
        Ok(())
    }

    /// From now on clients give back what they share, as soon as they have all of it.
    ///
    /// # Errors
    /// If a property does not hold.
    pub fn let_go(&mut self) -> Result<(), Failure> {
        self.tardy = None;
        for id in self.clients().map(|client| client.id).collect::<Vec<_>>() {
            self.with_client(id, |client, _| client.let_go())?;
        }
        Ok(())
    }

    /// The next thing happens. Whether there was one.
    ///
    /// # Errors
    /// If a property does not hold.
    pub fn step(&mut self) -> Result<bool, Failure> {
        let Some(happening) = self.calendar.take() else { return Ok(false) };
        let now = self.calendar.now();
        self.happen(happening).map_err(|failure| failure.at(now))?;
        Ok(true)
    }

    fn happen(&mut self, happening: Happening) -> Result<(), Failure> {
        if let Some(node) = happening.concerns()
            && let Some(waiting) = self.paused.get_mut(&node)
        {
            waiting.push_back(happening);
            return Ok(());
        }
        match happening {
            Happening::Arrives(delivery) => self.arrives(delivery),
            Happening::SchedulerTick => {
                self.scheduler_tick = None;
                self.tell_scheduler(scheduler::Event::Tick)
            }
            Happening::WorkerTick(worker) => {
                if let Some(node) = self.workers.get_mut(&worker) {
                    node.tick = None;
                }
                self.tell_worker(worker, worker::Event::Tick, &[])
            }
            Happening::RunEnds { worker, run } => self.run_ends(worker, run),
            Happening::RunDetaches { worker, run } => self.run_detaches(worker, run),
            Happening::RunSecedes { worker, run } => self.run_secedes(worker, run),
            Happening::RunRejoins { worker, run } => self.run_rejoins(worker, run),
            Happening::Flush => {
                self.flush();
                Ok(())
            }
            Happening::WorkerReturns(returning) => self.worker_returns(*returning),
            Happening::ClientReturns(client) => self.client_returns(*client),
            Happening::SupervisorReturns => self.supervisor_joins(),
            Happening::Exited(exit) => {
                self.supervisor_reports(*exit);
                Ok(())
            }
            Happening::Ended(worker) => {
                self.kill(Node::Worker(worker), "its supervisor has ended it", true);
                Ok(())
            }
            Happening::CallEnds(ending) => self.call_ends(*ending),
            Happening::Repeats(event) => self.repeat(*event),
            Happening::Resumes(node) => {
                for happening in self.paused.remove(&node).unwrap_or_default() {
                    self.happen(happening)?;
                }
                Ok(())
            }
        }
    }

    fn arrives(&mut self, delivery: Delivery) -> Result<(), Failure> {
        match self.network.arrive(self.calendar.now(), &delivery) {
            Arrival::Delivered => {}
            // Transports do not hand out what comes after the end. The scheduler is to know by itself all the same.
            Arrival::Late
                if delivery.to == Node::Scheduler
                    && self.random.chance(self.settings.trouble.late)
                    && !self.links.values().any(|link| *link == delivery.link) => {}
            Arrival::Late | Arrival::Lost => return Ok(()),
        }
        let Delivery { link, from, to, packet } = delivery;
        let packet = if self.settings.encodes { wire::through(packet)? } else { packet };
        match packet {
            Packet::Batch(packets) => packets.into_iter().try_for_each(|packet| self.heard(link, from, to, packet)),
            packet => self.heard(link, from, to, packet),
        }
    }

    /// One message has come.
    fn heard(&mut self, link: LinkId, from: Node, to: Node, packet: Packet) -> Result<(), Failure> {
        match (to, packet) {
            (Node::Scheduler, packet) => self.scheduler_hears(link, from, packet),
            (Node::Worker(worker), Packet::ToWorker(message)) => {
                let epoch = self.epoch_of(link);
                if self.random.chance(self.settings.trouble.strange_epochs) {
                    let (epoch, message) = (Epoch(epoch.0 - 1), message.clone());
                    self.tell_worker(worker, worker::Event::FromScheduler { epoch, message }, &[])?;
                }
                self.tell_worker(worker, worker::Event::FromScheduler { epoch, message }, &[])
            }
            (Node::Worker(worker), Packet::Closed(_)) if from == Node::Scheduler => {
                self.worker_lost_scheduler(worker);
                Ok(())
            }
            (Node::Client(client), Packet::ToClient(message)) => self.client_hears(client, message),
            (Node::Client(client), Packet::Closed(_)) if from == Node::Scheduler => {
                self.client_lost_scheduler(client);
                Ok(())
            }
            (Node::Supervisor(_), Packet::ToSupervisor(message)) => {
                self.supervisor_hears(&message);
                Ok(())
            }
            (Node::Supervisor(supervisor), Packet::Closed(_)) => {
                self.supervisor_lost_scheduler(supervisor);
                Ok(())
            }
            (to, Packet::Data(message)) => self.data_arrives(link, from, to, message),
            (to, Packet::Closed(_)) => self.data_link_ended(link, from, to),
            (to, packet) => Err(Failure::safety("network", format!("{to:?} is given {packet:?}"))),
        }
    }

    /// Puts something that was sent into the calendar.
    fn post(&mut self, delivery: Option<(Moment, Delivery)>) {
        if let Some((at, delivery)) = delivery {
            self.calendar.enter(at, Happening::Arrives(delivery));
        }
    }

    fn next_incarnation(&mut self) -> Incarnation {
        self.last_incarnation += 1;
        Incarnation(self.last_incarnation)
    }

    /// Whether it is worth its time to check all invariants now.
    fn checks_invariants(&mut self) -> bool {
        self.events += 1;
        let tasks = self.workload.tasks().len() as u64;
        tasks <= self.settings.checked_tasks
            || self.events.is_multiple_of(tasks / self.settings.checked_tasks.max(1) + 1)
    }

    /// Every invariant of every machine.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn check_invariants(&self) -> Result<(), Failure> {
        invariants::of_scheduler(&self.scheduler)?;
        self.workers.iter().try_for_each(|(id, node)| invariants::of_worker(*id, &node.machine))
    }

    /// Tasks that clients want, of those that are there.
    pub fn wanted(&self) -> BTreeSet<TaskIndex> {
        self.clients.values().flat_map(|client| client.handles().map(|(task, _)| task)).collect()
    }
}

impl Happening {
    /// The node that does not notice while it stands still.
    fn concerns(&self) -> Option<Node> {
        match self {
            Happening::Arrives(delivery) => Some(delivery.to),
            Happening::SchedulerTick | Happening::Repeats(_) => Some(Node::Scheduler),
            Happening::WorkerTick(worker)
            | Happening::RunEnds { worker, .. }
            | Happening::RunDetaches { worker, .. }
            | Happening::RunSecedes { worker, .. }
            | Happening::RunRejoins { worker, .. } => Some(Node::Worker(*worker)),
            Happening::CallEnds(ending) => Some(Node::Worker(ending.worker)),
            Happening::Resumes(_)
            | Happening::Flush
            | Happening::WorkerReturns(_)
            | Happening::ClientReturns(_)
            | Happening::SupervisorReturns
            | Happening::Exited(_)
            | Happening::Ended(_) => None,
        }
    }
}
