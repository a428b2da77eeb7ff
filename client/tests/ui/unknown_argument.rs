//! Arguments whose type is not known where they stand.

use brisk_client::task;

#[task]
fn total(xs: &[i64]) -> i64 {
    xs.iter().sum()
}

#[task]
fn half(x: f64) -> f64 {
    x / 2.0
}

fn main() {
    // This one is known: of all numbers only an f64 can be passed.
    let _ = half(1.0);
    let _ = total((0..3).collect());
    let _ = total(Vec::new());
    let _ = total("1 2".split(' ').map(|x| x.parse().unwrap()).collect::<Vec<_>>());
}
