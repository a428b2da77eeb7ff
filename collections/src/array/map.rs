//! A task of the user's on every block.

use brisk_client::{Call, Delayed};

use super::{
    Array,
    block::Block,
    create::checked,
    element::Element,
    error::ArrayError,
    grid::{Chunks, Grid, Region},
};

impl<T: Element> Array<T> {
    /// A task on every block, which makes one of the same shape. `call` runs here, once a block, and builds the call; what it captures
    /// travels as arguments.
    ///
    /// ```
    /// use brisk_client::task;
    /// use brisk_collections::{Collection, array::{Array, Block}};
    ///
    /// #[task]
    /// fn cumulated(block: Block<f64>) -> Block<f64> {
    ///     let mut sum = 0.0;
    ///     Block::from(block.mapv(|x| { sum += x; sum }))
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let x = Array::<f64>::ones([6])?.chunks(3)?;
    /// assert_eq!(x.map_blocks(cumulated).collect().run()?.elements(), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A block of another shape is an error of whatever takes it. [`map_blocks_to`](Array::map_blocks_to) is for those.
    pub fn map_blocks<U: Element, C: Call<Output = Block<U>>>(
        &self,
        mut call: impl FnMut(Delayed<Block<T>>) -> C,
    ) -> Array<U> {
        let blocks = self.lowered().iter().map(|block| call(block.clone()).delayed()).collect();
        self.mapped(self.grid().clone(), blocks)
    }

    /// A task on every block, which makes one of another shape, also of one that depends on where it is: `lengths` are those of the
    /// chunks along each axis of the result, of which there are as many as of this array. `call` is given the block's
    /// [`Region`] too.
    ///
    /// # Errors
    /// If there are more or fewer chunks along an axis than before, or more or fewer axes.
    pub fn map_blocks_to<U: Element, C: Call<Output = Block<U>>>(
        &self,
        lengths: Vec<Vec<usize>>,
        mut call: impl FnMut(Delayed<Block<T>>, Region) -> C,
    ) -> Result<Array<U>, ArrayError> {
        let shape: Vec<usize> = lengths.iter().map(|axis| axis.iter().sum()).collect();
        checked(&shape, size_of::<U>())?;
        let grid = Grid::new(&shape, size_of::<U>(), &Chunks::Exact(lengths))?;
        if grid.counts() != self.grid().counts() {
            let why =
                format!("there are {:?} blocks along the axes, and would be {:?}", self.grid().counts(), grid.counts());
            return Err(ArrayError::chunks(&self.shape(), why));
        }
        let regions = self.grid().regions();
        let blocks = self.lowered().iter().zip(regions).map(|(block, region)| call(block.clone(), region).delayed());
        let blocks = blocks.collect();
        Ok(self.mapped(grid, blocks))
    }

    fn mapped<U: Element>(&self, grid: Grid, blocks: Vec<Delayed<Block<U>>>) -> Array<U> {
        Array { fan_in: self.tree(), ..Array::of_blocks(grid, blocks, "map_blocks") }
    }
}
