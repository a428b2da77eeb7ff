//! What clients share by name: permits are not granted twice, in the order of asking, under fences that grow; a queue's items
//! come out in order, each once, unless whoever was handed them has gone before it said that it has them; nobody is told of
//! what an event or a variable is not; and nobody waits for what is there.
//!
//! The account is kept by what the scheduler hears and answers, in its order. A lease of a session whose connection was lost
//! lasts for a settable time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use brisk_core::{
    id::{ClientId, Epoch, RequestId},
    key::Key,
    message::{Answer, ClientToScheduler, Operation, SchedulerToClient, Shared},
    time::Moment,
};
use brisk_scheduler::machine::Event;

use crate::{client::waits, cluster::Cluster, failure::Failure};

mod permits;
mod queues;

/// A question, by who asked it.
type Question = (ClientId, RequestId);

/// Who holds what, and who waits for what.
#[derive(Debug, Default)]
pub struct Sharing {
    epoch: Epoch,
    now: Moment,
    /// How long a lost session's leases last.
    grace: Duration,
    /// How many questions have come.
    count: u64,
    /// What is not answered, with how many questions came before.
    asked: BTreeMap<Question, (u64, Operation)>,
    permits: permits::Permits,
    queues: queues::Queues,
    variables: BTreeMap<Arc<str>, Shared>,
    events: BTreeSet<Arc<str>>,
    /// What variables have told and nobody has confirmed.
    told: BTreeMap<Question, Shared>,
}

impl Sharing {
    /// The scheduler has begun a life, in which a lost session's leases last for so long.
    pub fn scheduler_started(&mut self, epoch: Epoch, grace: Duration) {
        *self = Sharing { epoch, grace, ..Sharing::default() };
    }

