//! What NumPy and Dask make of arrays, case by case: `vectors/array.jsonl`, which `cargo xtask vectors` writes.

mod cases;

use brisk_collections::{
    Collection,
    array::{Array, Chunks},
};
use cases::{Case, any};

const CASES: &str = include_str!("vectors/array.jsonl");

fn cases() -> impl Iterator<Item = Case> {
    CASES.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
}

/// Runs every case, and shows all that fail.
fn check(change: impl Fn(&mut Case)) {
    let mut failures = Vec::new();
    let mut count = 0;
    for mut case in cases() {
        change(&mut case);
        count += 1;
        if let Err(reason) = case.check() {
            failures.push(format!("{}: {reason}", case.name));
        }
    }
    assert!(failures.is_empty(), "{} of {count} cases:\n{}", failures.len(), failures.join("\n"));
    assert!(count > 150, "{count} cases");
}

#[test]
fn numpy_and_dask_have_the_same() {
    check(|_| {});
}

#[test]
fn chunks_do_not_matter() {
    check(|case| case.inputs.iter_mut().for_each(|input| input.cut(|length| vec![length])));
    let singles = |length| if length == 0 { vec![0] } else { vec![1; length] };
    check(|case| case.inputs.iter_mut().for_each(|input| input.cut(singles)));
}

#[test]
fn a_failing_case_fails() {
    let mut case = cases().find(|case| case.name == "sum of f64 over None").unwrap();
    assert_eq!(case.check(), Ok(()));
    case.result.data[0] = 0.25.into();
    assert!(case.check().unwrap_err().contains("0.25"));
    case.result.shape = vec![1];
    assert!(case.check().unwrap_err().contains("shape"));
}

#[test]
fn an_array_is_what_its_case_says() {
    let x: Array<f64> = any(&cases().find(|case| case.name == "transpose (0, 1, 2)").unwrap().inputs[0]);
    assert_eq!((x.shape(), x.chunk_lengths()), (vec![4, 3, 2], vec![vec![1, 3], vec![2, 1], vec![2]]));
    let whole = x.chunks(Chunks::Each(4)).unwrap();
    assert_eq!((whole.partitions(), x.partitions()), (1, 4));
}
