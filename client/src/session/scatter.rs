//! Puts values into workers' stores: asks the scheduler where, sends them there, and tells the scheduler what is held.
//!
//! Until the scheduler is told, a worker holds them for a while only. So a client that ends half-way leaves nothing behind,
//! and a wait that is dropped has no effect.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use brisk_core::{
    error::{ErrorKind, Failure, TaskError},
    future::{Handle, Status},
    id::{EnvironmentId, WorkerId},
    key::Key,
    limits::{CHUNK_TASKS, MAX_DATA_PAYLOAD_BYTES},
    message::{Answer, ClientToScheduler, ScatteredValue},
    payload::Payload,
    task::TaskName,
    value::Datum,
};
use smallvec::smallvec;
use tokio::sync::oneshot;

use super::{Session, Wanted, fetch::Put};

/// Payload bytes after which a message is continued in another one. One longer value goes alone.
const PUT_BYTES: u64 = 8 << 20;

/// How often a value is sent to another worker, when one goes or has no room any more.
const ROUNDS: u32 = 4;

/// How values are scattered.
#[derive(Clone, Debug)]
pub(crate) struct How {
    /// How many copies are kept; 0 for one on every worker.
    pub(crate) replicas: u32,
    /// Whether equal values are one.
    pub(crate) hash: bool,
    /// Addresses, names or hosts of the workers to choose from; empty for all.
    pub(crate) workers: Vec<Arc<str>>,
    /// What the values are called.
    pub(crate) name: Arc<str>,
}

/// A value on its way.
struct Parcel {
    key: Key,
    nbytes: u64,
    payload: Payload,
}

impl Session {
    /// Puts values on workers, and gives a handle of each.
    ///
    /// # Errors
    /// If a value can't be encoded or is too long, no worker has room for it, or the connection ends.
    pub(crate) async fn scatter(&self, values: Vec<Datum>, how: How) -> Result<Vec<Handle>, TaskError> {
        let keys = self.keys_of(&values, how.hash).await?;
        self.count_workers(1).await?;
        let mut handles = Vec::with_capacity(values.len());
        let mut keys = keys.into_iter();
        // A chunk at a time, so that only so many values are held as bytes at once.
        let mut values = values.into_iter().peekable();
        while values.peek().is_some() {
            let mut parcels = Vec::new();
            let mut bytes = 0;
            while parcels.len() < CHUNK_TASKS && bytes < PUT_BYTES * 4 {
                let (Some(value), Some(key)) = (values.next(), keys.next()) else { break };
                let nbytes = value.nbytes();
                bytes += nbytes;
                parcels.push((key, nbytes, value));
            }
            let parcels = self.wrap(parcels, &how.name).await?;
            handles.extend(self.deliver(parcels, &how).await?);
        }
        // Who is told that the values are there may look, with another client too.
        self.sync().await;
        Ok(handles)
    }

    /// The key of each value. Hashing may take long, so it is done on a thread of its own.
    async fn keys_of(&self, values: &[Datum], hash: bool) -> Result<Vec<Key>, TaskError> {
        let environment = {
            let mut table = self.table.lock();
            if !hash {
                return Ok(values.iter().map(|_| table.keys.unique()).collect());
            }
            table.keys.environment
        };
        let values = values.to_vec();
        self.aside(move || values.iter().map(|value| key_of(environment, value)).collect()).await
    }

    /// The values as they leave this process.
    async fn wrap(&self, values: Vec<(Key, u64, Datum)>, name: &Arc<str>) -> Result<Vec<Parcel>, TaskError> {
        let by_reference = self.is_by_reference();
        let name = name.clone();
        let wrap = move |(key, nbytes, value): (Key, u64, Datum)| {
            let payload = Payload::from_value(value);
            let payload = if by_reference { payload } else { sealed(&payload, TaskName::of_call(name.clone(), key))? };
            Ok(Parcel { key, nbytes, payload })
        };
        self.aside(move || values.into_iter().map(wrap).collect()).await
    }