    /// All tasks that are held by what is shared.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        let shared = self.variables.values().chain(self.told.values()).chain(self.queues.items());
        shared.filter_map(|shared| match shared {
            Shared::Key(key) => Some(*key),
            _ => None,
        })
    }

    /// The scheduler is about to be given an event.
    pub fn event(&mut self, now: Moment, event: &Event) {
        self.now = now;
        match event {
            Event::ClientLeft { client, .. } => {
                self.session_ended(*client);
                self.permits.departs(*client, now + self.grace);
            }
            Event::FromClient { client, message, .. } => match message {
                ClientToScheduler::Coordinate { request, operation } => self.asks((*client, *request), operation),
                ClientToScheduler::Confirm(request) => {
                    self.told.remove(&(*client, *request));
                    self.queues.confirmed((*client, *request));
                }
                ClientToScheduler::Withdraw(request) => self.withdraws((*client, *request)),
                ClientToScheduler::Goodbye => self.gone(*client),
                _ => {}
            },
            _ => {}
        }
    }

    /// A client was sent away.
    pub fn gone(&mut self, client: ClientId) {
        self.session_ended(client);
        self.permits.end_all_of(client);
    }

    /// The scheduler says something to a client.
    ///
    /// # Errors
    /// If it is not what follows from what was said before.
    pub fn told(&mut self, client: ClientId, message: &SchedulerToClient) -> Result<(), Failure> {
        let wrong = match message {
            SchedulerToClient::Answered { request, answer } => {
                let Some((order, operation)) = self.asked.remove(&(client, *request)) else { return Ok(()) };
                self.answered(((client, *request), order), &operation, answer)
            }
            SchedulerToClient::LeaseLost { fence, .. } => {
                self.permits.is_held(self.now, *fence).then(|| format!("{fence} is called lost, and is held"))
            }
            _ => None,
        };
        match wrong {
            Some(found) => Err(Failure::safety("sharing", format!("{client} is told {message:?}: {found}"))),
            None => Ok(()),
        }
    }

    fn asks(&mut self, question: Question, operation: &Operation) {
        self.count += 1;
        self.asked.insert(question, (self.count, operation.clone()));
        match operation {
            Operation::Release { name, fence } => self.permits.gives_back(question, name, *fence),
            Operation::SetEvent { name } => drop(self.events.insert(name.clone())),
            Operation::ClearEvent { name } => drop(self.events.remove(name)),
            Operation::Put { name, item, .. } => self.queues.puts(question, (self.count, name), item),
            Operation::Clear { name } => self.queues.clears(question, name),
            _ => {}
        }
    }

    fn withdraws(&mut self, question: Question) {
        self.asked.remove(&question);
        self.told.remove(&question);
        self.queues.withdrawn(question);
        self.permits.end(question);
    }

    fn session_ended(&mut self, client: ClientId) {
        self.asked.retain(|(of, _), _| *of != client);
        self.told.retain(|(of, _), _| *of != client);
        self.queues.session_ended(client);
    }

    /// What is wrong with an answer, if anything is.
    fn answered(
        &mut self,
        (question, order): (Question, u64),
        operation: &Operation,
        answer: &Answer,
    ) -> Option<String> {
        let wrong = |is: bool, what: String| (!is).then_some(what);
        match (operation, answer) {
            (Operation::Acquire { name, limit, count, .. }, answer) => {
                let before = self.asked.values().filter(|(other, _)| *other < order);
                let overtakes = before.filter(|(_, waiting)| is_for(waiting, name)).count() > 0;
                self.permits.acquired(self.now, self.epoch, (question, name), (*limit, *count), overtakes, answer)
            }
            (Operation::Release { .. } | Operation::Keep { .. }, answer) => {
                self.permits.answered(self.now, question, operation, answer)
            }
            (Operation::SetEvent { .. } | Operation::ClearEvent { .. }, Answer::Done) => None,
            (Operation::WaitForEvent { name }, Answer::Done) => {
                wrong(self.events.contains(name), "it is not set".into())
            }
            (Operation::IsEventSet { name }, Answer::Flag(is)) => {
                wrong(self.events.contains(name) == *is, "it is the other way round".into())
            }
            (Operation::SetVariable { name, value, .. }, Answer::Done) => {
                self.variables.insert(name.clone(), value.clone());
                None
            }
            // The task is not known.
            (Operation::SetVariable { value: Shared::Key(_), .. }, Answer::Refused(_)) => None,
            (Operation::GetVariable { name, .. }, Answer::Shared(told)) => self.read(question, name, told),
            (Operation::DeleteVariable { name }, Answer::Flag(was)) => {
                wrong(self.variables.remove(name).is_some() == *was, "it is the other way round".into())
            }
            (Operation::Put { .. } | Operation::Get { .. } | Operation::Length { .. } | Operation::Clear { .. }, _) => {
                self.queues.answered(question, operation, answer)
            }
            (operation, _) => Some(format!("that is no answer to {operation:?}")),
        }
    }

    fn read(&mut self, question: Question, name: &Arc<str>, told: &[Shared]) -> Option<String> {
        // Who waits is answered before whoever sets it.
        let setting = self.asked.values().rev().find_map(|(_, operation)| match operation {
            Operation::SetVariable { name: of, value, .. } if of == name => Some(value),
            _ => None,
        });
        let holds = setting.or_else(|| self.variables.get(name));
        if told.first() != holds || told.len() > 1 {
            return Some(format!("it holds {holds:?}"));
        }
        if let Some(item) = told.first() {
            self.told.insert(question, item.clone());
        }
        None
    }

    /// Why somebody waits for what is there, when nothing is on its way, if that is so.
    fn waits_in_vain(&self, question: Question, operation: &Operation) -> Option<&'static str> {
        if !self.asked.contains_key(&question) {
            return Some("the scheduler has answered, or was not asked");
        }
        match operation {
            operation if !waits(operation) => Some("it was to be answered at once"),
            Operation::Acquire { .. } => Some("all leases were given back"),
            Operation::WaitForEvent { name } if self.events.contains(name) => Some("it is set"),
            Operation::GetVariable { name, .. } if self.variables.contains_key(name) => Some("it holds something"),
            Operation::Put { name, limit, .. } if self.queues.len(name) < *limit as usize => Some("there is room"),
            Operation::Get { name, .. } if self.queues.len(name) > 0 => Some("there are items"),
            _ => None,
        }
    }
}

/// Checks that nobody waits for what is there. To be called when nothing is on its way and all leases were given back.
///
/// # Errors
/// Who waits for what.
pub fn check(cluster: &Cluster) -> Result<(), Failure> {
    for client in cluster.clients() {
        for (request, operation) in client.questions() {
            if let Some(why) = cluster.judge.sharing.waits_in_vain((client.id, request), operation) {
                let found = format!("{} waits for {operation:?} ({request}) for ever: {why}", client.id);
                return Err(Failure::liveness("sharing", found));
            }
        }
    }
    Ok(())
}

/// Whether somebody waits for permits of this name.
fn is_for(waiting: &Operation, name: &Arc<str>) -> bool {
    matches!(waiting, Operation::Acquire { name: of, .. } if of == name)
}
