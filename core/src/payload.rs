//! Payloads: what messages carry without looking inside.
//!
//! The machines pass payloads on and see of them only a length. Inside one process a payload is a pointer to the call or
//! value itself; between processes it is bytes that ride beside the message (see [`wire`](crate::wire)).

use std::{fmt, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    error::EncodeError,
    graph::{CallError, Invocation, Node},
    registry::Registry,
    trace::Traced,
    value::Datum,
};

/// An opaque call or value. Cheap to clone.
#[derive(Clone)]
pub struct Payload(Repr);

#[derive(Clone)]
enum Repr {
    /// Only the length is here: decoded from a message, or from a log; the bytes follow, or never come.
    Absent(u64),
    Bytes(Bytes),
    Value(Datum),
    Call(Invocation),
}

impl Payload {
    /// Bytes from outside, or of a test.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Payload(Repr::Bytes(bytes.into()))
    }

    /// A value of this process.
    pub fn from_value(value: Datum) -> Self {
        Payload(Repr::Value(value))
    }

    /// A planned call of this process. It holds the call's own arguments, and of all others only their keys.
    pub fn from_call(node: &Arc<Node>) -> Self {
        Payload(Repr::Call(Invocation::of_node(node)))
    }

    /// The same, of a call that was made within a span.
    pub fn from_traced_call(node: &Arc<Node>, traced: Traced) -> Self {
        Payload(Repr::Call(Invocation::of_node(node).traced(traced)))
    }

    /// The length in bytes: exact for bytes, the memory taken for a value, nothing for a call in this process.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Repr::Absent(len) => *len,
            Repr::Bytes(bytes) => bytes.len() as u64,
            Repr::Value(value) => value.nbytes(),
            Repr::Call(_) => 0,
        }
    }

    /// Whether the length is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The payload as bytes.
    ///
    /// # Errors
    /// If a value in it refuses to be encoded.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        match &self.0 {
            Repr::Bytes(bytes) => Ok(bytes.clone()),
            Repr::Value(value) => value.encode(),
            Repr::Call(call) => call.encode(),
            Repr::Absent(len) => {
                Err(EncodeError { type_name: "payload".to_owned(), message: format!("its {len} bytes are not here") })
            }
        }
    }

    /// The same payload as bytes, ready to leave the process. Whoever sends over a wire does this first, so that a value
    /// that can't be encoded is that task's error and not the connection's.
    ///
    /// # Errors
    /// If a value in it refuses to be encoded.
    pub fn sealed(&self) -> Result<Payload, EncodeError> {
        self.encode().map(Payload::from_bytes)
    }

    /// The payload as a value.
    ///
    /// # Panics
    /// If it is a call of this process: the links' types say which is which.
    pub fn into_value(self) -> Datum {
        match self.0 {
            Repr::Value(value) => value,
            Repr::Bytes(bytes) => Datum::from_bytes(bytes),
            Repr::Absent(_) | Repr::Call(_) => panic!("this payload is no value: {self:?}"),
        }
    }

    /// The payload as a call.
    ///
    /// # Errors
    /// If its function is unknown here, or its bytes are no call.
    pub fn call(&self, registry: &Registry) -> Result<Invocation, CallError> {
        match &self.0 {
            Repr::Call(call) => Ok(call.clone()),
            Repr::Bytes(bytes) => Invocation::decode(bytes, registry),
            Repr::Absent(_) | Repr::Value(_) => Err(CallError::Malformed(format!("{self:?} is no call"))),
        }
    }

    /// Puts the body to a payload that was decoded without it.
    pub(crate) fn attach(&mut self, bytes: Bytes) {
        self.0 = Repr::Bytes(bytes);
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Absent(len) => write!(f, "Payload({len} bytes, absent)"),
            Repr::Bytes(bytes) => write!(f, "Payload({} bytes)", bytes.len()),
            Repr::Value(value) => write!(f, "Payload({value:?})"),
            Repr::Call(call) => write!(f, "Payload(call of {})", call.def.identity.name),
        }
    }
}

/// Equal bytes, or the same pointer.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Bytes(a), Repr::Bytes(b)) => a == b,
            (Repr::Absent(a), Repr::Absent(b)) => a == b,
            (Repr::Call(a), Repr::Call(b)) => a.is_same(b),
            _ => false,
        }
    }
}

/// A payload's serialised form is its length; the body rides beside the message.
impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.len().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(|len| Payload(Repr::Absent(len)))
    }
}
