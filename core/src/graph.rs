//! Graphs of calls: what a task function returns before anything has run.
//!
//! A [`Node`] is one call: a function and its arguments, which may be other calls. Nodes only ever name nodes that
//! existed before them, so a graph can't have a cycle. Nothing here recurses, Drop included: a chain of a million calls
//! is an ordinary graph.

use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use crate::{
    error::EncodeError,
    future::Handle,
    id::EnvironmentId,
    key::{Key, KeyHasher},
    options::{Defaults, TaskOptions},
    task::{TaskDef, TaskName},
    value::Datum,
};

mod arg;
mod call;
mod containers;
mod delayed;
mod elem;
mod nested;
mod order;
pub(crate) mod pack;
mod picture;
mod plan;
mod run;
pub(crate) mod split;

pub use arg::{Arg, Call};
pub use call::{CallError, Invocation};
pub use delayed::Delayed;
#[doc(hidden)]
pub use delayed::short_type_name;
pub use elem::{Elem, PutTheExpressionIntoATaskFn};
pub use pack::{Pack, Packing, pack};
pub use plan::{KeySource, Known, PlanError, PlannedTask, PlannedTasks, plan};
pub use run::block_on;

/// The graph below several calls in the language of Graphviz, as [`Delayed::to_dot`] draws that of one.
pub fn to_dot<'a>(roots: impl IntoIterator<Item = &'a Arc<Node>>) -> String {
    picture::dot(&picture::Picture::of(roots))
}

/// The graph below several calls as a picture that stands by itself, as [`Delayed::to_svg`] draws that of one.
pub fn to_svg<'a>(roots: impl IntoIterator<Item = &'a Arc<Node>>) -> String {
    picture::svg(&picture::Picture::of(roots))
}

/// One call: a function, its arguments, its options.
#[derive(Debug)]
pub struct Node {
    /// The function.
    pub def: &'static TaskDef,
    slots: SmallVec<[Slot; 2]>,
    options: Option<Box<TaskOptions>>,
    /// Whether it is another task than an equal call. Apart from the options, which few calls have.
    impure: bool,
    /// How many values are alive at once while it is computed, if it and all below it are.
    alive: u32,
    /// Computed once; an impure call keeps the key it was given first, so that all who share the node share its result.
    keyed: OnceLock<Keyed>,
}

/// What planning found out about a call.
#[derive(Clone, Copy, Debug)]
struct Keyed {
    environment: EnvironmentId,
    key: Key,
    /// The hash of the call itself: what tells two calls apart that were given one name. Else the key.
    fingerprint: Key,
}

/// One argument of a call.
#[derive(Clone, Debug)]
pub enum Slot {
    /// One value.
    One(Item),
    /// A list, for a `Vec<T>` or `&[T]` parameter.
    List(Vec<Item>),
}

/// One value of an argument, here or to come.
#[derive(Clone, Debug)]
pub enum Item {
    /// A value that travels with the call.
    Inline(Datum),
    /// The result of another call of this graph.
    Call(Arc<Node>),
    /// The result of something that was submitted already. The handle keeps it wanted until this graph is submitted.
    Future(Handle),
    /// The element of a collection, in a call that a closure was traced into. Only collections submit such calls, once they
    /// have put the elements in.
    Placeholder(u8),
}

impl Node {
    /// A call of `def`. The macro sees to it that the arguments fit.
    pub fn new(def: &'static TaskDef, slots: impl IntoIterator<Item = Slot>) -> Self {
        let defaults = def.defaults;
        let options = (defaults.retries != 0 || defaults.priority != 0).then(|| {
            let Defaults { retries, priority, .. } = defaults;
            Box::new(TaskOptions { retries, priority, ..TaskOptions::default() })
        });
        let slots: SmallVec<[Slot; 2]> = slots.into_iter().collect();
        let alive = order::alive_at_once(&slots);
        Node { def, slots, options, impure: defaults.impure, alive, keyed: OnceLock::new() }
    }

    /// The arguments, in order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The options that travel to the scheduler, if there are any.
    pub fn options(&self) -> Option<&TaskOptions> {
        self.options.as_deref()
    }

