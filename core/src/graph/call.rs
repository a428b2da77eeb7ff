//! A call as it reaches a worker: by pointer inside one process, as bytes from another.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use thiserror::Error;

use super::{Item, Node, Slot};
use crate::{
    error::{EncodeError, Failure},
    function::FunctionId,
    key::Key,
    registry::Registry,
    task::{Input, Inputs, TaskDef},
    value::Datum,
};

/// A call that a worker can make once it has the values of its keys.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The function.
    pub def: &'static TaskDef,
    slots: Slots,
}

#[derive(Clone, Debug)]
enum Slots {
    /// In the process that built the graph.
    Node(Arc<Node>),
    /// From another process.
    Decoded(Arc<[WireSlot]>),
}

/// A call can't be made here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The function is not in the registry.
    #[error("the function is unknown here")]
    UnknownFunction(FunctionId),
    /// The bytes are no call.
    #[error("the call does not decode: {0}")]
    Malformed(String),
}

#[derive(Serialize, Deserialize)]
struct WireCall {
    function: FunctionId,
    slots: SmallVec<[WireSlot; 2]>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum WireSlot {
    One(WireItem),
    List(Vec<WireItem>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum WireItem {
    Inline(#[serde(with = "inline")] Datum),
    Key(Key),
}

/// Inline values travel as the bytes of their own encoding.
mod inline {
    use super::{Bytes, Datum, Deserialize, Serialize};

    pub(super) fn serialize<S: serde::Serializer>(value: &Datum, serializer: S) -> Result<S::Ok, S::Error> {
        value.encode().map_err(serde::ser::Error::custom)?.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Datum, D::Error> {
        Bytes::deserialize(deserializer).map(Datum::from_bytes)
    }
}

/// The bytes of a planned call.
pub(crate) fn encode(node: &Node) -> Result<Bytes, EncodeError> {
    let item = |item: &Item| match item {
        Item::Inline(value) => WireItem::Inline(value.clone()),
        other => WireItem::Key(other.key().expect("only inline values have no key")),
    };
    let slots = node.slots().iter().map(|slot| match slot {
        Slot::One(one) => WireSlot::One(item(one)),
        Slot::List(items) => WireSlot::List(items.iter().map(item).collect()),
    });
    let call = WireCall { function: node.def.id(), slots: slots.collect() };
    let bytes = postcard::to_stdvec(&call).map_err(|error| {
        let name = node.def.info().name.to_string();
        EncodeError { type_name: format!("a call of `{name}`"), message: error.to_string() }
    })?;
    Ok(bytes.into())
}

impl Invocation {
    /// The call of a node in this process.
    pub(crate) fn of_node(node: Arc<Node>) -> Self {
        Invocation { def: node.def, slots: Slots::Node(node) }
    }

    /// Decodes a call and looks its function up.
    pub(crate) fn decode(bytes: &[u8], registry: &Registry) -> Result<Self, CallError> {
        let call: WireCall = postcard::from_bytes(bytes).map_err(|e| CallError::Malformed(e.to_string()))?;
        let def = registry.task(call.function).ok_or(CallError::UnknownFunction(call.function))?;
        if call.slots.len() != def.parameters.len() {
            let (had, wanted) = (call.slots.len(), def.parameters.len());
            return Err(CallError::Malformed(format!("{had} arguments where {wanted} are taken")));
        }
        Ok(Invocation { def, slots: Slots::Decoded(call.slots.into_vec().into()) })
    }

    /// The arguments, each key replaced by the value that `value_of` has for it.
    ///
    /// # Errors
    /// The first key without a value.
    pub fn inputs(&self, mut value_of: impl FnMut(Key) -> Option<Datum>) -> Result<Inputs, Key> {
        let mut fetch = |key: Key| value_of(key).ok_or(key);
        match &self.slots {
            Slots::Node(node) => {
                let mut item = |item: &Item| match item {
                    Item::Inline(value) => Ok(value.clone()),
                    other => fetch(other.key().expect("only inline values have no key")),
                };
                let inputs = node.slots().iter().map(|slot| match slot {
                    Slot::One(one) => item(one).map(Input::One),
                    Slot::List(items) => items.iter().map(&mut item).collect::<Result<_, _>>().map(Input::List),
                });
                inputs.collect::<Result<SmallVec<[_; 2]>, _>>().map(Inputs::new)
            }
            Slots::Decoded(slots) => {
                let mut item = |item: &WireItem| match item {
                    WireItem::Inline(value) => Ok(value.clone()),
                    WireItem::Key(key) => fetch(*key),
                };
                let inputs = slots.iter().map(|slot| match slot {
                    WireSlot::One(one) => item(one).map(Input::One),
                    WireSlot::List(items) => items.iter().map(&mut item).collect::<Result<_, _>>().map(Input::List),
                });
                inputs.collect::<Result<SmallVec<[_; 2]>, _>>().map(Inputs::new)
            }
        }
    }

    /// Makes the call.
    pub fn run(&self, inputs: Inputs) -> crate::task::Ran {
        (self.def.call)(inputs)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let kind = match error {
            CallError::UnknownFunction(_) => crate::error::ErrorKind::UnknownFunction,
            CallError::Malformed(_) => crate::error::ErrorKind::Decode,
        };
        Failure::new(kind, error.to_string())
    }
}
