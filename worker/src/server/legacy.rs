//! What a session that lost its scheduler leaves to the next one.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use brisk_core::{
    id::{Epoch, WorkerId},
    key::Key,
    value::Datum,
};
use tokio::sync::watch;

use super::{
    call,
    driver::{News, Shared},
    panics,
};
use crate::machine::{Config, Worker};

/// Values that may be offered, and threads that nothing could stop.
pub(super) struct Legacy {
    values: Vec<(Key, Datum, u64)>,
    /// How many threads of each earlier session are still there.
    busy: Vec<watch::Receiver<u32>>,
}

impl Shared {
    /// Gives up what the next session may have. This one is over, and holds nothing from now on: what its threads still
    /// make is for nobody.
    pub(super) fn bequeath(&self) -> Legacy {
        let keys = self.take_machine().map(|machine| machine.legacy()).unwrap_or_default();
        let mut all = self.store.take_all();
        let values = keys.into_iter().filter_map(|(key, nbytes)| Some((key, all.remove(&key)?.0, nbytes)));
        let values = values.collect();
        all.into_values().for_each(|(value, _)| panics::drop_quietly(value));
        let earlier = self.still_busy.get().into_iter().flatten().cloned();
        let busy = earlier.chain([self.executor.alive()]).filter(|alive| *alive.borrow() > 0).collect();
        Legacy { values, busy }
    }

    /// Begins a session with what an earlier one left.
    pub(super) fn begin_with(self: &Arc<Self>, legacy: Legacy, machine: Config, id: WorkerId, epoch: Epoch) {
        let Legacy { values, busy } = legacy;
        let offers: Vec<(Key, u64)> = values.iter().map(|(key, _, nbytes)| (*key, *nbytes)).collect();
        for (key, value, nbytes) in values {
            drop(self.store.insert(key, value, nbytes));
        }
        let mut number = 0;
        let counted: Vec<_> = busy.iter().map(|alive| (alive.clone(), *alive.borrow())).collect();
        let threads = counted.iter().map(|(_, count)| count).sum();
        tracing::info!(worker = %self.name, %id, values = offers.len(), busy = threads, "joined again");
        // Whoever starts a session sets this once.
        let _ = self.still_busy.set(busy);
        self.begin(Worker::returning(machine, id, epoch, &offers, threads));
        for (alive, count) in counted {
            self.runtime.spawn(wait_for_threads(Arc::downgrade(self), alive, number..number + count));
            number += count;
        }
    }
}

/// Tells the machine of each thread of an earlier session that ends: it has a thread more for its own work then.
async fn wait_for_threads(shared: Weak<Shared>, mut alive: watch::Receiver<u32>, mut runs: std::ops::Range<u32>) {
    while !runs.is_empty() {
        // Without a sender no thread is left.
        let left = alive.wait_for(|left| *left < runs.len() as u32).await.map_or(0, |left| *left);
        let Some(shared) = shared.upgrade() else { return };
        while runs.len() as u32 > left {
            let Some(number) = runs.next() else { return };
            let run = Worker::busy_run(number);
            shared.tell(News::Done { run, outcome: Err(call::cancelled()), took: Duration::ZERO });
        }
    }
}
