//! Pictures of graphs: what depends on what, before anything has run.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Item, Node};
use crate::{function::FunctionId, key::Key};

mod dot;
mod svg;

pub(super) use dot::dot;
pub(super) use svg::svg;

/// A graph of more calls is drawn with one box for all calls of a function that stand in one layer: nobody sees a thousand
/// boxes.
const LARGE: usize = 500;

/// What is drawn.
pub(super) struct Picture {
    boxes: Vec<Drawn>,
    /// From whose result, to whose argument, each once, in order.
    arrows: Vec<(usize, usize)>,
}

/// A call, many alike, or a future.
struct Drawn {
    label: String,
    /// Where the function stands in the source; empty for a future.
    place: String,
    /// How many calls it stands for.
    count: usize,
    /// The longest way to it from a call without inputs.
    layer: usize,
}

/// What is drawn as one box.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Box {
    Call(*const Node),
    Future(Key),
    Alike(usize, FunctionId),
    Futures(usize),
}

impl Picture {
    /// The graph below some calls.
    pub(super) fn of<'a>(roots: impl IntoIterator<Item = &'a Arc<Node>>) -> Self {
        let nodes = in_order(roots);
        let mut layers: FxHashMap<*const Node, usize> = FxHashMap::default();
        for node in &nodes {
            let below = node.items().filter_map(|item| match item {
                Item::Call(child) => Some(layers[&Arc::as_ptr(child)]),
                Item::Future(_) => Some(0),
                Item::Inline(_) | Item::Placeholder(_) => None,
            });
            let layer = below.max().map_or(0, |layer| layer + 1);
            layers.insert(Arc::as_ptr(node), layer);
        }
        let mut picture = Picture { boxes: Vec::new(), arrows: Vec::new() };
        let mut places: FxHashMap<Box, usize> = FxHashMap::default();
        let mut drawn: FxHashMap<(usize, usize), ()> = FxHashMap::default();
        let together = nodes.len() > LARGE;
        for node in &nodes {
            let layer = layers[&Arc::as_ptr(node)];
            let of = if together { Box::Alike(layer, node.def.id()) } else { Box::Call(Arc::as_ptr(node)) };
            let to = picture.place(&mut places, of, layer, || {
                let info = node.def.info();
                (info.name.to_string(), info.place.to_string())
            });
            picture.boxes[to].count += 1;
            for item in node.items() {
                let from = match item {
                    Item::Call(child) if together => places[&Box::Alike(layers[&Arc::as_ptr(child)], child.def.id())],
                    Item::Call(child) => places[&Box::Call(Arc::as_ptr(child))],
                    Item::Future(handle) => {
                        let of = if together { Box::Futures(0) } else { Box::Future(handle.key()) };
                        let label = if together { "futures".to_owned() } else { handle.name().to_string() };
                        let place = picture.place(&mut places, of, 0, || (label, String::new()));
                        picture.boxes[place].count = 1;
                        place
                    }
                    Item::Inline(_) | Item::Placeholder(_) => continue,
                };
                if drawn.insert((from, to), ()).is_none() {
                    picture.arrows.push((from, to));
                }
            }
        }
        picture
    }

    /// The place of a box, which is made if there is none.
    fn place(
        &mut self,
        places: &mut FxHashMap<Box, usize>,
        of: Box,
        layer: usize,
        words: impl FnOnce() -> (String, String),
    ) -> usize {
        *places.entry(of).or_insert_with(|| {
            let (label, place) = words();
            self.boxes.push(Drawn { label, place, count: 0, layer });
            self.boxes.len() - 1
        })
    }
}

impl Drawn {
    fn label(&self) -> String {
        if self.count > 1 { format!("{} × {}", self.label, self.count) } else { self.label.clone() }
    }

    fn is_future(&self) -> bool {
        self.place.is_empty()
    }
}

/// All calls of a graph, each once, after those that it needs.
fn in_order<'a>(roots: impl IntoIterator<Item = &'a Arc<Node>>) -> Vec<&'a Arc<Node>> {
    let mut done: FxHashMap<*const Node, ()> = FxHashMap::default();
    let mut nodes = Vec::new();
    let mut stack: Vec<&Arc<Node>> = roots.into_iter().collect();
    stack.reverse();
    while let Some(&node) = stack.last() {
        let before = stack.len();
        if !done.contains_key(&Arc::as_ptr(node)) {
            let children = node.items().filter_map(|item| match item {
                Item::Call(child) if !done.contains_key(&Arc::as_ptr(child)) => Some(child),
                _ => None,
            });
            stack.extend(children);
        }
        if stack.len() == before {
            stack.pop();
            if done.insert(Arc::as_ptr(node), ()).is_none() {
                nodes.push(node);
            }
        }
    }
    nodes
}
