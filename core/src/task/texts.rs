//! Many texts in one: the lines of a file, which lie in what was read of it, and are only taken out of it for who wants them
//! by themselves.

use std::{ops::Range, sync::Arc};

use crate::value::Datum;

/// Pieces of a text, in an order.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    text: Arc<String>,
    places: Vec<Range<usize>>,
}

impl Texts {
    /// The pieces of `text` at `places`, which begin and end between characters of it.
    pub fn new(text: Arc<String>, places: Vec<Range<usize>>) -> Self {
        Texts { text, places }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Number `index` of them.
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    pub fn get(&self, index: usize) -> &str {
        &self.text[self.places[index].clone()]
    }

    /// `len` of them from `from` on, or as many as there are.
    pub fn some(&self, from: usize, len: usize) -> impl Iterator<Item = &str> {
        self.places.iter().skip(from).take(len).map(|place| &self.text[place.clone()])
    }

    /// Those from `from` on for which `keep` says so.
    #[must_use]
    pub fn select(&self, from: usize, keep: &[bool]) -> Texts {
        let kept = self.places.iter().skip(from).zip(keep).filter(|(_, keep)| **keep);
        Texts { text: self.text.clone(), places: kept.map(|(place, _)| place.clone()).collect() }
    }

    /// `len` of them from `from` on as a `Vec<String>`.
    pub fn vector(&self, from: usize, len: usize) -> Datum {
        Datum::new(self.some(from, len).map(str::to_owned).collect::<Vec<String>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_taken_without_the_rest() {
        let texts = Texts::new(Arc::new("one\ntwo\r\n\ndrei ä".to_owned()), vec![0..3, 4..7, 9..9, 10..17]);
        assert_eq!((texts.len(), texts.is_empty()), (4, false));
        assert_eq!(texts.some(1, 9).collect::<Vec<_>>(), ["two", "", "drei ä"]);
        let kept = texts.select(1, &[true, false, true]);
        assert_eq!((kept.get(0), kept.get(1), kept.len()), ("two", "drei ä", 2));
        assert_eq!(*texts.vector(0, 2).shared::<Vec<String>>().unwrap(), ["one", "two"]);
    }
}
