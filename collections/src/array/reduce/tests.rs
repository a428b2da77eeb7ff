use ndarray::{ArrayD, Axis, IxDyn};

use super::*;

fn reduction(what: What, axes: &[usize], whole: &[usize]) -> Reduction {
    Reduction { what, axes: axes.to_vec(), whole: whole.to_vec() }
}

fn counted(shape: &[usize]) -> Block<f64> {
    let count = shape.iter().product::<usize>();
    Block::new(shape, (0..count).map(|i| ((i * 7919) % 101) as f64 - 50.0).collect()).unwrap()
}

/// A reduction of one block.
fn of(what: What, axes: &[usize], block: &Block<f64>) -> Block<f64> {
    let region = Region { offset: vec![0; block.ndim()], shape: block.shape().to_vec() };
    let reduction = reduction(what, axes, block.shape());
    finish(&reduction, &partial(&reduction, &region, block).unwrap()).unwrap()
}

#[test]
fn any_axes_are_folded() {
    let shape = [3, 130, 2, 5];
    let block = counted(&shape);
    for mask in 0..16usize {
        let axes: Vec<usize> = (0..4).filter(|axis| mask >> axis & 1 == 1).collect();
        let (mut sum, mut max): (ArrayD<f64>, ArrayD<f64>) = ((*block).clone(), (*block).clone());
        for axis in axes.iter().rev() {
            sum = sum.sum_axis(Axis(*axis));
            max = max.map_axis(Axis(*axis), |line| line.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        }
        assert_eq!(*of(What::Sum, &axes, &block), sum, "{axes:?}");
        assert_eq!(*of(What::Max, &axes, &block), max, "{axes:?}");
    }
}

#[test]
fn sums_are_stable() {
    let count = 1 << 20;
    let tenths = Block::new(&[count], vec![0.1f32; count]).unwrap();
    let sum = fold::pairwise(tenths.elements());
    assert!((sum - 104_857.6).abs() < 0.1, "{sum}");
    let rows = Block::new(&[count / 4, 4], vec![0.1f32; count]).unwrap();
    let sums = fold::sum(&rows, &[0]);
    assert!(sums.elements().iter().all(|sum| (sum - 26_214.4).abs() < 0.5), "{sums:?}");
}

#[test]
fn a_variance_beside_a_large_mean_is_right() {
    let block = |xs: &[f64]| Block::new(&[xs.len()], xs.iter().map(|x| x + 1e9).collect()).unwrap();
    let (one, two) = (block(&[4.0, 7.0]), block(&[13.0, 16.0, 10.0]));
    let reduction = reduction(What::Var(1), &[0], &[5]);
    let region = Region { offset: vec![0], shape: vec![0] };
    let parts: Vec<Arc<Partial>> =
        [&one, &two].map(|block| Arc::new(partial(&reduction, &region, block).unwrap())).into_iter().collect();
    let variance: Block<f64> = finish(&reduction, &combine(&reduction, &parts).unwrap()).unwrap();
    assert_eq!(variance.only(), Some(22.5));
}

#[test]
fn places_are_of_the_first_and_of_what_is_not_a_number() {
    let whole = [2, 4];
    let argmin = |xs: [f64; 8]| {
        let reduction = reduction(What::ArgMin, &[0, 1], &whole);
        // Two blocks, side by side.
        let part = |from: usize| {
            let region = Region { offset: vec![0, from], shape: vec![2, 2] };
            let block = Block::from_fn(&region, |at| xs[at[0] * 4 + at[1]]);
            Arc::new(partial(&reduction, &region, &block).unwrap())
        };
        for parts in [[part(0), part(2)], [part(2), part(0)]] {
            let found: Block<i64> = finish(&reduction, &combine(&reduction, &parts).unwrap()).unwrap();
            let found = found.only().unwrap();
            assert_eq!(parts.len(), 2);
            if found != 0 {
                return found;
            }
        }
        0
    };
    assert_eq!(argmin([5.0, 4.0, 3.0, 9.0, 3.0, 3.0, 9.0, 9.0]), 2);
    assert_eq!(argmin([5.0, 4.0, 3.0, 9.0, f64::NAN, 3.0, f64::NAN, 9.0]), 4);
    assert_eq!(argmin([1.0; 8]), 0);
    assert_eq!(argmin([2.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0]), 2);
}

#[test]
fn of_nothing_there_is_a_sum() {
    let block = Block::new(&[0, 3], Vec::new()).unwrap();
    assert_eq!(of(What::Sum, &[0], &block).elements(), [0.0; 3]);
    assert_eq!(of(What::Prod, &[0, 1], &block).only(), Some(1.0));
    assert!(of(What::Mean, &[0], &block).iter().all(|x| x.is_nan()));
    assert_eq!(of(What::Max, &[0], &Block::new(&[3, 0], Vec::new()).unwrap()).shape(), [0]);
    assert_eq!(of(What::Var(0), &[], &counted(&[3])).elements(), [0.0; 3]);
    let ones = ArrayD::from_elem(IxDyn(&[2]), 1.0);
    assert!(of(What::Var(2), &[0], &Block::from(ones)).only().unwrap().is_nan());
}
