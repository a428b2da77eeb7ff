//! Arguments as an error report shows them: in Debug form, cut.
//!
//! Whether a type has a Debug form is found out where it is concrete, in the expansion of `#[task]`: see [`show!`](crate::show!).
//! Nothing of this runs unless a call has failed. What is printed goes into a [`Cut`], which refuses more than it has room
//! for, so that a long argument is looked at no further than it is shown.

use std::{
    any::{Any, type_name},
    fmt::{self, Debug, Write},
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    task::{Container, Input, TaskDef},
    value::{Datum, Value},
};

/// How many bytes of each argument a report shows, unless it is set otherwise.
pub const SHOWN_BYTES: usize = 256;

/// All arguments of one call together are shown in no more bytes than this: a scheduler keeps the reports of failed tasks.
const MAX_SHOWN_BYTES: usize = 8 << 10;

/// Prints one argument.
///
/// # Errors
/// If there is no more room.
pub type ShowFn = fn(&Input, &mut Cut) -> fmt::Result;

/// The arguments of a call, as in `(25, 0)`, each in at most `room` bytes; `None` if nothing is to be shown, or nothing is
/// known of how. An argument that is `None` is said to be gone.
pub fn arguments(def: &TaskDef, given: &[Option<Input>], room: usize) -> Option<String> {
    if room == 0 || def.shows.len() != given.len() {
        return None;
    }
    let mut text = String::from("(");
    for (i, (show, input)) in def.shows.iter().zip(given).enumerate() {
        if i > 0 {
            text.push_str(", ");
        }
        if text.len() > MAX_SHOWN_BYTES {
            let _ = write!(text, "… {} more", given.len() - i);
            break;
        }
        match input {
            Some(input) => text.push_str(&one(*show, input, room.min(MAX_SHOWN_BYTES))),
            None => text.push_str("<not here any more>"),
        }
    }
    text.push(')');
    Some(text)
}

fn one(show: ShowFn, input: &Input, room: usize) -> String {
    let mut cut = Cut::new(room);
    // A user's code: a report does not end with another panic than the one that it tells of.
    match catch_unwind(AssertUnwindSafe(|| show(input, &mut cut))) {
        Ok(_) => cut.finish(),
        Err(payload) => {
            // What a panic carries is a user's value too, whose `Drop` may panic.
            std::mem::forget(payload);
            "<its Debug panics>".to_owned()
        }
    }
}

/// Text that grows to a length and no further: from there on every write fails, so that whoever prints stops.
#[derive(Debug)]
pub struct Cut {
    text: String,
    room: usize,
    is_cut: bool,
}

impl Cut {
    /// Room for so many bytes.
    pub fn new(room: usize) -> Self {
        Cut { text: String::new(), room, is_cut: false }
    }

    /// The text; one that was cut ends with `…`.
    pub fn finish(mut self) -> String {
        if self.is_cut {
            self.text.push('…');
        }
        self.text
    }
}

impl Write for Cut {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if self.is_cut {
            return Err(fmt::Error);
        }
        let left = self.room - self.text.len();
        if more.len() <= left {
            self.text.push_str(more);
            return Ok(());
        }
        self.text.push_str(&more[..more.floor_char_boundary(left)]);
        self.is_cut = true;
        Err(fmt::Error)
    }
}

/// How a `T` is printed: its inherent constant is found before that of [`AnyOne`] if `T` has a Debug form.
pub struct One<T>(PhantomData<fn() -> T>);

impl<T: Value + Debug> One<T> {
    /// Prints a value.
    pub const SHOW: ShowFn = |input, cut| match input {
        Input::One(datum) => match datum.shared::<T>() {
            Ok(value) => debug(&*value, cut),
            Err(_) => cut.write_str("<does not decode>"),
        },
        Input::List(parts) => write!(cut, "<{} parts>", parts.len()),
    };
}

/// The answer of a type without a Debug form.
pub trait AnyOne {
    /// Prints the type.
    const SHOW: ShowFn;
}

