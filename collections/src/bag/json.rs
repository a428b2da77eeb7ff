//! Values from JSON at the speed that ordinary lines allow: `serde_json` is the judge of everything else.
//!
//! What reads here takes JSON of any type by the same calls of its visitors that `serde_json` makes, in the same order. It knows
//! texts without escapes, integers of ordinary length, lists and objects, and hands every other value to `serde_json` by itself; at
//! whatever it does not know or finds wrong it gives up, and `serde_json` reads the whole line, for a value or for its error. What is
//! passed over since nobody asked for it is checked as everything else is.

use std::{cell::Cell, fmt};

use serde::{
    de::{self, DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor},
    forward_to_deserialize_any,
};

mod skip;

use skip::Skipped;

/// A value from a line of JSON.
///
/// # Errors
/// Those of `serde_json`.
pub(super) fn from_str<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    let given_up = GIVEN_UP.get();
    let mut reader = Reader { text, at: 0, depth: 0 };
    if let Ok(value) = T::deserialize(&mut reader)
        && reader.peek().is_none()
        && GIVEN_UP.get() == given_up
    {
        return Ok(value);
    }
    serde_json::from_str(text)
}

thread_local! {
    /// How often something was not read here. A type may go on behind an error of its parts, and `serde_json` may have none there.
    static GIVEN_UP: Cell<u64> = const { Cell::new(0) };
}

/// No deeper here: `serde_json` has such a limit as well, and says so.
const MAX_DEPTH: u8 = 100;

/// Ordinary integers have at most so many digits: none of them overflows.
const DIGITS: usize = 18;

/// That `serde_json` has to see to it. Each is counted.
#[derive(Debug)]
struct Unknown(());

#[cold]
fn unknown() -> Unknown {
    GIVEN_UP.set(GIVEN_UP.get().wrapping_add(1));
    Unknown(())
}

type Read<T> = Result<T, Unknown>;

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not read here")
    }
}

impl std::error::Error for Unknown {}

impl de::Error for Unknown {
    fn custom<T: fmt::Display>(_: T) -> Self {
        unknown()
    }
}

/// A text, and how far it was read.
struct Reader<'de> {
    text: &'de str,
    at: usize,
    depth: u8,
}

impl<'de> Reader<'de> {
    /// The next byte that is no white space, which is not taken.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Takes `wanted`, behind white space.
    #[inline]
    fn take(&mut self, wanted: u8) -> Read<()> {
        match self.peek() {
            Some(byte) if byte == wanted => {
                self.at += 1;
                Ok(())
            }
            _ => Err(unknown()),
        }
    }

    fn word(&mut self, word: &str) -> Read<()> {
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        if found { Ok(()) } else { Err(unknown()) }
    }

    /// A text without escapes, behind its opening quote; nothing is taken of another.
    #[inline]
    fn plain_text(&mut self) -> Option<&'de str> {
        let from = self.at;
        let end = skip::plain(self.text.as_bytes(), from);
        if self.text.as_bytes().get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        Some(&self.text[from..end])
    }

    /// Passes over the next value. The text that it is.
    fn skip(&mut self) -> Read<Skipped<'de>> {
        self.peek();
        let from = self.at;
        self.at = skip::value(self.text.as_bytes(), from, MAX_DEPTH - self.depth)?;
        Ok(Skipped(&self.text[from..self.at]))
    }

    /// An ordinary integer, without its sign, and whether it has one. `None` if it is none, or none that is read here.
    #[inline]
    fn integer(&mut self) -> Option<(bool, u64)> {
        let bytes = self.text.as_bytes();
        if let Some(short) = skip::short_integer(bytes, self.at) {
            self.at = short.end;
            return Some((short.negative, short.number()));
        }
        let negative = *bytes.get(self.at)? == b'-';
        let from = self.at + usize::from(negative);
        let at = skip::digits(bytes, from);
        let is_whole = !matches!(bytes.get(at), Some(b'.' | b'e' | b'E'));
        let leads = bytes.get(from) == Some(&b'0') && (at - from > 1 || negative);
        if at == from || at - from > DIGITS || !is_whole || leads {
            return None;
        }
        self.at = at;
        let digits = bytes[from..at].iter().map(|digit| u64::from(digit - b'0'));
        Some((negative, digits.fold(0, |number, digit| number * 10 + digit)))
    }

    /// One level deeper.
    #[inline]
    fn nested<T>(&mut self, open: u8, close: u8, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        self.take(open)?;
        self.depth += 1;
        if self.depth >= MAX_DEPTH {
            return Err(unknown());
        }
        let value = read(self)?;
        self.depth -= 1;
        self.take(close)?;
        Ok(value)
    }

    #[inline]
    fn list<V: Visitor<'de>>(&mut self, visitor: V) -> Read<V::Value> {
        self.nested(b'[', b']', |reader| visitor.visit_seq(Elements { reader, first: true }))
    }

    #[inline]
    fn object<V: Visitor<'de>>(&mut self, visitor: V) -> Read<V::Value> {
        self.nested(b'{', b'}', |reader| visitor.visit_map(Elements { reader, first: true }))
    }
}

