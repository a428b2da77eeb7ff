//! From a graph to a list of tasks in the order of their dependencies: depth first, the arguments that need most room
//! first, which is also the order in which they should run so that few results are alive at once.

use std::{collections::hash_map::Entry, sync::Arc};

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use thiserror::Error;

use super::{Item, Keyed, Node, order};
use crate::{
    error::EncodeError,
    function::FunctionInfo,
    id::EnvironmentId,
    key::{Key, UNIQUE_AT_ONCE},
    limits::MAX_DEPENDENCIES,
    options::TaskOptions,
    task::TaskName,
};

/// Hands out the keys of one session's calls.
#[derive(Debug)]
pub struct KeySource {
    /// The build whose calls these are.
    pub environment: EnvironmentId,
    session: u128,
    /// How many blocks of unique keys were made, and what is left of the last one.
    blocks: u64,
    unused: std::array::IntoIter<Key, UNIQUE_AT_ONCE>,
}

impl KeySource {
    /// `session` must differ from that of every other key source whose keys may meet these.
    pub fn new(environment: EnvironmentId, session: u128) -> Self {
        KeySource { environment, session, blocks: 0, unused: used_up() }
    }

    /// A key that nothing else has.
    pub fn unique(&mut self) -> Key {
        if let Some(key) = self.unused.next() {
            return key;
        }
        self.blocks += 1;
        let block = Key::unique(self.session, self.blocks);
        self.unused = block.into_iter();
        self.unused.next().unwrap_or(block[0])
    }
}

/// A block of keys of which none is left.
fn used_up() -> std::array::IntoIter<Key, UNIQUE_AT_ONCE> {
    let mut keys = [Key::from_u128(0); UNIQUE_AT_ONCE].into_iter();
    keys.by_ref().for_each(drop);
    keys
}

/// One call of a graph, with its place in the order.
#[derive(Clone, Debug)]
pub struct PlannedTask {
    /// The key.
    pub key: Key,
    /// The call.
    pub node: Arc<Node>,
    /// The keys it needs, each once, in the order of the arguments.
    pub dependencies: SmallVec<[Key; 2]>,
    /// The options that travel with it.
    pub options: Option<Box<TaskOptions>>,
}

/// The calls of a graph, dependencies first. Most graphs are one call, which takes no list.
pub type PlannedTasks = SmallVec<[PlannedTask; 1]>;

/// What a client knows of a key before it plans a call under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: the call must be sent.
    No,
    /// The scheduler has this very call.
    Yes,
    /// The scheduler has another call under this name.
    Conflict,
}

/// A graph can't be submitted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// An argument can't be encoded, so the call has no key.
    #[error("an argument of `{function}` at {place} can't be hashed: {error}")]
    Argument {
        /// The function.
        function: Arc<str>,
        /// Its file and line.
        place: Arc<str>,
        /// What its `Serialize` said.
        error: EncodeError,
    },
    /// A call has too many dependencies.
    #[error("`{task}` depends on {count} tasks; at most {MAX_DEPENDENCIES} are allowed: combine them in a tree")]
    TooManyDependencies {
        /// The call.
        task: TaskName,
        /// How many it has.
        count: usize,
    },
    /// A call over a placeholder, outside of any collection.
    #[error("a call of `{function}` at {place} takes an element of a collection: give the closure to the collection")]
    Placeholder {
        /// The function.
        function: Arc<str>,
        /// Its file and line.
        place: Arc<str>,
    },
    /// Two different calls were given one name.
    #[error(
        "two different calls have the key `{name}`; the second is a call of `{function}` at {place}. Give them different names"
    )]
    KeyConflict {
        /// The name.
        name: TaskName,
        /// The function of the second.
        function: Arc<str>,
        /// Its file and line.
        place: Arc<str>,
    },
}

/// Gives every call below `roots` its key, and lists those that are not `known` by key and fingerprint, dependencies
/// first.
///
/// # Errors
/// See [`PlanError`]. The graph is unchanged but for the keys.
pub fn plan(
    roots: &[Arc<Node>],
    keys: &mut KeySource,
    known: impl Fn(Key, Key) -> Known,
) -> Result<PlannedTasks, PlanError> {
    let mut tasks = PlannedTasks::with_capacity(roots.len());
    let (mut seen, mut visited) = (Seen::default(), FxHashSet::default());
    let mut stack = Stack::new();
    for root in roots {
        stack.push((root, false));
        while let Some((node, children_done)) = stack.pop() {
            if !children_done {
                // What has one owner is come to one way.
                if Arc::strong_count(node) > 1 && roots.len() + stack.len() > 1 && !visited.insert(Arc::as_ptr(node)) {
                    continue;
                }
                if push_children(node, &mut stack) {
                    continue;
                }
            }
            let (keyed, identity) = assign_key(node, keys)?;
            let known = || known(keyed.key, keyed.fingerprint);
            let first = match identity {
                // Nobody can have heard of it.
                Identity::New => true,
                Identity::OfNode => known_or_new(known(), node)?,
                Identity::OfContent => seen.calls.insert(keyed.key) && known_or_new(known(), node)?,
                Identity::Chosen => match seen.named.entry(keyed.key) {
                    Entry::Occupied(before) if *before.get() != keyed.fingerprint => return Err(conflict(node)),
                    Entry::Occupied(_) => false,
                    Entry::Vacant(entry) => {
                        entry.insert(keyed.fingerprint);
                        known_or_new(known(), node)?
                    }
                },
            };
            if first {
                tasks.push(planned_task(node, keyed)?);
            }
        }
    }
    Ok(tasks)
}

