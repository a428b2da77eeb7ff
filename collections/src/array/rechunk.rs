//! The same array in other chunks.
//!
//! What is read or generated is read or generated in the new chunks. Of other arrays each new block is put together from the parts of
//! the old ones that it covers; a part is cut out where its block is, so that only what is needed travels.

use brisk_client::Delayed;

use super::{
    Array,
    block::Block,
    element::Element,
    error::ArrayError,
    grid::{Chunks, Grid, indices, starts},
    pick::Pick,
};

impl<T: Element> Array<T> {
    /// The array in chunks of these lengths: one for all axes, one for each, or all of them; or by [bytes](Chunks::Bytes). An array that
    /// is read from a file, or generated, is read or generated so.
    ///
    /// # Errors
    /// If a length is 0, they do not add up, or there would be too many.
    pub fn chunks(&self, chunks: impl Into<Chunks>) -> Result<Array<T>, ArrayError> {
        let grid = Grid::new(&self.shape(), size_of::<T>(), &chunks.into())?;
        Ok(self.in_grid(&grid))
    }

    /// The same as [`chunks`](Array::chunks), by the name that NumPy's users look for.
    ///
    /// # Errors
    /// As [`chunks`](Array::chunks).
    pub fn rechunk(&self, chunks: impl Into<Chunks>) -> Result<Array<T>, ArrayError> {
        self.chunks(chunks)
    }

    /// The array cut by `grid`, which has its shape.
    pub(crate) fn in_grid(&self, grid: &Grid) -> Array<T> {
        if self.grid() == grid {
            return self.clone();
        }
        let leaf = self.expression.leaf().and_then(T::leaf);
        if let Some(leaf) = leaf.and_then(|leaf| leaf.in_chunks(grid)) {
            return Array { fan_in: self.tree(), ..Array::of_leaf(leaf, &self.name) };
        }
        let old = self.lowered();
        let spans: Vec<Vec<Vec<Span>>> =
            self.grid().axes().iter().zip(grid.axes()).map(|(old, new)| spans(old, new)).collect();
        let blocks = grid.indices().map(|index| self.gathered(old, grid, &spans, &index)).collect();
        Array { fan_in: self.tree(), ..Array::of_blocks(grid.clone(), blocks, "rechunk") }
    }

    /// The new block at `index`.
    fn gathered(
        &self,
        old: &[Delayed<Block<T>>],
        grid: &Grid,
        spans: &[Vec<Vec<Span>>],
        index: &[usize],
    ) -> Delayed<Block<T>> {
        let along: Vec<&[Span]> = spans.iter().zip(index).map(|(axis, at)| axis[*at].as_slice()).collect();
        let mut offsets = Vec::new();
        let mut parts = Vec::new();
        for some in indices(along.iter().map(|spans| spans.len()).collect()) {
            let spans: Vec<&Span> = along.iter().zip(&some).map(|(spans, place)| &spans[*place]).collect();
            let from: Vec<usize> = spans.iter().map(|span| span.chunk).collect();
            let block = &old[self.grid().place(&from)];
            let whole = spans.iter().zip(self.grid().block_shape(&from)).all(|(span, length)| span.count == length);
            parts.push(if whole {
                block.clone()
            } else {
                let picks = spans.iter().map(|span| Pick::run(span.start, span.count)).collect();
                T::slice(block, picks).label("rechunk-cut")
            });
            offsets.push(spans.iter().map(|span| span.to).collect());
        }
        if parts.len() == 1 {
            return parts.remove(0);
        }
        T::assemble(grid.block_shape(index), offsets, parts).label("rechunk")
    }
}

/// Part of an old chunk in a new one.
struct Span {
    /// Which old chunk.
    chunk: usize,
    /// Where in it.
    start: usize,
    /// How long.
    count: usize,
    /// Where in the new chunk.
    to: usize,
}

/// For each new chunk of an axis what it is made of. Both have the same sum.
fn spans(old: &[usize], new: &[usize]) -> Vec<Vec<Span>> {
    let ends = starts(old);
    let mut chunk = 0;
    let mut at = 0;
    let parts = new.iter().map(|length| {
        let (begin, end) = (at, at + length);
        let mut parts = Vec::new();
        while at < end {
            while ends[chunk + 1] <= at {
                chunk += 1;
            }
            let count = ends[chunk + 1].min(end) - at;
            parts.push(Span { chunk, start: at - ends[chunk], count, to: at - begin });
            at += count;
        }
        if parts.is_empty() {
            parts.push(Span { chunk: 0, start: 0, count: 0, to: 0 });
        }
        parts
    });
    parts.collect()
}
