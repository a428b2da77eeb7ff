//! Waiting for several futures without bringing their values here.

use brisk_core::{
    future::{Status, TaskFuture},
    value::Value,
};

use crate::AsCompleted;

/// Waits until all have ended, whatever their ends. The values stay where they are. Cancel safe.
///
/// ```
/// # use brisk_client::{Client, Status, task};
/// # #[task] fn half(x: i64) -> Result<i64, String> { if x % 2 == 0 { Ok(x / 2) } else { Err("odd".into()) } }
/// # #[brisk_client::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let client = Client::local().await?;
/// let futures = client.map(0..4, half);
/// brisk_client::wait(&futures).await;
/// assert_eq!(futures[2].status(), Status::Finished);
/// assert_eq!(futures[3].status(), Status::Erred);
/// # Ok(())
/// # }
/// ```
pub async fn wait<'a, T: Value>(futures: impl IntoIterator<Item = &'a TaskFuture<T>>) {
    let futures: Vec<_> = futures.into_iter().collect();
    // The last one first: it is the likeliest to be the last to end, and then this is woken once and not for each.
    for future in futures.into_iter().rev() {
        if future.status() == Status::Pending {
            future.settled().await;
        }
    }
}

/// Waits until at least one has ended, and says which have: all that ended by then, and those that have not. Returns at
/// once if there are none. Cancel safe.
///
/// ```
/// # use brisk_client::{Client, task};
/// # #[task] async fn nap(seconds: u64) { tokio::time::sleep(std::time::Duration::from_secs(seconds)).await; }
/// # #[brisk_client::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let client = Client::local().await?;
/// let naps = client.map([600, 0, 700], nap);
/// let first = brisk_client::wait_first(&naps).await;
/// assert_eq!((first.ended.len(), first.pending.len()), (1, 2));
/// # Ok(())
/// # }
/// ```
pub async fn wait_first<'a, T: Value>(futures: impl IntoIterator<Item = &'a TaskFuture<T>>) -> Waited<T> {
    let all: Vec<TaskFuture<T>> = futures.into_iter().cloned().collect();
    AsCompleted::from_iter(all.iter().cloned()).next().await;
    let (pending, ended) = all.into_iter().partition(|future| future.status() == Status::Pending);
    Waited { ended, pending }
}

/// What [`wait_first`] found.
#[derive(Debug)]
pub struct Waited<T> {
    /// Those that have ended.
    pub ended: Vec<TaskFuture<T>>,
    /// Those that have not.
    pub pending: Vec<TaskFuture<T>>,
}
