//! Arguments of the wrong type.

use brisk_client::task;

#[task]
fn name(id: u32) -> String {
    id.to_string()
}

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn total(xs: &[i64]) -> i64 {
    xs.iter().sum()
}

fn main() {
    let _ = inc("one");
    let _ = inc(name(1_u32));
    let _ = total(5_i64);
    let _ = inc(1, 2);
}
