//! Options that there are not.

use brisk_client::task;

#[task(retry = 3)]
fn a() {}

#[task(retries = "three")]
fn b() {}

#[task(impure, impure)]
fn c() {}

fn main() {}
