//! Tuples that are taken apart on the cluster, and containers of futures as arguments, on every kind of cluster.

mod support;

use std::collections::{BTreeMap, HashMap};

use brisk_client::{Client, Delayed, ErrorKind, TaskFuture, pack, task, task_fn, wait};
use support::all_is_forgotten;

brisk_client::test_worker!();

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn text(x: i64) -> String {
    x.to_string()
}

#[task]
fn three(x: i64) -> (i64, String, Vec<u8>) {
    (x, x.to_string(), vec![7; 10_000])
}

type Pair = (i64, i64);

#[task]
fn ordered(x: i64, y: i64) -> Pair {
    (x.min(y), x.max(y))
}

/// A division that fails as a whole.
#[task]
fn quotient(x: i64, y: i64) -> (i64, i64) {
    (x / y, x % y)
}

#[task]
fn or_zero(x: Option<i64>) -> i64 {
    x.unwrap_or_default()
}

#[task]
fn length(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}

#[task]
fn sum_of(values: HashMap<String, i64>) -> i64 {
    values.values().sum()
}

#[task]
fn in_words(values: &BTreeMap<i64, String>) -> String {
    values.iter().map(|(key, value)| format!("{key}={value} ")).collect()
}

#[task]
fn join(pair: (i64, String)) -> String {
    format!("{} {}", pair.0, pair.1)
}

#[task]
fn join_three(parts: &(i64, String, f64)) -> String {
    format!("{} {} {}", parts.0, parts.1, parts.2)
}

on_every_cluster! {
    async fn a_tuple_is_taken_apart_where_it_is(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let (number, words, bytes) = client.submit(three(5)).split();
        // Each part is a future of its own type, to be passed on or awaited.
        assert_eq!(client.submit(inc(&number)).await.unwrap(), 6);
        assert_eq!((words.await.unwrap(), bytes.await.unwrap().len()), ("5".to_owned(), 10_000));
        // The same part of the same call is the same task, and an alias hides nothing.
        let (low, high) = client.submit(ordered(9, 4)).split();
        let again = client.submit(ordered(9, 4).split().1);
        assert_eq!(again.key(), high.key());
        assert_eq!((low.await.unwrap(), high.await.unwrap(), again.await.unwrap()), (4, 9, 9));
        drop(number);
        all_is_forgotten(&cluster).await;
    }

    async fn the_parts_of_what_fails_say_why(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let (quotient, rest) = client.submit(quotient(1, 0)).split();
        let error = quotient.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked);
        assert!(error.to_string().contains("divide by zero"), "{error}");
        assert!(error.report().needed_by.first().is_some_and(|task| task.to_string().starts_with("part-")), "{error}");
        assert_eq!(rest.await.unwrap_err().kind(), ErrorKind::Panicked);
    }

    async fn a_type_that_nobody_registered_is_told(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        // The type of a function in place is inferred: no macro can name it.
        let pair: TaskFuture<(i64, u16)> = client.submit(task_fn!(|x: i64| (x, 1u16))(2));
        let (number, _) = pair.split();
        let error = number.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownFunction);
        assert!(error.to_string().contains("register_types!((i64, u16))"), "{error}");
    }

    async fn options_of_futures_are_arguments(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let one = client.submit(inc(0));
        assert_eq!(client.submit(or_zero(Some(&one))).await.unwrap(), 1);
        assert_eq!(client.submit(or_zero(Some(inc(1)))).await.unwrap(), 2);
        assert_eq!(client.submit(or_zero(Some(3))).await.unwrap(), 3);
        let nothing = client.submit(or_zero(None::<TaskFuture<i64>>));
        assert_eq!(nothing.key(), client.submit(or_zero(None::<i64>)).key(), "nothing is nothing");
        assert_eq!(nothing.await.unwrap(), 0);
        assert_eq!(client.submit(length(Some(text(1234)))).await.unwrap(), 4);
    }

    async fn maps_of_futures_are_arguments_whatever_their_order(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let futures: HashMap<String, TaskFuture<i64>> =
            (0..100).map(|x| (format!("k{x}"), client.submit(inc(x)))).collect();
        let sum = client.submit(sum_of(&futures));
        assert_eq!(sum.result().await.unwrap(), 5_050);
        // Each map has a random order of its own; the call is the same all the same.
        for _ in 0..4 {
            let calls: HashMap<String, _> = (0..100).rev().map(|x| (format!("k{x}"), inc(x))).collect();
            assert_eq!(client.submit(sum_of(calls)).key(), sum.key());
        }
        let named: BTreeMap<i64, _> = [(2, text(20)), (1, text(10))].into();
        assert_eq!(client.submit(in_words(&named)).await.unwrap(), "1=10 2=20 ");
        assert_eq!(client.submit(in_words(BTreeMap::<i64, TaskFuture<String>>::new())).await.unwrap(), "");
        let failed: BTreeMap<i64, _> = [(1, text(10)), (2, join((quotient(1, 0).split().0, text(1))))].into();
        let error = client.submit(in_words(failed)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked);
    }

    async fn tuples_mix_futures_calls_and_values(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let (one, word) = (client.submit(inc(0)), client.submit(text(7)));
        wait([&one]).await;
        let all = client.compute(vec![
            join((&one, &word)),
            join((1, &word)),
            join((one.clone(), text(7))),
            join((&inc(0), "7".to_owned())),
            join_three((&one, "7".to_owned(), 0.5)),
            join_three((1, &text(7), 0.5)),
        ]);
        assert_eq!(client.gather(&all).await.unwrap(), ["1 7", "1 7", "1 7", "1 7", "1 7 0.5", "1 7 0.5"]);
    }

    async fn a_wide_map_of_deep_chains_is_an_ordinary_argument(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let deep = (0..1_000).fold(inc(0), |chain, _| or_zero(Some(chain)));
        let mut wide: HashMap<String, _> = (0..4_000).map(|x| (x.to_string(), inc(x))).collect();
        wide.insert("deep".to_owned(), deep);
        assert_eq!(client.submit(sum_of(wide)).await.unwrap(), (1..=4_000i64).sum::<i64>() + 1);
    }
}

