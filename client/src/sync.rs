//! A session without a cluster: every task runs in the submitting thread.

use std::{
    cell::RefCell,
    sync::{Arc, Weak},
};

use brisk_core::{
    error::{ErrorKind, Failure, TaskError},
    future::{Handle, Owner, WeakHandle},
    graph::{KeySource, Known, Node, PlannedTask, block_on, plan},
    id::{EnvironmentId, WantId},
    key::Key,
    payload::Payload,
    registry::Registry,
    show,
    task::{Ran, TaskName},
    value::Datum,
};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::session::How;

thread_local! {
    /// The session whose task runs in this thread.
    static CURRENT: RefCell<Option<Weak<SyncSession>>> = const { RefCell::new(None) };
}

/// The session whose task runs in this thread.
pub(crate) fn current() -> Option<Arc<SyncSession>> {
    CURRENT.with_borrow(|current| current.as_ref()?.upgrade())
}

/// Puts the former one back, also when a task panics: that is a panic of whoever submits.
struct Current(Option<Weak<SyncSession>>);

impl Drop for Current {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

pub(crate) struct SyncSession {
    this: Weak<SyncSession>,
    table: Mutex<Table>,
}

struct Table {
    keys: KeySource,
    wanted: FxHashMap<Key, Wanted>,
    next_want: u64,
}

struct Wanted {
    handle: WeakHandle,
    want: WantId,
    fingerprint: Key,
    /// What to run again, if it failed.
    failed: Option<Arc<Node>>,
}

/// The outcomes of one submission's calls.
type Outcomes = FxHashMap<Key, Result<Datum, TaskError>>;

impl SyncSession {
    pub(crate) fn new() -> Arc<Self> {
        let keys = KeySource::new(EnvironmentId::IN_PROCESS, 0);
        let table = Mutex::new(Table { keys, wanted: FxHashMap::default(), next_want: 0 });
        Arc::new_cyclic(|this: &Weak<SyncSession>| SyncSession { this: this.clone(), table })
    }

    pub(crate) fn submit(&self, roots: &[Arc<Node>]) -> Vec<Handle> {
        // Dropped after the lock: the last handle of a key comes back here.
        let mut spare = Vec::new();
        let planned = {
            let mut table = self.table.lock();
            let Table { keys, wanted, .. } = &mut *table;
            let spare = RefCell::new(&mut spare);
            plan(roots, keys, |key, fingerprint| {
                let Some((known, handle)) = wanted.get(&key).and_then(|w| Some((w, w.handle.upgrade()?))) else {
                    return Known::No;
                };
                spare.borrow_mut().push(handle);
                if known.fingerprint == fingerprint { Known::Yes } else { Known::Conflict }
            })
        };
        let planned = match planned {
            Ok(planned) => planned,
            Err(error) => {
                let error = TaskError::new(ErrorKind::Refused, error.to_string());
                return roots.iter().map(|root| self.failed(root, error.clone())).collect();
            }
        };
        let mut outcomes = Outcomes::default();
        for task in planned {
            let outcome = self.run(&task, &outcomes);
            outcomes.insert(task.key, outcome);
        }
        roots.iter().map(|root| self.want(root, &outcomes)).collect()
    }

    /// Handles of values that are here.
    pub(crate) fn scatter(&self, values: Vec<Datum>, how: &How) -> Result<Vec<Handle>, TaskError> {
        values.into_iter().map(|value| self.scatter_one(value, how)).collect()
    }

    fn scatter_one(&self, value: Datum, how: &How) -> Result<Handle, TaskError> {
        let environment = self.table.lock().keys.environment;
        let hashed = how.hash.then(|| Key::of_value(environment, &value)).transpose().map_err(Failure::from)?;
        if let Some(handle) = hashed.and_then(|key| self.handle(key)) {
            return Ok(handle);
        }
        let handle = {
            let mut table = self.table.lock();
            let key = hashed.unwrap_or_else(|| table.keys.unique());
            table.next_want += 1;
            let want = WantId(table.next_want);
            let handle = Handle::new(TaskName::of_call(how.name.clone(), key), want, self.owner());
            table.wanted.insert(key, Wanted { handle: handle.downgrade(), want, fingerprint: key, failed: None });
            handle
        };
        handle.set_value(value);
        Ok(handle)
    }

