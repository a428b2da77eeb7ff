//! `#[test]` gives a test a cluster of its own.

use brisk_client::{Client, TaskError, task};

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[brisk_client::test]
async fn with_a_client(client: Client) -> Result<(), TaskError> {
    assert_eq!(client.submit(inc(1)).result().await?, 2);
    Ok(())
}

#[brisk_client::test]
async fn without_one() {
    assert_eq!(inc(1).run().unwrap(), 2);
}

#[brisk_client::test]
#[should_panic = "the test's own words"]
async fn that_panics(mut client: Client) {
    client = client.clone();
    drop(client);
    panic!("the test's own words");
}
