//! Blocks that are made of nothing but their place: numbers in equal steps, random numbers.

use serde::{Deserialize, Serialize};

use super::{
    block::Block,
    element::{Arithmetic, Element},
    grid::{Region, indices},
};

mod philox;

/// How random numbers are spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Distribution {
    /// Evenly, from the first number up to but not including the second.
    Uniform(f64, f64),
    /// In a bell, with this mean and deviation.
    Normal(f64, f64),
}

/// A number for a place among others.
pub trait OfIndex: Arithmetic {
    /// The place as a number; one that is too large wraps around.
    fn of_index(index: usize) -> Self;
}

/// A float from one of full precision.
pub trait OfUnit {
    /// Rounded.
    fn of_unit(value: f64) -> Self;
}

macro_rules! of_index {
    ($($t:ty)*) => {$(
        impl OfIndex for $t {
            fn of_index(index: usize) -> Self {
                index as $t
            }
        }
    )*};
}

of_index!(f64 f32 i64 i32 u8);

impl OfUnit for f64 {
    fn of_unit(value: f64) -> Self {
        value
    }
}

impl OfUnit for f32 {
    fn of_unit(value: f64) -> Self {
        value as f32
    }
}

/// The numbers from `start` on in steps of `step`, for a region of one axis.
pub(crate) fn arange<T: Element + OfIndex>(start: T, step: T, region: &Region) -> Block<T> {
    let from = region.offset.first().copied().unwrap_or(0);
    let elements = (from..from + region.len()).map(|index| start.add(step.mul(T::of_index(index)))).collect();
    Block::new(&region.shape, elements).expect("as many as the region has")
}

/// Random numbers for a region of an array of shape `whole`.
///
/// Each element's number is a function of the seed and of its place among all elements, and of nothing else: neither chunks nor
/// workers change it. The generator is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), which
/// makes four words of a seed and a counter. Two neighbours share a counter in the even distribution; the bell takes all four words
/// an element, by Box and Muller.
pub(crate) fn random<T: Element + OfUnit>(
    distribution: Distribution,
    seed: u64,
    whole: &[usize],
    region: &Region,
) -> Block<T> {
    let mut elements = Vec::with_capacity(region.len());
    // Row by row: within one, places follow each other.
    let (rows, width) = match region.shape.split_last() {
        Some((width, rows)) => (rows.to_vec(), *width),
        None => (Vec::new(), 1),
    };
    for row in indices(rows) {
        let first = region.offset.iter().zip(whole).enumerate().fold(0u64, |place, (axis, (offset, length))| {
            let index = offset + row.get(axis).copied().unwrap_or(0);
            place * *length as u64 + index as u64
        });
        match distribution {
            Distribution::Uniform(low, high) => philox::units(seed, first, width, |unit| {
                elements.push(T::of_unit(low + (high - low) * unit));
            }),
            Distribution::Normal(mean, deviation) => elements.extend(
                (first..first + width as u64).map(|at| T::of_unit(mean + deviation * philox::normal(seed, at))),
            ),
        }
    }
    Block::new(&region.shape, elements).expect("a number for each element")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(offset: &[usize], shape: &[usize]) -> Region {
        Region { offset: offset.to_vec(), shape: shape.to_vec() }
    }

    #[test]
    fn a_number_is_its_element_s_whatever_the_region() {
        for distribution in [Distribution::Uniform(-1.0, 3.0), Distribution::Normal(2.0, 0.5)] {
            let whole = random::<f64>(distribution, 7, &[5, 7], &region(&[0, 0], &[5, 7]));
            let part = random::<f64>(distribution, 7, &[5, 7], &region(&[2, 3], &[2, 3]));
            let same = Block::from_fn(&region(&[2, 3], &[2, 3]), |index| whole[index]);
            assert_eq!(part, same);
            let other = random::<f64>(distribution, 8, &[5, 7], &region(&[0, 0], &[5, 7]));
            assert_ne!(whole, other);
        }
        assert_eq!(random::<f32>(Distribution::Uniform(0.0, 1.0), 1, &[], &region(&[], &[])).len(), 1);
        assert_eq!(random::<f32>(Distribution::Uniform(0.0, 1.0), 1, &[3, 0], &region(&[0, 0], &[3, 0])).len(), 0);
    }

    #[test]
    fn the_moments_are_those_of_the_distribution() {
        let count = 100_000;
        let moments = |distribution| {
            let block = random::<f64>(distribution, 3, &[count], &region(&[0], &[count]));
            let mean = block.sum() / count as f64;
            (mean, block.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count as f64)
        };
        let (mean, variance) = moments(Distribution::Uniform(0.0, 1.0));
        assert!((mean - 0.5).abs() < 5e-3 && (variance - 1.0 / 12.0).abs() < 2e-3, "{mean} {variance}");
        let (mean, variance) = moments(Distribution::Normal(0.0, 1.0));
        assert!(mean.abs() < 2e-2 && (variance - 1.0).abs() < 2e-2, "{mean} {variance}");
    }
}