/// Calls to be come to, each with whether those below it were. Most graphs are one call.
type Stack<'a> = SmallVec<[(&'a Arc<Node>, bool); 4]>;

/// Calls that this plan has come upon, apart from those whose keys no other call can have.
#[derive(Default)]
struct Seen {
    calls: FxHashSet<Key>,
    /// Under names that their callers chose, with their fingerprints.
    named: FxHashMap<Key, Key>,
}

/// What else may have a call's key.
enum Identity {
    /// Nothing: it was made just now.
    New,
    /// Nothing else, but it was handed out before.
    OfNode,
    /// Equal calls.
    OfContent,
    /// Any call of the same name.
    Chosen,
}

/// Puts a call and the calls among its arguments on the stack, to be come back to after them. Whether there are any:
/// else nothing was put there.
fn push_children<'a>(node: &'a Arc<Node>, stack: &mut Stack<'a>) -> bool {
    let before = stack.len();
    for item in node.items() {
        if let Item::Call(child) = item {
            if stack.len() == before {
                stack.push((node, true));
            }
            stack.push((child, false));
        }
    }
    let some = stack.len() > before;
    if some {
        order::in_order(&mut stack[before + 1..]);
    }
    some
}

fn known_or_new(known: Known, node: &Node) -> Result<bool, PlanError> {
    match known {
        Known::No => Ok(true),
        Known::Yes => Ok(false),
        Known::Conflict => Err(conflict(node)),
    }
}

fn assign_key(node: &Node, keys: &mut KeySource) -> Result<(Keyed, Identity), PlanError> {
    if node.items().any(|item| matches!(item, Item::Placeholder(_))) {
        let FunctionInfo { name: function, place, .. } = node.def.info().clone();
        return Err(PlanError::Placeholder { function, place });
    }
    let is_named = node.options().is_some_and(|options| options.name.is_some());
    let identity = match node.is_impure() {
        _ if is_named => Identity::Chosen,
        true if node.key().is_none() => Identity::New,
        true => Identity::OfNode,
        false => Identity::OfContent,
    };
    let keyed = node.assign_key(keys).map_err(|error| PlanError::Argument {
        function: node.def.info().name.clone(),
        place: node.def.info().place.clone(),
        error,
    })?;
    Ok((keyed, identity))
}

/// The name of a call that has its key.
fn name(node: &Node) -> TaskName {
    node.name().expect("the node was keyed")
}

fn conflict(node: &Node) -> PlanError {
    let FunctionInfo { name: function, place, .. } = node.def.info().clone();
    PlanError::KeyConflict { name: name(node), function, place }
}

fn planned_task(node: &Arc<Node>, keyed: Keyed) -> Result<PlannedTask, PlanError> {
    Ok(PlannedTask {
        key: keyed.key,
        node: node.clone(),
        dependencies: dependencies(node)?,
        options: options(node, keyed),
    })
}

fn options(node: &Node, keyed: Keyed) -> Option<Box<TaskOptions>> {
    let given = node.options().filter(|&options| *options != TaskOptions::default())?;
    let fingerprint = given.name.as_ref().map(|_| keyed.fingerprint);
    Some(Box::new(TaskOptions { fingerprint, ..given.clone() }))
}

