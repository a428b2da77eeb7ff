//! For crates that build collections, or graphs of another kind, upon Brisk: calls without their types. Programs need
//! nothing of this.
//!
//! A collection is a list of calls, one a partition. A trait or function here takes calls apart and puts them together
//! where the types are not at hand: a closure that was traced with an [`Elem`](crate::Elem), for one.

pub use brisk_core::{
    error::{EncodeError, ValueError},
    function::FunctionId,
    future::Handle,
    graph::{Item, Node, Slot, to_dot, to_svg},
    options::TaskOptions,
    registry::TypeToken,
    task::{Block, BlockFn, Giving, Input, Inputs, Lending, Ran, Source, TaskDef, TaskItem, Texts},
    typedef::{
        TypeDef,
        items::{End, Grouper, Items},
    },
    value::{Datum, Lent},
};

/// Defines a task function by hand, whose result need not be of one type: a static with a name for people, names of its
/// parameters, and a function from [`Inputs`] to the result. Workers find it as they find those of `#[task]`.
///
/// ```
/// use brisk_client::{Failure, graph::{Datum, Inputs}};
///
/// brisk_client::erased_task!(static FIRST = "first"("pair") => first);
///
/// fn first(inputs: &mut Inputs) -> Result<Datum, Box<Failure>> {
///     Ok(Datum::new(inputs.shared::<(i64, i64)>(0)?.0))
/// }
/// ```
#[macro_export]
macro_rules! erased_task {
    ($(#[$meta:meta])* $vis:vis static $name:ident = $shown:literal($($parameter:literal),* $(,)?) => $run:expr) => {
        $(#[$meta])*
        $vis static $name: $crate::graph::TaskDef = $crate::graph::TaskDef::new(
            $crate::__identity!($shown, ::core::concat!("(", $($parameter, ": _, ",)* ") -> _")),
            &[$($parameter),*],
            |mut inputs| $crate::graph::Ran::Done(($run)(&mut inputs)),
            $crate::__private::Defaults::NONE,
        );
        $crate::__private::inventory::submit! { $crate::__private::TaskEntry(&$name) }
    };
}
