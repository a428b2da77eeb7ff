//! SPDX licence expressions, as packages state them: `MIT OR Apache-2.0`, `(MIT OR Apache-2.0) AND Unicode-3.0`.

use std::iter::Peekable;

/// Parentheses may nest this deep. Nobody's do.
const MAX_DEPTH: usize = 16;

/// Whether a package under `expression` may be used where the licences of `allowed` may. An expression that can't be read
/// is not acceptable. `AND` binds tighter than `OR`; the old way of writing `/` for `OR` is understood.
pub(super) fn is_acceptable(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let acceptable = any(&mut words, allowed, 0);
    acceptable == Some(true) && words.next().is_none()
}

fn any<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>, allowed: &[String], depth: usize) -> Option<bool> {
    let mut acceptable = all(words, allowed, depth)?;
    while words.next_if_eq(&"OR").is_some() {
        acceptable |= all(words, allowed, depth)?;
    }
    Some(acceptable)
}

fn all<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>, allowed: &[String], depth: usize) -> Option<bool> {
    let mut acceptable = one(words, allowed, depth)?;
    while words.next_if_eq(&"AND").is_some() {
        acceptable &= one(words, allowed, depth)?;
    }
    Some(acceptable)
}

fn one<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>, allowed: &[String], depth: usize) -> Option<bool> {
    match words.next()? {
        "(" if depth < MAX_DEPTH => {
            let acceptable = any(words, allowed, depth + 1)?;
            words.next_if_eq(&")").map(|_| acceptable)
        }
        "(" | ")" | "AND" | "OR" | "WITH" => None,
        licence => {
            let exception = if words.next_if_eq(&"WITH").is_some() { Some(words.next()?) } else { None };
            let name = exception.map_or(licence.to_owned(), |exception| format!("{licence} WITH {exception}"));
            Some(allowed.contains(&name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acceptable(expression: &str) -> bool {
        is_acceptable(expression, &["MIT", "Apache-2.0", "Unicode-3.0"].map(str::to_owned))
    }

    #[test]
    fn either_of_two_is_enough() {
        assert!(acceptable("MIT"));
        assert!(acceptable("GPL-3.0 OR MIT"));
        assert!(acceptable("Unlicense/MIT"));
        assert!(!acceptable("GPL-3.0"));
        assert!(!acceptable("GPL-3.0 OR AGPL-3.0"));
    }

    #[test]
    fn all_of_several_are_needed() {
        assert!(acceptable("(GPL-3.0 OR Apache-2.0) AND Unicode-3.0"));
        assert!(!acceptable("(MIT OR Apache-2.0) AND GPL-3.0"));
        assert!(!acceptable("GPL-3.0 AND MIT"));
        assert!(acceptable("GPL-3.0 AND MIT OR MIT"), "AND binds tighter");
    }

    #[test]
    fn an_exception_makes_another_licence() {
        assert!(!acceptable("Apache-2.0 WITH LLVM-exception"));
        assert!(acceptable("Apache-2.0 WITH LLVM-exception OR MIT"));
    }

    #[test]
    fn what_can_not_be_read_is_not_acceptable() {
        for text in ["", "MIT OR", "(MIT", "MIT)", "MIT MIT", "OR MIT", "MIT WITH"] {
            assert!(!acceptable(text), "{text:?}");
        }
        assert!(!acceptable(&format!("{}MIT{}", "(".repeat(100_000), ")".repeat(100_000))));
    }
}