    /// Runs what may take long apart from the threads of whoever waits for it.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, TaskError> + Send + 'static,
    ) -> Result<T, TaskError> {
        match self.runtime.spawn_blocking(work).await {
            Ok(outcome) => outcome,
            // A user's `Serialize` has panicked, or the runtime is about to end.
            Err(error) => Err(TaskError::new(ErrorKind::Encode, format!("a value can't be encoded: {error}"))),
        }
    }

    /// Sends all values, some of them more than once if workers go, and tells the scheduler who holds them.
    async fn deliver(&self, mut parcels: Vec<Parcel>, how: &How) -> Result<Vec<Handle>, TaskError> {
        let order: Vec<(Key, u64)> = parcels.iter().map(|parcel| (parcel.key, parcel.nbytes)).collect();
        // Equal values travel once.
        let mut keys = BTreeSet::new();
        parcels.retain(|parcel| keys.insert(parcel.key));
        let mut holders: BTreeMap<Key, WorkerId> = BTreeMap::new();
        for _ in 0..ROUNDS {
            let places = self.places(&parcels, how).await?;
            parcels = self.send(parcels, places, &mut holders).await;
            if parcels.is_empty() {
                return Ok(self.claim(&order, &holders, how));
            }
        }
        let text = format!("{} values could not be put anywhere: workers went, or had no room any more", parcels.len());
        Err(TaskError::new(ErrorKind::NoWorker, text))
    }

    async fn places(&self, parcels: &[Parcel], how: &How) -> Result<Vec<WorkerId>, TaskError> {
        let (nbytes, workers) = (parcels.iter().map(|parcel| parcel.nbytes).collect(), how.workers.clone());
        match self.request(|request| ClientToScheduler::Places { request, nbytes, workers }).await? {
            Answer::Places(places) if places.len() == parcels.len() => Ok(places),
            other => {
                let text = format!("asked where to put {} values, the scheduler answered {other:?}", parcels.len());
                Err(TaskError::new(ErrorKind::Refused, text))
            }
        }
    }

    /// Sends each value to its place, notes who holds it then, and gives back those that nobody does.
    async fn send(
        &self,
        parcels: Vec<Parcel>,
        places: Vec<WorkerId>,
        holders: &mut BTreeMap<Key, WorkerId>,
    ) -> Vec<Parcel> {
        let mut by_worker: BTreeMap<WorkerId, Vec<&Parcel>> = BTreeMap::new();
        for (parcel, worker) in parcels.iter().zip(places) {
            by_worker.entry(worker).or_default().push(parcel);
        }
        let mut replies = Vec::new();
        for (worker, parcels) in by_worker {
            for values in messages(&parcels) {
                let (reply, answer) = oneshot::channel();
                self.put(worker, Put { values, reply });
                replies.push((worker, answer));
            }
        }
        for (worker, answer) in replies {
            // A link that is lost answers nothing.
            holders.extend(answer.await.unwrap_or_default().into_iter().map(|key| (key, worker)));
        }
        parcels.into_iter().filter(|parcel| !holders.contains_key(&parcel.key)).collect()
    }

    /// Tells the scheduler what is held, and by whom.
    fn claim(&self, values: &[(Key, u64)], holders: &BTreeMap<Key, WorkerId>, how: &How) -> Vec<Handle> {
        let owner = self.owner();
        let mut spare = Vec::new();
        let (handles, closed) = {
            let mut table = self.table.lock();
            let submission = table.next_request();
            let mut scattered: Vec<ScatteredValue> = Vec::new();
            let mut told = BTreeSet::new();
            let mut handles: Vec<Handle> = Vec::with_capacity(values.len());
            for &(key, nbytes) in values {
                // One that is here already has one more holder. One that was lost stays so for who was told, and is begun anew.
                let live = match table.live(key, &mut spare) {
                    Some(handle) if handle.status() == Status::Erred => {
                        spare.push(handle);
                        None
                    }
                    live => live,
                };
                let is_new = live.is_none();
                let handle = live.unwrap_or_else(|| {
                    let name = TaskName::of_call(how.name.clone(), key);
                    let handle = Handle::new(name, table.next_want(), owner.clone());
                    let mut wanted = Wanted::new(&handle, None, submission);
                    wanted.scattered = true;
                    table.wanted.insert(key, wanted);
                    handle
                });
                let (want, replicas) = (handle.want(), how.replicas);
                if told.insert(key) {
                    let holders = smallvec![holders[&key]];
                    scattered.push(ScatteredValue { key, want, is_new, nbytes, holders, replicas });
                }
                handles.push(handle);
            }
            let closed = table.closed.clone();
            if closed.is_none() {
                table.say(ClientToScheduler::Scattered(scattered));
            }
            (handles, closed)
        };
        drop(spare);
        self.sent_or_failed(handles, closed)
    }
}

fn key_of(environment: EnvironmentId, value: &Datum) -> Result<Key, TaskError> {
    Key::of_value(environment, value).map_err(|error| Failure::from(error).into())
}

/// A value as bytes, if it may travel.
fn sealed(payload: &Payload, name: TaskName) -> Result<Payload, TaskError> {
    let sealed = payload.sealed().map_err(|error| TaskError::from(Failure::from(error)))?;
    if sealed.len() > MAX_DATA_PAYLOAD_BYTES {
        let text = format!(
            "a value of {} bytes is longer than the {MAX_DATA_PAYLOAD_BYTES} that may travel: scatter it in parts",
            sealed.len()
        );
        return Err(TaskError::new(ErrorKind::TooLarge, text).with(|report| report.task = Some(name)));
    }
    Ok(sealed)
}

/// What goes to one worker, in messages of a sensible length.
fn messages(parcels: &[&Parcel]) -> Vec<Vec<(Key, u64, Payload)>> {
    let mut messages: Vec<Vec<_>> = Vec::new();
    let mut bytes = u64::MAX;
    for parcel in parcels {
        let length = parcel.nbytes;
        if bytes.saturating_add(length) > PUT_BYTES {
            messages.push(Vec::new());
            bytes = 0;
        }
        bytes += length;
        let message = messages.last_mut().expect("one was pushed for the first value");
        message.push((parcel.key, length, parcel.payload.clone()));
    }
    messages
}
