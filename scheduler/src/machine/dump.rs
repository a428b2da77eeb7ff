//! The whole machine in parts that can be written down one by one, and a machine that is made of them again.
//!
//! The parts are the machine's own tables, by `serde`, so nothing is told twice and nothing is left out: a machine that is put
//! together does from then on what the other would have done. What can be found again from the rest is not written: indices by
//! key and by name. The bodies of payloads are no part of the machine's state; their lengths are.

use std::collections::BTreeMap;

use brisk_core::{
    id::{EnvironmentId, Epoch, SupervisorId},
    time::Moment,
};
use serde::{Deserialize, Serialize};

use super::{
    Config, Counters, Scheduler,
    accounts::Accounts,
    balance::Looks,
    class::Classes,
    coordination::Coordination,
    copies::Copies,
    functions::Function,
    gathering::Gathering,
    links::Links,
    offers::Offers,
    peers::{Client, Supervisor, Worker},
    publish::Publications,
    rebalance::Rebalances,
    record::FunctionIndex,
    recovery::Obituaries,
    replicas::Replicas,
    retirement::Retirements,
    slab::{ClientIndex, TaskIndex, WorkerIndex},
    supervisors::Program,
    task::{Task, Tasks},
    timers::Timers,
};

/// A part of a machine, to be written.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Part<'a>(Written<'a>);

/// A part of a machine that was read.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct ReadPart(Read);

/// A machine that is put together.
#[derive(Debug, Default)]
pub struct Assembly {
    machine: Option<Scheduler>,
    /// How many tasks are still to come.
    missing: usize,
}

