//! Queues: futures or small values, first in, first out, under a name.
//!
//! An item is held from the moment it is put in till whoever was handed it has said that it has it, and wants what it needs of it;
//! if that one goes before, the item goes back to its place. So an item is never lost with a getter, and is handed out twice
//! only if a getter's connection breaks in the very moment between the item's arrival and the confirmation's.
//!
//! Getters are served in the order of asking, and so are those who wait for room. A queue is forgotten when it is empty and
//! nobody waits; items stay whoever put them in.

use std::{collections::BTreeMap, sync::Arc};

use brisk_core::{
    error::TaskError,
    id::RequestId,
    limits::CHUNK_TASKS,
    message::{Answer, SchedulerToClient, Shared},
};
use serde::{Deserialize, Serialize};

use super::{Claim, Held, Line, Of, Outcome, Waiter, inconsistent, refused};
use crate::machine::{Scheduler, slab::ClientIndex};

/// A queue that holds something or is waited for.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::machine) struct Queue {
    /// What it holds, in words that only clients read.
    shape: Arc<str>,
    /// How many items it may hold, 0 for any number; none until somebody has put one in.
    pub(in crate::machine) limit: Option<u32>,
    /// By number, so that one that comes back finds its place.
    pub(in crate::machine) items: BTreeMap<u64, Held>,
    next_item: u64,
    /// How many are handed out and not confirmed.
    pub(in crate::machine) handed: usize,
    /// Who waits for items, and for how many.
    pub(in crate::machine) getters: Line<usize>,
    /// Who waits for room, with what.
    pub(in crate::machine) putters: Line<Held>,
}

/// What is put in.
pub(super) struct Put {
    pub(super) name: Arc<str>,
    pub(super) shape: Arc<str>,
    pub(super) limit: u32,
    pub(super) item: Shared,
    pub(super) wait: bool,
}

/// Bytes after which no more items go into one answer.
const ANSWER_BYTES: u64 = 1 << 20;

impl Queue {
    pub(in crate::machine) fn has_room(&self) -> bool {
        self.limit.is_none_or(|limit| limit == 0 || self.items.len() < limit as usize)
    }

    pub(in crate::machine) fn is_idle(&self) -> bool {
        self.items.is_empty() && self.handed == 0 && self.getters.is_empty() && self.putters.is_empty()
    }

    fn append(&mut self, item: Held) {
        self.items.insert(self.next_item, item);
        self.next_item += 1;
    }

    /// Takes items off the front: one, and as many more as are asked for and fit into one answer.
    fn take(&mut self, most: usize) -> Vec<(u64, Held)> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < most.clamp(1, CHUNK_TASKS)
            && (taken.is_empty() || bytes < ANSWER_BYTES)
            && let Some((number, item)) = self.items.pop_first()
        {
            bytes += item.bytes();
            taken.push((number, item));
        }
        self.handed += taken.len();
        taken
    }
}

impl Scheduler {
    pub(super) fn put(&mut self, c: ClientIndex, request: RequestId, put: Put) -> Outcome {
        let Put { name, shape, limit, item, wait } = put;
        self.may_be_queue(&name, &shape)?;
        let known = self.coordination.queues.get(&name);
        if let Some(other) = known.and_then(|queue| queue.limit).filter(|&other| other != limit) {
            let words = |limit| if limit == 0 { "no limit".to_owned() } else { format!("a limit of {limit} items") };
            return Err(inconsistent(format!(
                "the queue `{name}` is in use with {}, and can't have {}: use another name, or empty it first",
                words(other),
                words(limit)
            )));
        }
        self.may_hold(&item)?;
        let most = self.config.max_queue_items as usize;
        if self.coordination.queued >= most {
            return Err(refused(format!("queues hold {most} items together, and no more are allowed: take some out")));
        }
        let free = known.is_none_or(|queue| queue.putters.is_empty() && queue.has_room());
        if !free && !wait {
            return Ok(Some(Answer::Flag(false)));
        }
        if !free {
            self.may_claim(c)?;
        }
        let Some(item) = self.hold_shared(item) else { return Ok(Some(Answer::Flag(false))) };
        self.coordination.queued += 1;
        let place = self.last_in_line();
        let queue = self.queue(name.clone(), shape);
        queue.limit = Some(limit);
        if free {
            queue.append(item);
            self.serve_queue(&name);
            return Ok(Some(Answer::Done));
        }
        queue.putters.push(place, Waiter { client: c, request, what: item });
        self.clients[c].claims.set(request, Claim::Wait { of: Of::Putters, name, place });
        Ok(None)
    }

