//! From a closure to the calls that are made for every element: the closure runs once, on the client, with placeholders, and
//! what it returns is taken apart into a list of calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use brisk_client::graph::{FunctionId, Item, Node, Slot};
use serde::{Deserialize, Serialize};

/// Calls that are made for every element, each after those whose results it takes; the last makes the result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Calls(pub(super) Vec<OneCall>);

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OneCall {
    pub(super) function: FunctionId,
    pub(super) slots: Vec<Taken>,
}

/// One argument.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Taken {
    One(Origin),
    List(Vec<Origin>),
}

/// Where one value of an argument comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Origin {
    /// The element that a placeholder of this number stands for.
    Element(u8),
    /// The result of one of the calls.
    Call(usize),
    /// A value that is the same for all elements, by its place among those.
    Bound(usize),
}

/// What a closure was traced into.
pub(super) struct Traced {
    pub(super) calls: Calls,
    pub(super) options: StepOptions,
}

/// What calls ask of the task that they are made in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StepOptions {
    pub(super) retries: u32,
    pub(super) priority: i32,
    pub(super) impure: bool,
}

impl StepOptions {
    pub(super) fn and(self, other: StepOptions) -> Self {
        StepOptions {
            retries: self.retries.max(other.retries),
            priority: self.priority.max(other.priority),
            impure: self.impure || other.impure,
        }
    }
}

/// How calls are going to be made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// For many elements at once.
    Block,
    /// The same, where placeholder 0 is what the call before returned.
    Fold,
    /// One by one.
    Single,
}

/// Takes the call that a closure returned apart. What does not depend on a placeholder is added to `bound`.
///
/// # Errors
/// Why this can't be called for every element, in words.
pub(super) fn trace(root: &Arc<Node>, manner: Manner, bound: &mut Vec<Item>) -> Result<Traced, String> {
    let order = dependent(root);
    let places: BTreeMap<*const Node, usize> =
        order.iter().enumerate().map(|(place, node)| (Arc::as_ptr(node), place)).collect();
    let mut options = StepOptions::default();
    let mut calls = Vec::with_capacity(order.len());
    for node in &order {
        can_be_called(node, manner)?;
        options = options.and(step_options(node)?);
        let mut origin = |item: &Item| match item {
            Item::Placeholder(index) => Origin::Element(*index),
            Item::Call(child) if let Some(place) = places.get(&Arc::as_ptr(child)) => Origin::Call(*place),
            other => {
                bound.push(other.clone());
                Origin::Bound(bound.len() - 1)
            }
        };
        let slots = node.slots().iter().map(|slot| match slot {
            Slot::One(item) => Taken::One(origin(item)),
            Slot::List(items) => Taken::List(items.iter().map(&mut origin).collect()),
        });
        calls.push(OneCall { function: node.def.registered().id(), slots: slots.collect() });
    }
    let calls = Calls(calls);
    if manner != Manner::Single && calls.has_lists_of_elements() {
        return Err("a list is made of an element: take the element, and make the list in the task".to_owned());
    }
    if manner == Manner::Fold && !calls.folds_at_its_end() {
        return Err("a fold's closure makes one call with what was folded so far, whose result is the next: put the \
                    others into that task"
            .to_owned());
    }
    Ok(Traced { calls, options })
}

/// The calls below `root` that depend on a placeholder, each after those it needs, and `root` itself.
fn dependent(root: &Arc<Node>) -> Vec<Arc<Node>> {
    let mut order: Vec<Arc<Node>> = Vec::new();
    let mut done: BTreeMap<*const Node, bool> = BTreeMap::new();
    let mut stack = vec![(root, false)];
    while let Some((node, children_done)) = stack.pop() {
        let at = Arc::as_ptr(node);
        if done.contains_key(&at) {
            continue;
        }
        if !children_done {
            stack.push((node, true));
            stack.extend(node.items().filter_map(|item| match item {
                Item::Call(child) => Some((child, false)),
                _ => None,
            }));
            continue;
        }
        let depends = node.items().any(|item| match item {
            Item::Placeholder(_) => true,
            Item::Call(child) => done.get(&Arc::as_ptr(child)).copied().unwrap_or(false),
            _ => false,
        });
        if depends || Arc::ptr_eq(node, root) {
            order.push(node.clone());
        }
        done.insert(at, depends);
    }
    order
}

fn can_be_called(node: &Node, manner: Manner) -> Result<(), String> {
    let info = node.def.info();
    if node.def.is_async {
        return Err(format!(
            "`{}` at {} is an `async fn`, which a collection can't call for its elements: use `client.map`, or make it a plain \
             function",
            info.name, info.place
        ));
    }
    if manner != Manner::Single && node.def.block.is_none() {
        return Err(format!(
            "`{}` at {} can't be called for the elements of a collection: it takes a list of shared values, `Vec<Arc<_>>`. \
             Take a slice, or the elements themselves",
            info.name, info.place
        ));
    }
    Ok(())
}

/// What a call asks of its task. What only makes sense for a task of its own is refused.
fn step_options(node: &Node) -> Result<StepOptions, String> {
    let Some(options) = node.options() else {
        return Ok(StepOptions { impure: node.is_impure(), ..Default::default() });
    };
    let mut plain = brisk_client::graph::TaskOptions::default();
    plain.retries = options.retries;
    plain.priority = options.priority;
    if *options != plain {
        let info = node.def.info();
        return Err(format!(
            "the call of `{}` at {} has options that a call for an element can't have: all calls of a partition are one task. \
             Retries and priority may be set, and `impure`",
            info.name, info.place
        ));
    }
    Ok(StepOptions { retries: options.retries, priority: options.priority, impure: node.is_impure() })
}

impl Calls {
    pub(super) fn origins(call: &OneCall) -> impl Iterator<Item = Origin> {
        call.slots
            .iter()
            .flat_map(|slot| match slot {
                Taken::One(origin) => std::slice::from_ref(origin),
                Taken::List(origins) => origins,
            })
            .copied()
    }

    fn has_lists_of_elements(&self) -> bool {
        self.0.iter().flat_map(|call| &call.slots).any(|slot| match slot {
            Taken::One(_) => false,
            Taken::List(origins) => origins.iter().any(|origin| !matches!(origin, Origin::Bound(_))),
        })
    }

    /// Whether only the last call takes what was folded so far.
    fn folds_at_its_end(&self) -> bool {
        let takes = |call: &OneCall| Self::origins(call).any(|origin| origin == Origin::Element(0));
        match self.0.split_last() {
            Some((last, others)) => takes(last) && !others.iter().any(takes),
            None => false,
        }
    }
}
