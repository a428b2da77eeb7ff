//! An expression over a placeholder: there is no value yet, and the error says where the expression belongs.

use brisk_client::{Delayed, Elem, task};

#[task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

fn right(x: Elem<i64>) -> Delayed<i64> {
    add(x, 1)
}

fn wrong(x: Elem<i64>) -> Delayed<i64> {
    add(x * 2, 1)
}

fn also_wrong(x: Elem<i64>) -> bool {
    x > 3
}

fn main() {}
