//! How often is Alice in the books, and what do her transactions come to? A bag over gzipped lines of JSON.
//!
//! ```text
//! cargo xtask data accounts
//! cargo run --release -p brisk-collections --example accounts
//! ```
//!
//! In this process, on all its cores; on a cluster where `BRISK_SCHEDULER` names one. Nothing else changes.

use std::{env, time::Instant};

use brisk_client::{Client, task, task_fn};
use brisk_collections::{
    Bag, Collection,
    bag::{self, OnError},
    record,
};
use serde::{Deserialize, Serialize};

/// A person, and what went in and out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    id: u64,
    name: String,
    transactions: Vec<Transaction>,
}

/// One transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transaction {
    #[serde(rename = "transaction-id")]
    id: u64,
    amount: i64,
}

record!(Account);

#[task]
fn is_called(account: &Account, name: &str) -> bool {
    account.name == name
}

#[task]
fn amounts(account: &Account) -> Vec<i64> {
    account.transactions.iter().map(|transaction| transaction.amount).collect()
}

#[task]
fn name(account: Account) -> String {
    account.name
}

/// What is known of a name.
#[derive(Debug, PartialEq)]
pub struct Answer {
    /// How many accounts there are of that name.
    pub records: u64,
    /// How many transactions those have together.
    pub transactions: u64,
    /// What these come to.
    pub sum: i64,
    /// The names that are there most often, with how often that is.
    pub most: Vec<(String, u64)>,
    /// How many lines are no accounts.
    pub bad_lines: u64,
}

/// Asks all accounts in the files that `pattern` matches.
pub async fn ask(client: &Client, pattern: &str, who: &str) -> Result<Answer, Box<dyn std::error::Error>> {
    let accounts: Bag<Account> = bag::read_json(pattern)?.on_error(OnError::Skip);
    let bad_lines = client.submit(accounts.skipped());
    // Read once, for all that follows.
    let accounts = client.persist(accounts);
    let found = accounts.filter(|account| is_called(account, who));
    let amounts = found.flat_map(amounts);
    let by_count = task_fn!(|(_, count): (String, u64)| -> u64 { count });
    let most = accounts.map(name).frequencies().top_k_by(3, by_count);
    let (records, transactions, sum, most) = client.compute((found.count(), amounts.count(), amounts.sum(), most));
    accounts.wait().await?;
    Ok(Answer {
        records: records.await?,
        transactions: transactions.await?,
        sum: sum.await?,
        most: most.await?,
        bad_lines: bad_lines.await?,
    })
}

#[brisk_client::main]
#[allow(dead_code, reason = "a test asks the same")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pattern = env::args().nth(1).unwrap_or_else(|| "data/accounts/accounts.*.json.gz".to_owned());
    let client = Client::from_env().await?;
    let start = Instant::now();
    let answer = ask(&client, &pattern, "Alice").await.map_err(|error| {
        format!(
            "{error}\nThe files are made by `cargo xtask data accounts`, or name others: `accounts 'files/*.json.gz'`"
        )
    })?;
    println!("Alice: {} records, {} transactions, together {}", answer.records, answer.transactions, answer.sum);
    println!("most frequent: {:?}; lines left out: {}; {:.2?}", answer.most, answer.bad_lines, start.elapsed());
    client.close().await;
    Ok(())
}