/// The two lists of parts, which must be alike: `&` stands before what is borrowed in one and owned in the other.
macro_rules! parts {
    ($($(#[$doc:meta])* $part:ident { $($field:ident: $type:ty),* $(,)? },)*) => {
        #[derive(Debug, Serialize)]
        #[serde(rename_all = "snake_case")]
        enum Written<'a> {
            $($(#[$doc])* $part { $($field: &'a $type),* },)*
            /// A peer or task is under an index of its own, which is not in it.
            Function { at: FunctionIndex, function: &'a Function },
            Worker { at: WorkerIndex, worker: &'a Worker },
            Client { at: ClientIndex, is_known: bool, client: &'a Client },
            Places { vacant: Vec<Option<Vec<u32>>> },
            Task { at: TaskIndex, name: String, task: &'a Task },
        }

        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[expect(clippy::large_enum_variant, reason = "there is one at a time; tasks, of which there are many, are boxed")]
        enum Read {
            $($part { $($field: $type),* },)*
            Function { at: FunctionIndex, function: Function },
            Worker { at: WorkerIndex, worker: Box<Worker> },
            Client { at: ClientIndex, is_known: bool, client: Box<Client> },
            Places { vacant: Vec<Option<Vec<u32>>> },
            Task { at: TaskIndex, task: Box<Task> },
        }
    };
}

parts! {
    /// Comes first.
    Life {
        config: Config,
        epoch: Epoch,
        now: Moment,
        born: Option<Moment>,
        gathering: Gathering,
        next_run: u64,
        next_generation: u64,
        next_request: u64,
        surplus_at: Option<Moment>,
        paused_workers: usize,
        relief_at: Option<Moment>,
        watch_at: Option<Moment>,
        looks: Looks,
        counters: Counters,
        scattered: Option<FunctionIndex>,
    },
    Classes { classes: Classes },
    Accounts { accounts: Accounts },
    Links { links: Links },
    Supervisors { supervisors: BTreeMap<SupervisorId, Supervisor>, programs: BTreeMap<EnvironmentId, Program> },
    Timers { timers: Timers },
    Losses { obituaries: Obituaries },
    Offers { offers: Offers },
    Publications { publications: Publications },
    Coordination { coordination: Coordination },
    Copies { copies: Copies, replicas: Replicas, rebalances: Rebalances, retirements: Retirements },
}

impl Scheduler {
    /// All parts of the machine, to be written between two events.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let functions = self.functions.iter().zip(0..);
        let functions = functions.map(|(function, at)| Written::Function { at: FunctionIndex(at), function });
        let workers = self.workers.slab.iter().map(|(at, worker)| Written::Worker { at, worker });
        let clients = self.clients.slab.iter().map(|(at, client)| {
            let is_known = self.clients.find(client.id) == Some(at);
            Written::Client { at, is_known, client }
        });
        let places = std::iter::once_with(|| Written::Places { vacant: self.tasks.slab.vacancies().collect() });
        let tasks =
            self.tasks.slab.iter().map(|(at, task)| Written::Task { at, name: self.name(at).to_string(), task });
        let parts = [self.life()].into_iter().chain(functions).chain(workers).chain(clients).chain(self.tables());
        parts.chain(places).chain(tasks).map(Part)
    }

    fn life(&self) -> Written<'_> {
        // Named one by one, so that nobody adds a field and forgets it here.
        let Scheduler {
            // Written, here or as tables.
            config: _,
            epoch: _,
            now: _,
            tasks: _,
            functions: _,
            classes: _,
            accounts: _,
            workers: _,
            links: _,
            clients: _,
            supervisors: _,
            programs: _,
            timers: _,
            obituaries: _,
            offers: _,
            gathering: _,
            publications: _,
            coordination: _,
            born: _,
            copies: _,
            replicas: _,
            rebalances: _,
            retirements: _,
            surplus_at: _,
            paused_workers: _,
            relief_at: _,
            next_run: _,
            next_generation: _,
            next_request: _,
            watch_at: _,
            looks: _,
            counters: _,
            // Follows from the settings, or is empty between two events.
            budget: _,
            work: _,
            scratch: _,
            out: _,
            chunk: _,
            records: _,
            #[cfg(feature = "planted")]
                planted: _,
        } = self;
        Written::Life {
            config: &self.config,
            epoch: &self.epoch,
            now: &self.now,
            born: &self.born,
            gathering: &self.gathering,
            next_run: &self.next_run,
            next_generation: &self.next_generation,
            next_request: &self.next_request,
            surplus_at: &self.surplus_at,
            paused_workers: &self.paused_workers,
            relief_at: &self.relief_at,
            watch_at: &self.watch_at,
            looks: &self.looks,
            counters: &self.counters,
            scattered: &self.functions.scattered,
        }
    }

    fn tables(&self) -> [Written<'_>; 10] {
        [
            Written::Classes { classes: &self.classes },
            Written::Accounts { accounts: &self.accounts },
            Written::Links { links: &self.links },
            Written::Supervisors { supervisors: &self.supervisors, programs: &self.programs },
            Written::Timers { timers: &self.timers },
            Written::Losses { obituaries: &self.obituaries },
            Written::Offers { offers: &self.offers },
            Written::Publications { publications: &self.publications },
            Written::Coordination { coordination: &self.coordination },
            Written::Copies {
                copies: &self.copies,
                replicas: &self.replicas,
                rebalances: &self.rebalances,
                retirements: &self.retirements,
            },
        ]
    }
}

impl Assembly {
    /// Adds a part, in the order in which parts were written.
    ///
    /// # Errors
    /// If it does not fit to those before.
    pub fn add(&mut self, part: ReadPart) -> Result<(), String> {
        let Some(machine) = &mut self.machine else {
            self.machine = Some(begin(part.0)?);
            return Ok(());
        };
        let fits = match part.0 {
            Read::Life { .. } => false,
            Read::Function { at, function } => {
                at.0 as usize == machine.functions.len() && machine.functions.put(function)
            }
            Read::Worker { at, worker } => machine.workers.put(at, Some(worker.id), *worker),
            Read::Client { at, is_known, client } => machine.clients.put(at, is_known.then_some(client.id), *client),
            Read::Places { vacant } => match Tasks::restore(vacant) {
                Some(tasks) if self.missing == 0 && machine.tasks.len() == 0 => {
                    (self.missing, machine.tasks) = (tasks.len(), tasks);
                    true
                }
                _ => false,
            },
            Read::Task { at, task } => {
                self.missing = self.missing.wrapping_sub(1);
                machine.tasks.put(at, *task)
            }
            table => {
                machine.put_table(table);
                true
            }
        };
        if fits { Ok(()) } else { Err("it does not fit to what stands before it".to_owned()) }
    }

    /// The machine, once all parts are there.
    ///
    /// # Errors
    /// If some are missing.
    pub fn finish(self) -> Result<Scheduler, String> {
        match self.machine {
            Some(machine) if self.missing == 0 => Ok(machine),
            Some(_) => Err(format!("{} tasks are missing", self.missing)),
            None => Err("there is nothing of a machine in it".to_owned()),
        }
    }
}

/// A machine of which only the life is known.
fn begin(part: Read) -> Result<Scheduler, String> {
    let Read::Life {
        config,
        epoch,
        now,
        born,
        gathering,
        next_run,
        next_generation,
        next_request,
        surplus_at,
        paused_workers,
        relief_at,
        watch_at,
        looks,
        counters,
        scattered,
    } = part
    else {
        return Err("the machine's life does not come first".to_owned());
    };
    let mut machine = Scheduler {
        now,
        born,
        gathering,
        next_run,
        next_generation,
        next_request,
        surplus_at,
        paused_workers,
        relief_at,
        watch_at,
        looks,
        counters,
        ..Scheduler::new(config, epoch)
    };
    machine.functions.scattered = scattered;
    Ok(machine)
}

impl Scheduler {
    fn put_table(&mut self, table: Read) {
        match table {
            Read::Classes { classes } => self.classes = classes,
            Read::Accounts { accounts } => self.accounts = accounts,
            Read::Links { links } => self.links = links,
            Read::Supervisors { supervisors, programs } => (self.supervisors, self.programs) = (supervisors, programs),
            Read::Timers { timers } => self.timers = timers,
            Read::Losses { obituaries } => self.obituaries = obituaries,
            Read::Offers { offers } => self.offers = offers,
            Read::Publications { publications } => self.publications = publications,
            Read::Coordination { coordination } => self.coordination = coordination,
            Read::Copies { copies, replicas, rebalances, retirements } => {
                (self.copies, self.replicas) = (copies, replicas);
                (self.rebalances, self.retirements) = (rebalances, retirements);
            }
            Read::Life { .. }
            | Read::Function { .. }
            | Read::Worker { .. }
            | Read::Client { .. }
            | Read::Places { .. }
            | Read::Task { .. } => unreachable!("these are no tables"),
        }
    }
}

/// Maps whose keys are more than a word, which formats for people have no maps for: as lists of pairs.
pub(super) mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::machine) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(in crate::machine) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Vec::<(K, V)>::deserialize(deserializer).map(|pairs| pairs.into_iter().collect())
    }
}
