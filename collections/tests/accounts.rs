//! The example `accounts`, over files that hold what a plain loop finds in them, on every kind of cluster.

#[path = "../examples/accounts.rs"]
#[allow(unreachable_pub, reason = "it is a program of its own")]
mod accounts;
#[path = "../../client/tests/support/mod.rs"]
mod support;

use std::{fs, io::Write};

use accounts::{Answer, ask};

brisk_client::test_worker!();

on_every_cluster! {
    async fn the_accounts_query(cluster: LocalCluster) {
        let test = std::thread::current().name().unwrap_or_default().replace("::", "-");
        let directory = std::env::temp_dir().join(format!("brisk-accounts-{test}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let names = ["Alice", "Bob", "Eve", "Alice", "Bob"];
        let (mut records, mut transactions, mut sum) = (0, 0, 0);
        for file in 0..3_i64 {
            let file_name = directory.join(format!("accounts.{file}.json.gz"));
            let mut gzip = flate2::write::GzEncoder::new(fs::File::create(file_name).unwrap(), flate2::Compression::fast());
            for (id, name) in names.iter().enumerate() {
                let amounts: Vec<i64> = (0..file + id as i64).map(|n| n * 10 - file).collect();
                if *name == "Alice" {
                    records += 1;
                    transactions += amounts.len() as u64;
                    sum += amounts.iter().sum::<i64>();
                }
                let all: Vec<_> = amounts.iter().map(|n| format!(r#"{{"transaction-id":1,"amount":{n}}}"#)).collect();
                writeln!(gzip, r#"{{"id":{id},"name":"{name}","transactions":[{}]}}"#, all.join(",")).unwrap();
            }
            writeln!(gzip, "no account").unwrap();
            gzip.finish().unwrap();
        }
        let client = cluster.client().await.unwrap();
        let answer = ask(&client, directory.join("*.json.gz").to_str().unwrap(), "Alice").await.unwrap();
        let most = [("Alice", 6), ("Bob", 6), ("Eve", 3)].map(|(name, count)| (name.to_owned(), count)).to_vec();
        assert_eq!(answer, Answer { records, transactions, sum, most, bad_lines: 3 });
        support::all_is_forgotten(&cluster).await;
        fs::remove_dir_all(&directory).unwrap();
    }
}
