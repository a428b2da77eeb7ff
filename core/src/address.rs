//! Where a peer listens: a scheme that names the transport, and the rest, which only that transport reads.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits::MAX_NAME_BYTES;

/// An address such as `quic://10.0.0.7:8786` or `inproc://main`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Arc<str>", into = "Arc<str>")]
pub struct Address(Arc<str>);

/// A text is no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no address: write scheme://place, as in quic://10.0.0.1:8786")]
pub struct AddressError(String);

impl Address {
    /// The address of `place` on the transport called `scheme`.
    ///
    /// # Errors
    /// If either is empty, or both together are too long.
    pub fn new(scheme: &str, place: &str) -> Result<Self, AddressError> {
        format!("{scheme}://{place}").parse()
    }

    /// The transport's name.
    pub fn scheme(&self) -> &str {
        self.0.split_once("://").map_or("", |(scheme, _)| scheme)
    }

    /// What the transport reads.
    pub fn place(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, place)| place)
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let fits = text.len() <= MAX_NAME_BYTES && text.chars().all(|c| !c.is_control() && !c.is_whitespace());
        match text.split_once("://") {
            Some((scheme, place)) if fits && !scheme.is_empty() && !place.is_empty() => Ok(Address(text.into())),
            _ => Err(AddressError(text.chars().take(MAX_NAME_BYTES).collect())),
        }
    }
}

impl TryFrom<Arc<str>> for Address {
    type Error = AddressError;

    fn try_from(text: Arc<str>) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for Arc<str> {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let address: Address = "quic://10.0.0.1:8786".parse().unwrap();
        assert_eq!((address.scheme(), address.place()), ("quic", "10.0.0.1:8786"));
    }

    #[test]
    fn no_addresses() {
        for text in ["", "10.0.0.1:8786", "://x", "quic://", "quic://a b", "quic://\n"] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
