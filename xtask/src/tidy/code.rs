//! Rust source without its comments, strings and character literals, so that only code is searched for names.

use std::iter::Peekable;

/// `source` with everything that is not code replaced by blanks. Lines stay where they are.
pub(super) fn code_only(source: &str) -> String {
    let mut blanker = Blanker { rest: source.chars().peekable(), code: String::with_capacity(source.len()) };
    blanker.run();
    blanker.code
}

/// The words of a line of code with what stands directly before and after each: `(before, word, after)`.
pub(super) fn words(code: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + code[from..].find(is_word)?;
        let end = code[start..].find(|c| !is_word(c)).map_or(code.len(), |length| start + length);
        from = end;
        Some((code[..start].trim_end(), &code[start..end], code[end..].trim_start()))
    })
}

struct Blanker<I: Iterator<Item = char>> {
    rest: Peekable<I>,
    code: String,
}

impl<I: Iterator<Item = char> + Clone> Blanker<I> {
    fn run(&mut self) {
        while let Some(c) = self.rest.next() {
            match c {
                '/' if self.rest.peek() == Some(&'/') => self.line_comment(),
                '/' if self.rest.peek() == Some(&'*') => self.block_comment(),
                '"' => self.string(),
                'r' if self.starts_raw_string() => self.raw_string(),
                '\'' if self.starts_character() => self.character(),
                other => self.code.push(other),
            }
        }
    }

    /// Keeps the line structure, and nothing else.
    fn blank(&mut self, c: char) {
        self.code.push(if c == '\n' { '\n' } else { ' ' });
    }

    fn line_comment(&mut self) {
        self.blank('/');
        while let Some(c) = self.rest.next_if(|c| *c != '\n') {
            self.blank(c);
        }
    }

    /// Block comments nest.
    fn block_comment(&mut self) {
        self.blank('/');
        let mut depth = 0;
        let mut last = '/';
        while let Some(c) = self.rest.next() {
            self.blank(c);
            match (last, c) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    last = c;
                    continue;
                }
            }
            if depth == 0 {
                return;
            }
            last = ' ';
        }
    }

    fn string(&mut self) {
        self.code.push('"');
        while let Some(c) = self.rest.next() {
            match c {
                '"' => break,
                '\\' => {
                    self.blank(' ');
                    if let Some(escaped) = self.rest.next() {
                        self.blank(escaped);
                    }
                }
                other => self.blank(other),
            }
        }
        self.code.push('"');
    }

    /// After an `r`: hashes, then a quote; and the `r` begins a word (or follows the `b` or `c` that does).
    fn starts_raw_string(&self) -> bool {
        let mut before = self.code.chars().rev();
        let mut last = before.next();
        if matches!(last, Some('b' | 'c')) {
            last = before.next();
        }
        let begins = last.is_none_or(|c| !(c.is_alphanumeric() || c == '_'));
        begins && self.rest.clone().find(|c| *c != '#') == Some('"')
    }

    fn raw_string(&mut self) {
        let mut hashes = 0;
        while self.rest.next_if_eq(&'#').is_some() {
            hashes += 1;
        }
        self.rest.next();
        self.code.push('"');
        while let Some(c) = self.rest.next() {
            if c == '"' && self.rest.clone().take(hashes).filter(|c| *c == '#').count() == hashes {
                for _ in 0..hashes {
                    self.rest.next();
                }
                break;
            }
            self.blank(c);
        }
        self.code.push('"');
    }

    /// After a `'`: a literal, and no lifetime.
    fn starts_character(&self) -> bool {
        let mut next = self.rest.clone();
        match next.next() {
            Some('\\') => true,
            Some(_) => next.next() == Some('\''),
            None => false,
        }
    }

    fn character(&mut self) {
        self.code.push('\'');
        while let Some(c) = self.rest.next() {
            match c {
                '\'' => break,
                '\\' => {
                    self.rest.next();
                }
                _ => {}
            }
        }
        self.code.push('\'');
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::Tree;
    use super::*;

    #[test]
    fn comments_go_and_lines_stay() {
        let source = "a // tokio\nb /* rand\n /* inner */ tokio */ c\n";
        let code = code_only(source);
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(code.lines().count(), source.lines().count());
    }

    #[test]
    fn strings_go() {
        let code = code_only(r####"f("tokio \" rand", r#"std::"thread"#, b"x", br"y", '"', '\'', 'r') + g"####);
        for word in ["tokio", "rand", "thread"] {
            assert!(!code.contains(word), "{code}");
        }
        assert!(code.ends_with(") + g"), "{code}");
    }

    #[test]
    fn lifetimes_are_code() {
        let source = "fn f<'a>(x: &'a str) -> &'a str { tokio }";
        assert_eq!(code_only(source), source);
    }

    #[test]
    fn names_that_end_in_r_start_no_raw_string() {
        assert_eq!(code_only(r#"for"x" tokio"#), r#"for" " tokio"#);
        assert_eq!(code_only("r#type tokio"), "r#type tokio");
    }

    /// What goes wrong in a literal or a comment goes on to the end of the file: then words are missing there.
    #[test]
    fn every_source_here_is_understood_to_its_end() {
        let tree = Tree::read().unwrap();
        for file in tree.files.iter().filter(|file| file.path.ends_with(".rs")) {
            let code = code_only(&file.text);
            assert_eq!(code.lines().count(), file.text.lines().count(), "{}", file.path);
            let opened = |open| code.matches(open).count();
            assert_eq!(opened('{'), opened('}'), "{}", file.path);
            assert_eq!(opened('('), opened(')'), "{}", file.path);
        }
    }

    #[test]
    fn words_know_their_neighbours() {
        let found: Vec<_> = words("use std::thread;").collect();
        assert_eq!(found[2], ("use std::", "thread", ";"));
        assert_eq!(found.len(), 3);
    }
}
