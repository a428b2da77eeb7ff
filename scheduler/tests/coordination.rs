//! What clients share by name, under any sequence of what they can ask, against a simple account of who has what.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use brisk_core::{
    function::{FunctionId, FunctionInfo},
    id::{ClientId, EnvironmentId, Epoch, Fence, Incarnation, RequestId, WantId},
    key::Key,
    message::{Answer, ClientToScheduler, Operation, SchedulerToClient, Shared, SubmittedTask},
    payload::Payload,
    time::Moment,
};
use brisk_scheduler::machine::{Action, Config, Event, Scheduler};
use proptest::prelude::*;

const EPOCH: Epoch = Epoch(7);

/// Permits of each semaphore, and items in each queue.
const LIMIT: u32 = 3;

/// One step. Numbers pick among what there is.
#[derive(Clone, Debug)]
enum Op {
    Join,
    Lose(u8),
    Close(u8),
    Acquire { client: u8, name: u8, count: u32, wait: bool },
    Release { client: u8, pick: u8 },
    Keep { client: u8, pick: u8 },
    SetEvent { client: u8, set: bool },
    WaitForEvent(u8),
    SetVariable(u8),
    GetVariable { client: u8, wait: bool },
    DeleteVariable(u8),
    Put { client: u8, name: u8, wait: bool },
    Get { client: u8, name: u8, most: u32, wait: bool },
    Clear { client: u8, name: u8 },
    Confirm { client: u8, pick: u8 },
    Withdraw { client: u8, pick: u8 },
    Wait(u8),
    Repeat,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let (client, pick) = (any::<u8>, any::<u8>);
    let one = prop_oneof![
        3 => Just(Op::Join),
        1 => client().prop_map(Op::Lose),
        1 => client().prop_map(Op::Close),
        8 => (client(), 0..2u8, 1..=LIMIT, any::<bool>())
            .prop_map(|(client, name, count, wait)| Op::Acquire { client, name, count, wait }),
        6 => (client(), pick()).prop_map(|(client, pick)| Op::Release { client, pick }),
        2 => (client(), pick()).prop_map(|(client, pick)| Op::Keep { client, pick }),
        2 => (client(), any::<bool>()).prop_map(|(client, set)| Op::SetEvent { client, set }),
        2 => client().prop_map(Op::WaitForEvent),
        2 => client().prop_map(Op::SetVariable),
        3 => (client(), any::<bool>()).prop_map(|(client, wait)| Op::GetVariable { client, wait }),
        1 => client().prop_map(Op::DeleteVariable),
        10 => (client(), 0..2u8, any::<bool>()).prop_map(|(client, name, wait)| Op::Put { client, name, wait }),
        6 => (client(), 0..2u8, 1..4u32, any::<bool>())
            .prop_map(|(client, name, most, wait)| Op::Get { client, name, most, wait }),
        1 => (client(), 0..2u8).prop_map(|(client, name)| Op::Clear { client, name }),
        6 => (client(), pick()).prop_map(|(client, pick)| Op::Confirm { client, pick }),
        3 => (client(), pick()).prop_map(|(client, pick)| Op::Withdraw { client, pick }),
        2 => (1..8u8).prop_map(Op::Wait),
        3 => Just(Op::Repeat),
    ];
    prop::collection::vec(one, 1..80)
}

/// A client, and what it was answered.
#[derive(Default)]
struct Client {
    next: u64,
    /// Questions that are not answered.
    asked: BTreeMap<RequestId, Operation>,
    /// What it was given and has not confirmed.
    handed: BTreeMap<RequestId, Vec<Shared>>,
    leases: BTreeMap<Fence, Lease>,
    /// Its wants of items that are tasks.
    wants: BTreeMap<u64, WantId>,
}

#[derive(Clone)]
struct Lease {
    name: Arc<str>,
    count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// For room, or for the answer.
    Waiting,
    Queued,
    Handed,
}

