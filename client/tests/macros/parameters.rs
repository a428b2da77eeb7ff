//! How arguments are given: by value, borrowed, shared, as lists.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use brisk_client::task;
use serde::{Deserialize, Serialize};

use super::Table;

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
