//! How a slice is written: ranges, with steps, single indices, new axes.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo};

/// What is taken along one axis. Ranges and numbers convert to it; negative ones count from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// From the first up to but not including the second, or to the end; every so many, from the end if negative.
    Range(isize, Option<isize>, isize),
    /// One only: the axis goes.
    Index(isize),
    /// A new axis of length 1.
    New,
}

/// A new axis of length 1, in a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewAxis;

/// Every `step`th of a range; of a negative step from the range's end.
///
/// # Panics
/// If it is given an index, or a new axis, which have no steps.
pub fn step(range: impl Into<Part>, step: isize) -> Part {
    match range.into() {
        Part::Range(start, end, _) => Part::Range(start, end, step),
        part => panic!("{part:?} has no steps: a range has"),
    }
}

/// What is taken along several axes: a tuple or list of ranges, [steps](step), indices and [`NewAxis`], or one of them for the first
/// axis.
pub trait Parts {
    /// One for each axis that is named, and for new ones.
    fn parts(self) -> Vec<Part>;
}

macro_rules! parts {
    ($($t:ty, $part:ident => $make:expr;)*) => {$(
        impl From<$t> for Part {
            fn from($part: $t) -> Part {
                $make
            }
        }

        impl Parts for $t {
            fn parts(self) -> Vec<Part> {
                vec![self.into()]
            }
        }
    )*};
}

macro_rules! integers {
    ($($t:ty)*) => {$(
        parts! {
            $t, index => Part::Index(number(index));
            Range<$t>, range => Part::Range(number(range.start), Some(number(range.end)), 1);
            RangeFrom<$t>, range => Part::Range(number(range.start), None, 1);
            RangeTo<$t>, range => Part::Range(0, Some(number(range.end)), 1);
            RangeInclusive<$t>, range => Part::Range(number(*range.start()), after(number(*range.end())), 1);
        }
    )*};
}

integers!(i32 isize usize);

parts! {
    RangeFull, _all => Part::Range(0, None, 1);
    NewAxis, _new => Part::New;
}

impl Parts for Part {
    fn parts(self) -> Vec<Part> {
        vec![self]
    }
}

impl Parts for Vec<Part> {
    fn parts(self) -> Vec<Part> {
        self
    }
}

impl<P: Into<Part>, const N: usize> Parts for [P; N] {
    fn parts(self) -> Vec<Part> {
        self.into_iter().map(Into::into).collect()
    }
}

macro_rules! tuples {
    ($(($($part:ident)+))*) => {$(
        impl<$($part: Into<Part>),+> Parts for ($($part,)+) {
            fn parts(self) -> Vec<Part> {
                #[allow(non_snake_case)]
                let ($($part,)+) = self;
                vec![$($part.into()),+]
            }
        }
    )*};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) }

/// One that is too large is beyond every array's end.
fn number(index: impl TryInto<isize>) -> isize {
    index.try_into().unwrap_or(isize::MAX)
}

/// The index after; none after the last, which may be called -1.
fn after(index: isize) -> Option<isize> {
    if index == -1 { None } else { Some(index.saturating_add(1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_written_as_ranges_and_numbers() {
        let all = (1..3, .., step(2.., -2), NewAxis, -1, 0..=4).parts();
        let wanted = [
            Part::Range(1, Some(3), 1),
            Part::Range(0, None, 1),
            Part::Range(2, None, -2),
            Part::New,
            Part::Index(-1),
            Part::Range(0, Some(5), 1),
        ];
        assert_eq!(all, wanted);
        assert_eq!((-3..=-1).parts(), [Part::Range(-3, None, 1)]);
        assert_eq!([..2usize, ..3].parts(), [Part::Range(0, Some(2), 1), Part::Range(0, Some(3), 1)]);
    }
}
