//! Hash maps and sets as parts of keys: equal ones have equal hashes, whatever order they iterate in.
//!
//! The order of a hash map is another in each process, so the same call would be another task in each. Only what is known to
//! have no order is treated so: a map that keeps an order of its own is another value in another order. What is inside other
//! types goes as it comes: such a call may be made twice, which is a waste and no error.

use std::{any::type_name, fmt};

use serde::{
    Serialize, Serializer,
    ser::{Impossible, SerializeMap, SerializeSeq},
};

use crate::{error::EncodeError, key::KeyHasher, value::Value};

/// The beginnings of the names of types without an order.
const UNORDERED: [&str; 4] = [
    "std::collections::hash::map::HashMap<",
    "std::collections::hash::set::HashSet<",
    "hashbrown::map::HashMap<",
    "hashbrown::set::HashSet<",
];

/// Whether a `T` is a hash map or a hash set.
pub(super) fn is_unordered<T>() -> bool {
    let name = type_name::<T>();
    UNORDERED.iter().any(|beginning| name.starts_with(beginning))
}

/// Feeds a map's entries, or a set's items, to `hasher` in the order of their encodings.
pub(super) fn hash<T: Value>(value: &T, hasher: &mut KeyHasher) -> Result<(), EncodeError> {
    let mut entries = value.serialize(Entries(Vec::new())).map_err(EncodeError::of::<T>)?;
    entries.sort_unstable();
    hasher.bytes(&(entries.len() as u64).to_le_bytes());
    for entry in entries {
        hasher.bytes(&(entry.len() as u64).to_le_bytes());
        hasher.bytes(&entry);
    }
    Ok(())
}

/// Takes the encodings of entries. Everything else is refused.
struct Entries(Vec<Vec<u8>>);

#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl serde::ser::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Refused(message.to_string())
    }
}

fn add<T: Serialize + ?Sized>(entry: Vec<u8>, value: &T) -> Result<Vec<u8>, Refused> {
    postcard::to_extend(value, entry).map_err(|error| Refused(error.to_string()))
}

fn no_map<T>() -> Result<T, Refused> {
    Err(Refused("a hash map is encoded as something else".to_owned()))
}

impl SerializeMap for Entries {
    type Ok = Vec<Vec<u8>>;
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        self.0.push(add(Vec::new(), key)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        let entry = self.0.pop().unwrap_or_default();
        self.0.push(add(entry, value)?);
        Ok(())
    }

    fn end(self) -> Result<Self::Ok, Refused> {
        Ok(self.0)
    }
}

impl SerializeSeq for Entries {
    type Ok = Vec<Vec<u8>>;
    type Error = Refused;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Refused> {
        self.0.push(add(Vec::new(), item)?);
        Ok(())
    }

    fn end(self) -> Result<Self::Ok, Refused> {
        Ok(self.0)
    }
}

macro_rules! refuse {
    ($($method:ident($($type:ty),*);)*) => {$(
        fn $method(self, $(_: $type),*) -> Result<Self::Ok, Refused> {
            no_map()
        }
    )*};
}

impl Serializer for Entries {
    type Ok = Vec<Vec<u8>>;
    type Error = Refused;
    type SerializeMap = Self;
    type SerializeSeq = Self;
    type SerializeTuple = Impossible<Self::Ok, Refused>;
    type SerializeTupleStruct = Impossible<Self::Ok, Refused>;
    type SerializeTupleVariant = Impossible<Self::Ok, Refused>;
    type SerializeStruct = Impossible<Self::Ok, Refused>;
    type SerializeStructVariant = Impossible<Self::Ok, Refused>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Refused> {
        Ok(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Refused> {
        Ok(self)
    }

    refuse! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Self::Ok, Refused> {
        no_map()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<Self::Ok, Refused> {
        no_map()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Self::Ok, Refused> {
        no_map()
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Refused> {
        no_map()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Refused> {
        no_map()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Refused> {
        no_map()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Refused> {
        no_map()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Refused> {
        no_map()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "it is about the order of hash maps")]
mod tests {
    use std::collections::{BTreeMap, HashMap, HashSet};

    use crate::{function::FunctionId, id::EnvironmentId, key::Key, key::KeyHasher, value::Datum, value::Value};

    fn key<T: Value>(value: T) -> Key {
        let mut hasher = KeyHasher::new(EnvironmentId(1), FunctionId::from_u128(2));
        hasher.inline(&Datum::new(value)).unwrap();
        hasher.finish()
    }

    #[test]
    fn equal_maps_and_sets_have_one_key_whatever_their_order() {
        // Each map has another seed, and so another order.
        let maps: Vec<HashMap<String, Vec<u8>>> =
            (0..8).map(|_| (0..50u8).map(|n| (format!("key {n}"), vec![n; 3])).collect()).collect();
        assert!(maps.iter().any(|map| map.keys().ne(maps[0].keys())), "some iterate in another order");
        assert!(maps.iter().all(|map| key(map.clone()) == key(maps[0].clone())));
        let sets: Vec<HashSet<u64>> = (0..8).map(|_| (0..50).collect()).collect();
        assert!(sets.iter().all(|set| key(set.clone()) == key(sets[0].clone())));
        // One that differs is another.
        let mut other = maps[0].clone();
        other.insert("key 7".to_owned(), vec![8; 3]);
        assert_ne!(key(other), key(maps[0].clone()));
        assert_ne!(key(HashSet::from([1u64, 2])), key(HashSet::from([1u64, 3])));
        assert_ne!(key(HashMap::<u8, u8>::new()), key(HashMap::from([(0u8, 0u8)])));
        // A map that has an order is hashed as it is.
        key(BTreeMap::from([(1u8, 2u8)]));
    }
}