    /// The key that [`plan`] gave this node, if it was planned.
    pub fn key(&self) -> Option<Key> {
        self.keyed.get().map(|keyed| keyed.key)
    }

    /// The hash of the call itself, if the node was planned: the key, unless the caller chose one.
    pub fn fingerprint(&self) -> Option<Key> {
        self.keyed.get().map(|keyed| keyed.fingerprint)
    }

    /// The name that people see, if the node was planned.
    pub fn name(&self) -> Option<TaskName> {
        let key = self.key()?;
        Some(match self.options().and_then(|options| options.name.clone()) {
            Some(name) => TaskName::chosen(name, key),
            None => TaskName::of_call(self.def.info().name.clone(), key),
        })
    }

    /// All items of all arguments.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.slots.iter().flat_map(|slot| match slot {
            Slot::One(item) => std::slice::from_ref(item),
            Slot::List(items) => items,
        })
    }

    /// Whether the call runs even if the same was made before.
    pub fn is_impure(&self) -> bool {
        self.impure
    }

    pub(crate) fn options_mut(&mut self) -> &mut TaskOptions {
        self.options.get_or_insert_default()
    }

    /// Makes it another task than an equal call.
    pub(crate) fn set_impure(&mut self) {
        self.impure = true;
    }

    /// The same call, to be given other options: not yet keyed.
    fn unkeyed(&self) -> Node {
        let (slots, options) = (self.slots.clone(), self.options.clone());
        Node { def: self.def, slots, options, impure: self.impure, alive: self.alive, keyed: OnceLock::new() }
    }

    /// The node's key. All calls among its arguments have theirs already.
    fn assign_key(&self, keys: &mut KeySource) -> Result<Keyed, EncodeError> {
        let environment = keys.environment;
        if let Some(keyed) = self.keyed.get()
            && (keyed.environment == environment || self.impure)
        {
            return Ok(*keyed);
        }
        let name = self.options().and_then(|options| options.name.as_deref());
        let fingerprint = match name {
            None if self.impure => keys.unique(),
            _ => self.hash(environment)?,
        };
        let key = name.map_or(fingerprint, Key::named);
        Ok(*self.keyed.get_or_init(|| Keyed { environment, key, fingerprint }))
    }

    fn hash(&self, environment: EnvironmentId) -> Result<Key, EncodeError> {
        let mut hasher = KeyHasher::new(environment, self.def.id());
        for slot in &self.slots {
            match slot {
                Slot::One(item) => item.hash_into(&mut hasher)?,
                Slot::List(items) => {
                    hasher.list(items.len());
                    items.iter().try_for_each(|item| item.hash_into(&mut hasher))?;
                }
            }
        }
        Ok(hasher.finish())
    }
}

impl Item {
    /// The key of a value that is to come; `None` for one that is here, or that is only a placeholder.
    ///
    /// # Panics
    /// On a call that was not planned.
    pub fn key(&self) -> Option<Key> {
        match self {
            Item::Inline(_) | Item::Placeholder(_) => None,
            Item::Call(node) => Some(node.key().expect("a call's arguments are planned before the call")),
            Item::Future(handle) => Some(handle.key()),
        }
    }

    fn hash_into(&self, hasher: &mut KeyHasher) -> Result<(), EncodeError> {
        match self {
            Item::Inline(value) => hasher.inline(value),
            _ => {
                hasher.key(self.key().expect("only inline values have no key"));
                Ok(())
            }
        }
    }
}

impl Drop for Node {
    /// Takes the graph apart with a list of its own, not with the stack.
    fn drop(&mut self) {
        let mut doomed: Vec<Item> = Vec::new();
        let take = |slots: &mut SmallVec<[Slot; 2]>, doomed: &mut Vec<Item>| {
            for slot in slots.drain(..) {
                match slot {
                    Slot::One(item @ Item::Call(_)) => doomed.push(item),
                    Slot::One(_) => {}
                    Slot::List(items) => doomed.extend(items),
                }
            }
        };
        take(&mut self.slots, &mut doomed);
        while let Some(item) = doomed.pop() {
            if let Item::Call(node) = item
                && let Some(mut node) = Arc::into_inner(node)
            {
                take(&mut node.slots, &mut doomed);
            }
        }
    }
}
