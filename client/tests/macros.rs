//! What `#[task]` and `task_fn!` make of functions, seen through the synchronous executor: no cluster is needed.

use std::{
    collections::{BTreeMap, HashSet},
    fmt, io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use brisk_client::{Delayed, ErrorKind, Registry, TaskError, register_types, task, task_fn};
// Linked, and otherwise unnamed.
use brisk_test_tasks as _;
use serde::{Deserialize, Serialize};

/// A value without Clone, so that the compiler proves that nothing copies it.
#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Table(Vec<i64>);

mod parameters {
    use super::*;

    #[task]
    fn table(n: i64) -> Table {
        Table((0..n).collect())
    }

    #[task]
    fn by_value(x: i64, words: Vec<String>) -> String {
        format!("{x} {}", words.join(" "))
    }

    #[task]
    fn borrowed(table: &Table, text: &str, xs: &[i64]) -> (usize, usize, usize) {
        (table.0.len(), text.len(), xs.len())
    }

    #[task]
    #[allow(unused_qualifications)]
    fn shared(table: Arc<Table>, again: std::sync::Arc<Table>) -> bool {
        Arc::ptr_eq(&table, &again)
    }

    #[task]
    fn tables(tables: Vec<Arc<Table>>) -> usize {
        tables.iter().map(|table| table.0.len()).sum()
    }

    #[task]
    fn tables_borrowed(tables: &[Arc<Table>], all: &Arc<Table>) -> usize {
        tables.len() + all.0.len()
    }

    #[task]
    fn slice_of_tables(tables: &[Table]) -> usize {
        tables.len()
    }

    #[task]
    fn words(words: Vec<Arc<String>>) -> String {
        words.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[task]
    fn unnamed(mut x: i64, _: i64, _unused: i64, r#type: i64) -> i64 {
        x += r#type;
        x
    }

    #[task]
    fn nothing() -> i64 {
        5
    }

    type Numbers = Vec<i64>;

    #[task]
    fn alias(xs: Numbers, ys: &Numbers, zs: Arc<Numbers>) -> i64 {
        xs.iter().chain(ys).chain(&*zs).sum()
    }

    #[test]
    fn by_value_borrowed_and_shared() {
        assert_eq!(by_value(1, ["a".to_owned(), "b".to_owned()]).run().unwrap(), "1 a b");
        assert_eq!(borrowed(table(3), "four", vec![1, 2]).run().unwrap(), (3, 4, 2));
        assert_eq!(borrowed(Table(vec![]), "four".to_owned(), &[1, 2][..]).run().unwrap(), (0, 4, 2));
        let one = table(3);
        assert!(shared(&one, &one).run().unwrap());
        assert!(!shared(table(3), Arc::new(Table(vec![]))).run().unwrap());
        assert_eq!(nothing().run().unwrap(), 5);
    }

    #[test]
    fn lists_of_calls() {
        assert_eq!(tables(vec![table(2), table(3)]).run().unwrap(), 5);
        assert_eq!(tables([&table(2), &table(3)]).run().unwrap(), 5);
        assert_eq!(tables_borrowed([table(2), table(3)], table(4)).run().unwrap(), 6);
        assert_eq!(words(vec!["a".to_owned(), "b".to_owned()]).run().unwrap(), "a b");
        assert_eq!(slice_of_tables(vec![Table(vec![]), Table(vec![])]).run().unwrap(), 2);
        let calls = [nothing(), nothing()];
        assert_eq!(alias(&calls, &calls, &calls).run().unwrap(), 30);
        assert_eq!(alias(vec![1], [2], vec![3]).run().unwrap(), 6);
    }

    #[test]
    fn a_list_that_would_have_to_be_copied_is_refused_with_advice() {
        let error = tables(vec![Table(vec![])]).run().unwrap_err();
        assert!(error.to_string().contains("Table is not Clone: pass a list of futures"), "{error}");
        let error = slice_of_tables([table(1)]).run().unwrap_err();
        assert!(error.to_string().contains("argument 1: a list was given where one value is wanted"), "{error}");
    }

    #[test]
    fn names_of_parameters() {
        assert_eq!(unnamed(1, 0, 0, 2).run().unwrap(), 3);
        assert_eq!(unnamed(1, 0, 0, 2).node().def.parameters, ["x", "_", "_unused", "type"]);
    }

    /// A value that counts its copies.
    #[derive(Serialize, Deserialize)]
    struct Counted;

    static COPIES: AtomicUsize = AtomicUsize::new(0);

    impl Clone for Counted {
        fn clone(&self) -> Self {
            COPIES.fetch_add(1, Ordering::Relaxed);
            Counted
        }
    }

    #[task]
    fn count(_shared: Arc<Counted>, _lent: &Counted, _list: Vec<Arc<Counted>>) {}

    #[test]
    fn shared_and_borrowed_values_are_not_copied() {
        #[task]
        fn make() -> Counted {
            Counted
        }
        count(make(), make(), [make(), make()]).run().unwrap();
        assert_eq!(COPIES.load(Ordering::Relaxed), 0);
    }
}

mod results {
    use super::*;

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    enum Problem {
        Negative(i64),
    }

    impl fmt::Display for Problem {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the number is negative")
        }
    }

    impl std::error::Error for Problem {}

    #[task]
    fn root(x: i64) -> Result<i64, Problem> {
        if x < 0 { Err(Problem::Negative(x)) } else { Ok(x.isqrt()) }
    }

    #[task]
    fn with_anyhow(x: i64) -> anyhow::Result<i64> {
        use anyhow::Context;
        anyhow::ensure!(x >= 0, "no root of {x}");
        let file = std::fs::read_to_string("/there/is/no/such/file").context("the table of roots")?;
        Ok(file.len() as i64)
    }

    #[task]
    fn with_io() -> io::Result<()> {
        Err(io::Error::other("the disk is gone"))
    }

    #[task]
    fn with_text(x: i64) -> Result<(), String> {
        Err(format!("no {x}"))
    }

    #[task]
    fn with_static_text() -> Result<u8, &'static str> {
        Err("never")
    }

    #[task]
    fn with_box() -> Result<u8, Box<dyn std::error::Error + Send + Sync>> {
        Ok(u8::try_from(300)?)
    }

    type Result<T, E = Problem> = std::result::Result<T, E>;

    #[task]
    fn with_alias(x: i64) -> Result<i64> {
        root::call(x)
    }

    mod bare {
        pub(super) type Result = std::result::Result<i64, super::Problem>;
    }

    #[task]
    fn with_bare_alias(x: i64) -> bare::Result {
        root::call(x)
    }

    #[task]
    fn unit() {}

    #[test]
    fn an_error_fails_the_task_and_comes_back() {
        for call in [root(-1), with_alias(-1), with_bare_alias(-1)] {
            let error: TaskError = call.run().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Failed);
            assert_eq!(error.downcast(), Some(Problem::Negative(-1)));
            assert!(error.to_string().starts_with("the number is negative"), "{error}");
        }
        assert_eq!(root(9).run().unwrap(), 3);
        assert_eq!(with_bare_alias(9).run().unwrap(), 3);
    }

    #[test]
    fn errors_that_are_no_values_have_their_words_and_sources() {
        let error = with_anyhow(1).run().unwrap_err();
        assert!(error.to_string().starts_with("the table of roots"), "{error}");
        let source = std::error::Error::source(&error).expect("the chain is kept");
        assert!(source.to_string().contains("No such file"), "{source}");
        assert_eq!(error.downcast::<String>(), None);
        assert!(with_anyhow(-1).run().unwrap_err().to_string().starts_with("no root of -1"));
        assert!(with_io().run().unwrap_err().to_string().starts_with("the disk is gone"));
        assert!(with_static_text().run().unwrap_err().to_string().starts_with("never"));
        assert!(with_box().run().unwrap_err().to_string().contains("out of range"));
        assert_eq!(with_text(5).run().unwrap_err().downcast::<String>().as_deref(), Some("no 5"));
    }

    #[test]
    fn nothing_is_a_result() {
        unit().run().unwrap();
    }
}