    pub(super) fn get(
        &mut self,
        c: ClientIndex,
        request: RequestId,
        (name, shape): (Arc<str>, Arc<str>),
        most: u32,
        wait: bool,
    ) -> Outcome {
        self.may_be_queue(&name, &shape)?;
        if most == 0 {
            return Err(refused(format!("0 items of the queue `{name}` were asked for: ask for one at least")));
        }
        // Whoever waits does so because it is empty.
        let empty = self.coordination.queues.get(&name).is_none_or(|queue| queue.items.is_empty());
        if empty && !wait {
            return Ok(Some(Answer::Shared(Vec::new())));
        }
        self.may_claim(c)?;
        let place = self.last_in_line();
        let waiter = Waiter { client: c, request, what: most as usize };
        self.queue(name.clone(), shape).getters.push(place, waiter);
        self.clients[c].claims.set(request, Claim::Wait { of: Of::Getters, name: name.clone(), place });
        self.serve_queue(&name);
        Ok(None)
    }

    pub(super) fn queue_length(&self, name: &str) -> Outcome {
        let length = self.coordination.queues.get(name).map_or(0, |queue| queue.items.len());
        Ok(Some(Answer::Count(length as u64)))
    }

    /// Drops all items. Who waits for room then finds some.
    pub(super) fn clear_queue(&mut self, name: &Arc<str>) -> Outcome {
        let items = self.coordination.queues.get_mut(name).map(|queue| std::mem::take(&mut queue.items));
        let items = items.unwrap_or_default();
        self.drop_items(items.values());
        self.serve_queue(name);
        Ok(Some(Answer::Count(items.len() as u64)))
    }

    /// Items leave the queues for good.
    pub(super) fn drop_items<'a>(&mut self, items: impl ExactSizeIterator<Item = &'a Held>) {
        self.coordination.queued -= items.len();
        items.for_each(|item| self.let_go_of(item));
    }

    /// Whoever was handed these has gone: they go back to their places.
    pub(super) fn put_back(&mut self, name: &Arc<str>, items: Vec<(u64, Held)>) {
        let (lost, out_of_order) = (planted!(self, ItemsLostWithGetter), planted!(self, ItemsOutOfOrder));
        if let Some(queue) = self.coordination.queues.get_mut(name) {
            queue.handed -= items.len();
            if lost {
                return self.drop_items(items.iter().map(|(_, item)| item));
            }
            if out_of_order {
                return items.into_iter().for_each(|(_, item)| queue.append(item));
            }
            queue.items.extend(items);
        }
    }

    /// Hands items to who waits for them, and takes in what waits for room.
    pub(super) fn serve_queue(&mut self, name: &Arc<str>) {
        while let Some(queue) = self.coordination.queues.get_mut(name) {
            if !queue.items.is_empty()
                && let Some(Waiter { client, request, what: most }) = queue.getters.pop()
            {
                let items = queue.take(most);
                let answer = Answer::Shared(items.iter().map(|(_, item)| self.told(item)).collect());
                let claim = Claim::Handed { of: Of::Getters, name: name.clone(), items };
                self.clients[client].claims.set(request, claim);
                self.tell_client(client, SchedulerToClient::Answered { request, answer });
            } else if queue.has_room()
                && let Some(Waiter { client, request, what: item }) = queue.putters.pop()
            {
                queue.append(item);
                self.clients[client].claims.remove(request);
                self.tell_client(client, SchedulerToClient::Answered { request, answer: Answer::Done });
            } else {
                break;
            }
        }
        if self.coordination.queues.get(name).is_some_and(Queue::is_idle) {
            self.coordination.queues.remove(name);
        }
    }

    fn queue(&mut self, name: Arc<str>, shape: Arc<str>) -> &mut Queue {
        self.coordination.queues.entry(name).or_insert_with(|| Queue {
            shape,
            limit: None,
            items: BTreeMap::new(),
            next_item: 0,
            handed: 0,
            getters: Line::default(),
            putters: Line::default(),
        })
    }

    fn may_be_queue(&self, name: &str, shape: &str) -> Result<(), TaskError> {
        self.may_have_shape(shape)?;
        match self.coordination.queues.get(name) {
            None => self.may_be_named(),
            Some(queue) if *queue.shape == *shape => Ok(()),
            Some(queue) => Err(inconsistent(format!(
                "the queue `{name}` is in use for items of type {}, and was asked for as one of {shape}: use another name, \
                 or empty it first",
                queue.shape
            ))),
        }
    }
}
