//! The synchronous executor: a graph, run in this thread.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use rustc_hash::FxHashMap;

use super::{Item, Node, Slot};
use crate::{
    error::{ErrorKind, TaskError},
    show,
    task::{Input, Inputs, Ran, TaskName},
    value::Datum,
};

/// Runs `root` and everything below it, each call once.
pub(super) fn run(root: &Arc<Node>) -> Result<Datum, TaskError> {
    let mut values: FxHashMap<*const Node, Datum> = FxHashMap::default();
    let mut stack = vec![root];
    while let Some(&node) = stack.last() {
        if values.contains_key(&Arc::as_ptr(node)) {
            stack.pop();
            continue;
        }
        let before = stack.len();
        stack.extend(node.items().filter_map(|item| match item {
            Item::Call(child) if !values.contains_key(&Arc::as_ptr(child)) => Some(child),
            _ => None,
        }));
        if stack.len() == before {
            let value = call(node, &values)?;
            values.insert(Arc::as_ptr(node), value);
            stack.pop();
        }
    }
    Ok(values.remove(&Arc::as_ptr(root)).expect("the root was run last"))
}

/// Makes one call, whose arguments have their values.
fn call(node: &Node, values: &FxHashMap<*const Node, Datum>) -> Result<Datum, TaskError> {
    let value = |item: &Item| match item {
        Item::Inline(value) => Ok(value.clone()),
        Item::Call(child) => Ok(values[&Arc::as_ptr(child)].clone()),
        Item::Placeholder(_) => {
            let what = "an element of a collection has no value here: give the closure to the collection";
            Err(TaskError::new(ErrorKind::Refused, what))
        }
        Item::Future(handle) => handle.value().ok_or_else(|| {
            let what = format!(
                "{} has no value here yet: await it before the graph is run, or submit the graph",
                handle.name()
            );
            TaskError::new(ErrorKind::DataLost, what)
        }),
    };
    let input = |slot: &Slot| match slot {
        Slot::One(item) => value(item).map(Input::One),
        Slot::List(items) => items.iter().map(value).collect::<Result<_, _>>().map(Input::List),
    };
    let inputs = Inputs::new(node.slots().iter().map(input).collect::<Result<Vec<_>, _>>()?);
    let outcome = match (node.def.call)(inputs) {
        Ran::Done(outcome) => outcome,
        Ran::Future(future) => block_on(future),
    };
    outcome.map_err(|failure| {
        let given: Vec<_> = node.slots().iter().map(|slot| input(slot).ok()).collect();
        let arguments = show::arguments(node.def, &given, show::SHOWN_BYTES);
        TaskError::from(failure.with_arguments(arguments)).with(|report| {
            report.task = node.key().map(|key| TaskName::of_call(node.def.info().name.clone(), key));
            report.place = Some(node.def.info().place.clone());
            report.attempt = 1;
        })
    })
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future in this thread. For futures that something else wakes; it drives no runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
