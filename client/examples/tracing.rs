//! Spans that follow tasks into worker processes: each line of the log says which task said it, and where that was submitted.
//!
//! `cargo run --release --example tracing`

use brisk_client::{Client, task};
use tracing::Instrument;

/// What the program and its worker processes begin with.
fn log() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
}

#[task]
fn load(file: String) -> usize {
    tracing::info!("loading {file}");
    file.len()
}

#[task]
fn sum(lengths: &[usize]) -> usize {
    tracing::info!("adding {} lengths", lengths.len());
    lengths.iter().sum()
}

#[brisk_client::main(setup = log)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = match std::env::var_os("BRISK_SCHEDULER") {
        Some(_) => Client::from_env().await?,
        None => Client::local().workers(2).processes().await?,
    };
    let import = async {
        let loaded = client.map(["a.csv", "b.csv"], |file| load(file.to_owned()));
        client.submit(sum(&loaded)).await
    };
    // task{key=load-5f3a91c2 function="load" attempt=1 worker="worker-0" within="import" parent=00-…}: loading a.csv
    let total = import.instrument(tracing::info_span!("import")).await?;
    println!("{total}");
    assert_eq!(total, 10);
    Ok(())
}
