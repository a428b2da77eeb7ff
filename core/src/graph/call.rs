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
    trace::{TraceContext, Traced},
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
    /// A node of this process whose arguments are all inline.
    Node(Arc<Node>),
    /// Values and keys only: from another process, or cut off from a graph of this one.
    Loose(Arc<[LooseSlot]>),
    /// Either, submitted within a span.
    Traced(Arc<(Slots, Traced)>),
}

impl Slots {
    /// Those that are not traced, and the span.
    fn parts(&self) -> (&Slots, Option<&Traced>) {
        match self {
            Slots::Traced(traced) => (&traced.0, Some(&traced.1)),
            slots => (slots, None),
        }
    }
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
    slots: SmallVec<[LooseSlot; 2]>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum LooseSlot {
    One(LooseItem),
    List(Vec<LooseItem>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum LooseItem {
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

impl Invocation {
    /// The call of a planned node, without the graph around it: whoever holds the call must keep neither other calls
    /// alive nor futures wanted.
    pub(crate) fn of_node(node: &Arc<Node>) -> Self {
        let slots = if node.items().all(|item| matches!(item, Item::Inline(_))) {
            Slots::Node(node.clone())
        } else {
            Slots::Loose(node.slots().iter().map(loose).collect())
        };
        Invocation { def: node.def, slots }
    }

    /// The same, made within a span.
    pub(crate) fn traced(self, traced: Traced) -> Self {
        Invocation { def: self.def, slots: Slots::Traced(Arc::new((self.slots, traced))) }
    }

    /// The span that it was submitted in, if that was traced.
    pub fn trace(&self) -> Option<&Traced> {
        self.slots.parts().1
    }

    /// The call as bytes. The span that it was submitted in comes last, if there is one: a call without one is no longer for it.
    ///
    /// # Errors
    /// If an argument refuses to be encoded.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        let (slots, traced) = self.slots.parts();
        let slots = match slots {
            Slots::Node(node) => node.slots().iter().map(loose).collect(),
            Slots::Loose(slots) => slots.iter().cloned().collect(),
            Slots::Traced(_) => unreachable!("a call is traced once"),
        };
        let call = WireCall { function: self.def.registered().id(), slots };
        let refused = |error: postcard::Error| {
            let type_name = format!("a call of `{}`", self.def.info().name);
            EncodeError { type_name, message: error.to_string() }
        };
        let mut bytes = postcard::to_stdvec(&call).map_err(refused)?;
        if let Some(traced) = traced {
            bytes = postcard::to_extend(&traced.context, bytes).map_err(refused)?;
        }
        Ok(bytes.into())
    }

    /// Decodes a call and looks its function up.
    pub(crate) fn decode(bytes: &[u8], registry: &Registry) -> Result<Self, CallError> {
        let malformed = |error: postcard::Error| CallError::Malformed(error.to_string());
        let (call, rest): (WireCall, _) = postcard::take_from_bytes(bytes).map_err(malformed)?;
        let def = registry.task(call.function).ok_or(CallError::UnknownFunction(call.function))?;
        let call = Invocation::of_wire(call, def)?;
        if rest.is_empty() {
            return Ok(call);
        }
        let TraceContext { trace_id, span_id, name } = postcard::from_bytes(rest).map_err(malformed)?;
        Ok(call.traced(Traced::new(TraceContext::new(trace_id, span_id, &name))))
    }

    /// Decodes a call of a function that is known to be this one, whatever its id was: it may have moved in the source.
    ///
    /// # Errors
    /// If the bytes are no call, or one with other arguments.
    pub fn decode_as(bytes: &[u8], def: &'static TaskDef) -> Result<Self, CallError> {
        let call: WireCall = postcard::from_bytes(bytes).map_err(|e| CallError::Malformed(e.to_string()))?;
        Invocation::of_wire(call, def)
    }

    fn of_wire(call: WireCall, def: &'static TaskDef) -> Result<Self, CallError> {
        if call.slots.len() != def.parameters.len() {
            let (had, wanted) = (call.slots.len(), def.parameters.len());
            return Err(CallError::Malformed(format!("{had} arguments where {wanted} are taken")));
        }
        Ok(Invocation { def, slots: Slots::Loose(call.slots.into_vec().into()) })
    }

    /// The arguments, each key replaced by the value that `value_of` has for it.
    ///
    /// # Errors
    /// The first key without a value.
    pub fn inputs(&self, mut value_of: impl FnMut(Key) -> Option<Datum>) -> Result<Inputs, Key> {
        let mut fetch = |key: Key| value_of(key).ok_or(key);
        match self.slots.parts().0 {
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
            Slots::Loose(slots) => {
                let mut item = |item: &LooseItem| match item {
                    LooseItem::Inline(value) => Ok(value.clone()),
                    LooseItem::Key(key) => fetch(*key),
                };
                let inputs = slots.iter().map(|slot| match slot {
                    LooseSlot::One(one) => item(one).map(Input::One),
                    LooseSlot::List(items) => items.iter().map(&mut item).collect::<Result<_, _>>().map(Input::List),
                });
                inputs.collect::<Result<SmallVec<[_; 2]>, _>>().map(Inputs::new)
            }
            Slots::Traced(_) => unreachable!("a call is traced once"),
        }
    }

    /// The arguments once more, for those who tell of a call that failed: `None` where a value is not here any more.
    pub fn arguments(&self, mut value_of: impl FnMut(Key) -> Option<Datum>) -> Vec<Option<Input>> {
        let mut value = |item: LooseItem| match item {
            LooseItem::Inline(value) => Some(value),
            LooseItem::Key(key) => value_of(key),
        };
        let mut input = |slot: LooseSlot| match slot {
            LooseSlot::One(one) => value(one).map(Input::One),
            LooseSlot::List(items) => items.into_iter().map(&mut value).collect::<Option<_>>().map(Input::List),
        };
        match self.slots.parts().0 {
            Slots::Node(node) => node.slots().iter().map(|slot| input(loose(slot))).collect(),
            Slots::Loose(slots) => slots.iter().map(|slot| input(slot.clone())).collect(),
            Slots::Traced(_) => unreachable!("a call is traced once"),
        }
    }

    /// Whether both are the same call by pointer.
    pub(crate) fn is_same(&self, other: &Invocation) -> bool {
        match (&self.slots, &other.slots) {
            (Slots::Node(a), Slots::Node(b)) => Arc::ptr_eq(a, b),
            (Slots::Loose(a), Slots::Loose(b)) => std::ptr::eq(self.def, other.def) && Arc::ptr_eq(a, b),
            (Slots::Traced(a), Slots::Traced(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// Makes the call.
    pub fn run(&self, inputs: Inputs) -> crate::task::Ran {
        (self.def.call)(inputs)
    }
}

fn loose(slot: &Slot) -> LooseSlot {
    let item = |item: &Item| match item {
        Item::Inline(value) => LooseItem::Inline(value.clone()),
        other => LooseItem::Key(other.key().expect("only inline values have no key")),
    };
    match slot {
        Slot::One(one) => LooseSlot::One(item(one)),
        Slot::List(items) => LooseSlot::List(items.iter().map(item).collect()),
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
