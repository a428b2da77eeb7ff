//! What is submitted must be a call.

use brisk_client::{Client, task};

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

fn main() {
    let client = Client::sync();
    let _ = client.submit(5);
    let _ = client.submit(inc);
    let _ = client.submit(inc::call(5));
    let _ = client.map(0..3, |x: i64| x + 1);
    let _ = client.map(0..3, inc::call);
}
