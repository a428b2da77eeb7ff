//! One function under several names: a collection runs all its steps by a handful of functions, and people, measurements
//! and pictures should tell them apart.

use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock, PoisonError},
};

use super::TaskDef;
use crate::function::{FunctionId, Identity};

/// How many names a program may make. They live as long as the program does, so there must be an end to it.
const MAX_NAMES: usize = 10_000;

type Guises = BTreeMap<(FunctionId, String), &'static TaskDef>;

static GUISES: Mutex<Guises> = Mutex::new(BTreeMap::new());

/// The definition that shows `def` as `name`.
pub(super) fn of(def: &'static TaskDef, name: &str) -> &'static TaskDef {
    let behind = def.registered();
    if name == behind.identity.name {
        return behind;
    }
    let mut guises = GUISES.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (behind.id(), name.to_owned());
    if let Some(guise) = guises.get(&key) {
        return guise;
    }
    if guises.len() >= MAX_NAMES {
        return behind;
    }
    let guise: &'static TaskDef = Box::leak(Box::new(TaskDef {
        identity: Identity { name: String::from(name).leak(), ..behind.identity },
        behind: Some(behind),
        info: OnceLock::new(),
        ..*behind
    }));
    guises.insert(key, guise);
    guise
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        graph::{Delayed, Invocation},
        options::Defaults,
        task::Ran,
        value::Datum,
    };

    static ONE: TaskDef = TaskDef::new(
        Identity {
            package: "p",
            version: "1",
            module: "p",
            name: "one",
            file: "src/main.rs",
            line: 3,
            column: 1,
            signature: "",
        },
        &[],
        |_| Ran::Done(Ok(Datum::new(1u8))),
        Defaults::NONE,
    );

    #[test]
    fn a_function_has_one_guise_a_name() {
        let guise = ONE.named("uno");
        assert!(std::ptr::eq(guise, ONE.named("uno")) && !std::ptr::eq(guise, &ONE));
        assert!(std::ptr::eq(guise.named("one"), &ONE));
        assert!(std::ptr::eq(guise.named("eins").registered(), &ONE));
        assert_ne!(guise.id(), ONE.id());
        assert_eq!(&*guise.info().name, "uno");
    }

    #[test]
    fn workers_are_told_the_function_behind() {
        let call = Delayed::<u8>::call(&ONE, []).label("uno");
        let bytes = Invocation::of_node(call.node()).encode().unwrap();
        let function: (FunctionId, Vec<u8>) = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(function.0, ONE.id());
        assert_eq!(format!("{call:?}"), "<Delayed uno u8>");
    }
}