struct World {
    machine: Scheduler,
    now: Moment,
    clients: BTreeMap<ClientId, Client>,
    /// Leases of clients whose connections were lost, until when they last.
    departed: BTreeMap<Fence, (Moment, Lease)>,
    joined: u64,
    newest: u64,
    next_item: u64,
    /// Items that were put in and not confirmed or dropped, by number: they are numbered in the order of asking.
    items: BTreeMap<u64, (Arc<str>, State)>,
    last: Option<Event>,
}

fn pick<T: Clone>(from: impl IntoIterator<Item = T>, number: u8) -> Option<T> {
    let all: Vec<T> = from.into_iter().collect();
    (!all.is_empty()).then(|| all[usize::from(number) % all.len()].clone())
}

fn key(number: u64) -> Key {
    Key::from_u128(u128::from(number) << 96)
}

/// Every second item is a task, every other a value.
fn item(number: u64) -> Shared {
    if number.is_multiple_of(2) {
        Shared::Key(key(number))
    } else {
        Shared::Value(Payload::from_bytes(number.to_le_bytes().to_vec()))
    }
}

fn number(item: &Shared) -> u64 {
    match item {
        Shared::Key(key) => (key.as_u128() >> 96) as u64,
        Shared::Value(value) => u64::from_le_bytes(value.encode().unwrap()[..].try_into().unwrap()),
        other => panic!("{other:?}"),
    }
}

fn named(number: u8) -> Arc<str> {
    format!("name {number}").into()
}

fn put(name: Arc<str>, number: u64, wait: bool) -> Operation {
    Operation::Put { name, shape: "number".into(), limit: LIMIT, item: item(number), wait }
}

fn get(name: Arc<str>, most: u32, wait: bool) -> Operation {
    Operation::Get { name, shape: "number".into(), most, wait }
}

impl World {
    fn new() -> Self {
        World {
            machine: Scheduler::new(Config::default(), EPOCH),
            now: Moment::ORIGIN,
            clients: BTreeMap::new(),
            departed: BTreeMap::new(),
            joined: 0,
            newest: 0,
            next_item: 0,
            items: BTreeMap::new(),
            last: None,
        }
    }

    fn client(&self, number: u8) -> Option<ClientId> {
        pick(self.clients.keys().copied(), number)
    }

    fn event(&mut self, event: Event) {
        self.last = Some(event.clone());
        self.machine.handle(self.now, event);
        while let Some(action) = self.machine.poll_action() {
            self.obey(action);
        }
        self.machine.check_invariants().unwrap_or_else(|violation| panic!("{violation}"));
        self.departed.retain(|_, (until, _)| *until > self.now);
        let held = self.clients.values().flat_map(|client| client.leases.values());
        let mut taken: BTreeMap<&str, u32> = BTreeMap::new();
        for lease in held.chain(self.departed.values().map(|(_, lease)| lease)) {
            *taken.entry(&lease.name).or_default() += lease.count;
        }
        assert!(taken.values().all(|taken| *taken <= LIMIT), "{taken:?} are held of {LIMIT}");
    }

    fn say(&mut self, client: ClientId, message: ClientToScheduler) {
        self.event(Event::FromClient { client, epoch: EPOCH, message });
    }

    fn ask(&mut self, id: ClientId, operation: Operation) -> Option<RequestId> {
        let client = self.clients.get_mut(&id)?;
        client.next += 1;
        let request = RequestId(client.next);
        client.asked.insert(request, operation.clone());
        self.say(id, ClientToScheduler::Coordinate { request, operation: Box::new(operation) });
        Some(request)
    }

