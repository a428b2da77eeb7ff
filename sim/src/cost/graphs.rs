//! Tasks to be scheduled: many, all alike, and under keys as scattered as hashes.

use brisk_core::{
    function::{FunctionId, FunctionInfo},
    key::Key,
    message::SubmittedTask,
    payload::Payload,
};

use crate::random::mix;

/// How tasks depend on one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Not at all; the client wants each.
    Independent,
    /// Each third one combines the two before it; the client wants that.
    Pairs,
    /// Chains of a hundred; the client wants the ends.
    Chains,
}

/// The function that all tasks call.
pub const FUNCTION: FunctionId = FunctionId::from_u128(1);

/// What people are told of it.
pub fn function() -> FunctionInfo {
    FunctionInfo { id: FUNCTION, name: "work".into(), module: "cost".into(), place: "cost".into(), is_async: false }
}

impl Shape {
    /// Task `number`. It depends on tasks of lower numbers only.
    pub fn task(self, number: u32) -> SubmittedTask {
        let parents = match self {
            Shape::Pairs if number % 3 == 2 => number - 2..number,
            Shape::Chains if !number.is_multiple_of(100) => number - 1..number,
            _ => 0..0,
        };
        SubmittedTask {
            key: key(number),
            function: FUNCTION,
            spec: Payload::from_bytes(&[7; 8][..]),
            dependencies: parents.map(key).collect(),
            options: None,
        }
    }

    /// Whether the client wants the result of a task.
    pub fn is_wanted(self, number: u32) -> bool {
        match self {
            Shape::Independent => true,
            Shape::Pairs => number % 3 == 2,
            Shape::Chains => number % 100 == 99,
        }
    }

    /// How many tasks make up one piece of the graph that no other depends on.
    pub fn piece(self) -> u32 {
        match self {
            Shape::Independent => 1,
            Shape::Pairs => 3,
            Shape::Chains => 100,
        }
    }
}

/// The key of task `number`.
pub fn key(number: u32) -> Key {
    Key::from_u128(u128::from(mix(u64::from(number))) << 64 | u128::from(mix(!u64::from(number))))
}
