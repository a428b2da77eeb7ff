//! Queues: what is in them, in which order, and who was handed what.

use std::{collections::BTreeMap, sync::Arc};

use brisk_core::{
    id::ClientId,
    message::{Answer, Operation, Shared},
};

use super::Question;

/// All items of all queues that were put in and neither confirmed nor dropped.
#[derive(Debug, Default)]
pub(super) struct Queues {
    /// By the order in which they were put in.
    queues: BTreeMap<Arc<str>, BTreeMap<u64, Item>>,
    /// How many items each question to drop all of a queue has dropped.
    cleared: BTreeMap<Question, u64>,
}

#[derive(Debug)]
struct Item {
    what: Shared,
    state: State,
}

#[derive(Debug, PartialEq)]
enum State {
    /// For room, or for the answer that it is in.
    Waits(Question),
    Queued,
    Handed(Question),
}

impl Item {
    /// Whether it is in the queue, and may be taken out.
    fn is_in(&self) -> bool {
        self.state == State::Queued
    }
}

impl Queues {
    pub(super) fn items(&self) -> impl Iterator<Item = &Shared> {
        self.all().map(|item| &item.what)
    }

    /// How many items are in a queue.
    pub(super) fn len(&self, name: &Arc<str>) -> usize {
        self.queues.get(name).map_or(0, |items| items.values().filter(|item| item.is_in()).count())
    }

    pub(super) fn puts(&mut self, question: Question, (order, name): (u64, &Arc<str>), what: &Shared) {
        let item = Item { what: what.clone(), state: State::Waits(question) };
        self.queues.entry(name.clone()).or_default().insert(order, item);
    }

    pub(super) fn clears(&mut self, question: Question, name: &Arc<str>) {
        let items = self.queues.entry(name.clone()).or_default();
        let before = items.len();
        items.retain(|_, item| !item.is_in());
        self.cleared.insert(question, (before - items.len()) as u64);
    }

    /// Whoever was handed something has it.
    pub(super) fn confirmed(&mut self, question: Question) {
        self.drop_all(|state| *state == State::Handed(question));
    }

    /// What waits for room is not put in, and what was handed over goes back.
    pub(super) fn withdrawn(&mut self, question: Question) {
        self.drop_all(|state| *state == State::Waits(question));
        self.put_back(|of| of == question);
    }

    pub(super) fn session_ended(&mut self, client: ClientId) {
        self.drop_all(|state| matches!(state, State::Waits((of, _)) if *of == client));
        self.put_back(|(of, _)| of == client);
        self.cleared.retain(|(of, _), _| *of != client);
    }

    /// What is wrong with an answer, if anything is.
    pub(super) fn answered(&mut self, question: Question, operation: &Operation, answer: &Answer) -> Option<String> {
        match (operation, answer) {
            (Operation::Put { .. }, Answer::Done) => {
                let item = self.all_mut().find(|item| item.state == State::Waits(question));
                if let Some(item) = item {
                    item.state = State::Queued;
                }
                None
            }
            (Operation::Put { name, limit, wait: false, .. }, Answer::Flag(false)) => {
                self.drop_all(|state| *state == State::Waits(question));
                let is_full = *limit > 0 && self.len(name) >= *limit as usize;
                (!is_full).then(|| "there is room".to_owned())
            }
            // The task is not known.
            (Operation::Put { item: Shared::Key(_), .. }, Answer::Refused(_)) => {
                self.drop_all(|state| *state == State::Waits(question));
                None
            }
            (Operation::Get { name, wait, .. }, Answer::Shared(items)) if items.is_empty() => {
                (*wait || self.len(name) > 0).then(|| "there are items, or some were to be waited for".to_owned())
            }
            (Operation::Get { name, most, .. }, Answer::Shared(items)) => {
                self.hand_over(question, name, items, *most as usize)
            }
            (Operation::Length { name }, Answer::Count(count)) => {
                let len = self.len(name) as u64;
                (len != *count).then(|| format!("there are {len} items"))
            }
            (Operation::Clear { .. }, Answer::Count(count)) => {
                let cleared = self.cleared.remove(&question);
                (cleared != Some(*count)).then(|| format!("there were {cleared:?} items"))
            }
            _ => Some(format!("that is no answer to {operation:?}")),
        }
    }

    /// The first items of a queue are handed over.
    fn hand_over(&mut self, question: Question, name: &Arc<str>, told: &[Shared], most: usize) -> Option<String> {
        let items = self.queues.entry(name.clone()).or_default();
        // One that finds room and is taken at once comes out before its putter is told.
        let mut there = items.values_mut().filter(|item| !matches!(item.state, State::Handed(_)));
        for one in told {
            match there.next() {
                Some(item) if item.what == *one => item.state = State::Handed(question),
                other => return Some(format!("instead of {one:?} comes {other:?}")),
            }
        }
        (told.len() > most).then(|| format!("{most} were asked for"))
    }

    fn put_back(&mut self, of: impl Fn(Question) -> bool) {
        for item in self.all_mut() {
            if matches!(item.state, State::Handed(by) if of(by)) {
                item.state = State::Queued;
            }
        }
    }

    fn drop_all(&mut self, of: impl Fn(&State) -> bool) {
        self.queues.values_mut().for_each(|items| items.retain(|_, item| !of(&item.state)));
    }

    fn all(&self) -> impl Iterator<Item = &Item> {
        self.queues.values().flat_map(BTreeMap::values)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Item> {
        self.queues.values_mut().flat_map(BTreeMap::values_mut)
    }
}
