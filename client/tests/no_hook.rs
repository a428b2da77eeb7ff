//! A program that would not become a worker is not started as one: it would start itself again, and again.

#![cfg(all(feature = "inproc", feature = "quic"))]

use brisk_client::{Client, ClientError};

#[test]
fn worker_processes_are_refused_without_the_hook() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // This test binary has neither `#[brisk_client::main]` at its root nor `test_worker!()`.
    let refused = runtime.block_on(async { Client::local().workers(2).processes().await });
    let Err(error) = refused else { panic!("worker processes were started") };
    assert!(matches!(error, ClientError::NoHook), "{error}");
    assert!(error.to_string().contains("#[brisk_client::main]"), "{error}");
}

/// `#[main]` elsewhere than at the root of a program makes no promise about the program.
mod program {
    use super::ClientError;

    #[brisk_client::main]
    pub async fn main() -> Result<(), ClientError> {
        brisk_client::Client::local().workers(2).processes().await.map(drop)
    }
}

#[test]
fn a_main_in_a_module_is_no_hook() {
    assert!(matches!(program::main(), Err(ClientError::NoHook)));
}