fn dependencies(node: &Node) -> Result<SmallVec<[Key; 2]>, PlanError> {
    /// Up to here a linear search beats a set.
    const FEW: usize = 8;
    let mut dependencies: SmallVec<[Key; 2]> = SmallVec::new();
    let mut seen: FxHashSet<Key> = FxHashSet::default();
    for key in node.items().filter_map(Item::key) {
        let new = if dependencies.len() < FEW {
            !dependencies.contains(&key)
        } else {
            if seen.is_empty() {
                seen.extend(dependencies.iter().copied());
            }
            seen.insert(key)
        };
        if new {
            dependencies.push(key);
        }
    }
    if dependencies.len() > MAX_DEPENDENCIES {
        let task = node.name().expect("the node was keyed");
        return Err(PlanError::TooManyDependencies { task, count: dependencies.len() });
    }
    Ok(dependencies)
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;
    use crate::{
        function::Identity,
        graph::{Arg, Delayed},
        options::Defaults,
        task::{Ran, TaskDef},
        value::Datum,
    };

    static ADD: TaskDef = TaskDef::new(
        Identity {
            package: "p",
            version: "1",
            module: "p",
            name: "add",
            file: "src/main.rs",
            line: 3,
            column: 1,
            signature: "i64, i64 -> i64",
        },
        &["x", "y"],
        |inputs| Ran::Done((|| Ok(Datum::new(*inputs.shared::<i64>(0)? + *inputs.shared::<i64>(1)?)))()),
        Defaults::NONE,
    );

    fn add(x: impl Arg<i64>, y: impl Arg<i64>) -> Delayed<i64> {
        Delayed::call(&ADD, [x.slot(), y.slot()])
    }

    fn keys() -> KeySource {
        KeySource::new(EnvironmentId::IN_PROCESS, 1)
    }

    #[test]
    fn dependencies_come_first_and_shared_parts_once() {
        let shared = add(1, 2);
        let root = add(add(&shared, 3), &shared);
        let tasks = plan(from_ref(root.node()), &mut keys(), |_, _| Known::No).unwrap();
        assert_eq!(tasks.len(), 3);
        for (i, task) in tasks.iter().enumerate() {
            for dependency in &task.dependencies {
                assert!(tasks[..i].iter().any(|t| t.key == *dependency));
            }
        }
        assert_eq!(tasks[2].key, root.node().key().unwrap());
        assert_eq!(root.run().unwrap(), 9);
    }

    #[test]
    fn equal_pure_calls_are_one_task_and_impure_ones_are_not() {
        let root = add(add(1, 2), add(1, 2));
        assert_eq!(plan(from_ref(root.node()), &mut keys(), |_, _| Known::No).unwrap().len(), 2);
        let shared = add(1, 2).impure();
        let root = add(&shared, &shared);
        let both = [root.node().clone(), root.node().clone()];
        assert_eq!(plan(&both, &mut keys(), |_, _| Known::No).unwrap().len(), 2);
        let root = add(add(1, 2).impure(), add(1, 2).impure());
        assert_eq!(plan(from_ref(root.node()), &mut keys(), |_, _| Known::No).unwrap().len(), 3);
    }

    #[test]
    fn nobody_is_asked_for_a_call_that_was_just_given_its_key() {
        let call = add(1, 2).impure();
        let asked = std::cell::Cell::new(0);
        let known = |_, _| {
            asked.set(asked.get() + 1);
            Known::Yes
        };
        let mut keys = keys();
        assert_eq!(plan(from_ref(call.node()), &mut keys, known).unwrap().len(), 1);
        assert_eq!(plan(from_ref(call.node()), &mut keys, known).unwrap().len(), 0);
        assert_eq!(asked.get(), 1);
    }

    #[test]
    fn unique_keys_are_unique() {
        let mut keys = keys();
        let mut all: Vec<Key> = (0..1_000).map(|_| keys.unique()).collect();
        all.extend({
            let mut others = KeySource::new(EnvironmentId::IN_PROCESS, 2);
            (0..1_000).map(move |_| others.unique())
        });
        assert!(!all.contains(&Key::from_u128(0)));
        assert_eq!(all.iter().collect::<FxHashSet<_>>().len(), 2_000);
    }

    #[test]
    fn a_call_over_a_placeholder_is_for_collections() {
        let call = add(crate::graph::Elem::placeholder(0), 1);
        let error = plan(from_ref(call.node()), &mut keys(), |_, _| Known::No).unwrap_err();
        assert!(error.to_string().contains("takes an element of a collection"), "{error}");
        assert!(call.run().unwrap_err().to_string().contains("element of a collection"));
    }

    #[test]
    fn a_million_calls_deep() {
        let mut chain = add(0, 1);
        for _ in 0..1_000_000 {
            chain = add(chain, 1);
        }
        assert_eq!(plan(from_ref(chain.node()), &mut keys(), |_, _| Known::No).unwrap().len(), 1_000_001);
        assert_eq!(chain.run().unwrap(), 1_000_001);
    }

    #[test]
    fn changing_the_options_of_a_shared_call_leaves_the_other_alone() {
        let call = add(1, 2);
        let other = call.clone().retries(3);
        assert!(call.node().options().is_none());
        assert_eq!(other.node().options().unwrap().retries, 3);
    }

    #[test]
    fn a_call_that_names_itself_is_refused() {
        let inner = add(1, 2).key("sum");
        let outer = add(&inner, 1).key("sum");
        let error = plan(from_ref(outer.node()), &mut keys(), |_, _| Known::No).unwrap_err();
        assert!(error.to_string().starts_with("two different calls have the key `sum`"), "{error}");
    }
}
