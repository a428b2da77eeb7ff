//! The values, by key.

use brisk_core::{
    graph::Invocation,
    key::Key,
    key_map::KeyMap,
    task::{Input, Inputs},
    value::Datum,
};
use parking_lot::Mutex;

/// What this worker holds: all and only the keys that the machine believes to be stored. Which they are is the machine's
/// decision; this is looked at by the threads that run tasks and by those that serve peers. Each with its length, as it was
/// measured once.
#[derive(Default)]
pub(super) struct Store(Mutex<KeyMap<(Datum, u64)>>);

impl Store {
    /// Keeps a value. Gives back the one that was there, which must not be dropped under a lock: its `Drop` is a user's.
    pub(super) fn insert(&self, key: Key, value: Datum, nbytes: u64) -> Option<Datum> {
        self.0.lock().insert(key, (value, nbytes)).map(|(value, _)| value)
    }

    pub(super) fn has(&self, key: Key) -> bool {
        self.0.lock().contains_key(&key)
    }

    pub(super) fn remove(&self, key: Key) -> Option<Datum> {
        self.0.lock().remove(&key).map(|(value, _)| value)
    }

    /// The values of all these keys, under one lock.
    pub(super) fn get_all(&self, keys: &[Key]) -> Vec<Option<(Datum, u64)>> {
        let values = self.0.lock();
        keys.iter().map(|key| values.get(key).cloned()).collect()
    }

    /// The arguments of a call, under one lock.
    ///
    /// # Errors
    /// The first key that is not here.
    pub(super) fn inputs(&self, call: &Invocation) -> Result<Inputs, Key> {
        let values = self.0.lock();
        call.inputs(|key| values.get(&key).map(|(value, _)| value.clone()))
    }

    /// The arguments of a call that has been made, as far as they are still here.
    pub(super) fn arguments(&self, call: &Invocation) -> Vec<Option<Input>> {
        let values = self.0.lock();
        call.arguments(|key| values.get(&key).map(|(value, _)| value.clone()))
    }

    /// Puts the same value with its bytes at hand in the place of the one without, if that is still there.
    pub(super) fn replace(&self, key: Key, value: Datum) {
        let replaced = {
            let mut values = self.0.lock();
            values.get_mut(&key).map(|(there, _)| std::mem::replace(there, value))
        };
        drop(replaced);
    }

    /// Takes everything out, to be kept or dropped by the caller.
    pub(super) fn take_all(&self) -> KeyMap<(Datum, u64)> {
        std::mem::take(&mut *self.0.lock())
    }
}
