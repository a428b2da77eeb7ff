//! Any chunks give the same answer: arrays and chunks made at random, against one block and against plain loops.

use brisk_collections::{
    Collection,
    array::{Array, Block, Chunks, Element, Part, concatenate, stack, where_},
};
use proptest::prelude::*;

/// A shape, and several ways to cut it.
fn shapes() -> impl Strategy<Value = (Vec<usize>, Vec<Vec<Vec<usize>>>)> {
    prop::collection::vec(0usize..7, 0..4).prop_flat_map(|shape| {
        let cuts = shape.iter().map(|length| lengths(*length)).collect::<Vec<_>>();
        (Just(shape), prop::collection::vec(cuts, 3))
    })
}

/// Lengths that add up.
fn lengths(whole: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(any::<bool>(), whole.saturating_sub(1)).prop_map(move |cuts| {
        let mut lengths = vec![whole.min(1)];
        for cut in cuts {
            match lengths.last_mut() {
                Some(last) if !cut => *last += 1,
                _ => lengths.push(1),
            }
        }
        lengths
    })
}

fn numbers(shape: &[usize], seed: usize) -> Array<i64> {
    let count: usize = shape.iter().product();
    let elements = (0..count).map(|i| ((i + seed) * 7919 % 23) as i64 - 11).collect();
    Array::from_ndarray(Block::new(shape, elements).unwrap().into_ndarray())
}

fn value<T: Element>(array: &Array<T>) -> Block<T> {
    let block = array.collect().run().unwrap();
    assert_eq!(block.shape(), array.shape());
    block
}

fn cut(array: &Array<i64>, lengths: &[Vec<usize>]) -> Array<i64> {
    array.chunks(Chunks::Exact(lengths.to_vec())).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn steps_and_cuts((shape, cuts) in shapes()) {
        let (x, y) = (numbers(&shape, 1), numbers(&shape, 2));
        let whole = value(&where_(&x.lt(&y), &x * &y, &x - 3).unwrap());
        let (a, b) = (cut(&x, &cuts[0]), cut(&y, &cuts[1]));
        let pieces = where_(&a.lt(&b), &a * &b, &a - 3).unwrap();
        prop_assert_eq!(&value(&pieces), &whole);
        prop_assert_eq!(&value(&cut(&pieces, &cuts[2])), &whole);
    }

    #[test]
    fn reductions((shape, cuts) in shapes(), mask in 0usize..8, fan_in in 2usize..5) {
        let x = numbers(&shape, 3);
        let axes: Vec<isize> = (0..shape.len()).filter(|axis| mask >> axis & 1 == 1).map(|axis| axis as isize).collect();
        let axes = axes.as_slice();
        let pieces = cut(&x, &cuts[0]).fan_in(fan_in).unwrap();
        prop_assert_eq!(value(&pieces.sum_over(axes).unwrap()), value(&x.sum_over(axes).unwrap()));
        prop_assert_eq!(value(&pieces.any_over(axes).unwrap()), value(&x.any_over(axes).unwrap()));
        prop_assert_eq!(pieces.max_over(axes).is_ok(), x.max_over(axes).is_ok());
        if let (Ok(pieces), Ok(whole)) = (pieces.max_over(axes), x.max_over(axes)) {
            prop_assert_eq!(value(&pieces), value(&whole));
        }
        let (variances, whole) = (value(&pieces.var_over(axes, 0).unwrap()), value(&x.var_over(axes, 0).unwrap()));
        let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9 || (a.is_nan() && b.is_nan());
        prop_assert!(variances.iter().zip(whole.iter()).all(near));
        if let (Ok(pieces), Ok(whole)) = (pieces.argmin(), x.argmin()) {
            prop_assert_eq!(pieces.run().unwrap(), whole.run().unwrap());
        }
    }

    #[test]
    fn slices((shape, cuts) in shapes(), picks in prop::collection::vec((0usize..7, 0usize..7, -3isize..4), 3)) {
        let x = numbers(&shape, 4);
        let ranges: Vec<(usize, usize, isize)> = shape.iter().zip(picks).map(|(length, (a, b, step))| {
            let (a, b) = (a.min(*length), b.min(*length));
            (a.min(b), a.max(b), if step == 0 { 1 } else { step })
        }).collect();
        let parts: Vec<Part> =
            ranges.iter().map(|(from, to, step)| Part::Range(*from as isize, Some(*to as isize), *step)).collect();
        // As loops have it.
        let along: Vec<Vec<usize>> = ranges.iter().map(|(from, to, step)| {
            if *step > 0 { (*from..*to).step_by(*step as usize).collect() } else { (*from..*to).rev().step_by(-step as usize).collect() }
        }).collect();
        let taken = value(&cut(&x, &cuts[0]).slice(parts).unwrap());
        prop_assert_eq!(taken.shape(), along.iter().map(Vec::len).collect::<Vec<_>>());
        let whole = value(&x);
        for (index, element) in taken.indexed_iter() {
            let at: Vec<usize> = along.iter().enumerate().map(|(axis, along)| along[index[axis]]).collect();
            prop_assert_eq!(*element, whole[at.as_slice()]);
        }
    }

    #[test]
    fn shapes_and_joins((shape, cuts) in shapes()) {
        let x = numbers(&shape, 5);
        let (a, b) = (cut(&x, &cuts[0]), cut(&x, &cuts[1]));
        prop_assert_eq!(value(&a.flatten().unwrap()), value(&x.flatten().unwrap()));
        prop_assert_eq!(value(&a.flatten().unwrap().reshape(shape.clone()).unwrap()), value(&x));
        prop_assert_eq!(value(&(&a.t() + &b.t())), value(&(&x + &x).t()));
        prop_assert_eq!(value(&stack(&[a.clone(), b.clone()], 0).unwrap()), value(&stack(&[x.clone(), x.clone()], 0).unwrap()));
        if !shape.is_empty() {
            let joined = concatenate(&[a, b], -1).unwrap();
            prop_assert_eq!(value(&joined), value(&concatenate(&[x.clone(), x], -1).unwrap()));
        }
    }

    #[test]
    fn products(rows in 0usize..6, inner in 0usize..9, columns in 0usize..6, step in 1usize..5) {
        let (x, y) = (numbers(&[rows, inner], 6), numbers(&[inner, columns], 7));
        let pieces = x.chunks(step).unwrap().matmul(&y.chunks([1, 2]).unwrap()).unwrap();
        let (a, b) = (value(&x), value(&y));
        for (index, element) in value(&pieces).indexed_iter() {
            let sum: i64 = (0..inner).map(|k| a[[index[0], k]] * b[[k, index[1]]]).sum();
            prop_assert_eq!(*element, sum);
        }
    }
}
