//! Instances that are missing, or say nothing.

use brisk_client::task;

#[task]
fn first<T: Clone>(xs: &[T]) -> T {
    xs[0].clone()
}

#[task(instances(u8))]
fn plain(x: u8) -> u8 {
    x
}

#[task(instances((u8, u16, u32)))]
fn pair<A, B>(_: &A, _: &B) {}

#[task(instances())]
fn none<A>(_: &A) {}

#[task]
fn fixed<const N: usize>(xs: [u8; N]) -> usize {
    xs.len()
}

fn main() {}
