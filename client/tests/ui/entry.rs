//! Where programs and tests begin.

#[brisk_client::main]
async fn start() {}

mod options {
    #[brisk_client::main(threads = 3)]
    async fn main() {}
}

#[brisk_client::test]
fn not_async() {}

#[brisk_client::test]
async fn two_clients(_a: brisk_client::Client, _b: brisk_client::Client) {}

fn main() {}