/// Values that are rare, or have rules of their own: by `serde_json`.
macro_rules! rare {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Read<V::Value> {
            self.skip()?.by_serde(|deserializer| deserializer.$method($($argument,)* visitor))
        }
    )*};
}

/// Integers: what is ordinary is read here.
macro_rules! integers {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
            self.peek();
            match self.integer() {
                Some((false, number)) => visitor.visit_u64(number),
                Some((true, number)) => visitor.visit_i64(-(number as i64)),
                None => self.skip()?.by_serde(|deserializer| deserializer.$method(visitor)),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Unknown;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.peek() {
            Some(b'{') => self.object(visitor),
            Some(b'[') => self.list(visitor),
            Some(b'"') => self.deserialize_str(visitor),
            _ => self.skip()?.by_serde(|deserializer| deserializer.deserialize_any(visitor)),
        }
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    rare! {
        deserialize_f32()
        deserialize_f64()
        deserialize_i128()
        deserialize_u128()
        deserialize_char()
        deserialize_bytes()
        deserialize_byte_buf()
        deserialize_unit()
        deserialize_unit_struct(name: &'static str)
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.peek() {
            Some(b't') => self.word("true").and_then(|()| visitor.visit_bool(true)),
            Some(b'f') => self.word("false").and_then(|()| visitor.visit_bool(false)),
            _ => Err(unknown()),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.take(b'"')?;
        if let Some(text) = self.plain_text() {
            return visitor.visit_borrowed_str(text);
        }
        self.at -= 1;
        self.skip()?.by_serde(|deserializer| deserializer.deserialize_str(visitor))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        if self.peek() == Some(b'n') {
            self.word("null")?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Read<V::Value> {
        // Names by which types of `serde_json` ask it for what no other format has.
        if name.starts_with("$serde_json") {
            return Err(unknown());
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Read<V::Value> {
        self.list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Read<V::Value> {
        self.list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.object(visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        match self.peek() {
            Some(b'{') => self.object(visitor),
            _ => self.list(visitor),
        }
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.skip()?;
        visitor.visit_unit()
    }
}

/// What is within brackets.
struct Elements<'a, 'de> {
    reader: &'a mut Reader<'de>,
    first: bool,
}

impl Elements<'_, '_> {
    /// Whether there is another, behind its comma.
    #[inline]
    fn is_next(&mut self, close: u8) -> Read<bool> {
        match self.reader.peek() {
            Some(byte) if byte == close => Ok(false),
            Some(_) if self.first => {
                self.first = false;
                Ok(true)
            }
            Some(b',') => {
                self.reader.at += 1;
                // A comma before the end is a mistake.
                if self.reader.peek() == Some(close) { Err(unknown()) } else { Ok(true) }
            }
            _ => Err(unknown()),
        }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Unknown;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Read<Option<S::Value>> {
        if !self.is_next(b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = Unknown;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Read<Option<S::Value>> {
        if !self.is_next(b'}')? {
            return Ok(None);
        }
        self.reader.take(b'"')?;
        match self.reader.plain_text() {
            Some(key) => seed.deserialize(Key(key)).map(Some),
            None => Err(unknown()),
        }
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Read<S::Value> {
        self.reader.take(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

/// A name in an object.
struct Key<'de>(&'de str);

/// Keys that are read as numbers: ordinary digits are what they are without quotes.
macro_rules! number_keys {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
            let mut reader = Reader { text: self.0, at: 0, depth: 0 };
            match reader.integer() {
                Some((negative, number)) if reader.at == self.0.len() => match negative {
                    false => visitor.visit_u64(number),
                    true => visitor.visit_i64(-(number as i64)),
                },
                _ => Err(unknown()),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Key<'de> {
    type Error = Unknown;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_borrowed_str(self.0)
    }

    number_keys! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    /// Keys of other types have rules that `serde_json` knows.
    fn deserialize_bool<V: Visitor<'de>>(self, _: V) -> Read<V::Value> {
        Err(unknown())
    }

    fn deserialize_f32<V: Visitor<'de>>(self, _: V) -> Read<V::Value> {
        Err(unknown())
    }

    fn deserialize_f64<V: Visitor<'de>>(self, _: V) -> Read<V::Value> {
        Err(unknown())
    }

    fn deserialize_i128<V: Visitor<'de>>(self, _: V) -> Read<V::Value> {
        Err(unknown())
    }

    fn deserialize_u128<V: Visitor<'de>>(self, _: V) -> Read<V::Value> {
        Err(unknown())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], _: V) -> Read<V::Value> {
        Err(unknown())
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, _: V) -> Read<V::Value> {
        Err(unknown())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, _: V) -> Read<V::Value> {
        Err(unknown())
    }

    forward_to_deserialize_any! {
        char str string unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
