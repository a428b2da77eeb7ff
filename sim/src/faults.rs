//! What a seed decides: the cluster, the work, and what goes wrong.
//!
//! Each seed leaves out about half of everything (swarm testing; Groce and others, 2012): where a fault is common, others
//! hide behind it, so each must have runs without it.

use std::{fmt, time::Duration};

use brisk_scheduler::machine as scheduler;
use brisk_worker::machine as worker;

use crate::{
    cluster::{Settings, Trouble, WorkerSpec},
    network::Conditions,
    random::{Random, mix},
    sharing::Habits,
    trace::Lines,
    workload::{Oddities, Shape},
};

/// Everything that a seed decides before the start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// How many workers there are at first.
    pub workers: u32,
    /// The most threads that a worker has.
    pub threads: u32,
    /// What values a worker may hold, in bytes; 0 for no limit.
    pub memory_limit: u64,
    /// How many clients there are at first.
    pub clients: u32,
    /// The graphs.
    pub graphs: Vec<(Shape, usize)>,
    /// How odd their tasks are.
    pub oddities: Oddities,
    /// The most tasks in one chunk of a submission.
    pub chunk: usize,
    /// How the cluster is.
    pub settings: Settings,
    /// Whether a supervisor watches the workers' processes.
    pub supervised: bool,
    /// How many moves are made.
    pub moves: u32,
    /// The longest time between two moves.
    pub pace: Duration,
    /// The moves, each with how likely it is.
    pub weights: Vec<(Move, u32)>,
    /// What clients share by name, beside these moves.
    pub habits: Habits,
}

/// Something that is done to a cluster from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Move {
    /// A client submits.
    Submit,
    /// A client puts values on workers itself.
    Scatter,
    /// A client drops a handle.
    Release,
    /// A client drops all its handles.
    ReleaseAll,
    /// A client drops a handle, and wants the same key again at once.
    Resubmit,
    /// A client cancels a task.
    Cancel,
    /// A client cancels a task for everybody.
    CancelForAll,
    /// A client cancels a task, whose thread is to be free at once.
    Abandon,
    /// A client tries a failed task again.
    Retry,
    /// A client lets a task run to its end.
    Detach,
    /// A client asks to be answered.
    Ask,
    /// A client wants copies of a value kept.
    Replicate,
    /// A client wants a value kept, and what it was computed from forgotten.
    Checkpoint,
    /// A client wants the bytes that workers hold evened out.
    Rebalance,
    /// A client keeps some of what it wants under a name.
    Publish,
    /// A client wants what is kept under a name.
    Dataset,
    /// A client ends a publication.
    Unpublish,
    /// A client wants some workers gone.
    RetireWorkers,
    /// A client joins.
    JoinClient,
    /// A client leaves in order.
    PartClient,
    /// A client dies.
    KillClient,
    /// A worker joins.
    JoinWorker,
    /// A worker dies.
    KillWorker,
    /// A worker dies on purpose.
    EndWorker,
    /// A worker is told to stop.
    ShutDownWorker,
    /// A worker's process is to end, and asks to be let go.
    RetireWorker,
    /// All workers die.
    KillAllWorkers,
    /// The link between a node and the scheduler is cut.
    Cut,
    /// A node stands still.
    Pause,
    /// A link is slow.
    Clog,
    /// A data link breaks.
    BreakDataLink,
    /// Some links are slow, each from another time on and for another time.
    Swizzle,
    /// The link between a node and the scheduler is cut in one direction.
    CutOneWay,
    /// The scheduler dies, and another takes its place.
    RestartScheduler,
    /// A node's clock jumps ahead by up to some minutes.
    JumpClock,
    /// The link between the supervisor and the scheduler is cut.
    CutSupervisor,
}

/// Moves that every seed makes, and how likely each is.
const ALWAYS: &[(Move, u32)] = &[(Move::Submit, 60), (Move::Release, 10), (Move::JoinWorker, 10)];

