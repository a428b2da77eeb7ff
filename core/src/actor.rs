//! Actors: state that stays on one worker, and is changed by calls.
//!
//! An actor is made by a task whose value is an [`ActorCell`]: the state, in the memory of the worker that ran the task,
//! which neither moves nor is copied. Its calls are no tasks: whoever holds a handle sends them straight to that worker,
//! and the cell's worker makes them one after the other. What a cell looks like from elsewhere is nothing at all.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{ErrorKind, Failure};

/// The state of an actor, on the worker where it lives.
pub struct ActorCell<A>(Mutex<Place<A>>);

/// Where the state is.
enum Place<A> {
    Here(A),
    /// A call has it.
    Taken,
    /// A call panicked, and may have left it half changed.
    Dead(String),
    /// On another worker: this cell came by a wire.
    Elsewhere,
}

impl<A> ActorCell<A> {
    /// A cell with its state.
    pub fn new(state: A) -> Self {
        ActorCell(Mutex::new(Place::Here(state)))
    }

    /// Takes the state out for a call of `method`, until the guard is dropped.
    ///
    /// # Errors
    /// If an earlier call panicked, a call has the state, or the state is not here.
    pub fn enter(self: Arc<Self>, method: &'static str) -> Result<ActorGuard<A>, Box<Failure>> {
        let lost = |message: String| Err(Box::new(Failure::new(ErrorKind::ActorLost, message)));
        let mut place = self.place();
        match std::mem::replace(&mut *place, Place::Taken) {
            Place::Here(state) => {
                drop(place);
                Ok(ActorGuard { cell: self, state: Some(state), method, ended: false })
            }
            Place::Dead(method) => {
                let text = format!(
                    "the actor has ended: its method `{method}` panicked, or was broken off, and may have left its state half changed. Start a \
                     new one"
                );
                *place = Place::Dead(method);
                lost(text)
            }
            Place::Taken => lost("the actor is in another call, which has not ended".to_owned()),
            Place::Elsewhere => {
                *place = Place::Elsewhere;
                lost("the actor lives on another worker".to_owned())
            }
        }
    }

    fn place(&self) -> MutexGuard<'_, Place<A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A> fmt::Debug for ActorCell<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ActorCell")
    }
}

/// Nothing of an actor leaves its worker.
impl<A> Serialize for ActorCell<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de, A> Deserialize<'de> for ActorCell<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer).map(|()| ActorCell(Mutex::new(Place::Elsewhere)))
    }
}

/// An actor's state, for one call. Dropped before [`done`](ActorGuard::done) was said, by a panic first of all, it ends the
/// actor.
pub struct ActorGuard<A> {
    cell: Arc<ActorCell<A>>,
    /// `None` once it is given back.
    state: Option<A>,
    method: &'static str,
    ended: bool,
}

impl<A> ActorGuard<A> {
    /// The call has ended: the state is as it left it.
    pub fn done(mut self) {
        self.ended = true;
    }
}

impl<A> Deref for ActorGuard<A> {
    type Target = A;

    fn deref(&self) -> &A {
        self.state.as_ref().expect("given back by Drop only")
    }
}

impl<A> DerefMut for ActorGuard<A> {
    fn deref_mut(&mut self) -> &mut A {
        self.state.as_mut().expect("given back by Drop only")
    }
}

impl<A> Drop for ActorGuard<A> {
    fn drop(&mut self) {
        let Some(state) = self.state.take() else { return };
        if self.ended {
            *self.cell.place() = Place::Here(state);
        } else {
            *self.cell.place() = Place::Dead(self.method.to_owned());
            // The state's own `Drop` runs last: should it panic too, that is a second panic in any case.
            drop(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_call_has_the_state_to_itself_and_gives_it_back() {
        let cell = Arc::new(ActorCell::new(1));
        let mut first = cell.clone().enter("add").unwrap();
        *first += 1;
        assert_eq!(cell.clone().enter("add").map(drop).unwrap_err().kind, ErrorKind::ActorLost);
        first.done();
        assert_eq!(*cell.enter("add").unwrap(), 2);
    }

    #[test]
    fn a_panic_ends_the_actor_and_later_calls_hear_which_method_it_was() {
        let cell = Arc::new(ActorCell::new(1));
        let guard = cell.clone().enter("divide").unwrap();
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _guard = guard;
            panic!("no");
        }));
        assert!(panicked.is_err());
        for _ in 0..2 {
            let failure = cell.clone().enter("add").map(drop).unwrap_err();
            assert!(failure.message.contains("`divide` panicked"), "{}", failure.message);
        }
    }

    #[test]
    fn what_comes_by_a_wire_is_no_actor() {
        let cell = ActorCell::new("secret".to_owned());
        let bytes = postcard::to_stdvec(&cell).unwrap();
        assert!(bytes.is_empty());
        let there: ActorCell<String> = postcard::from_bytes(&bytes).unwrap();
        let failure = Arc::new(there).enter("get").map(drop).unwrap_err();
        assert!(failure.message.contains("another worker"), "{}", failure.message);
    }
}
