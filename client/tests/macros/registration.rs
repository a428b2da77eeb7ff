//! What is registered, and how it is found.

use std::{
    any::TypeId,
    collections::{BTreeMap, HashSet},
};

use brisk_client::{Registry, register_types, task};
// Linked, and otherwise unnamed.
use brisk_test_tasks as _;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Debug)]
struct Registered(u8);

register_types!(Registered, BTreeMap<String, Registered>,);

#[test]
fn types_of_results_and_those_that_are_named() {
    #[task]
    fn results() -> Option<[u8; 3]> {
        None
    }
    let registry = Registry::linked().unwrap();
    let known = |id| registry.type_def(id).is_some();
    assert!(known(TypeId::of::<Registered>()));
    assert!(known(TypeId::of::<BTreeMap<String, Registered>>()));
    assert!(known(TypeId::of::<Option<[u8; 3]>>()));
    assert!(known(TypeId::of::<i64>()) && known(TypeId::of::<()>()));
    assert!(!known(TypeId::of::<HashSet<Registered>>()));
    assert_eq!(results().run().unwrap(), None);
}

#[test]
fn by_hand() {
    #[task]
    fn inc(x: i64) -> i64 {
        x + 1
    }
    let registry = Registry::builder().task::<inc>().build().unwrap();
    assert_eq!(registry.len(), 1);
    assert!(registry.task(inc(1).node().def.id()).is_some());
}

/// The whole of another crate's tasks, though nothing here calls them.
#[test]
fn tasks_of_another_crate_are_linked_by_a_use_of_its_name() {
    let registry = Registry::linked().unwrap();
    let text = registry.explain_unknown("half_off");
    assert!(text.contains("nearest: `half_of`"), "{text}");
    let text = registry.explain_unknown("total_of<i65>");
    assert!(text.contains("`total_of<i64>`"), "{text}");
}
