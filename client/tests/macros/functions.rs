//! The functions themselves: async, recursive, in scopes, in macros; their names, places and attributes.

use std::{
    future::poll_fn,
    io, panic,
    sync::{Arc, Mutex},
    task::Poll,
    thread,
};

use brisk_client::{Delayed, Registry, task};

use super::Table;

#[task]
async fn slowly(table: &Table, text: &str, x: i64) -> Result<i64, io::Error> {
    for _ in 0..3 {
        yield_once().await;
    }
    if x < 0 { Err(io::Error::other("negative")) } else { Ok(table.0.len() as i64 + text.len() as i64 + x) }
}

/// Pending once, and woken at once.
async fn yield_once() {
    let mut first = true;
    poll_fn(move |context| {
        context.waker().wake_by_ref();
        if std::mem::take(&mut first) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

#[task]
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib::call(n - 1) + fib::call(n - 2) }
}

#[test]
fn an_async_function_is_a_task() {
    assert_eq!(slowly(Table(vec![1]), "ab", 3).run().unwrap(), 6);
    assert!(slowly(Table(vec![1]), "ab", -3).run().unwrap_err().to_string().starts_with("negative"));
}

#[test]
fn the_function_itself_is_called_call() {
    assert_eq!(fib::call(10), 55);
    assert_eq!(fib(10).run().unwrap(), 55);
}

#[test]
fn two_functions_of_one_name_in_two_scopes() {
    fn one() -> Delayed<i64> {
        #[task]
        fn inc(x: i64) -> i64 {
            x + 1
        }
        inc(1)
    }
    fn two() -> Delayed<i64> {
        #[task]
        fn inc(x: i64) -> i64 {
            x + 2
        }
        inc(1)
    }
    assert_eq!((one().run().unwrap(), two().run().unwrap()), (2, 3));
    let (one, two) = (one().node().def, two().node().def);
    assert_ne!(one.id(), two.id());
    assert_eq!(one.identity.name, two.identity.name);
    let registry = Registry::linked().unwrap();
    assert!(std::ptr::eq(registry.task(one.id()).unwrap(), one));
    assert!(std::ptr::eq(registry.task(two.id()).unwrap(), two));
}

#[test]
fn the_identity_says_where_the_function_is() {
    let line = line!() + 2;
    #[task(name = "other name", retries = 3, priority = -2, impure)]
    async fn named(xs: &[i64], _: Arc<Table>) -> io::Result<u8> {
        Ok(xs.len() as u8)
    }
    let call = named(vec![1], Table(vec![]));
    let identity = call.node().def.identity;
    assert_eq!(identity.package, "brisk-client");
    assert_eq!(identity.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(identity.module, module_path!());
    assert_eq!(identity.name, "other name");
    assert_eq!((identity.file, identity.line, identity.column), (file!(), line, 14));
    assert_eq!(identity.signature, "async (&[i64], Arc<Table>) -> io::Result<u8>");
    let defaults = call.node().def.defaults;
    assert_eq!((defaults.retries, defaults.priority, defaults.impure), (3, -2, true));
    assert_eq!(call.node().options().unwrap().retries, 3);
}

#[test]
fn a_panic_is_at_the_users_line() {
    static PLACE: Mutex<Option<(String, u32)>> = Mutex::new(None);
    let line = line!() + 3;
    #[task]
    fn ratio(a: i64, b: i64) -> i64 {
        a / b
    }
    let before = panic::take_hook();
    let here = thread::current().id();
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == here {
            let location = info.location().expect("panics have a place");
            *PLACE.lock().unwrap() = Some((location.file().to_owned(), location.line()));
        } else {
            before(info);
        }
    }));
    let outcome = panic::catch_unwind(|| ratio(1, 0).run());
    let _ = panic::take_hook();
    assert!(outcome.is_err());
    assert_eq!(PLACE.lock().unwrap().take(), Some((file!().to_owned(), line)));
}

#[test]
fn attributes_stay_where_they_belong() {
    /// Documented.
    #[task]
    #[deprecated = "old"]
    #[inline]
    #[must_use]
    fn old(x: i64) -> i64 {
        x
    }
    #[task]
    #[cfg(any())]
    fn absent(x: NoSuchType) -> i64 {}
    #[allow(deprecated)]
    let value = old(1).run().unwrap();
    assert_eq!(value, 1);
}

#[test]
fn names_may_be_any() {
    #[task]
    fn r#move(r#move: i64) -> i64 {
        r#move + 1
    }
    #[task]
    fn call(call: Vec<Option<i64>>) -> usize {
        call.len()
    }
    assert_eq!(r#move(1).run().unwrap(), 2);
    assert_eq!((r#move(1).node().def.identity.name, r#move(1).node().def.parameters), ("move", &["move"][..]));
    assert_eq!(call(vec![None]).run().unwrap(), call::call(vec![None]));
}

#[test]
fn calls_nest_and_options_ride_along() {
    #[task]
    fn add(x: i64, y: i64) -> i64 {
        x + y
    }
    let sum = add(add(1, 2), add(3, 4).retries(2)).priority(1).key("sum");
    assert_eq!(sum.run().unwrap(), 10);
    let mut f = (1..4).map(|x| add(x, 10));
    assert!(f.all(|call| call.run().unwrap() > 10));
}

/// Items in a macro of the user's own.
macro_rules! task_of {
    ($name:ident, $type:ty) => {
        #[task]
        fn $name(x: $type) -> Option<$type> {
            x.checked_add(1)
        }
    };
}

task_of!(next_u8, u8);
task_of!(next_i64, i64);

#[test]
fn tasks_can_be_made_by_macros() {
    assert_eq!(next_u8(255).run().unwrap(), None);
    assert_eq!(next_i64(255).run().unwrap(), Some(256));
}
