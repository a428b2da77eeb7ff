//! Means and variances: exact two-pass ones within a block, put together by Chan's formula (Chan, Golub and LeVeque, "Updating formulae
//! and a pairwise algorithm for computing sample variances", 1979), which loses nothing where the mean is large beside the deviation.

use super::{
    super::{block::Block, error::BlockError, gather::View},
    Partial, fold,
};

/// The moments of a block along `axes`; with `squares` also the second.
pub(super) fn of_block(block: &Block<f64>, axes: &[usize], squares: bool) -> Result<Partial, BlockError> {
    let count: usize = axes.iter().map(|axis| block.shape()[*axis]).product();
    let mut mean = fold::sum(block, axes);
    mean.elements_mut().iter_mut().for_each(|sum| *sum /= count as f64);
    if !squares {
        return Ok(Partial::Moments(count as u64, mean, None));
    }
    // What each element differs from the mean of its line by.
    let mut kept = 0;
    let along: Vec<Option<u8>> = (0..block.ndim())
        .map(|axis| {
            (!axes.contains(&axis)).then(|| {
                kept += 1;
                kept - 1
            })
        })
        .collect();
    let mut deviations = vec![0.0; block.len()];
    View::new(mean.elements(), mean.shape(), &along, block.shape())?.copy(0, &mut deviations);
    deviations.iter_mut().zip(block.elements()).for_each(|(mean, x)| *mean = (x - *mean) * (x - *mean));
    let deviations =
        Block::new(block.shape(), deviations).ok_or_else(|| BlockError::new("as many deviations as elements"))?;
    Ok(Partial::Moments(count as u64, mean, Some(fold::sum(&deviations, axes))))
}

/// Adds what is known of others to what is known of some.
pub(super) fn pair(
    (count, mean, squares): (&mut u64, &mut Block<f64>, &mut Option<Block<f64>>),
    (more, other, others): (u64, &Block<f64>, &Option<Block<f64>>),
) -> Option<()> {
    if mean.shape() != other.shape() || squares.is_some() != others.is_some() {
        return None;
    }
    let all = *count + more;
    if more == 0 {
        return Some(());
    }
    if *count == 0 {
        (*count, *mean, *squares) = (more, other.clone(), others.clone());
        return Some(());
    }
    let share = more as f64 / all as f64;
    if let (Some(squares), Some(others)) = (squares, others) {
        let weight = *count as f64 * share;
        let means = mean.elements().iter().zip(other.elements());
        for ((squares, other), (a, b)) in squares.elements_mut().iter_mut().zip(others.elements()).zip(means) {
            *squares += other + (b - a) * (b - a) * weight;
        }
    }
    mean.elements_mut().iter_mut().zip(other.elements()).for_each(|(a, b)| {
        // Infinities have no differences.
        *a += if a.is_finite() && b.is_finite() { (b - *a) * share } else { *b };
    });
    *count = all;
    Some(())
}

/// The variances; infinite or not numbers where too few elements are left, as in NumPy.
pub(super) fn variance(count: u64, squares: &Block<f64>, ddof: u32) -> Block<f64> {
    let divisor = count.saturating_sub(ddof.into()) as f64;
    let mut block = squares.clone();
    block.elements_mut().iter_mut().for_each(|x| *x /= divisor);
    block
}