/// Moves that a seed makes or leaves out.
const SOMETIMES: &[(Move, u32)] = &[
    (Move::Release, 40),
    (Move::ReleaseAll, 5),
    (Move::Resubmit, 30),
    (Move::Cancel, 30),
    (Move::CancelForAll, 10),
    (Move::Abandon, 15),
    (Move::Retry, 20),
    (Move::Detach, 10),
    (Move::Ask, 10),
    (Move::JoinClient, 10),
    (Move::PartClient, 5),
    (Move::KillClient, 5),
    (Move::KillWorker, 25),
    (Move::EndWorker, 15),
    (Move::ShutDownWorker, 10),
    (Move::RetireWorker, 10),
    (Move::RetireWorkers, 10),
    (Move::Replicate, 20),
    (Move::Checkpoint, 10),
    (Move::Rebalance, 5),
    (Move::Publish, 15),
    (Move::Dataset, 10),
    (Move::Unpublish, 5),
    (Move::KillAllWorkers, 2),
    (Move::Cut, 10),
    (Move::Pause, 15),
    (Move::Clog, 20),
    (Move::BreakDataLink, 20),
    (Move::Swizzle, 5),
    (Move::CutOneWay, 6),
    (Move::RestartScheduler, 4),
    (Move::JumpClock, 8),
    (Move::CutSupervisor, 5),
    (Move::Scatter, 30),
];

impl Options {
    /// What this seed decides.
    pub fn draw(seed: u64) -> Self {
        let mut random = Random::new(mix(seed));
        let random = &mut random;
        let size = if random.chance(150) { 120 } else { 30 };
        let graphs = (0..random.within(1..=3)).map(|_| {
            let shape = Shape::ALL[random.index(Shape::ALL.len())];
            (shape, random.within(1..=size) as usize)
        });
        let graphs = graphs.collect();
        let mut oddities = oddities(random);
        oddities.pinned = Habits::draw(seed).0.actors;
        let largest = oddities.largest;
        Options {
            seed,
            workers: if random.chance(60) { random.within(7..=20) } else { random.within(1..=6) } as u32,
            threads: random.within(1..=4) as u32,
            memory_limit: if random.chance(300) { largest * random.within(2..=20) } else { 0 },
            clients: random.within(1..=3) as u32,
            graphs,
            oddities,
            chunk: if random.chance(500) { random.within(1..=8) as usize } else { 1_024 },
            settings: settings(random),
            supervised: random.chance(500),
            moves: random.within(5..=80) as u32,
            pace: random.long_tailed(Duration::from_micros(100), Duration::from_millis(200)),
            weights: weights(random),
            habits: Habits::draw(seed).0,
        }
    }

    /// A cluster of this seed's size in which nothing goes wrong and nobody changes his mind.
    #[must_use]
    pub fn without_faults(mut self) -> Self {
        self.settings.trouble = Trouble::default();
        self.settings.conditions = Conditions::calm();
        let (longest, largest) = (self.oddities.longest, self.oddities.largest);
        self.oddities = Oddities { longest, largest, ..Oddities::NONE };
        self.memory_limit = 0;
        self.weights = vec![(Move::Submit, 1)];
        self.habits = Habits::default();
        self
    }

    /// A worker of this cluster.
    pub fn worker(&self, name: &str, random: &mut Random) -> WorkerSpec {
        let threads = random.within(1..=u64::from(self.threads)) as u32;
        let mut spec = WorkerSpec::new(name, threads);
        spec.config = worker::Config { memory_limit: self.memory_limit, ..worker_config(threads) };
        if random.chance(300) {
            spec.config.fetch_keys = random.within(1..=3) as usize;
            spec.config.fetch_peers = random.within(1..=2) as usize;
            spec.config.fetch_bytes = random.within(1..=self.oddities.largest * 2);
            spec.config.incoming_bytes = random.within(1..=self.oddities.largest * 4);
        }
        spec.resource = random.below(4);
        if random.chance(300) {
            spec.speed_percent = random.within(0..=500) as u32;
        }
        spec
    }

    /// The next move.
    pub fn next_move(&self, random: &mut Random) -> Move {
        let total = self.weights.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut at = random.below(total);
        for (what, weight) in &self.weights {
            match at.checked_sub(u64::from(*weight)) {
                Some(rest) => at = rest,
                None => return *what,
            }
        }
        Move::Submit
    }
}

/// A worker's configuration with short delays: virtual time passes in which something may happen.
pub fn worker_config(threads: u32) -> worker::Config {
    worker::Config {
        fetch_timeout: Duration::from_secs(2),
        busy_delay: Duration::from_millis(20),
        missing_delay: Duration::from_millis(100),
        health_interval: Duration::from_millis(50),
        retire_patience: Duration::from_secs(5),
        ..worker::Config::new(threads, 0)
    }
}

