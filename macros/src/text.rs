//! Tokens as text that people can read: part of a function's identity, so it must not depend on line breaks and the like.

use proc_macro2::{Spacing, TokenStream, TokenTree};

/// The tokens with spaces where Rust's style has them, more or less: `(&[i64], Vec<u8>) -> Result<i64, E>`.
pub(crate) fn text(tokens: TokenStream) -> String {
    let mut text = String::new();
    write(tokens, &mut text);
    text
}

fn write(tokens: TokenStream, text: &mut String) {
    // Whether the last token was a word, which only something else may follow without a space.
    let mut after_word = false;
    let mut joint = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    proc_macro2::Delimiter::Parenthesis => ("(", ")"),
                    proc_macro2::Delimiter::Bracket => ("[", "]"),
                    proc_macro2::Delimiter::Brace => ("{", "}"),
                    proc_macro2::Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write(group.stream(), text);
                text.push_str(close);
                after_word = false;
                joint = false;
            }
            TokenTree::Punct(punct) => {
                let spaced = matches!(punct.as_char(), '-' | '=' | '+') || (punct.as_char() == '>' && joint);
                match punct.as_char() {
                    '-' | '=' | '+' if !joint => text.push(' '),
                    _ => {}
                }
                text.push(punct.as_char());
                joint = punct.spacing() == Spacing::Joint && spaced;
                if (spaced && !joint) || matches!(punct.as_char(), ',' | ';') {
                    text.push(' ');
                }
                after_word = false;
            }
            TokenTree::Ident(_) | TokenTree::Literal(_) => {
                if after_word {
                    text.push(' ');
                }
                text.push_str(&token.to_string());
                after_word = true;
                joint = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn reads_like_source() {
        let tokens = quote!((xs: &[i64], f: Box<dyn Fn(u8) -> u8 + Send>, n: &mut a::B<'_>) -> Result<Vec<u8>, E>);
        assert_eq!(text(tokens), "(xs:&[i64], f:Box<dyn Fn(u8) -> u8 + Send>, n:&mut a::B<'_>) -> Result<Vec<u8>, E>");
    }
}