    /// Runs one call. Its dependencies have run before.
    fn run(&self, task: &PlannedTask, outcomes: &Outcomes) -> Result<Datum, TaskError> {
        let name = task.node.name().expect("the call was planned");
        for key in &task.dependencies {
            if let Some(error) = self.error_of(*key, outcomes) {
                return Err(error.needed_by(name));
            }
        }
        let call = Payload::from_call(&task.node).call(&Registry::default()).map_err(Failure::from)?;
        let inputs = call.inputs(|key| self.value_of(key, outcomes)).map_err(|key| {
            TaskError::new(ErrorKind::ForeignFuture, format!("the argument {key} is a future of another client"))
        })?;
        let _current = Current(CURRENT.replace(Some(self.this.clone())));
        let outcome = match call.run(inputs) {
            Ran::Done(outcome) => outcome,
            Ran::Future(future) => block_on(future),
        };
        outcome.map_err(|failure| {
            let given = call.arguments(|key| self.value_of(key, outcomes));
            let arguments = show::arguments(call.def, &given, show::SHOWN_BYTES);
            TaskError::from(failure.with_arguments(arguments)).with(|report| {
                report.task = Some(name);
                report.place = Some(task.node.def.info().place.clone());
                report.attempt = 1;
            })
        })
    }

    fn value_of(&self, key: Key, outcomes: &Outcomes) -> Option<Datum> {
        match outcomes.get(&key) {
            Some(outcome) => outcome.as_ref().ok().cloned(),
            None => self.handle(key)?.value(),
        }
    }

    fn error_of(&self, key: Key, outcomes: &Outcomes) -> Option<TaskError> {
        match outcomes.get(&key) {
            Some(outcome) => outcome.as_ref().err().cloned(),
            None => self.handle(key)?.error(),
        }
    }

    fn handle(&self, key: Key) -> Option<Handle> {
        self.table.lock().wanted.get(&key)?.handle.upgrade()
    }

    /// The handle of a root that has run, now or before.
    fn want(&self, root: &Arc<Node>, outcomes: &Outcomes) -> Handle {
        let name = root.name().expect("the root was planned");
        if let Some(handle) = self.handle(name.key) {
            return handle;
        }
        let outcome = &outcomes[&name.key];
        let handle = {
            let mut table = self.table.lock();
            table.next_want += 1;
            let want = WantId(table.next_want);
            let handle = Handle::new(name, want, self.owner());
            let fingerprint = root.fingerprint().expect("the root was planned");
            let failed = outcome.is_err().then(|| root.clone());
            let wanted = Wanted { handle: handle.downgrade(), want, fingerprint, failed };
            table.wanted.insert(handle.key(), wanted);
            handle
        };
        match outcome {
            Ok(value) => handle.set_value(value.clone()),
            Err(error) => handle.set_error(error.clone()),
        }
        handle
    }

    fn failed(&self, root: &Arc<Node>, error: TaskError) -> Handle {
        let name = root.name().unwrap_or_else(|| TaskName::of_call(root.def.info().name.clone(), Key::from_u128(0)));
        let handle = Handle::new(name, WantId(0), self.owner());
        handle.set_error(error);
        handle
    }

    fn owner(&self) -> Arc<dyn Owner> {
        self.this.upgrade().expect("a session that is being used is alive")
    }
}

impl Owner for SyncSession {
    fn submit(&self, calls: &[Arc<Node>]) -> Vec<Handle> {
        SyncSession::submit(self, calls)
    }

    fn released(&self, key: Key, want: WantId) {
        let released = {
            let mut table = self.table.lock();
            match table.wanted.get(&key) {
                Some(wanted) if wanted.want == want => table.wanted.remove(&key),
                _ => None,
            }
        };
        drop(released);
    }

    /// Values are here as soon as there is a handle.
    fn fetch(&self, _: &Handle) {}

    /// Whatever could be cancelled has run.
    fn cancel(&self, _: &Handle) {}

    fn retry(&self, handle: &Handle) {
        let failed = self.table.lock().wanted.get_mut(&handle.key()).and_then(|wanted| wanted.failed.take());
        let Some(node) = failed else { return };
        handle.set_pending();
        let mut outcomes = Outcomes::default();
        let planned = {
            let mut table = self.table.lock();
            plan(std::slice::from_ref(&node), &mut table.keys, |_, _| Known::No)
        };
        for task in planned.unwrap_or_default() {
            let outcome = self.run(&task, &outcomes);
            outcomes.insert(task.key, outcome);
        }
        match outcomes.remove(&handle.key()) {
            Some(Ok(value)) => handle.set_value(value),
            Some(Err(error)) => {
                handle.set_error(error);
                if let Some(wanted) = self.table.lock().wanted.get_mut(&handle.key()) {
                    wanted.failed = Some(node);
                }
            }
            None => {}
        }
    }

    /// It has run to its end.
    fn detach(&self, _: &Handle) {}
}
