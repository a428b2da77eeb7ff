//! Where clients put values themselves: on the workers that will hold the fewest bytes, each value in turn.
//!
//! Lengths count as they are handed out, so that many values that are asked for at once are spread by bytes, and equal ones
//! in turn, as Dask's `scatter` goes round; and what is under way to a worker counts as if it were there. Two clients that
//! ask at once may be sent to the same workers: the next rebalance, or a paused worker's refusal, puts that right.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use brisk_core::{
    error::{ErrorKind, TaskError},
    id::{RequestId, WorkerId},
    limits::CHUNK_TASKS,
    message::{Answer, SchedulerToClient},
};

use super::{
    Scheduler,
    slab::{ClientIndex, WorkerIndex},
};

impl Scheduler {
    /// A client asks where it may put values of these lengths.
    pub(super) fn places(&mut self, c: ClientIndex, request: RequestId, nbytes: &[u64], workers: &[Arc<str>]) {
        let answer = match self.place_all(c, nbytes, workers) {
            Ok(places) => {
                let ids = places.iter().map(|&w| self.known_to_client(c, w)).collect();
                Answer::Places(ids)
            }
            Err(why) => Answer::Refused(why),
        };
        self.tell_client(c, SchedulerToClient::Answered { request, answer });
    }

    /// A client asks which workers of its build there are, to turn to them itself.
    pub(super) fn find_workers(&mut self, c: ClientIndex, request: RequestId, names: &[Arc<str>]) {
        let found: Vec<_> = self.pool_of(c).iter().copied().filter(|&w| self.is_named(w, names)).collect();
        let answer = if found.is_empty() && !names.is_empty() {
            Answer::Refused(nobody_is_named(names))
        } else {
            let named = |&w: &WorkerIndex| (self.known_to_client(c, w), self.workers[w].name.clone());
            Answer::Found(found.iter().map(named).collect())
        };
        self.tell_client(c, SchedulerToClient::Answered { request, answer });
    }

    fn place_all(&self, c: ClientIndex, nbytes: &[u64], names: &[Arc<str>]) -> Result<Vec<WorkerIndex>, TaskError> {
        if nbytes.len() > CHUNK_TASKS {
            let text = format!("{} values at once are more than the {CHUNK_TASKS} allowed", nbytes.len());
            return Err(TaskError::new(ErrorKind::Refused, text));
        }
        if !names.is_empty() && !self.pool_of(c).iter().any(|&w| self.is_named(w, names)) {
            return Err(nobody_is_named(names));
        }
        let pool = self.pool_of(c).iter().copied();
        let able = pool.filter(|&w| self.is_named(w, names) && self.takes_copies(w));
        let mut emptiest: BinaryHeap<_> = able.map(|w| Reverse((self.expected_bytes(w), 0usize, w))).collect();
        nbytes.iter().map(|&bytes| self.next_place(&mut emptiest, bytes, names)).collect()
    }

    /// The worker that has the fewest bytes, then the fewest of these values, if it has room. Those that have none are no
    /// candidates for what follows either: they would stand in its way.
    fn next_place(
        &self,
        emptiest: &mut BinaryHeap<Reverse<(u64, usize, WorkerIndex)>>,
        bytes: u64,
        names: &[Arc<str>],
    ) -> Result<WorkerIndex, TaskError> {
        while let Some(Reverse((held, count, w))) = emptiest.pop() {
            let placed = held - self.expected_bytes(w);
            if self.has_room_for(w, placed.saturating_add(bytes)) {
                emptiest.push(Reverse((held.saturating_add(bytes), count + 1, w)));
                return Ok(w);
            }
        }
        let among = if names.is_empty() { String::new() } else { format!(" named {}", names.join(" or ")) };
        let text = format!(
            "no worker{among} has room for a value of {bytes} bytes now: wait for workers, or give them more memory"
        );
        Err(TaskError::new(ErrorKind::TooLarge, text))
    }

    /// The id of a worker, which the client is told of first if it does not know it.
    pub(super) fn known_to_client(&mut self, c: ClientIndex, w: WorkerIndex) -> WorkerId {
        let worker = self.workers[w].id;
        if self.clients[c].knows.insert(w) {
            let address = self.workers[w].info.address.clone();
            self.tell_client(c, SchedulerToClient::Worker { worker, address });
        }
        worker
    }
}

fn nobody_is_named(names: &[Arc<str>]) -> TaskError {
    TaskError::new(ErrorKind::Refused, format!("no worker has the name, address or host {}", names.join(" or ")))
}
