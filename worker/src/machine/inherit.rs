//! From one session to the next: what a worker that lost its scheduler still has.
//!
//! Work in hand is not taken along: the next scheduler knows nothing of it, and will assign it again. Values are, if their
//! keys alone say what they are; and so are the threads in which old work goes on that nothing can stop.

use brisk_core::{
    id::{Epoch, RunId, WorkerId},
    key::Key,
    message::WorkerToScheduler,
};
use smallvec::SmallVec;

use super::{
    Config, Worker,
    state::{Execution, Held, Hold, Owner},
};

/// Keys in one message, so that it stays far below what a frame may have.
const OFFER_KEYS: usize = 50_000;

impl Worker {
    /// A worker that comes back with values and their lengths, which it offers as its first words. `busy` of its threads
    /// go on with work of an earlier session: each is told of, under its [`busy_run`](Worker::busy_run), by a
    /// [`Done`](super::Event::Done) when it ends. Actions are to be taken at once.
    pub fn returning(config: Config, id: WorkerId, epoch: Epoch, values: &[(Key, u64)], busy: u32) -> Self {
        let mut worker = Worker::new(config, id, epoch);
        for &(key, nbytes) in values {
            let value = Held { nbytes, pins: 0, doomed: false, made_by: None, reproducible: true };
            let entry = worker.entries.entry(key).or_default();
            if entry.value.is_none() {
                entry.value = Some(value);
                worker.held.values += 1;
                worker.held.bytes += u128::from(nbytes);
            }
        }
        for number in 0..busy.min(worker.config.threads.max(1)) {
            let (owner, started) = (Owner::Nobody(SmallVec::new()), worker.now);
            let execution = Execution { hold: Hold::Thread, owner, started, limit: None, abandoned: false };
            worker.executions.insert(Self::busy_run(number), execution);
            worker.slots.threads += 1;
        }
        for offer in values.chunks(OFFER_KEYS) {
            worker.tell(WorkerToScheduler::Offered(offer.to_vec()));
        }
        worker.follow_up();
        worker
    }

    /// The run under which a thread that is still busy with an earlier session's work counts. No scheduler hands out runs
    /// as high.
    pub fn busy_run(number: u32) -> RunId {
        RunId(u64::MAX - u64::from(number))
    }

    /// What the next session may be given: values that were made here and whose keys say what they are, in the order of
    /// their keys. Not copies, which others have made and offer themselves.
    pub fn legacy(&self) -> Vec<(Key, u64)> {
        #[allow(clippy::disallowed_methods, reason = "they are sorted right below")]
        let values = self.entries.iter().filter_map(|(key, entry)| {
            let value = entry
                .value
                .as_ref()
                .filter(|value| (value.reproducible || planted!(self, NamedOffered)) && !value.doomed)?;
            Some((*key, value.nbytes))
        });
        let mut values: Vec<_> = values.collect();
        values.sort_unstable();
        values
    }
}