    fn obey(&mut self, action: Action) {
        let Action::ToClient { client: id, message } = action else { return };
        assert!(!matches!(message, SchedulerToClient::Refused { .. }), "a task was forgotten on its way: {message:?}");
        let SchedulerToClient::Answered { request, answer } = message else { return };
        let client = self.clients.get_mut(&id).expect("no message is addressed to the dead");
        let question = client.asked.remove(&request).unwrap_or_else(|| panic!("{request} was not asked: {answer:?}"));
        match (question, answer) {
            (Operation::Acquire { name, count, .. }, Answer::Granted(fence)) => {
                assert!(fence.number > self.newest && fence.epoch == EPOCH, "fences only grow");
                self.newest = fence.number;
                client.leases.insert(fence, Lease { name, count });
            }
            (Operation::Keep { fence, .. }, Answer::Done) => {
                let (_, lease) = self.departed.remove(&fence).expect("what has ended can't be kept");
                client.leases.insert(fence, lease);
            }
            (Operation::Put { item, .. }, answer) => self.put_in(number(&item), &answer),
            (Operation::Get { name, most, .. }, Answer::Shared(shared)) => {
                assert!(shared.len() <= most as usize);
                client.handed.insert(request, shared.clone());
                self.taken_out(&name, &shared);
            }
            (Operation::GetVariable { .. }, Answer::Shared(shared)) => drop(client.handed.insert(request, shared)),
            _ => {}
        }
    }

    fn put_in(&mut self, number: u64, answer: &Answer) {
        if *answer != Answer::Done {
            self.items.remove(&number);
        } else if let Some((_, state @ State::Waiting)) = self.items.get_mut(&number) {
            *state = State::Queued;
        }
    }

    /// Items are handed out: the first there are, and nobody has them.
    fn taken_out(&mut self, name: &str, shared: &[Shared]) {
        let numbers: Vec<u64> = shared.iter().map(number).collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
        for number in &numbers {
            let (_, state) = self.items.get_mut(number).expect("what was confirmed or dropped is gone");
            assert_ne!(*state, State::Handed, "{number} is handed out twice");
            *state = State::Handed;
        }
        let left = self.items.iter().find(|(_, (of, state))| **of == *name && *state == State::Queued);
        let last = numbers.last();
        assert!(left.is_none_or(|(first, _)| last.is_none_or(|last| last < first)), "{numbers:?} before {left:?}");
    }

    /// What was handed out goes back.
    fn back(&mut self, shared: &[Shared]) {
        for number in shared.iter().map(number) {
            if let Some((_, state)) = self.items.get_mut(&number) {
                *state = State::Queued;
            }
        }
    }

    /// A client goes: what it waited to put in is not put in, what it was handed goes back.
    fn goes(&mut self, id: ClientId) -> Option<Client> {
        let client = self.clients.remove(&id)?;
        for question in client.asked.values() {
            if let Operation::Put { item, .. } = question {
                self.items.remove(&number(item));
            }
        }
        client.handed.values().for_each(|shared| self.back(shared));
        Some(client)
    }

    fn apply(&mut self, op: &Op) {
        // What can't be picked is not there: the step does nothing.
        let _ = self.peers_op(op).or_else(|| self.semaphore_op(op)).or_else(|| self.sharing_op(op));
    }

    fn join(&mut self) -> ClientId {
        self.joined += 1;
        let client = ClientId(Incarnation(self.joined));
        self.clients.insert(client, Client::default());
        self.event(Event::ClientJoined { client, name: "c".into(), environment: EnvironmentId(1), program: None });
        let function = FunctionInfo {
            id: FunctionId::from_u128(1),
            name: "inc".into(),
            module: "test".into(),
            place: "src/main.rs:1".into(),
            is_async: false,
        };
        self.say(client, ClientToScheduler::Functions(vec![function]));
        client
    }