impl<T> AnyOne for One<T> {
    const SHOW: ShowFn = |_, cut| write!(cut, "<{} without Debug>", type_name::<T>());
}

/// How a container is printed that may have been given in parts: its inherent constant is found before that of [`AnyParts`] if
/// `T` is one and has a Debug form.
pub struct Parts<T>(PhantomData<fn() -> T>);

impl<T: Container + Debug> Parts<T> {
    /// Prints a container, of which a copy is made if it was given in parts.
    pub const SHOW: Option<ShowFn> = Some(|input, cut| match input {
        Input::One(_) => (One::<T>::SHOW)(input, cut),
        Input::List(parts) => match T::of_parts(parts.clone()) {
            Ok(value) => debug(&value, cut),
            Err(_) => cut.write_str("<does not decode>"),
        },
    });
}

/// The answer of any other type.
pub trait AnyParts {
    /// It is printed as one value.
    const SHOW: Option<ShowFn>;
}

impl<T> AnyParts for Parts<T> {
    const SHOW: Option<ShowFn> = None;
}

/// How a list is printed: its inherent constant is found before that of [`AnyItems`] if `T` is a vector of values with a
/// Debug form.
pub struct Items<T>(PhantomData<fn() -> T>);

impl<T: Value + Debug> Items<Vec<T>> {
    /// Prints the items, as many as there is room for: those behind are not looked at, nor decoded.
    pub const SHOW: Option<ShowFn> = Some(|input, cut| match input {
        Input::One(datum) => match datum.slice::<T>() {
            Ok(items) => list(items.len(), items.iter(), cut, |item, cut| debug(item, cut)),
            Err(_) => cut.write_str("<does not decode>"),
        },
        Input::List(items) => list(items.len(), items.iter(), cut, |item: &Datum, cut| match item.shared::<T>() {
            Ok(value) => debug(&*value, cut),
            Err(_) => cut.write_str("<does not decode>"),
        }),
    });
}

/// The answer of any other type.
pub trait AnyItems {
    /// It is printed as one value.
    const SHOW: Option<ShowFn>;
}

impl<T> AnyItems for Items<T> {
    const SHOW: Option<ShowFn> = None;
}

/// The [`ShowFn`] of a concrete type.
#[macro_export]
macro_rules! show {
    ($type:ty) => {{
        #[allow(unused_imports)]
        use $crate::show::{AnyItems as _, AnyOne as _, AnyParts as _};
        match (<$crate::show::Items<$type>>::SHOW, <$crate::show::Parts<$type>>::SHOW) {
            (::core::option::Option::Some(show), _) | (_, ::core::option::Option::Some(show)) => show,
            _ => <$crate::show::One<$type>>::SHOW,
        }
    }};
}

/// A text is looked at no further than it can be shown; its own Debug would search all of it for what is to be escaped.
fn debug<T: Debug + Any>(value: &T, cut: &mut Cut) -> fmt::Result {
    let any: &dyn Any = value;
    match any.downcast_ref::<String>() {
        Some(text) if text.len() > cut.room => write!(cut, "{:?}", &text[..text.floor_char_boundary(cut.room)]),
        _ => write!(cut, "{value:?}"),
    }
}

