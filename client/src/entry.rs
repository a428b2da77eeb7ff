//! Where a program begins: as itself, or as a worker.

use std::future::Future;

use crate::{Client, closing, process};

/// Becomes a worker if this process was started as one; else returns, and worker processes may be started from here on.
///
/// Call it first thing in `main`, where [`#[brisk_client::main]`](crate::main) can't be used. A worker runs no line of
/// `main` after this one.
pub fn init() {
    become_worker_if_told();
    crate::case::run_if_told();
    process::main_has_the_hook();
}

/// What `#[brisk_client::main]` makes of an async `main` at the root of `module`.
pub fn run_main<F, T>(module: &str, setup: Option<fn()>, main: impl FnOnce() -> F) -> T
where
    F: Future<Output = T>,
{
    begin(module, setup);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("brisk-main")
        .enable_all()
        .build()
        .expect("the system gives a process its first threads");
    let output = runtime.block_on(main());
    runtime.shutdown_background();
    closing::wait();
    output
}

/// What it makes of a `main` that is not async.
pub fn run_blocking_main<T>(module: &str, setup: Option<fn()>, main: impl FnOnce() -> T) -> T {
    begin(module, setup);
    let output = main();
    closing::wait();
    output
}

/// Only the root of a program is where a process begins: elsewhere `#[main]` makes an ordinary function.
fn begin(module: &str, setup: Option<fn()>) {
    if let Some(setup) = setup {
        setup();
    }
    if !module.contains("::") {
        init();
    }
}

/// What `#[brisk_client::test]` makes of a test: a local cluster of its own, in this process.
pub fn run_test<F, T>(test: impl FnOnce(Client) -> F) -> T
where
    F: Future<Output = T>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("brisk-test")
        .enable_all()
        .build()
        .expect("the system gives a test its threads");
    let output = runtime.block_on(async {
        let client = match Client::local().dashboard_later().await {
            Ok(client) => client,
            Err(error) => panic!("the test's cluster did not start: {error}"),
        };
        let output = test(client.clone()).await;
        client.close().await;
        output
    });
    runtime.shutdown_background();
    output
}

#[cfg(feature = "quic")]
fn become_worker_if_told() {
    process::become_worker_if_told();
}

/// Without a transport between processes nobody starts this program as a worker.
#[cfg(not(feature = "quic"))]
fn become_worker_if_told() {}

/// Lets a test binary start worker processes: they run the test binary again, and this hidden test becomes the worker.
/// Once, at the root of a test binary.
#[macro_export]
macro_rules! test_worker {
    () => {
        #[test]
        fn brisk_test_worker() {
            $crate::init();
        }

        $crate::__private::core::inventory::submit! {
            $crate::__private::TestHook { test: "brisk_test_worker" }
        }
    };
}