#[test]
fn without_a_cluster_it_is_the_same() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        assert_eq!(ordered(9, 4).split().0.run().unwrap(), 4);
        assert_eq!(join((inc(0), "a".to_owned())).run().unwrap(), "1 a");
        // As deep and as wide as may be, and nothing recurses.
        let deep = (0..100_000).fold(inc(0), |chain, _| or_zero(Some(chain)));
        let mut wide: HashMap<String, _> = (1..100_000).map(|x| (x.to_string(), inc(x))).collect();
        wide.insert("deep".to_owned(), deep);
        assert_eq!(sum_of(wide).run().unwrap(), (2..=100_000i64).sum::<i64>() + 1);
        let client = Client::sync();
        let (low, high) = client.submit(ordered(9, 4)).split();
        assert_eq!(client.submit(or_zero(Some(&low))).await.unwrap() + high.await.unwrap(), 13);
    });
}

#[task]
fn row(values: Vec<i64>) -> Vec<i64> {
    values
}

#[task]
fn sum_of_rows(rows: Vec<Vec<i64>>) -> i64 {
    rows.iter().flatten().sum()
}

#[task]
fn sum_of_columns(columns: &BTreeMap<String, Vec<i64>>) -> i64 {
    columns.values().flatten().sum()
}

#[task]
fn sum_of_present(values: &[Option<i64>]) -> i64 {
    values.iter().flatten().sum()
}

#[task]
fn length_of_rows(rows: Option<Vec<i64>>) -> Option<usize> {
    rows.map(|rows| rows.len())
}

#[task]
fn in_pairs(pairs: Vec<(String, i64)>) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value} ")).collect()
}

#[task]
fn sum_of_named(named: HashMap<String, Vec<i64>>) -> i64 {
    named.values().flatten().sum()
}

#[task]
fn sum_of_ranges(ranges: &BTreeMap<u8, (i64, i64)>) -> i64 {
    ranges.values().map(|(from, to)| to - from).sum()
}

#[task]
fn weighted(parts: (Vec<i64>, Vec<i64>)) -> i64 {
    parts.0.iter().zip(&parts.1).map(|(x, weight)| x * weight).sum()
}

#[task]
fn scaled(parts: &(Vec<i64>, i64)) -> Vec<i64> {
    parts.0.iter().map(|x| x * parts.1).collect()
}

#[task]
fn numbers(count: usize, x: f64) -> Vec<f64> {
    vec![x; count]
}

type Named = BTreeMap<String, Vec<(i64, Option<Vec<f64>>)>>;

#[task]
fn describe(named: &Named) -> String {
    let parts = |parts: &[(i64, Option<Vec<f64>>)]| -> f64 {
        parts.iter().map(|(n, xs)| *n as f64 + xs.iter().flatten().sum::<f64>()).sum()
    };
    named.iter().map(|(name, of)| format!("{name}={} ", parts(of) + 0.0)).collect()
}

