//! The whole machine in parts that can be written down one by one, and a machine that is made of them again.
//!
//! The parts are the machine's own tables, by `serde`. Two of them are not written, since they follow from the others: which
//! tasks are ready, and which peers can be asked. The bodies of calls are not either, but their lengths are: a machine that
//! was read looks and decides as the other, and what it would hand to an executor is empty.

use brisk_core::{
    id::{Epoch, RequestId, RunId, WorkerId},
    key::Key,
    time::Moment,
};
use serde::{Deserialize, Serialize};

use super::{
    Config, Counters, Held, Slots, Worker,
    measured::Measured,
    slab::Slab,
    state::{Entry, Execution, Peer, Phase, Request, Task, TaskState},
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
    machine: Option<Worker>,
    tasks: Vec<(u32, Task)>,
    free: Vec<u32>,
}

/// The two lists of parts, which must be alike: what stands behind the names is borrowed in one and owned in the other.
macro_rules! parts {
    ($($(#[$doc:meta])* $part:ident { $($name:ident: $copy:ty),*; $($field:ident: $type:ty),* $(,)? },)*) => {
        #[derive(Debug, Serialize)]
        #[serde(rename_all = "snake_case")]
        enum Written<'a> {
            $($(#[$doc])* $part { $($name: $copy,)* $($field: &'a $type),* },)*
        }

        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[expect(clippy::large_enum_variant, reason = "there is one at a time")]
        enum Read {
            $($part { $($name: $copy,)* $($field: $type),* },)*
        }
    };
}

parts! {
    /// Comes first.
    Life {
        id: WorkerId,
        epoch: Epoch,
        now: Moment,
        phase: Phase,
        last_run: RunId,
        accepted: u64,
        last_request: RequestId,
        incoming_bytes: u64;
        config: Config,
        slots: Slots,
        held: Held,
        measured: Measured,
        counters: Counters,
        added: Vec<(Key, u64)>,
    },
    Timers { ; timers: Timers },
    Peer { id: WorkerId; peer: Peer },
    Request { id: RequestId; request: Request },
    /// A run that the executor has.
    Run { id: RunId; run: Execution },
    Free { ; places: Vec<u32> },
    Task { at: u32; task: Task },
    Key { key: Key; known: Entry },
}

impl Worker {
    /// All parts of the machine, to be written between two events.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let peers = self.peers.iter().map(|(id, peer)| Written::Peer { id: *id, peer });
        let requests = self.requests.iter().map(|(id, request)| Written::Request { id: *id, request });
        let runs = self.executions.iter().map(|(id, run)| Written::Run { id: *id, run });
        let free = Written::Free { places: self.tasks.free() };
        let tasks = self.tasks.iter().map(|(at, task)| Written::Task { at, task });
        let entries = self.sorted_entries().into_iter();
        let entries = entries.map(|(key, known)| Written::Key { key, known });
        let first = [self.life(), Written::Timers { timers: &self.timers }];
        first.into_iter().chain(peers).chain(requests).chain(runs).chain([free]).chain(tasks).chain(entries).map(Part)
    }

    fn life(&self) -> Written<'_> {
        // Named one by one, so that nobody adds a field and forgets it here.
        let Worker {
            config,
            id,
            epoch,
            now,
            phase,
            slots,
            last_run,
            accepted,
            last_request,
            incoming_bytes,
            held,
            measured,
            added,
            counters,
            // Written as tables.
            entries: _,
            tasks: _,
            executions: _,
            peers: _,
            requests: _,
            timers: _,
            // Follows from those, or is empty between two events.
            ready: _,
            askable: _,
            actions: _,
            #[cfg(feature = "planted")]
                planted: _,
        } = self;
        Written::Life {
            id: *id,
            epoch: *epoch,
            now: *now,
            phase: *phase,
            last_run: *last_run,
            accepted: *accepted,
            last_request: *last_request,
            incoming_bytes: *incoming_bytes,
            config,
            slots,
            held,
            measured,
            counters,
            added,
        }
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
            Read::Timers { timers } => {
                machine.timers = timers;
                true
            }
            Read::Peer { id, peer } => machine.peers.insert(id, peer).is_none(),
            Read::Request { id, request } => machine.requests.insert(id, request).is_none(),
            Read::Run { id, run } => machine.executions.insert(id, run).is_none(),
            Read::Free { places } => std::mem::replace(&mut self.free, places).is_empty(),
            Read::Task { at, task } => {
                self.tasks.push((at, task));
                true
            }
            Read::Key { key, known } => machine.entries.insert(key, known).is_none(),
        };
        if fits { Ok(()) } else { Err("it does not fit to what stands before it".to_owned()) }
    }

    /// The machine, once all parts are there.
    ///
    /// # Errors
    /// If some are missing.
    pub fn finish(self) -> Result<Worker, String> {
        let Some(mut machine) = self.machine else { return Err("there is nothing of a machine in it".to_owned()) };
        let tasks = Slab::restored(self.free, self.tasks);
        machine.tasks = tasks.ok_or("its tasks are not in the places that were not free")?;
        let is_ready = |task: &Task| matches!(task.state, TaskState::Ready { .. });
        let ready = machine.tasks.iter().filter(|(_, task)| is_ready(task));
        machine.ready = ready.map(|(at, task)| (task.rank, at)).collect();
        let askable = machine.peers.iter().filter_map(|(id, peer)| peer.askable.map(|(rank, key)| (rank, key, *id)));
        machine.askable = askable.collect();
        Ok(machine)
    }
}

/// A machine of which only the life is known.
fn begin(part: Read) -> Result<Worker, String> {
    let Read::Life {
        id,
        epoch,
        now,
        phase,
        last_run,
        accepted,
        last_request,
        incoming_bytes,
        config,
        slots,
        held,
        measured,
        counters,
        added,
    } = part
    else {
        return Err("the machine's life does not come first".to_owned());
    };
    let new = Worker::new(config, id, epoch);
    Ok(Worker {
        now,
        phase,
        last_run,
        accepted,
        last_request,
        incoming_bytes,
        slots,
        held,
        measured,
        counters,
        added,
        ..new
    })
}
