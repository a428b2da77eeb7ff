//! For crates that build collections, or graphs of another kind, upon Brisk: calls without their types. Programs need
//! nothing of this.
//!
//! A collection is a list of calls, one a partition. A trait or function here takes calls apart and puts them together
//! where the types are not at hand: a closure that was traced with an [`Elem`](crate::Elem), for one.

pub use brisk_core::{
    error::{EncodeError, ValueError},
    future::Handle,
    graph::{Item, Node, Slot, to_dot, to_svg},
    registry::TypeToken,
    task::{Input, Inputs, Ran, TaskDef, TaskItem},
    typedef::TypeDef,
    value::{Datum, Lent},
};