on_every_cluster! {
    async fn containers_in_containers_of_futures_and_calls_are_arguments(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let rows = vec![client.map(0..3, inc), Vec::new(), client.map(3..6, inc)];
        let calls = || vec![vec![inc(0), inc(1)], vec![inc(2)]];
        let futures = client.map(0..4, inc);
        let refs = || futures.iter().collect::<Vec<&TaskFuture<i64>>>();
        let named = || rows.iter().zip(["a", "b", "c"]).map(|(row, name)| (name.to_owned(), row.iter().collect::<Vec<_>>()));
        let sums = client.compute(vec![
            sum_of_rows(&rows),
            sum_of_rows(&rows[..1]),
            sum_of_rows(calls()),
            sum_of_rows([refs(), refs()]),
            sum_of_rows(vec![[inc(1)], [inc(2)]]),
            sum_of_rows(Vec::<Vec<TaskFuture<i64>>>::new()),
            sum_of_present(pack([Some(inc(0)), None, Some(inc(1))])),
            sum_of_columns(named().collect::<BTreeMap<_, _>>()),
            sum_of_named(named().collect::<HashMap<_, _>>()),
            sum_of_ranges(BTreeMap::from([(1, (1, inc(6))), (2, (2, inc(6)))])),
            weighted((refs(), vec![inc(1), inc(2)])),
        ]);
        assert_eq!(client.gather(&sums).await.unwrap(), [21, 6, 6, 20, 5, 0, 3, 21, 21, 11, 8]);
        let pairs = vec![("one".to_owned(), &futures[0]), ("two".to_owned(), &futures[1])];
        assert_eq!(client.submit(in_pairs(pairs)).await.unwrap(), "one=1 two=2 ");
        assert_eq!(client.submit(in_pairs([(text(7), inc(7))])).await.unwrap(), "7=8 ");
        assert_eq!(client.submit(length_of_rows(Some(refs()))).await.unwrap(), Some(4));
        assert_eq!(client.submit(length_of_rows(None::<Vec<TaskFuture<i64>>>)).await.unwrap(), None);
        assert_eq!(client.submit(scaled((calls().remove(0), 10))).await.unwrap(), [10, 20]);
        assert_eq!(client.submit(scaled((futures[..2].to_vec(), inc(9)))).await.unwrap(), [10, 20]);
        // The same containers of the same parts are the same call.
        assert_eq!(client.submit(sum_of_rows(calls())).key(), client.submit(sum_of_rows(calls())).key());
        drop((rows, futures, sums));
        all_is_forgotten(&cluster).await;
    }

    async fn what_is_packed_is_a_call_of_the_whole(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let large = client.submit(numbers(50_000, 0.5));
        let named = || BTreeMap::from([
            ("a".to_owned(), vec![(client.submit(inc(0)), Some(&large)), (client.submit(inc(1)), None)]),
            ("b".to_owned(), vec![]),
        ]);
        let whole: Delayed<Named> = pack(named());
        assert_eq!(client.submit(describe(&whole)).await.unwrap(), "a=25003 b=0 ");
        let whole = client.submit(whole);
        assert_eq!(client.submit(describe(&whole)).await.unwrap(), "a=25003 b=0 ");
        let whole = whole.await.unwrap();
        assert_eq!((whole["a"][0].1.as_ref().map(Vec::len), whole["a"][1].0), (Some(50_000), 2));
        // A list of numbers is one as any other.
        let list = client.submit(pack([inc(0), inc(1)]));
        assert_eq!((client.submit(row(&list)).await.unwrap(), list.await.unwrap()), (vec![1, 2], vec![1, 2]));
    }

    async fn a_part_of_what_is_packed_that_fails_is_named(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let bad = client.submit(quotient(1, 0).split().0);
        let error = client.submit(sum_of_rows(vec![vec![&bad]])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked);
        let way: Vec<_> = error.report().needed_by.iter().map(ToString::to_string).collect();
        assert!(way.iter().any(|task| task.starts_with("pack-")), "{way:?}");
        assert!(way.last().is_some_and(|task| task.starts_with("sum_of_rows-")), "{way:?}");
    }

    async fn a_plain_map_is_the_same_argument_in_whatever_order_it_iterates(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let map = || (0..100).map(|n| (n.to_string(), n)).collect::<HashMap<String, i64>>();
        let (one, other) = (map(), map());
        assert!(one.keys().ne(other.keys()), "each has its own order");
        let (one, other) = (client.submit(sum_of(one)), client.submit(sum_of(other)));
        assert_eq!(one.key(), other.key());
        assert_eq!((one.await.unwrap(), other.await.unwrap()), (4_950, 4_950));
    }
}
