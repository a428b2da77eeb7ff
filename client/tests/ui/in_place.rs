//! Functions in place that say too little.

use brisk_client::task_fn;

fn main() {
    let k = 3;
    let _ = task_fn!(|x| x * 2);
    let _ = task_fn!([k] |x: i64| x * k);
    let _ = task_fn!(|x: i64| x * k);
    let _ = task_fn!(|xs: &[i64]| xs.iter().sum());
    let _ = task_fn!(main);
    let _ = task_fn!(|x: i64| task_fn!(|y: i64| y)(x).run().unwrap());
    let f = task_fn!(|x: i64| x * 2);
    let _ = f("one");
}
