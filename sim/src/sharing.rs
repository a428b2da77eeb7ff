//! What clients of a simulation share: primitives, by name, and actors. Which there are, and what is asked of them.
//!
//! There are few names, so that clients meet at them, and those of one build keep to themselves: what queues and variables hold
//! may be tasks, which are nothing to another build's clients. What a seed asks is drawn beside its moves, so that it takes the
//! place of none.

use std::sync::Arc;

use brisk_core::message::{Operation, Shared};

use crate::{
    random::{Random, mix},
    workload::Build,
};

/// Locks of each build; they are taken together, too.
pub const LOCKS: u64 = 2;

/// Queues of each build: the first holds few items, the others any number.
pub const QUEUES: u64 = 2;

/// Permits of the semaphore.
const PERMITS: u32 = 3;

/// Items of the queue that holds few.
const FEW: u32 = 2;

/// What all queues and variables hold, in words.
const SHAPE: &str = "item";

/// Something that a client does with a primitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// It takes permits.
    Acquire,
    /// It takes all locks, one after the other.
    AcquireAll,
    /// It gives a lease back.
    GiveBack,
    /// It puts an item into a queue.
    Put,
    /// It takes items out of a queue.
    Get,
    /// It asks how many items there are.
    Length,
    /// It drops all items of a queue.
    Clear,
    /// It sets an event.
    SetEvent,
    /// It clears an event.
    ClearEvent,
    /// It asks whether an event is set.
    IsEventSet,
    /// It waits for an event.
    WaitForEvent,
    /// It sets a variable.
    SetVariable,
    /// It asks for what a variable holds.
    GetVariable,
    /// It lets a variable hold nothing.
    DeleteVariable,
    /// It says that it has what it was handed.
    Confirm,
    /// It waits for something no more.
    Withdraw,
    /// It calls an actor.
    Call,
}

/// All, and how likely each is.
const ASKS: &[(Ask, u32)] = &[
    (Ask::Acquire, 40),
    (Ask::AcquireAll, 15),
    (Ask::GiveBack, 30),
    (Ask::Put, 40),
    (Ask::Get, 35),
    (Ask::Length, 5),
    (Ask::Clear, 5),
    (Ask::SetEvent, 10),
    (Ask::ClearEvent, 10),
    (Ask::IsEventSet, 5),
    (Ask::WaitForEvent, 10),
    (Ask::SetVariable, 25),
    (Ask::GetVariable, 35),
    (Ask::DeleteVariable, 15),
    (Ask::Confirm, 20),
    (Ask::Withdraw, 15),
    (Ask::Call, 40),
];

/// How much a seed's clients share.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    /// How likely something is asked beside a move, in a thousand times.
    pub often: u32,
    /// How likely it is that what is handed over is not confirmed at once, in a thousand times.
    pub tardy: u32,
    /// How likely it is that a graph ends in actors, in a thousand times.
    pub actors: u32,
    /// What is asked, each with how likely it is.
    asks: Vec<(Ask, u32)>,
}

impl Habits {
    /// What this seed decides: half of them share nothing, and the others leave out a quarter of what may be asked.
    pub fn draw(seed: u64) -> (Self, Random) {
        let mut random = Random::new(mix(!seed));
        if random.chance(500) {
            return (Habits::default(), random);
        }
        let actors = if random.chance(500) { random.within(200..=1_000) as u32 } else { 0 };
        let asks = ASKS.iter().filter(|_| random.chance(750)).copied().collect();
        let tardy = if random.chance(500) { random.within(1..=1_000) as u32 } else { 0 };
        (Habits { often: random.within(100..=1_000) as u32, tardy, actors, asks }, random)
    }

    /// What is asked next, if anything may be.
    pub fn next(&self, random: &mut Random) -> Option<Ask> {
        let total = self.asks.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut at = random.below(total);
        self.asks.iter().find_map(|(ask, weight)| match at.checked_sub(u64::from(*weight)) {
            Some(rest) => {
                at = rest;
                None
            }
            None => Some(*ask),
        })
    }
}

/// Takes permits of one of the semaphores.
pub fn acquire(build: Build, random: &mut Random) -> Operation {
    let wait = random.chance(800);
    match random.below(LOCKS + 1) {
        LOCKS => Operation::Acquire {
            name: named("permits", build, 0),
            limit: PERMITS,
            count: random.within(1..=PERMITS.into()) as u32,
            wait,
        },
        number => Operation::Acquire { name: named("lock", build, number), limit: 1, count: 1, wait },
    }
}

/// Takes a lock, and waits for it.
pub fn lock(name: Arc<str>) -> Operation {
    Operation::Acquire { name, limit: 1, count: 1, wait: true }
}

/// All locks of a build, in the order in which they are taken together.
pub fn locks(build: Build) -> Vec<Arc<str>> {
    (0..LOCKS).map(|number| named("lock", build, number)).collect()
}

/// Puts an item into one of the queues.
pub fn put(build: Build, item: Shared, random: &mut Random) -> Operation {
    let number = random.below(QUEUES);
    let limit = if number == 0 { FEW } else { 0 };
    Operation::Put { name: named("queue", build, number), shape: SHAPE.into(), limit, item, wait: random.chance(800) }
}

/// Something that concerns one of the queues, the event or the variable.
pub fn operation(ask: Ask, build: Build, random: &mut Random) -> Option<Operation> {
    let queue = named("queue", build, random.below(QUEUES));
    let wait = random.chance(700);
    Some(match ask {
        Ask::Get => Operation::Get { name: queue, shape: SHAPE.into(), most: random.within(1..=3) as u32, wait },
        Ask::Length => Operation::Length { name: queue },
        Ask::Clear => Operation::Clear { name: queue },
        Ask::SetEvent => Operation::SetEvent { name: event(build) },
        Ask::ClearEvent => Operation::ClearEvent { name: event(build) },
        Ask::IsEventSet => Operation::IsEventSet { name: event(build) },
        Ask::WaitForEvent => Operation::WaitForEvent { name: event(build) },
        Ask::GetVariable => Operation::GetVariable { name: variable(build), shape: SHAPE.into(), wait },
        Ask::DeleteVariable => Operation::DeleteVariable { name: variable(build) },
        _ => return None,
    })
}

/// Sets the variable.
pub fn set_variable(build: Build, value: Shared) -> Operation {
    Operation::SetVariable { name: variable(build), shape: SHAPE.into(), value }
}

/// What leaves nothing of what is kept under a build's names. Items are taken out, so that it is seen which are there, and in which
/// order.
pub fn clean_up(build: Build) -> Vec<Operation> {
    let mut operations = Vec::new();
    for name in (0..QUEUES).map(|number| named("queue", build, number)) {
        operations.push(Operation::Get { name: name.clone(), shape: SHAPE.into(), most: 1_000, wait: false });
        operations.push(Operation::Clear { name });
    }
    operations.push(Operation::ClearEvent { name: event(build) });
    operations.push(Operation::DeleteVariable { name: variable(build) });
    operations
}

fn event(build: Build) -> Arc<str> {
    named("event", build, 0)
}

fn variable(build: Build) -> Arc<str> {
    named("variable", build, 0)
}

fn named(what: &str, build: Build, number: u64) -> Arc<str> {
    format!("{what}-{number}-of-build-{build}").into()
}