fn oddities(random: &mut Random) -> Oddities {
    let odd = |random: &mut Random, most: u64| if random.chance(400) { random.within(1..=most) as u32 } else { 0 };
    Oddities {
        fails: odd(random, 150),
        fails_always: odd(random, 60),
        kills: odd(random, 40),
        kills_always: odd(random, 15),
        unsendable: odd(random, 40),
        detaches: odd(random, 300),
        secedes: odd(random, 300),
        reschedules: odd(random, 150),
        restricted: odd(random, 150),
        resource: odd(random, 150),
        limited: odd(random, 150),
        replicated: odd(random, 200),
        once: odd(random, 250),
        pinned: 0,
        named: odd(random, 150),
        impure: odd(random, 200),
        scattered: odd(random, 600),
        other_build: odd(random, 700),
        longest: random.long_tailed(Duration::from_micros(50), Duration::from_millis(500)),
        largest: 1 << random.within(4..=24),
    }
}

fn settings(random: &mut Random) -> Settings {
    let often = |random: &mut Random, most: u64| if random.chance(400) { random.within(1..=most) as u32 } else { 0 };
    let mut scheduler = scheduler::Config::default();
    scheduler.allowed_failures = random.within(1..=3) as u32;
    scheduler.allowed_losses = random.within(2..=16) as u32;
    scheduler.no_worker_timeout = Duration::from_secs(random.within(1..=60));
    scheduler.notice_after = Duration::from_millis(random.within(10..=2_000));
    scheduler.copy_timeout = Duration::from_secs(3);
    scheduler.retire_patience = Duration::from_secs(2);
    scheduler.surplus_after = Duration::from_millis(20);
    scheduler.steal_after = Duration::from_millis(random.within(1..=50));
    scheduler.steal_again_after = Duration::from_millis(random.within(50..=2_000));
    if random.chance(100) {
        scheduler.max_lineage = random.within(2..=12) as u32;
    }
    if random.chance(300) {
        scheduler.unknown_duration = Duration::from_micros(100);
        scheduler.prefetch_tasks = random.within(0..=8) as u32;
    }
    let slowest = random.long_tailed(Duration::from_micros(100), Duration::from_millis(50));
    Settings {
        scheduler,
        conditions: Conditions {
            latency: Duration::from_micros(20)..=slowest,
            detection: Duration::from_micros(10)..=random.long_tailed(Duration::from_millis(1), Duration::from_secs(8)),
        },
        trouble: Trouble {
            busy: often(random, 300),
            vanishes: often(random, 100),
            breaks: often(random, 100),
            strange_epochs: often(random, 50),
            late: often(random, 1_000),
            repeats: often(random, 300),
            early_ticks: often(random, 100),
            aborts: often(random, 1_000),
            returns: if random.chance(700) { random.within(500..=1_000) as u32 } else { 0 },
        },
        encodes: random.chance(300),
        batches: random.chance(500),
        lines: Lines::Hashed,
        checked_tasks: 100,
        #[cfg(feature = "planted")]
        planted: None,
    }
}

fn weights(random: &mut Random) -> Vec<(Move, u32)> {
    let mut weights = ALWAYS.to_vec();
    weights.extend(SOMETIMES.iter().filter(|_| random.chance(500)));
    weights
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        writeln!(
            f,
            "  {} workers of up to {} threads and {} bytes, supervised: {}, {} clients, chunks of {}",
            self.workers, self.threads, self.memory_limit, self.supervised, self.clients, self.chunk
        )?;
        writeln!(f, "  graphs {:?}", self.graphs)?;
        writeln!(f, "  {:?}", self.oddities)?;
        writeln!(f, "  {:?}", self.settings.scheduler)?;
        let Settings { conditions, encodes, batches, .. } = &self.settings;
        writeln!(f, "  {conditions:?}, encoded: {encodes}, in batches: {batches}")?;
        writeln!(f, "  {:?}", self.settings.trouble)?;
        write!(f, "  {} moves, up to {:?} apart: {:?}, {:?}", self.moves, self.pace, self.weights, self.habits)
    }
}
