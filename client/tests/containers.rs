//! Tuples that are taken apart on the cluster, and containers of futures as arguments, on every kind of cluster.

mod support;

use std::collections::{BTreeMap, HashMap};

use brisk_client::{Client, ErrorKind, TaskFuture, task, task_fn, wait};
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

on_every_cluster! {
    async fn containers_in_containers_are_put_together_by_a_call_for_each(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let rows = [client.map(0..3, inc), client.map(3..6, inc)];
        let total = client.submit(sum_of_rows(rows.iter().map(row).collect::<Vec<_>>()));
        assert_eq!(total.await.unwrap(), 21);
        let columns: BTreeMap<String, _> = rows.iter().zip(["a", "b"]).map(|(xs, name)| (name.to_owned(), row(xs))).collect();
        assert_eq!(client.submit(sum_of_columns(columns)).await.unwrap(), 21);
        drop(rows);
        all_is_forgotten(&cluster).await;
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
