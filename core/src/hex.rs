//! Numbers that are hashes: as hexadecimal digits where people read, as numbers elsewhere. For `#[serde(with = …)]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// How many digits a number has.
const DIGITS: usize = 32;

pub(crate) fn serialize<S: Serializer>(number: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.collect_str(&format_args!("{number:0DIGITS$x}"))
    } else {
        number.serialize(serializer)
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
    if !deserializer.is_human_readable() {
        return u128::deserialize(deserializer);
    }
    let digits = std::borrow::Cow::<str>::deserialize(deserializer)?;
    let is_whole = digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| is_whole);
    number.ok_or_else(|| D::Error::custom(format_args!("`{digits}` is not {DIGITS} hexadecimal digits")))
}

#[cfg(test)]
mod tests {
    use crate::{id::EnvironmentId, key::Key};

    #[test]
    fn people_see_digits_and_the_wire_numbers() {
        let key = Key::from_u128(0xab << 100);
        let text = serde_json::to_string(&(key, EnvironmentId(5))).unwrap();
        assert_eq!(text, r#"["00000ab0000000000000000000000000","00000000000000000000000000000005"]"#);
        assert_eq!(serde_json::from_str::<(Key, EnvironmentId)>(&text).unwrap(), (key, EnvironmentId(5)));
        for wrong in [r#""ab""#, r#""+0000ab0000000000000000000000000""#, "5"] {
            serde_json::from_str::<Key>(wrong).unwrap_err();
        }
        assert_eq!(postcard::to_allocvec(&key), postcard::to_allocvec(&key.as_u128()));
    }
}
