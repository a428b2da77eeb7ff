//! [`pack`]: containers of futures and calls, within each other as deep as may be, as one call that puts them together.
//!
//! The call is told a template, which is the encoding of the whole with holes, and the parts that belong there. So one
//! function serves all types, and a worker need know none of them: where a container's value is wanted it is decoded as
//! any other that came as bytes.

use std::any::TypeId;

use serde::{Deserialize, Serialize};

use super::{Delayed, Item, Node, Slot};
use crate::{
    encode::nested::{self, Raw},
    error::{ErrorKind, Failure},
    function::Identity,
    options::Defaults,
    registry::TypeToken,
    task::{Inputs, Ran, TaskDef},
    value::{Datum, Value},
};

mod parts;

/// A call that puts a container of futures and calls together: a `Delayed` of the container of their values, which can be
/// submitted, or passed to a task that takes one. Containers may lie in each other as deep as they like.
///
/// Its parts are [`TaskFuture`](crate::future::TaskFuture)s, [`Delayed`]s, numbers, strings, and values of any other type in an
/// [`Arc`](std::sync::Arc); its containers lists, arrays, options, maps and tuples of up to eight, and references to them.
/// They are put together in a task of its own, near the largest of them, which copies them: for parts of many megabytes a
/// task that takes them as a plain list of `Arc`s is cheaper.
///
/// ```
/// use brisk_core::graph::{Delayed, pack};
///
/// // What `add(1, 2)` is, for a task `add`.
/// fn table(cell: impl Fn(i64) -> Delayed<i64>) -> Delayed<Vec<(String, Option<Vec<i64>>)>> {
///     pack(vec![("first", Some([cell(1), cell(2)])), ("second", None)])
/// }
/// ```
pub fn pack<P: Pack>(parts: P) -> Delayed<P::Value> {
    let mut packing = Packing::default();
    parts.pack_into(&mut packing);
    packing.finish::<P::Value>()
}

/// Something of which [`pack`] makes a call.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be packed",
    label = "neither a future, a call, a number, a string nor a container of them",
    note = "put a value of a type of your own into an `Arc`: `pack((Arc::new(account), future))`"
)]
pub trait Pack {
    /// What comes of it.
    type Value: Value;

    /// Adds its encoding, with a hole for each part that is to come.
    fn pack_into(self, packing: &mut Packing);
}

/// A container that is being packed.
#[derive(Debug, Default)]
pub struct Packing {
    pieces: Vec<Piece>,
    parts: Vec<Item>,
}

