//! Signatures that no worker could call.

use brisk_client::task;

struct Circle(f64);

impl Circle {
    #[task]
    fn area(&self) -> f64 {
        self.0
    }
}

#[task]
fn push(xs: &mut Vec<i64>, x: i64) {
    xs.push(x);
}

#[task]
fn sum((a, b): (i64, i64)) -> i64 {
    a + b
}

#[task]
fn show(x: impl std::fmt::Display) -> String {
    x.to_string()
}

#[task]
fn first(words: &[String]) -> &str {
    &words[0]
}

#[task]
fn longest(words: Vec<&str>) -> usize {
    words.len()
}

#[task]
fn lifetime<'a>(text: &'a str) -> usize {
    text.len()
}

#[task]
unsafe fn raw(x: i64) -> i64 {
    x
}

#[task]
extern "C" fn foreign(x: i64) -> i64 {
    x
}

#[task]
fn iterator(n: u32) -> impl Iterator<Item = u32> {
    0..n
}

#[task]
fn forever() -> ! {
    loop {}
}

#[task]
fn object(x: &dyn std::fmt::Debug) -> String {
    format!("{x:?}")
}

#[task]
fn bounded(x: u8) -> u8
where
    u8: Copy,
{
    x
}

#[task]
struct NotAFunction;

fn main() {}
