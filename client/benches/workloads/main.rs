//! What tasks cost, end to end, as a user's program sees it that has the system's allocator. Run by
//! `cargo xtask bench --allocator system`.

use std::process::ExitCode;

mod program;

#[brisk_client::main]
async fn main() -> ExitCode {
    program::run().await
}
