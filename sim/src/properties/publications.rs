//! What is published stays what it is under its name, whoever comes and goes, until somebody ends or replaces it, or the
//! scheduler dies.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use brisk_core::{
    id::{ClientId, RequestId},
    key::Key,
    message::{Answer, ClientToScheduler},
};

use crate::failure::Failure;

/// What is published, by the scheduler's own answers.
#[derive(Debug, Default)]
pub struct Publications {
    published: BTreeMap<Arc<str>, Vec<Key>>,
    asked: BTreeMap<(ClientId, RequestId), Asked>,
}

/// A request that is not answered.
#[derive(Clone, Debug)]
enum Asked {
    Publish(Arc<str>, Vec<Key>),
    Unpublish(Arc<str>),
    Dataset(Arc<str>),
}

impl Publications {
    /// All keys that are published.
    pub fn keys(&self) -> BTreeSet<Key> {
        self.published.values().flatten().copied().collect()
    }

    /// The scheduler is about to be told something.
    pub fn asked(&mut self, client: ClientId, message: &ClientToScheduler) {
        let (request, asked) = match message {
            ClientToScheduler::Publish { request, name, keys, .. } => {
                (request, Asked::Publish(name.clone(), keys.clone()))
            }
            ClientToScheduler::Unpublish { request, name } => (request, Asked::Unpublish(name.clone())),
            ClientToScheduler::Dataset { request, name } => (request, Asked::Dataset(name.clone())),
            _ => return,
        };
        self.asked.insert((client, *request), asked);
    }

    /// The scheduler answers.
    ///
    /// # Errors
    /// If the answer is not what follows from the answers before.
    pub fn answered(&mut self, client: ClientId, request: RequestId, answer: &Answer) -> Result<(), Failure> {
        let Some(asked) = self.asked.remove(&(client, request)) else { return Ok(()) };
        let is_right = match (&asked, answer) {
            (Asked::Publish(name, keys), Answer::Done) => {
                self.published.insert(name.clone(), keys.clone());
                true
            }
            // The name is taken, or a key is not known.
            (Asked::Publish(..), Answer::Refused(_)) => true,
            (Asked::Unpublish(name), Answer::Done) => self.published.remove(name).is_some(),
            (Asked::Unpublish(name) | Asked::Dataset(name), Answer::Refused(_)) => !self.published.contains_key(name),
            (Asked::Dataset(name), Answer::Dataset { keys, .. }) => self.published.get(name) == Some(keys),
            _ => false,
        };
        if is_right {
            return Ok(());
        }
        let found = format!("{client} is answered {answer:?} to {asked:?}, and published are {:?}", self.published);
        Err(Failure::safety("publications", found))
    }
}
