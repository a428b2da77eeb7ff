//! Where a partition's elements come from, block by block.

use brisk_client::{
    Failure,
    graph::{Datum, Items},
};

use super::{
    calls::Chunk,
    files::{self, Piece},
    lines::Lines,
    plan::{Caught, FeedPlan, TypeRef},
};

/// Gives elements in blocks.
pub(super) trait Feed {
    /// The next ones; `None` when there are no more.
    fn next(&mut self) -> Caught<Option<Chunk>>;

    /// Where element number `index` stands, in words, if it stands anywhere. Asked for when something went wrong.
    fn place(&self, index: usize) -> Option<String>;
}

/// The elements that a plan asks for, in blocks of at most `block`.
pub(super) fn open(plan: &FeedPlan, source: Vec<Datum>, block: usize) -> Caught<Box<dyn Feed>> {
    let piece = || -> Caught<Piece> {
        match source.first() {
            Some(piece) => Ok((*piece.shared::<Piece>().map_err(Failure::from)?).clone()),
            None => Err(super::plan::failed(brisk_client::ErrorKind::Decode, "the piece of the file is missing")),
        }
    };
    Ok(match plan {
        FeedPlan::Parts(element) => Box::new(Held::new(element, source, block)?),
        FeedPlan::Lines => Box::new(Lines::open(piece()?, block)?),
        FeedPlan::Records => Box::new(files::Records::open(piece()?, block)?),
        FeedPlan::Range => {
            let (next, end) = match source.first() {
                Some(range) => *range.shared::<(i64, i64)>().map_err(Failure::from)?,
                None => (0, 0),
            };
            Box::new(Range { next, end, block })
        }
    })
}

/// Partitions that are values already.
struct Held {
    items: &'static dyn Items,
    parts: std::vec::IntoIter<Datum>,
    /// What is left of the present one: its elements from here on.
    present: Option<(Datum, usize, usize)>,
    block: usize,
}

impl Held {
    fn new(element: &TypeRef, parts: Vec<Datum>, block: usize) -> Caught<Self> {
        Ok(Held { items: element.items()?, parts: parts.into_iter(), present: None, block })
    }
}

impl Feed for Held {
    fn next(&mut self) -> Caught<Option<Chunk>> {
        loop {
            if let Some((items, from, len)) = self.present.take()
                && from < len
            {
                let count = self.block.min(len - from);
                let to = from + count;
                if to == len {
                    return Ok(Some(Chunk::of(items, from, count)));
                }
                self.present = Some((items.clone(), to, len));
                return Ok(Some(Chunk::of(items, from, count)));
            }
            let Some(part) = self.parts.next() else { return Ok(None) };
            let len = self.items.count(&part)?;
            self.present = Some((part, 0, len));
        }
    }

    fn place(&self, _: usize) -> Option<String> {
        None
    }
}

/// Numbers, one after the other.
struct Range {
    next: i64,
    end: i64,
    block: usize,
}

impl Feed for Range {
    fn next(&mut self) -> Caught<Option<Chunk>> {
        if self.next >= self.end {
            return Ok(None);
        }
        let most = i64::try_from(self.block).unwrap_or(i64::MAX);
        let to = self.next.saturating_add(most).min(self.end);
        let numbers: Vec<i64> = (self.next..to).collect();
        self.next = to;
        let len = numbers.len();
        Ok(Some(Chunk::whole(Datum::new(numbers), len)))
    }

    fn place(&self, _: usize) -> Option<String> {
        None
    }
}
