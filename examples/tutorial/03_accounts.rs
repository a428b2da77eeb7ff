//! Chapter 3. A bag of accounts, read from compressed files on the workers: how often is Alice in there, and what did she move?
//!
//! ```text
//! cargo xtask data accounts
//! cargo run --release --example 03_accounts
//! ```

use anyhow::Context;
use brisk_client::{Client, progress, task, task_fn};
use brisk_collections::{Collection, bag, record};
use serde::{Deserialize, Serialize};

/// A line of the files: `{"id": 7, "name": "Alice", "transactions": [{"transaction-id": 1, "amount": -20}]}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Account {
    id: u64,
    name: String,
    transactions: Vec<Transaction>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Transaction {
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
fn name(account: &Account) -> String {
    account.name.clone()
}

#[brisk_client::main]
async fn main() -> anyhow::Result<()> {
    let client = Client::from_env().await?;

    // Nothing is read yet but the names of the files.
    let files = std::env::args().nth(1).unwrap_or_else(|| "data/accounts/*.json.gz".to_owned());
    let accounts = bag::read_json::<Account>(&files).context("`cargo xtask data accounts` writes some")?;
    println!("{} files", accounts.partitions());

    println!("-- a few of them: one file is read, and of that the beginning");
    for account in client.submit(accounts.take(3)).await? {
        println!("{} has {} transactions", account.name, account.transactions.len());
    }

    println!("-- how many there are: all files are read, each by one task");
    let counts = client.submit(accounts.count());
    progress([&counts]).await?;
    println!("{} accounts", counts.await?);

    println!("-- Alice's");
    let alice = accounts.filter(|account| is_called(account, "Alice"));
    let moved = alice.flat_map(amounts);
    let (records, transactions, sum) = client.compute((alice.count(), moved.count(), moved.sum()));
    println!("{} records, {} transactions, in sum {}", records.await?, transactions.await?, sum.await?);

    println!("-- who has the most");
    let names = accounts.map(name).frequencies();
    let most = names.top_k_by(3, task_fn!(|(_, count): (String, u64)| -> u64 { count }));
    for (name, count) in client.submit(most).await? {
        println!("{name}: {count}");
    }
    Ok(())
}
