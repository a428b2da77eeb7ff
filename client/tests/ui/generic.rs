//! Generic functions exist on workers for the types that are listed.

use brisk_client::task;

#[task(instances(f32, f64))]
fn twice<T: std::ops::Add<Output = T> + Clone>(x: T) -> T {
    x.clone() + x
}

fn main() {
    let _ = twice(1_u8);
}
