//! [`Json`]: a value that travels as JSON, for types that only a self-describing format can carry.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

/// Carries a value as JSON text inside postcard: `serde_json::Value`, and types with `#[serde(untagged)]`, `flatten` or
/// `skip_serializing_if`.
///
/// ```
/// use brisk_core::json::Json;
///
/// let value = Json(serde_json::json!({ "a": [1, 2] }));
/// let bytes = brisk_core::encode::encode(&value).unwrap();
/// assert_eq!(brisk_core::encode::decode::<Json<serde_json::Value>>(&bytes).unwrap(), value);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Json<T>(pub T);

impl<T> Json<T> {
    /// The value inside.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Serialize> Serialize for Json<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = serde_json::to_string(&self.0).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Json<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text).map(Json).map_err(serde::de::Error::custom)
    }
}
