//! Several arrays as one.

use super::{
    Array,
    axes::one,
    create::checked,
    element::Element,
    error::ArrayError,
    grid::{Grid, refine},
};

/// Arrays one after the other along an axis. Along all others they are as long as each other.
///
/// # Errors
/// If they are not, there is no such axis, or there are no arrays.
pub fn concatenate<T: Element>(arrays: &[Array<T>], axis: isize) -> Result<Array<T>, ArrayError> {
    let first = first(arrays)?;
    let shape = first.shape();
    let axis = one(axis, shape.len(), &shape)?;
    let mut lengths = first.grid().axes().to_vec();
    for array in &arrays[1..] {
        let other = array.shape();
        let fits = other.len() == shape.len() && (0..shape.len()).all(|at| at == axis || other[at] == shape[at]);
        if !fits {
            let why = format!("arrays go one after the other along axis {axis} if all others are as long");
            return Err(ArrayError::shapes(&shape, &other, why));
        }
        for (at, (all, own)) in lengths.iter_mut().zip(array.grid().axes()).enumerate() {
            if at != axis {
                *all = refine(all, own);
            }
        }
    }
    let parts: Vec<Array<T>> =
        arrays.iter().filter(|array| array.shape()[axis] > 0).map(|array| array.cut_as(&lengths, axis)).collect();
    let along: Vec<usize> = parts.iter().flat_map(|array| array.grid().axes()[axis].clone()).collect();
    if parts.is_empty() {
        return Ok(first.clone());
    }
    lengths[axis] = along;
    let mut whole = shape;
    whole[axis] = lengths[axis].iter().sum();
    checked(&whole, size_of::<T>())?;
    // For each chunk along the axis whose it is, and which of its own.
    let owners: Vec<(usize, usize)> = parts
        .iter()
        .enumerate()
        .flat_map(|(part, array)| (0..array.grid().axes()[axis].len()).map(move |chunk| (part, chunk)))
        .collect();
    let grid = Grid::of_lengths(lengths);
    let blocks = grid.indices().map(|mut index| {
        let (part, chunk) = owners[index[axis]];
        index[axis] = chunk;
        parts[part].lowered()[parts[part].grid().place(&index)].clone()
    });
    let blocks = blocks.collect();
    Ok(Array { fan_in: first.tree(), ..Array::of_blocks(grid, blocks, "concatenate") })
}

/// Arrays of one shape beside each other along a new axis, which will be axis `axis`.
///
/// # Errors
/// If they have several shapes, there would be no such axis, or there are no arrays.
pub fn stack<T: Element>(arrays: &[Array<T>], axis: isize) -> Result<Array<T>, ArrayError> {
    let shape = first(arrays)?.shape();
    if let Some(other) = arrays.iter().map(Array::shape).find(|other| *other != shape) {
        return Err(ArrayError::shapes(&shape, &other, "arrays that are stacked have one shape"));
    }
    let deeper = arrays.iter().map(|array| array.insert_axis(axis)).collect::<Result<Vec<_>, _>>()?;
    concatenate(&deeper, axis)
}

fn first<T: Element>(arrays: &[Array<T>]) -> Result<&Array<T>, ArrayError> {
    arrays.first().ok_or_else(|| ArrayError::Refused { what: "no arrays were given to be joined".to_owned() })
}

impl<T: Element> Array<T> {
    /// The array in these chunks along all axes but one.
    fn cut_as(&self, lengths: &[Vec<usize>], axis: usize) -> Array<T> {
        let mut lengths = lengths.to_vec();
        lengths[axis].clone_from(&self.grid().axes()[axis]);
        self.in_grid(&Grid::of_lengths(lengths))
    }
}