mod functions {
    use super::*;

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
        std::future::poll_fn(move |context| {
            context.waker().wake_by_ref();
            if std::mem::take(&mut first) { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
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
        assert_eq!((identity.file, identity.line, identity.column), (file!(), line, 18));
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
        let before = std::panic::take_hook();
        let here = std::thread::current().id();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().id() == here {
                let location = info.location().expect("panics have a place");
                *PLACE.lock().unwrap() = Some((location.file().to_owned(), location.line()));
            } else {
                before(info);
            }
        }));
        let outcome = std::panic::catch_unwind(|| ratio(1, 0).run());
        let _ = std::panic::take_hook();
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
}

mod generics {
    use super::*;

    #[task(instances(f32, f64))]
    fn norm<T>(xs: &[T], scale: T) -> T
    where
        T: Copy + std::ops::Mul<Output = T> + std::iter::Sum,
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
}

mod in_place {
    use super::*;

    fn map<X, T: brisk_client::Value + Clone>(
        xs: impl IntoIterator<Item = X>,
        f: impl FnMut(X) -> Delayed<T>,
    ) -> Vec<T> {
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
        let f = task_fn!([k: i64] async |text: &str| { std::future::ready(()).await; text.len() as i64 * k });
        assert_eq!(f("abc").run().unwrap(), 6);
        let g = task_fn!(async |x: i64| -> Result<i64, String> { Err(x.to_string()) });
        assert_eq!(g(4).run().unwrap_err().downcast::<String>().as_deref(), Some("4"));
        let outer = task_fn!(|x: i64| -> i64 { task_fn!(|y: i64| y + 1)(x).run().unwrap() });
        assert_eq!(outer(1).run().unwrap(), 2);
    }
}

mod registration {
    use super::*;

    #[derive(Serialize, Deserialize, Debug)]
    struct Registered(u8);

    register_types!(Registered, BTreeMap<String, Registered>,);

    #[test]
    fn types_of_results_and_those_that_are_named() {
        #[task]
        fn results() -> Option<[u8; 3]> {
            None
        }
        let registry = Registry::linked().unwrap();
        let known = |id| registry.type_def(id).is_some();
        assert!(known(std::any::TypeId::of::<Registered>()));
        assert!(known(std::any::TypeId::of::<BTreeMap<String, Registered>>()));
        assert!(known(std::any::TypeId::of::<Option<[u8; 3]>>()));
        assert!(known(std::any::TypeId::of::<i64>()) && known(std::any::TypeId::of::<()>()));
        assert!(!known(std::any::TypeId::of::<HashSet<Registered>>()));
        assert_eq!(results().run().unwrap(), None);
    }

    #[test]
    fn by_hand() {
        #[task]
        fn inc(x: i64) -> i64 {
            x + 1
        }
        let registry = Registry::builder().task::<inc>().build().unwrap();
        assert_eq!(registry.len(), 1);
        assert!(registry.task(inc(1).node().def.id()).is_some());
    }

    /// The whole of another crate's tasks, though nothing here calls them.
    #[test]
    fn tasks_of_another_crate_are_linked_by_a_use_of_its_name() {
        let registry = Registry::linked().unwrap();
        let text = registry.explain_unknown("half_off");
        assert!(text.contains("nearest: `half_of`"), "{text}");
        let text = registry.explain_unknown("total_of<i65>");
        assert!(text.contains("`total_of<i64>`"), "{text}");
    }
}
