//! Calls without end, of which only so many are under way, on every kind of cluster.

mod support;

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use brisk_client::{ErrorKind, task};
use futures_core::Stream;
use support::eventually;

brisk_client::test_worker!();

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
fn ratio(x: i64, y: i64) -> i64 {
    x / y
}

#[task]
async fn later(x: i64, time: Duration) -> i64 {
    tokio::time::sleep(time).await;
    x
}

/// A stream of which every other poll has nothing yet.
struct Hesitant(std::ops::Range<i64>, bool);

impl Stream for Hesitant {
    type Item = i64;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<i64>> {
        self.1 = !self.1;
        if self.1 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.0.next())
    }
}

on_every_cluster! {
    async fn more_items_than_could_ever_be_submitted(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let taken = std::cell::Cell::new(0);
        let items = (0..).inspect(|_| taken.set(taken.get() + 1));
        let mut stream = client.map_stream(items, inc).limit(20);
        let (mut sum, mut most) = (0, 0);
        for read in 0..500 {
            sum += stream.next().await.unwrap().await.unwrap();
            most = most.max(taken.get() - read);
        }
        assert_eq!(most, 20, "as many as are allowed, and no more");
        assert!(sum >= (1..=500).sum::<i64>(), "{sum}");
        drop(stream);
        eventually(Duration::from_secs(5), "what was under way is forgotten", || cluster.snapshot().total() == 0).await;
    }

    async fn in_the_order_of_the_items_if_asked(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let naps = |x: i64| later(x, Duration::from_millis(if x % 7 == 0 { 20 } else { 0 }));
        let mut stream = client.map_stream(0..50, naps).limit(8).ordered();
        for expected in 0..50 {
            assert_eq!(stream.next().await.unwrap().await.unwrap(), expected);
        }
        assert!(stream.next().await.is_none());
    }

    async fn errors_come_along_and_end_nothing(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let mut stream = client.map_stream(-2..3, |y| ratio(4, y)).ordered();
        let mut outcomes = Vec::new();
        while let Some(future) = stream.next().await {
            outcomes.push(future.await.map_err(|error| error.kind()));
        }
        assert_eq!(outcomes, [Ok(-2), Ok(-4), Err(ErrorKind::Panicked), Ok(4), Ok(2)]);
    }

    async fn items_may_come_from_another_stream(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let mut stream = client.map_stream_of(Hesitant(0..100, false), inc).limit(7);
        let mut sum = 0;
        while let Some(future) = stream.next().await {
            sum += future.await.unwrap();
        }
        assert_eq!(sum, (1..=100).sum::<i64>());
    }
}
