//! From a graph to a list of tasks in the order of their dependencies: depth first, the arguments that need most room
//! first, which is also the order in which they should run so that few results are alive at once.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use thiserror::Error;

use super::{Item, Keyed, Node, order};
use crate::{
    error::EncodeError, function::FunctionInfo, id::EnvironmentId, key::Key, limits::MAX_DEPENDENCIES,
    options::TaskOptions, task::TaskName,
};

/// Hands out the keys of one session's calls.
#[derive(Debug)]
pub struct KeySource {
    /// The build whose calls these are.
    pub environment: EnvironmentId,
    session: u128,
    count: u64,
}

impl KeySource {
    /// `session` must differ from that of every other key source whose keys may meet these.
    pub fn new(environment: EnvironmentId, session: u128) -> Self {
        KeySource { environment, session, count: 0 }
    }

    /// A key that nothing else has.
    pub fn unique(&mut self) -> Key {
        self.count += 1;
        Key::unique(self.session, self.count)
    }
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
pub fn plan<'a>(
    roots: impl IntoIterator<Item = &'a Arc<Node>>,
    keys: &mut KeySource,
    known: impl Fn(Key, Key) -> Known,
) -> Result<PlannedTasks, PlanError> {
    let mut roots = roots.into_iter().peekable();
    if let Some(root) = lone_call(&mut roots) {
        let keyed = assign_key(root, keys)?;
        return match known(keyed.key, keyed.fingerprint) {
            Known::No => Ok(PlannedTasks::from_buf([planned_task(root, keyed)?])),
            Known::Yes => Ok(PlannedTasks::new()),
            Known::Conflict => Err(conflict(root)),
        };
    }
    let mut tasks = PlannedTasks::new();
    let mut visited: FxHashSet<*const Node> = FxHashSet::default();
    let mut fingerprints: FxHashMap<Key, Key> = FxHashMap::default();
    let mut planned: FxHashSet<Key> = FxHashSet::default();
    let mut stack: Vec<(&'a Arc<Node>, bool)> = Vec::new();
    for root in roots {
        stack.push((root, false));
        while let Some((node, children_done)) = stack.pop() {
            if !children_done {
                if !visited.insert(Arc::as_ptr(node)) {
                    continue;
                }
                stack.push((node, true));
                let first_child = stack.len();
                stack.extend(node.items().filter_map(|item| match item {
                    Item::Call(child) => Some((child, false)),
                    _ => None,
                }));
                order::in_order(&mut stack[first_child..]);
                continue;
            }
            let keyed = assign_key(node, keys)?;
            let first = *fingerprints.entry(keyed.key).or_insert(keyed.fingerprint);
            let known = known(keyed.key, keyed.fingerprint);
            if first != keyed.fingerprint || known == Known::Conflict {
                return Err(conflict(node));
            }
            if known == Known::No && planned.insert(keyed.key) {
                tasks.push(planned_task(node, keyed)?);
            }
        }
    }
    Ok(tasks)
}

/// The only root, if there are no other calls below it: the most frequent graph, which takes no look-ups.
fn lone_call<'a>(roots: &mut std::iter::Peekable<impl Iterator<Item = &'a Arc<Node>>>) -> Option<&'a Arc<Node>> {
    let is_only_one = roots.size_hint().1 == Some(1);
    let is_leaf = |root: &Arc<Node>| !root.items().any(|item| matches!(item, Item::Call(_)));
    roots.peek().copied().filter(|root| is_only_one && is_leaf(root))
}

fn assign_key(node: &Node, keys: &mut KeySource) -> Result<Keyed, PlanError> {
    if node.items().any(|item| matches!(item, Item::Placeholder(_))) {
        let FunctionInfo { name: function, place, .. } = node.def.info().clone();
        return Err(PlanError::Placeholder { function, place });
    }
    node.assign_key(keys).map_err(|error| PlanError::Argument {
        function: node.def.info().name.clone(),
        place: node.def.info().place.clone(),
        error,
    })
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
        let tasks = plan([root.node()], &mut keys(), |_, _| Known::No).unwrap();
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
        assert_eq!(plan([root.node()], &mut keys(), |_, _| Known::No).unwrap().len(), 2);
        let root = add(add(1, 2).impure(), add(1, 2).impure());
        assert_eq!(plan([root.node()], &mut keys(), |_, _| Known::No).unwrap().len(), 3);
    }

    #[test]
    fn a_call_over_a_placeholder_is_for_collections() {
        let call = add(crate::graph::Elem::placeholder(0), 1);
        let error = plan([call.node()], &mut keys(), |_, _| Known::No).unwrap_err();
        assert!(error.to_string().contains("takes an element of a collection"), "{error}");
        assert!(call.run().unwrap_err().to_string().contains("element of a collection"));
    }

    #[test]
    fn a_million_calls_deep() {
        let mut chain = add(0, 1);
        for _ in 0..1_000_000 {
            chain = add(chain, 1);
        }
        assert_eq!(plan([chain.node()], &mut keys(), |_, _| Known::No).unwrap().len(), 1_000_001);
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
        let error = plan([outer.node()], &mut keys(), |_, _| Known::No).unwrap_err();
        assert!(error.to_string().starts_with("two different calls have the key `sum`"), "{error}");
    }
}