    fn peers_op(&mut self, op: &Op) -> Option<()> {
        match *op {
            Op::Join => drop(self.join()),
            Op::Lose(client) => {
                let id = self.client(client)?;
                let client = self.goes(id)?;
                let until = self.now + Config::default().client_grace;
                self.departed.extend(client.leases.into_iter().map(|(fence, lease)| (fence, (until, lease))));
                self.event(Event::ClientLeft { client: id, reason: "cut".into() });
            }
            Op::Close(client) => {
                let id = self.client(client)?;
                self.goes(id)?;
                self.say(id, ClientToScheduler::Goodbye);
            }
            Op::Wait(seconds) => {
                self.now = self.now + Duration::from_secs(seconds.into());
                self.event(Event::Tick);
            }
            Op::Repeat => {
                let last = self.last.clone()?;
                if matches!(&last, Event::FromClient { message: ClientToScheduler::Submit { .. }, .. } | Event::Tick) {
                    return None;
                }
                let before = self.machine.describe();
                self.event(last);
                assert!(self.machine.describe() == before, "twice is not once: {:?}", self.last);
            }
            _ => return None,
        }
        Some(())
    }

    fn semaphore_op(&mut self, op: &Op) -> Option<()> {
        match *op {
            Op::Acquire { client, name, count, wait } => {
                let client = self.client(client)?;
                self.ask(client, Operation::Acquire { name: named(name), limit: LIMIT, count, wait })?;
            }
            Op::Release { client, pick: number } => {
                let client = self.client(client)?;
                let fence = pick(self.clients[&client].leases.keys().copied(), number)?;
                let Lease { name, .. } = self.clients.get_mut(&client)?.leases.remove(&fence)?;
                self.ask(client, Operation::Release { name, fence })?;
            }
            Op::Keep { client, pick: number } => {
                let client = self.client(client)?;
                let fence = pick(self.departed.keys().copied(), number)?;
                let name = self.departed[&fence].1.name.clone();
                self.ask(client, Operation::Keep { name, fence })?;
            }
            Op::Withdraw { client, pick: number } => {
                let id = self.client(client)?;
                let client = self.clients.get_mut(&id)?;
                let asked = client.asked.keys().chain(client.handed.keys()).copied();
                let request = pick(asked, number)?;
                if let Some(Operation::Put { item, .. }) = client.asked.remove(&request) {
                    self.items.remove(&self::number(&item));
                }
                if let Some(shared) = self.clients.get_mut(&id)?.handed.remove(&request) {
                    self.back(&shared);
                }
                self.say(id, ClientToScheduler::Withdraw(request));
            }
            _ => return None,
        }
        Some(())
    }

    fn sharing_op(&mut self, op: &Op) -> Option<()> {
        match *op {
            Op::SetEvent { client, set: true } => {
                self.ask(self.client(client)?, Operation::SetEvent { name: named(0) })?;
            }
            Op::SetEvent { client, set: false } => {
                self.ask(self.client(client)?, Operation::ClearEvent { name: named(0) })?;
            }
            Op::WaitForEvent(client) => {
                self.ask(self.client(client)?, Operation::WaitForEvent { name: named(0) })?;
            }
            Op::SetVariable(client) => {
                let client = self.client(client)?;
                let value = self.make(client);
                let (name, shape) = (named(0), "number".into());
                self.ask(client, Operation::SetVariable { name, shape, value: item(value) })?;
                self.give_up(client, value);
            }
            Op::GetVariable { client, wait } => {
                let (name, shape) = (named(0), "number".into());
                self.ask(self.client(client)?, Operation::GetVariable { name, shape, wait })?;
            }
            Op::DeleteVariable(client) => {
                self.ask(self.client(client)?, Operation::DeleteVariable { name: named(0) })?;
            }
            Op::Put { client, name, wait } => {
                let client = self.client(client)?;
                let number = self.make(client);
                self.items.insert(number, (named(name), State::Waiting));
                self.ask(client, put(named(name), number, wait))?;
                self.give_up(client, number);
            }
            Op::Get { client, name, most, wait } => {
                self.ask(self.client(client)?, get(named(name), most, wait))?;
            }
            Op::Clear { client, name } => {
                let client = self.client(client)?;
                self.items.retain(|_, (of, state)| **of != *named(name) || *state != State::Queued);
                self.ask(client, Operation::Clear { name: named(name) })?;
            }
            Op::Confirm { client, pick: number } => {
                let client = self.client(client)?;
                let request = pick(self.clients[&client].handed.keys().copied(), number)?;
                self.confirm(client, request);
            }
            _ => return None,
        }
        Some(())
    }