fn list<'a, T: 'a>(
    length: usize,
    items: impl Iterator<Item = &'a T>,
    cut: &mut Cut,
    print: impl Fn(&T, &mut Cut) -> fmt::Result,
) -> fmt::Result {
    /// For the words of a list that is cut, as in `… 9999 more]`.
    const WORDS: usize = 32;
    let room = cut.room;
    cut.write_char('[')?;
    let mut inner = Cut::new((room - cut.text.len()).saturating_sub(WORDS));
    for (i, item) in items.enumerate() {
        let whole = inner.text.len();
        let fits = if i == 0 { Ok(()) } else { inner.write_str(", ") };
        if fits.and_then(|()| print(item, &mut inner)).is_err() {
            // The first item is shown in part, the others whole or not at all.
            if i > 0 {
                inner.text.truncate(whole);
            }
            cut.text.push_str(&inner.text);
            cut.room = room + WORDS;
            return write!(cut, "{}… of {length}]", if i > 0 { ", " } else { "" });
        }
    }
    cut.text.push_str(&inner.text);
    cut.write_char(']')
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Mute;

    /// Counts how often it is printed.
    #[derive(Serialize, Deserialize)]
    struct Counted;

    static PRINTED: AtomicUsize = AtomicUsize::new(0);

    impl Debug for Counted {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            PRINTED.fetch_add(1, Ordering::Relaxed);
            f.write_str("c")
        }
    }

    fn shown(show: ShowFn, input: &Input, room: usize) -> String {
        one(show, input, room)
    }

    fn value<T: Value>(value: T) -> Input {
        Input::One(Datum::new(value))
    }

    #[test]
    fn types_are_shown_as_they_can_be() {
        assert_eq!(shown(show!(i64), &value(7i64), 99), "7");
        assert_eq!(shown(show!(Vec<i64>), &value(vec![1i64, 2]), 99), "[1, 2]");
        assert_eq!(shown(show!(Vec<i64>), &value(Vec::<i64>::new()), 99), "[]");
        assert_eq!(shown(show!(Option<Vec<u8>>), &value(Some(vec![1u8])), 99), "Some([1])");
        let list = Input::List(vec![Datum::new(1i64), Datum::new(2i64)]);
        assert_eq!(shown(show!(Vec<i64>), &list, 99), "[1, 2]");
        let parts = Input::List(vec![Datum::new(vec!["a".to_owned()]), Datum::new(2i64)]);
        assert_eq!(shown(show!(BTreeMap<String, i64>), &parts, 99), "{\"a\": 2}");
        assert_eq!(shown(show!(Option<i64>), &Input::List(vec![]), 99), "None");
        assert_eq!(shown(show!(Mute), &value(Mute), 99), "<brisk_core::show::tests::Mute without Debug>");
        assert!(shown(show!(Vec<Mute>), &value(vec![Mute]), 99).ends_with("Mute> without Debug>"));
    }

    #[test]
    fn values_that_came_as_bytes_are_shown_and_wrong_ones_are_told() {
        let there = |datum: Datum| Input::One(Datum::from_bytes(datum.encode().unwrap()));
        assert_eq!(shown(show!(Vec<f64>), &there(Datum::new(vec![1.5f64])), 99), "[1.5]");
        assert_eq!(shown(show!(String), &there(Datum::new("a".to_owned())), 99), "\"a\"");
        assert_eq!(shown(show!(String), &there(Datum::new(200u8)), 99), "<does not decode>");
    }

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(shown(show!(String), &value("ü".repeat(10)), 8), "\"üüü…");
        let numbers = shown(show!(Vec<u8>), &value(vec![7u8; 10_000_000]), 60);
        assert_eq!(numbers, "[7, 7, 7, 7, 7, 7, 7, 7, 7, … of 10000000]");
        let texts = shown(show!(Vec<String>), &value(vec!["a".repeat(99); 3]), 40);
        assert_eq!(texts, "[\"aaaaaa… of 3]");
        assert_eq!(shown(show!(Option<String>), &value(Some("a".repeat(99))), 9), "Some(\"aaa…");
    }

    #[test]
    fn no_more_is_looked_at_than_is_shown() {
        let before = PRINTED.load(Ordering::Relaxed);
        let many: Vec<Counted> = (0..1_000_000).map(|_| Counted).collect();
        let text = shown(show!(Vec<Counted>), &value(many), 100);
        assert!(text.starts_with("[c, c, ") && text.ends_with(", … of 1000000]"), "{text}");
        let printed = PRINTED.load(Ordering::Relaxed) - before;
        assert!(printed < 50, "{printed} items were printed");
    }

    #[test]
    fn a_debug_that_panics_is_told() {
        #[derive(Serialize, Deserialize)]
        struct Bomb;
        impl Debug for Bomb {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                panic!("no")
            }
        }
        assert_eq!(shown(show!(Bomb), &value(Bomb), 99), "<its Debug panics>");
    }
}