/// One piece of a container's encoding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Piece {
    /// As it is.
    Bytes(Vec<u8>),
    /// Of the next part, and what vector that is, if its bytes within a container are others than those it comes as.
    Part(Option<Raw>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Template {
    pieces: Vec<Piece>,
    /// What vector the whole is, if its bytes are others than those that a container of it would have.
    whole: Option<Raw>,
    /// Tells containers apart that are encoded alike, as two kinds of maps are: they are different calls.
    of: TypeToken,
}

impl Packing {
    /// The number of elements of a list or map, which follow.
    fn len(&mut self, len: usize) {
        self.literal(&len);
    }

    /// Something that is here, and is always encoded.
    fn literal<T: Serialize>(&mut self, value: &T) {
        // What calls this are numbers, strings and lengths: these always encode.
        let bytes = nested::within(value).unwrap_or_default();
        match self.pieces.last_mut() {
            Some(Piece::Bytes(last)) => last.extend_from_slice(&bytes),
            _ => self.pieces.push(Piece::Bytes(bytes)),
        }
    }

    /// A `T` that is to come, or whose encoding may fail.
    fn part<T: Value>(&mut self, part: Item) {
        self.pieces.push(Piece::Part(Raw::of::<T>()));
        self.parts.push(part);
    }

    fn finish<T: Value>(self) -> Delayed<T> {
        let template = Template { pieces: self.pieces, whole: Raw::of::<T>(), of: TypeToken::of(TypeId::of::<T>()) };
        let template = Slot::One(Item::Inline(Datum::new(template)));
        Delayed::of_node(Node::new(&PACK, [template, Slot::List(self.parts)]))
    }
}

/// Puts parts into a template. Every registry knows it.
pub(crate) static PACK: TaskDef = TaskDef::new(
    Identity {
        package: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        module: module_path!(),
        name: "pack",
        file: file!(),
        line: line!(),
        column: column!(),
        signature: "(template: Template, parts: [..]) -> _",
    },
    &["template", "parts"],
    |inputs| Ran::Done(put_together(inputs)),
    Defaults::NONE,
);

fn put_together(mut inputs: Inputs) -> Result<Datum, Box<Failure>> {
    let template = inputs.shared::<Template>(0)?;
    let mut parts = inputs.data(1)?.into_iter();
    let mut whole = Vec::new();
    for piece in &template.pieces {
        match piece {
            Piece::Bytes(bytes) => whole.extend_from_slice(bytes),
            Piece::Part(raw) => {
                let part = parts.next().ok_or_else(|| strange("parts are missing"))?;
                let bytes = part.encode().map_err(|e| Box::new(Failure::from(e)))?;
                match raw {
                    Some(raw) => whole.extend_from_slice(&raw.within(&bytes)?),
                    None => whole.extend_from_slice(&bytes),
                }
            }
        }
    }
    if parts.next().is_some() {
        return Err(strange("there are parts too many"));
    }
    Ok(Datum::from_bytes(match template.whole {
        Some(raw) => raw.alone(&whole)?,
        None => whole.into(),
    }))
}

fn strange(what: &str) -> Box<Failure> {
    Box::new(Failure::new(ErrorKind::Decode, format!("a container can't be put together: {what}")))
}

#[cfg(test)]
#[allow(clippy::disallowed_types, reason = "users pack them")]
mod tests {
    use std::{
        collections::{BTreeMap, HashMap},
        sync::Arc,
    };

    use super::*;
    use crate::task::Input;

    #[test]
    fn containers_come_out_as_they_went_in() {
        let text = |text: &str| pack(text);
        let made = pack(vec![("a", Some([pack(1i64), pack(2i64)])), ("b", None)]).run().unwrap();
        assert_eq!(made, [("a".to_owned(), Some(vec![1, 2])), ("b".to_owned(), None)]);
        // Vectors of numbers, within and as the whole.
        let numbers = pack(vec![pack(1u16), pack(2u16)]);
        assert_eq!(pack((&numbers, vec![&numbers], 0.5)).run().unwrap(), (vec![1, 2], vec![vec![1, 2]], 0.5));
        assert_eq!(pack([numbers.run().unwrap(), vec![]]).run().unwrap(), [vec![1, 2], vec![]]);
        let map: BTreeMap<u8, _> = [(2, text("two")), (1, text("one"))].into();
        let made = pack((&map, Arc::new(vec![0.5f64]), 'c', true, (), -1i128)).run().unwrap();
        let named: BTreeMap<u8, String> = [(1, "one".to_owned()), (2, "two".to_owned())].into();
        assert_eq!(made, (named, vec![0.5], 'c', true, (), -1));
        let deep = pack(Some(HashMap::from([("k".to_owned(), vec![vec![Some(text("deep"))]])]))).run().unwrap();
        assert_eq!(deep.unwrap()["k"], [[Some("deep".to_owned())]]);
    }

    #[test]
    fn a_template_that_does_not_fit_its_parts_is_told() {
        let run = |pieces: Vec<Piece>, parts: usize| {
            let template = Datum::new(Template { pieces, whole: None, of: TypeToken::of(TypeId::of::<u8>()) });
            let parts = (0..parts).map(|_| Datum::new(1u8)).collect();
            put_together(Inputs::new([Input::One(template), Input::List(parts)]))
        };
        assert_eq!(*run(vec![Piece::Part(None)], 1).unwrap().shared::<u8>().unwrap(), 1);
        assert!(run(vec![Piece::Part(None)], 0).unwrap_err().message.contains("missing"));
        assert!(run(vec![Piece::Part(None)], 2).unwrap_err().message.contains("too many"));
    }

    #[test]
    fn a_map_is_the_same_call_in_whatever_order_it_iterates() {
        let map = || (0..100i64).map(|n| (n.to_string(), vec![pack(n)])).collect::<HashMap<String, _>>();
        let pieces = |map: HashMap<String, Vec<Delayed<i64>>>| {
            let mut packing = Packing::default();
            map.pack_into(&mut packing);
            let keys = packing.parts.iter().filter_map(|part| match part {
                Item::Inline(key) => key.shared::<String>().ok(),
                _ => None,
            });
            (keys.collect::<Vec<_>>(), packing.pieces)
        };
        assert_eq!(pieces(map()), pieces(map()));
    }
}
