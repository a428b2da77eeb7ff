//! `task_fn!`.

use std::future::ready;

use brisk_client::{Delayed, Registry, Value, task_fn};

fn map<X, T: Value + Clone>(xs: impl IntoIterator<Item = X>, f: impl FnMut(X) -> Delayed<T>) -> Vec<T> {
    xs.into_iter().map(f).map(|call| call.run().unwrap()).collect()
}

#[test]
fn a_function_in_place_makes_calls() {
    assert_eq!(map(0..3, task_fn!(|x: i64| x * 2)), [0, 2, 4]);
    assert_eq!(map(["a", "bc"], task_fn!(|text: &str| text.len())), [1, 2]);
    assert_eq!(map([(1, 2)], task_fn!(|(a, b): (i64, i64)| -> i64 { a + b })), [3]);
    assert_eq!(map([vec![1, 2]], task_fn!(|xs: &[i64]| -> i64 { xs.iter().sum() })), [3]);
    assert_eq!(map([()], task_fn!(|_: ()| vec![1u8])), [[1]]);
    assert_eq!(task_fn!(|x: i64, y: i64| x - y)(5, 3).run().unwrap(), 2);
    assert_eq!(task_fn!(|| "none".to_owned())().run().unwrap(), "none");
}

#[test]
fn captures_travel_as_arguments() {
    let (k, names) = (10, vec!["a".to_owned(), "b".to_owned()]);
    let f = task_fn!([k: i64, names: &[String]] |x: i64| format!("{}{}", names.join(""), x + k));
    assert_eq!(f(1).run().unwrap(), "ab11");
    let call = f(2);
    assert_eq!(call.node().slots().len(), 3);
    assert_eq!(call.node().def.parameters, ["x", "k", "names"]);
    // What is captured may be a call itself.
    let k = f(3);
    let g = task_fn!([k: &str] |x: i64| -> String { format!("{k}{x}") });
    assert_eq!(map(0..2, g), ["ab130", "ab131"]);
}

#[test]
fn it_is_named_by_its_place_and_registered() {
    let call = task_fn!(|x: i64| x * 2)(1);
    let line = line!() - 1;
    let def = call.node().def;
    assert_eq!(def.identity.name, format!("{}:{line}", file!()));
    assert!(Registry::linked().unwrap().task(def.id()).is_some());
    let (f, g) = (task_fn!(|x: i64| x), task_fn!(|x: i64| x + 1));
    assert_ne!(f(1).node().def.id(), g(1).node().def.id());
}

#[test]
fn errors_of_inferred_and_of_declared_results() {
    let parse = task_fn!(|text: &str| text.parse::<i64>());
    assert_eq!(parse("5").run().unwrap(), 5);
    assert!(parse("x").run().unwrap_err().to_string().contains("invalid digit"));
    let fail = task_fn!(|x: i64| if x < 0 { Err(x) } else { Ok(x) }.map_err(|x| x.to_string()));
    assert_eq!(fail(-1).run().unwrap_err().downcast::<String>().as_deref(), Some("-1"));
    let text = task_fn!(|x: i64| if x < 0 { Err("negative") } else { Ok(x) });
    assert!(text(-1).run().unwrap_err().to_string().starts_with("negative"));
    assert_eq!(text(1).run().unwrap(), 1);
    let boxed = task_fn!(|x: i64| if x < 0 { Err(anyhow::anyhow!("negative")) } else { Ok(x) });
    assert!(boxed(-1).run().unwrap_err().to_string().starts_with("negative"));
    let declared = task_fn!(|text: &str| -> anyhow::Result<i64> { Ok(text.parse::<i64>()?) });
    assert_eq!(declared("5").run().unwrap(), 5);
    assert!(declared("x").run().unwrap_err().to_string().contains("invalid digit"));
}

#[test]
fn async_and_nested() {
    let k = 2;
    let f = task_fn!([k: i64] async |text: &str| { ready(()).await; text.len() as i64 * k });
    assert_eq!(f("abc").run().unwrap(), 6);
    let g = task_fn!(async |x: i64| -> Result<i64, String> { Err(x.to_string()) });
    assert_eq!(g(4).run().unwrap_err().downcast::<String>().as_deref(), Some("4"));
    let outer = task_fn!(|x: i64| -> i64 { task_fn!(|y: i64| y + 1)(x).run().unwrap() });
    assert_eq!(outer(1).run().unwrap(), 2);
}