    /// A new item, wanted by a client if it is a task.
    fn make(&mut self, client: ClientId) -> u64 {
        self.next_item += 1;
        let number = self.next_item;
        let task = SubmittedTask {
            key: key(number),
            function: FunctionId::from_u128(1),
            spec: Payload::from_bytes(vec![1]),
            dependencies: Default::default(),
            options: None,
        };
        self.submit(client, vec![task], number);
        number
    }

    fn submit(&mut self, client: ClientId, tasks: Vec<SubmittedTask>, number: u64) {
        let Some(state) = self.clients.get_mut(&client).filter(|_| number.is_multiple_of(2)) else { return };
        state.next += 1;
        let (submission, want) = (RequestId(state.next), WantId(state.next));
        state.wants.insert(number, want);
        let wants = vec![(key(number), want)];
        self.say(client, ClientToScheduler::Submit { submission, chunk: 0, last: true, tasks, wants });
    }

    /// A client wants an item no more.
    fn give_up(&mut self, client: ClientId, number: u64) {
        if let Some(want) = self.clients.get_mut(&client).and_then(|state| state.wants.remove(&number)) {
            self.say(client, ClientToScheduler::Release(vec![(key(number), want)]));
        }
    }

    /// A client wants what it was handed, says that it has it, and gives it up.
    fn confirm(&mut self, client: ClientId, request: RequestId) {
        let handed = self.clients.get_mut(&client).and_then(|state| state.handed.remove(&request)).unwrap_or_default();
        let numbers: Vec<u64> = handed.iter().map(number).collect();
        for &number in &numbers {
            self.submit(client, Vec::new(), number);
            self.items.remove(&number);
        }
        self.say(client, ClientToScheduler::Confirm(request));
        for &number in &numbers {
            self.give_up(client, number);
        }
    }

    /// Everybody goes; what is left is what was put in and not taken; and when that is taken nothing is left.
    fn end(mut self) {
        for client in self.clients.keys().copied().collect::<Vec<_>>() {
            self.goes(client);
            self.say(client, ClientToScheduler::Goodbye);
        }
        self.now = self.now + Duration::from_secs(10);
        self.event(Event::Tick);
        let last = self.join();
        for name in 0..2 {
            let left: Vec<u64> =
                self.items.iter().filter(|(_, (of, _))| **of == *named(name)).map(|(number, _)| *number).collect();
            let request = self.ask(last, get(named(name), 1_000, false)).unwrap();
            let there: Vec<u64> = self.clients[&last].handed[&request].iter().map(number).collect();
            assert_eq!(there, left, "an item was lost, or has come twice");
            self.confirm(last, request);
            // All permits are free again.
            self.ask(last, Operation::Acquire { name: named(name), limit: LIMIT, count: LIMIT, wait: false });
        }
        assert_eq!(self.clients[&last].leases.len(), 2);
        self.ask(last, Operation::DeleteVariable { name: named(0) });
        self.ask(last, Operation::ClearEvent { name: named(0) });
        self.goes(last);
        self.say(last, ClientToScheduler::Goodbye);
        assert_eq!(self.machine.task_count(), 0);
        let rest = self.machine.describe();
        for table in ["semaphores", "events", "variables", "queues"] {
            assert!(rest.contains(&format!("{table}: {{}}")), "something is left of {table}:\n{rest}");
        }
        assert!(rest.contains("queued: 0,\n") && rest.contains("bytes: 0,\n"), "{rest}");
    }
}

proptest! {
    #[test]
    fn nothing_is_held_twice_or_lost(ops in ops()) {
        let mut world = World::new();
        for op in &ops {
            world.apply(op);
        }
        world.end();
    }
}
