//! The same of a program that says what `brisk_client`'s documentation recommends: its allocator is mimalloc. Run by
//! `cargo xtask bench`.

use std::process::ExitCode;

mod program;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[brisk_client::main]
async fn main() -> ExitCode {
    program::run().await
}
