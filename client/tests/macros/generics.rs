//! Generic functions and their instances.

use std::{iter::Sum, ops::Mul, sync::Arc};

use brisk_client::{Registry, task};

#[task(instances(f32, f64))]
fn norm<T>(xs: &[T], scale: T) -> T
where
    T: Copy + Mul<Output = T> + Sum,
{
    xs.iter().map(|&x| x * x * scale).sum()
}

#[task(instances((String, u8), (i64, Vec<i64>)), retries = 1)]
fn pair<A, B>(a: A, b: &B) -> Result<(A, bool), String>
where
    A: Clone,
    B: Default + PartialEq,
{
    if *b == B::default() { Err("default".to_owned()) } else { Ok((a, true)) }
}

#[task(instances(i64))]
async fn same<T: Clone>(x: Arc<T>) -> T {
    (*x).clone()
}

#[test]
fn each_instance_is_a_task() {
    assert_eq!(norm(vec![1.0f32, 2.0], 2.0f32).run().unwrap(), 10.0);
    assert_eq!(norm::<f64>(vec![1.0, 2.0], 1.0).run().unwrap(), 5.0);
    let part = norm([1.0f64], 1.0f64);
    assert_eq!(norm([&part, &part], &part).run().unwrap(), 2.0);
    let (small, large) = (norm([1.0f32], 1.0f32), part);
    let (small, large) = (small.node().def, large.node().def);
    assert_ne!(small.id(), large.id());
    assert_eq!((small.identity.name, large.identity.name), ("norm<f32>", "norm<f64>"));
    assert_eq!(small.identity.signature, "<f32>(&[T], T) -> T");
    let registry = Registry::linked().unwrap();
    assert!(registry.task(small.id()).is_some() && registry.task(large.id()).is_some());
}

#[test]
fn several_type_parameters() {
    assert_eq!(pair("a".to_owned(), 1u8).run().unwrap(), ("a".to_owned(), true));
    let error = pair(1i64, Vec::<i64>::new()).run().unwrap_err();
    assert_eq!(error.downcast::<String>().as_deref(), Some("default"));
    assert_eq!(same(5i64).run().unwrap(), 5);
    assert_eq!(norm::call(&[2.0f64], 1.0), 4.0);
}
