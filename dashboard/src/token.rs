//! The secret that the link carries, and the cookie that it is exchanged for.

use std::{fmt::Write, io};

/// 256 random bits, as hexadecimal text. Never shown in Debug form.
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn random() -> io::Result<Token> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let text = bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        Ok(Token(text))
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// What is in the cookie: it does not give the token away.
    pub(crate) fn cookie(&self) -> String {
        blake3::Hash::from(blake3::derive_key("brisk dashboard 2026-11 session cookie", self.0.as_bytes()))
            .to_hex()
            .to_string()
    }
}

/// Compares without the time telling how much was right: hashes are compared, and those in constant time.
pub(crate) fn is_same(given: &[u8], right: &str) -> bool {
    blake3::hash(given) == blake3::hash(right.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_cookies_do_not_tell_them() {
        let (a, b) = (Token::random().unwrap(), Token::random().unwrap());
        assert_eq!(a.text().len(), 64);
        assert_ne!(a.text(), b.text());
        assert_eq!(a.cookie(), Token(a.0.clone()).cookie());
        assert!(a.cookie() != b.cookie() && a.cookie() != a.text());
        assert!(is_same(a.text().as_bytes(), a.text()));
        assert!(!is_same(b.text().as_bytes(), a.text()) && !is_same(b"", a.text()));
    }
}
