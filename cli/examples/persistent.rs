//! A program whose tasks write down that they ran: for tests of what a lost scheduler costs.
//!
//! It makes some values, leaves them on the workers, begins tasks that need them and wait for a file, and says so. When
//! they have ended it looks at everything.

use std::{fs, io::Write, path::Path, time::Duration};

use brisk_client::{Client, task};

/// Long enough not to travel with the report.
const LENGTH: usize = 20_000;

fn note(directory: &str, what: &str) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(Path::new(directory).join(what)).unwrap();
    file.write_all(b".").unwrap();
}

/// A value of some length.
#[task]
fn made(directory: String, n: u64) -> Vec<u64> {
    note(&directory, &format!("made-{n}"));
    vec![n; LENGTH]
}

/// The sum of a value, once there is a file.
#[task]
fn gated(directory: String, n: u64, value: &[u64]) -> u64 {
    note(&directory, &format!("gated-{n}"));
    // The test that lets it go is another process, which has a file to say it with and nothing to wake this one.
    while !Path::new(&directory).join("go").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    value.iter().sum()
}

#[brisk_client::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("a directory, please")?;
    let client = Client::from_env().await?;
    let values = client.map(0..20, |n| made(directory.clone(), n));
    for value in &values {
        if let Some(error) = value.exception().await {
            return Err(error.into());
        }
    }
    let sums: Vec<_> = (0..4).map(|n| client.submit(gated(directory.clone(), n, &values[n as usize]))).collect();
    // The tasks run in other processes, and say that they have begun by files only.
    while (0..4).filter(|n| Path::new(&directory).join(format!("gated-{n}")).exists()).count() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("waiting");
    for (n, sum) in sums.iter().enumerate() {
        match sum.result().await {
            Ok(sum) => assert_eq!(sum, (n * LENGTH) as u64),
            Err(error) => {
                println!("failed: {:?}", error.kind());
                return Err(error.into());
            }
        }
    }
    for (n, value) in values.iter().enumerate() {
        assert_eq!(*value.result_shared().await?, vec![n as u64; LENGTH]);
    }
    println!("all right");
    client.close().await;
    Ok(())
}
