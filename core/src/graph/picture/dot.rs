//! A graph in the language of Graphviz.

use std::fmt::Write as _;

use super::Picture;

/// The picture, to be given to `dot`.
pub(in crate::graph) fn dot(picture: &Picture) -> String {
    let mut text =
        String::from("digraph tasks {\n  rankdir=TB;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    for (n, drawn) in picture.boxes.iter().enumerate() {
        let label = quoted(&drawn.label());
        let more = if drawn.is_future() {
            ", shape=ellipse, style=dashed".to_owned()
        } else {
            format!(", tooltip={}", quoted(&drawn.place))
        };
        // Writing to a String does not fail.
        let _ = writeln!(text, "  n{n} [label={label}{more}];");
    }
    for (from, to) in &picture.arrows {
        let _ = writeln!(text, "  n{from} -> n{to};");
    }
    text.push_str("}\n");
    text
}

/// A string of Graphviz's.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => {}
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_string_does_not() {
        assert_eq!(quoted("a\"b\\c\nd\u{7}"), r#""a\"b\\c\nd""#);
    }
}
