//! The parts of a tuple, each as a call of its own.
//!
//! One function serves all types: [`PART`] is told the tuple, the name of its type and the place of the part, and finds in
//! the registry of types how to take it out. So a task that returns a tuple costs nothing more to compile.

use std::{
    any::{TypeId, type_name},
    sync::Arc,
};

use super::{Delayed, Item, Node, Slot};
use crate::{
    error::{ErrorKind, Failure},
    function::Identity,
    future::TaskFuture,
    options::Defaults,
    registry::{Registry, TypeToken},
    task::{Inputs, Ran, TaskDef},
    value::{Datum, Value},
};

/// Takes one part out of a tuple. Every registry knows it.
pub(crate) static PART: TaskDef = TaskDef::new(
    Identity {
        package: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        module: module_path!(),
        name: "part",
        file: file!(),
        line: line!(),
        column: column!(),
        signature: "(tuple: (..), of: TypeToken, name: String, index: usize) -> _",
    },
    &["tuple", "of", "name", "index"],
    |inputs| Ran::Done(part(&inputs)),
    Defaults::NONE,
);

fn part(inputs: &Inputs) -> Result<Datum, Box<Failure>> {
    let (of, index) = (*inputs.shared::<TypeToken>(1)?, *inputs.shared::<usize>(3)?);
    let registry = Registry::linked().map_err(|error| Failure::new(ErrorKind::UnknownFunction, error.to_string()))?;
    let taken = match registry.type_called(of) {
        Some(tuple) => (tuple.part)(inputs.datum(0)?, index).map_err(Failure::from)?,
        None => None,
    };
    taken.ok_or_else(|| {
        let name = inputs.shared::<String>(2).map_or_else(|_| "a tuple".to_owned(), |name| (*name).clone());
        let text = format!(
            "the worker does not know how to take a {name} apart: the type was not registered. The results of `#[task]` \
             functions are; for any other add `brisk_client::register_types!({name});`"
        );
        Box::new(Failure::new(ErrorKind::UnknownFunction, text))
    })
}

fn of_call<T: Value, P: Value>(tuple: &Delayed<T>, index: usize) -> Delayed<P> {
    call::<T, P>(tuple.item(), index)
}

fn of_future<T: Value, P: Value>(tuple: &TaskFuture<T>, index: usize) -> Arc<Node> {
    call::<T, P>(tuple.item(), index).node().clone()
}

/// The call that takes part `index` out of the `T` that `tuple` stands for.
fn call<T: Value, P: Value>(tuple: Item, index: usize) -> Delayed<P> {
    let inline = |value: Datum| Slot::One(Item::Inline(value));
    let (of, name) = (TypeToken::of(TypeId::of::<T>()), type_name::<T>().to_owned());
    let slots = [Slot::One(tuple), inline(Datum::new(of)), inline(Datum::new(name)), inline(Datum::new(index))];
    Delayed::of_node(Node::new(&PART, slots))
}

macro_rules! tuples {
    ($(($($part:ident $index:tt),+))*) => {$(
        impl<$($part: Value + Clone),+> Delayed<($($part,)+)> {
            /// The parts of the tuple, each as a call of its own: what needs one part then waits for, and is sent, that part
            /// only.
            pub fn split(&self) -> ($(Delayed<$part>,)+) {
                ($(of_call::<_, $part>(self, $index),)+)
            }
        }

        impl<$($part: Value + Clone),+> TaskFuture<($($part,)+)> {
            /// A future of each part of the tuple, at once; the parts are taken out on the cluster, where the tuple is. What
            /// needs one part is then sent that part only, and when nobody wants the tuple any more it is forgotten.
            ///
            /// The tuple's type must be registered, as all results of `#[task]` functions are; for others there is
            /// `register_types!`.
            pub fn split(&self) -> ($(TaskFuture<$part>,)+) {
                let nodes = [$(of_future::<_, $part>(self, $index)),+];
                let mut handles = self.handle().submit(&nodes).into_iter();
                ($(TaskFuture::<$part>::from_handle(handles.next().expect("a handle for each part")),)+)
            }
        }
    )*};
}

crate::typedef::for_each_tuple!(tuples);
