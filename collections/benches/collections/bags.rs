//! Bags over files.

use std::time::Instant;

use brisk_client::{Client, task, task_fn};
use brisk_collections::{Bag, Collection, bag, record};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::Outcome;

/// A person, as `cargo xtask data accounts` writes them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) transactions: Vec<Transaction>,
}

/// What went in or out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Transaction {
    #[serde(rename = "transaction-id")]
    pub(crate) id: u64,
    pub(crate) amount: i64,
}

/// All of them that is asked for here: what a type does not name is passed over when it is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
}

/// How often each word is there.
type Counts = FxHashMap<String, u64>;

record!(Account, Named);

#[task]
fn is_called(account: &Account, name: &str) -> bool {
    account.name == name
}

#[task]
fn is_named(account: &Named, name: &str) -> bool {
    account.name == name
}

#[task]
fn words(line: String) -> Vec<String> {
    line.split_ascii_whitespace().map(str::to_owned).collect()
}

#[task]
fn count_words(mut counts: Counts, line: &str) -> Counts {
    for word in line.split_ascii_whitespace() {
        match counts.get_mut(word) {
            Some(count) => *count += 1,
            None => drop(counts.insert(word.to_owned(), 1)),
        }
    }
    counts
}

#[task]
fn add_counts(mut counts: Counts, more: Counts) -> Counts {
    for (word, count) in more {
        *counts.entry(word).or_default() += count;
    }
    counts
}

#[task]
fn distinct_and_most(counts: &Counts) -> (u64, u64) {
    (counts.len() as u64, counts.values().max().copied().unwrap_or(0))
}

pub(crate) async fn run(workload: &str, client: &Client, data: &str) -> anyhow::Result<Outcome> {
    let start = Instant::now();
    let lines = || bag::read_text(&format!("{data}/words.*.txt"));
    let (n, answer) = match workload {
        "word-count" => {
            let counts = lines()?.flat_map(words).frequencies();
            let by_count = task_fn!(|(_, count): (String, u64)| -> u64 { count });
            let (most, distinct) = client.compute((counts.top_k_by(1, by_count), counts.count()));
            (distinct.await?, most.await?.first().map_or(0, |(_, count)| *count))
        }
        "word-count-fold" => {
            let counts = lines()?.fold(Counts::default(), count_words, add_counts);
            client.submit(distinct_and_most(counts)).await?
        }
        "json-records-count" => {
            let accounts: Bag<Account> = bag::read_json(&format!("{data}/accounts.*.json"))?;
            let found = accounts.filter(|account| is_called(account, "Alice")).count();
            (accounts.partitions() as u64, client.submit(found).await?)
        }
        _ => {
            let ending = if workload == "json-filter-count" { ".gz" } else { "" };
            let accounts: Bag<Named> = bag::read_json(&format!("{data}/accounts.*.json{ending}"))?;
            let found = accounts.filter(|account| is_named(account, "Alice")).count();
            (accounts.partitions() as u64, client.submit(found).await?)
        }
    };
    Ok(Outcome::new(start, n as usize, answer as f64))
}
